package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/engine/enginetest"
)

// shelf is a web server with files, and remembers how often each was read. What is in /private/ is ann's.
type shelf struct {
	url string

	mu    sync.Mutex
	files map[string][]byte
	read  map[string]int
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{files: map[string][]byte{}, read: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP satisfies http.Handler.
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, password, _ := r.BasicAuth()
	if strings.HasPrefix(r.URL.Path, "/private/") && (name != "ann" || password != wordOfAnn) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.read[r.URL.Path]++
	w.Write(data)
}

// put has an archive of an image lie at a path, and returns the image's digest.
func (s *shelf) put(t *testing.T, path string, img v1.Image) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	enginetest.Archive(t, file, img)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.lay(path, data)
	return digestOfImage(t, img)
}

func (s *shelf) lay(path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = data
}

func digestOfImage(t *testing.T, img v1.Image) string {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// imageWith is the test program's image with a file by which it differs from others.
func imageWith(t *testing.T, name string) v1.Image {
	t.Helper()
	return enginetest.Image(t, []enginetest.Entry{enginetest.File("name", 0o644, []byte(name))})
}

// An image comes from where its name says: our own registry, another one, or an archive.
func TestImageLocations(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "--archive-from", "127.0.0.1/32")
	c.pushApp()
	role := c.createRole("pull", trustsTasks)
	c.allow("pull", mayRead)
	secret := c.aws("secretsmanager", "create-secret", "--name", "ann", "--secret-string", `{"username":"ann","password":"`+wordOfAnn+`"}`, "--query", "Name", "--output", "text")
	files := newShelf(t)
	t.Run("three locations", func(t *testing.T) { threeLocations(t, c, files, role, secret) })
	t.Run("broken locations", func(t *testing.T) { brokenLocations(t, c, files) })
	t.Run("what runs is one image", func(t *testing.T) { pinnedImages(t, c, files) })
	t.Run("an archive is read once", func(t *testing.T) { readOnce(t, c, files) })
}

// from is a container whose image is elsewhere.
func (c *cloud) from(image string, command ...string) types.ContainerDefinition {
	container := c.app("app", command...)
	container.Image = &image
	return container
}

func threeLocations(t *testing.T, c *cloud, files *shelf, role, secret string) {
	img := imageWith(t, "the same")
	enginetest.Push(t, c.host()+"/voyage/app:same", img, remote.WithAuth(c.registryLogin()))
	foreign := startDistribution(t).host
	enginetest.Push(t, foreign+"/ann/app:same", img, remote.WithAuth(&authn.Basic{Username: "ann", Password: wordOfAnn}))
	digest := files.put(t, "/app.tar", img)
	files.put(t, "/private/app.tar", img)
	for _, l := range []struct {
		image string
		login bool
	}{
		{c.host() + "/voyage/app:same", false},
		{foreign + "/ann/app:same", true},
		{files.url + "/app.tar", false},
		{files.url + "/app.tar?version=2#" + digest, false},
		{files.url + "/private/app.tar", true},
	} {
		container := c.from(l.image, "read", "/name")
		if l.login {
			container.RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: &secret}
		}
		task := c.until("STOPPED", c.define(&ecs.RegisterTaskDefinitionInput{
			Family: aws.String("location"), ExecutionRoleArn: &role, ContainerDefinitions: []types.ContainerDefinition{container},
		}, &ecs.RunTaskInput{}))
		if got := c.printed(task); got != "the same" && got != "the same\n" {
			t.Errorf("%s prints %q and stopped because %s", l.image, got, aws.ToString(task.StoppedReason))
		}
		want(t, aws.ToString(task.Containers[0].ImageDigest), digest)
	}
	if out := c.do(c.slipway("run", files.url+"/app.tar", "read", "/name")); strings.TrimSpace(out) != "the same" {
		t.Errorf("slipway run prints %q", out)
	}
}

func brokenLocations(t *testing.T, c *cloud, files *shelf) {
	files.lay("/page.html", []byte("<html>Not what you look for</html>"))
	files.put(t, "/private/app.tar", imageWith(t, "private"))
	held := files.put(t, "/app.tar", imageWith(t, "held"))
	const nobody = "127.0.0.1:1" // no port that anything is given
	other := "sha256:" + strings.Repeat("0", 64)
	for _, l := range []struct{ image, why string }{
		{c.host() + "/voyage/app:none", "manifest unknown"},
		{nobody + "/ann/app:v1", "connection refused"},
		{files.url + "/none.tar", "404 Not Found"},
		{files.url + "/private/app.tar", "access denied"},
		{files.url + "/page.html", "not an archive of an image"},
		{files.url + "/app.tar#" + other, "it holds " + held + ", not " + other},
		{"http://" + nobody + "/app.tar", "cannot be reached"},
		{"http://127.0.0.2/app.tar", "--archive-from"},
		{"http://169.254.170.2/app.tar", "--archive-from"},
	} {
		task := c.until("STOPPED", c.run("broken", c.from(l.image)))
		contains(t, "why it stopped", aws.ToString(task.StoppedReason), "CannotPullContainerError", l.image, l.why)
		contains(t, "the container's reason", aws.ToString(task.Containers[0].Reason), "CannotPullContainerError", l.image, l.why)
		want(t, string(task.StopCode), "TaskFailedToStart")
	}
	secret := files.url + "/none.tar?sign=word"
	if got := aws.ToString(c.until("STOPPED", c.run("broken", c.from(secret))).StoppedReason); !strings.Contains(got, files.url+"/none.tar: ") || strings.Contains(got, "word") {
		t.Errorf("of a presigned location is told: %s", got)
	}
	if _, err := c.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("broken"), ContainerDefinitions: []types.ContainerDefinition{c.from("https://ann:word@far.example/app.tar")},
	}); err == nil || !strings.Contains(err.Error(), "repositoryCredentials") || strings.Contains(err.Error(), "ann:") {
		t.Errorf("a password in a location: %v", err)
	}
}

// What lies at a location may change; what a task runs does not, and it is told.
func pinnedImages(t *testing.T, c *cloud, files *shelf) {
	tag := c.host() + "/voyage/app:latest"
	for _, l := range []struct {
		image  string
		change func(img v1.Image)
	}{
		{tag, func(img v1.Image) { enginetest.Push(t, tag, img, remote.WithAuth(c.registryLogin())) }},
		{files.url + "/latest.tar", func(img v1.Image) { files.put(t, "/latest.tar", img) }},
	} {
		first, second := imageWith(t, "first of "+l.image), imageWith(t, "second of "+l.image)
		l.change(first)
		before := c.until("RUNNING", c.run("pinned", c.from(l.image, "wait")))
		l.change(second)
		after := c.until("RUNNING", c.run("pinned", c.from(l.image, "wait")))
		want(t, aws.ToString(after.Containers[0].ImageDigest), digestOfImage(t, second))
		untouched := c.until("RUNNING", before)
		want(t, aws.ToString(untouched.Containers[0].ImageDigest), digestOfImage(t, first))
		want(t, aws.ToString(untouched.Containers[0].RuntimeId), aws.ToString(before.Containers[0].RuntimeId))
		c.stop(before)
		c.stop(after)
	}
}

// However many containers want what is pinned, it is read once.
func readOnce(t *testing.T, c *cloud, files *shelf) {
	image := files.url + "/once.tar#" + files.put(t, "/once.tar", imageWith(t, "once"))
	one, two := c.from(image, "exit", "0"), c.from(image, "exit", "0")
	two.Name = aws.String("two")
	c.until("STOPPED", c.run("once", one, two))
	c.until("STOPPED", c.run("once", one, two))
	files.mu.Lock()
	defer files.mu.Unlock()
	if n := files.read["/once.tar"]; n != 1 {
		t.Errorf("the archive was read %d times", n)
	}
}
