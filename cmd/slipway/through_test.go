package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	layoutpkg "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// distribution is Debian's docker-registry, on a port of its own.
type distribution struct {
	host string
	cmd  *exec.Cmd
}

// wordOfAnn is a password, and ofAnn a line of htpasswd with it.
const (
	wordOfAnn = "word-of-ann"
	ofAnn     = "ann:$2y$05$abcdefghijklmnopqrstuulyN0.Zn8mRmj9fKd7u7GcuAW0ZbAyVa\n"
)

// startDistribution starts one that only ann may read and write.
func startDistribution(t *testing.T) *distribution {
	t.Helper()
	path, dir := program(t, "docker-registry"), t.TempDir()
	d := &distribution{host: freeAddress(t, "127.0.0.1")}
	file, users := filepath.Join(dir, "config.yml"), filepath.Join(dir, "users")
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\nauth: {htpasswd: {realm: test, path: %q}}\n",
		filepath.Join(dir, "data"), d.host, users)
	if err := errors.Join(os.WriteFile(file, []byte(config), 0o600), os.WriteFile(users, []byte(ofAnn), 0o600)); err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(path, "serve", file)
	log := &syncBuffer{}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.end)
	within(t, "docker-registry answers", func() bool {
		conn, err := net.Dial("tcp", d.host)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return d
}

// end may be called twice.
func (d *distribution) end() {
	if d.cmd.ProcessState == nil {
		d.cmd.Process.Kill()
		d.cmd.Wait()
	}
}

// randomIndex is an index of two images.
func randomIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for range 2 {
		image, err := random.Image(300_000, 3)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image})
	}
	return index
}

func reference(t testing.TB, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// pushIndex gives a registry a new image, and returns its digest.
func pushIndex(t *testing.T, ref string, auth authn.Authenticator) v1.Hash {
	t.Helper()
	index := randomIndex(t)
	if err := remote.WriteIndex(reference(t, ref), index, remote.WithAuth(auth)); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// pullIndex reads all of an image, and wants it to be the one with the digest.
func (c *cloud) pullIndex(ref string, want v1.Hash) {
	c.t.Helper()
	index, err := remote.Index(reference(c.t, c.host()+"/"+ref), remote.WithAuth(c.registryLogin()))
	if err == nil {
		err = validate.Index(index)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", ref, err)
	}
	if got, err := index.Digest(); err != nil || got != want {
		c.t.Errorf("%s is %s, error %v, want %s", ref, got, err, want)
	}
}

// tags are the tags that are here, in a repository.
func (c *cloud) tags(repository string) string {
	out, err := c.tryAWS("ecr", "describe-images", "--repository-name", repository, "--query", "imageDetails[].imageTags[]", "--output", "text")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

// validRule tries the login of a rule.
func (c *cloud) validRule(prefix string) bool {
	c.t.Helper()
	out, err := c.ecr.ValidatePullThroughCacheRule(c.t.Context(), &ecr.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.IsValid
}

// template has repositories under a prefix made with tags that do not move.
func (c *cloud) template(prefix string, use types.RCTAppliedFor) {
	c.t.Helper()
	_, err := c.ecr.CreateRepositoryCreationTemplate(c.t.Context(), &ecr.CreateRepositoryCreationTemplateInput{
		Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{use}, ImageTagMutability: types.ImageTagMutabilityImmutable,
		ResourceTags: []types.Tag{{Key: new("by"), Value: new("template")}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// What docker-registry has is pulled through Slipway, by clients that know only Slipway, and outlives it.
func TestImagesComeThroughDockersRegistry(t *testing.T) {
	t.Parallel()
	there := startDistribution(t)
	login := &authn.Basic{Username: "ann", Password: wordOfAnn}
	digest := pushIndex(t, there.host+"/team/app:v1", login)
	c := startServer(t)
	c.aws("ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "mirror", "--upstream-registry-url", there.host)
	if c.validRule("mirror") {
		t.Error("the rule is valid without a login")
	}
	if _, err := remote.Index(reference(t, c.host()+"/mirror/team/app:v1"), remote.WithAuth(c.registryLogin())); err == nil || !strings.Contains(err.Error(), "DENIED") {
		t.Errorf("without a login it is pulled: %v", err)
	}

	add := c.slipway("registry", "logins", "add", "mirror", "--username", "ann", "--data", c.data)
	add.Stdin = strings.NewReader(wordOfAnn + "\n")
	arn, err := add.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ecr.UpdatePullThroughCacheRule(t.Context(), &ecr.UpdatePullThroughCacheRuleInput{
		EcrRepositoryPrefix: new("mirror"), CredentialArn: new(strings.TrimSpace(string(arn))),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !c.validRule("mirror") {
		t.Error("the rule is not valid with a login")
	}
	c.pullIndex("mirror/team/app:v1", digest)
	within(t, "the image is here", func() bool { return c.tags("mirror/team/app") == "v1" })

	there.end()
	c.kill()
	c.restart()
	c.pullIndex("mirror/team/app:v1", digest)
	if strings.Contains(c.log.String(), wordOfAnn) {
		t.Error("the log has the password")
	}
}

// One Slipway is the other's upstream; a login there is a login token.
func TestImagesComeThroughAnotherSlipway(t *testing.T) {
	t.Parallel()
	there, c := startServer(t), startServer(t)
	there.aws("ecr", "create-repository", "--repository-name", "base/os")
	first := pushIndex(t, there.host()+"/base/os:v1", there.registryLogin())
	login, err := there.registryLogin().Authorization()
	if err != nil {
		t.Fatal(err)
	}
	add := c.slipway("registry", "logins", "add", "central", "--username", "AWS", "--data", c.data)
	add.Stdin = strings.NewReader(login.Password)
	arn, err := add.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ecr.CreatePullThroughCacheRule(t.Context(), &ecr.CreatePullThroughCacheRuleInput{
		EcrRepositoryPrefix: new("os"), UpstreamRegistryUrl: new(there.host()), UpstreamRepositoryPrefix: new("base"), CredentialArn: new(strings.TrimSpace(string(arn))),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.template("os", types.RCTAppliedForPullThroughCache)
	c.pullIndex("os/os:v1", first)
	within(t, "the image is here", func() bool { return c.tags("os/os") == "v1" })
	if got := c.aws("ecr", "describe-repositories", "--repository-names", "os/os", "--query", "repositories[0].imageTagMutability", "--output", "text"); got != "IMMUTABLE" {
		t.Errorf("its repository is %s", got)
	}
	var found struct{ Tags []struct{ Key, Value string } }
	arnOf := c.aws("ecr", "describe-repositories", "--query", "repositories[0].repositoryArn", "--output", "text")
	if err := json.Unmarshal([]byte(c.aws("ecr", "list-tags-for-resource", "--resource-arn", arnOf, "--output", "json")), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Tags) != 1 || found.Tags[0].Value != "template" {
		t.Errorf("its tags are %+v", found.Tags)
	}
	second := pushIndex(t, there.host()+"/base/os:v2", there.registryLogin())
	c.pullIndex("os/os:v2", second)
}

// skopeo pushes to a repository that is not there, and it is made as its template says.
func TestAPushMakesItsRepository(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	layout := t.TempDir()
	if path, err := layoutpkg.Write(layout, empty.Index); err != nil || path.AppendIndex(randomIndex(t)) != nil {
		t.Fatalf("layout: %v", err)
	}
	copyTo := func(repository string) error {
		login, err := c.registryLogin().Authorization()
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.try(exec.Command(program(t, "skopeo"), "copy", "--all", "--dest-tls-verify=false", "--dest-creds", "AWS:"+login.Password, "oci:"+layout, "docker://"+c.host()+"/"+repository+":v1"))
		return err
	}
	if err := copyTo("prod/api"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without a template it is pushed: %v", err)
	}
	c.template("prod", types.RCTAppliedForCreateOnPush)
	if err := copyTo("prod/api"); err != nil {
		t.Fatal(err)
	}
	got := c.aws("ecr", "describe-repositories", "--query", "repositories[].[repositoryName,imageTagMutability]", "--output", "text")
	if strings.Join(strings.Fields(got), " ") != "prod/api IMMUTABLE" || c.tags("prod/api") != "v1" {
		t.Errorf("there are %s with %s", got, c.tags("prod/api"))
	}
}
