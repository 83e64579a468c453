package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// cliStep is a call by the genuine command and what it prints: JSON, or a part of an error.
type cliStep struct {
	call  string // of "aws ecr", where $NAME stands for a document
	query string // what of the answer is looked at
	want  string
}

// cliRegistry is the account whose registry the command sees to.
const cliRegistry = "123456789012"

// cliStories are what people do to a registry with the aws command, beside pushes and pulls, from first to last.
var cliStories = []struct {
	name  string
	steps []cliStep
}{
	{"images", []cliStep{
		{"describe-images --repository-name web --page-size 1", "sort(imageDetails[].imageDigest)", "$BOTH"},
		{"describe-images --repository-name web --max-items 1", "[length(imageDetails), NextToken != null]", "[1,true]"},
		{"describe-images --repository-name web --image-ids imageTag=v1", "imageDetails[].[imageDigest, imageTags, registryId]", `[["$FIRST",["v1"],"$ACCOUNT"]]`},
		{"describe-images --repository-name web --filter tagStatus=UNTAGGED", "imageDetails", "[]"},
		{"describe-images --repository-name web --image-ids imageTag=v3", "", "(ImageNotFoundException) ... The image with imageId {imageDigest:'null', imageTag:'v3'} does not exist within the repository with name 'web' in the registry with id '$ACCOUNT'"},
		{"list-images --repository-name web --filter tagStatus=TAGGED --page-size 1", "sort(imageIds[].imageTag)", `["v1","v2"]`},
		{"batch-get-image --repository-name web --image-ids imageTag=v2 imageTag=v3", "[images[].imageId.imageDigest, failures[].failureCode]", `[["$SECOND"],["ImageNotFound"]]`},
	}},
	{"tags that stay", []cliStep{
		{"put-image-tag-mutability --repository-name web --image-tag-mutability IMMUTABLE", "[registryId, repositoryName, imageTagMutability]", `["$ACCOUNT","web","IMMUTABLE"]`},
		{"put-image --repository-name web --image-tag v1 --image-manifest $MANIFEST2", "", "(ImageTagAlreadyExistsException) ... The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable."},
		{"put-image-tag-mutability --repository-name web --image-tag-mutability SOMETIMES", "", "(InvalidParameterException) ... Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'must satisfy enum value set: ["},
	}},
	{"tags that stay but for some", []cliStep{
		{"put-image-tag-mutability --repository-name web --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=new*", "imageTagMutabilityExclusionFilters", `[{"filterType":"WILDCARD","filter":"new*"}]`},
		{"put-image --repository-name web --image-tag v1 --image-manifest $MANIFEST2", "", "(ImageTagAlreadyExistsException)"},
		{"put-image --repository-name web --image-tag newest --image-manifest $MANIFEST1", "image.imageId.imageTag", `"newest"`},
		{"put-image --repository-name web --image-tag newest --image-manifest $MANIFEST2", "image.imageId.imageDigest", `"$SECOND"`},
		{"describe-repositories --repository-names web", "repositories[].imageTagMutability", `["IMMUTABLE_WITH_EXCLUSION"]`},
		{"put-image-tag-mutability --repository-name web --image-tag-mutability MUTABLE", "imageTagMutability", `"MUTABLE"`},
	}},
	{"lifecycle", []cliStep{
		{"get-lifecycle-policy --repository-name web", "", "(LifecyclePolicyNotFoundException) ... Lifecycle policy does not exist for the repository with name 'web' in the registry with id '$ACCOUNT'"},
		{"get-lifecycle-policy-preview --repository-name web", "", "(LifecyclePolicyPreviewNotFoundException)"},
		{"put-lifecycle-policy --repository-name web --lifecycle-policy-text $WRONG", "", "(InvalidParameterException)"},
		{"start-lifecycle-policy-preview --repository-name web --lifecycle-policy-text $LIFECYCLE", "[repositoryName, status]", `["web","IN_PROGRESS"]`},
		{"wait lifecycle-policy-preview-complete --repository-name web", "", ""},
		{"get-lifecycle-policy-preview --repository-name web", "[status, summary.expiringImageTotalCount, previewResults[].[imageDigest, action.type, appliedRulePriority]]", `["COMPLETE",1,[["$FIRST","EXPIRE",1]]]`},
		{"get-lifecycle-policy-preview --repository-name web --image-ids imageTag=v1", "previewResults[].imageTags[]", `["v1"]`},
		{"describe-images --repository-name web", "sort(imageDetails[].imageDigest)", "$BOTH"}, // a preview takes nothing
		{"create-repository --repository-name empty", "repository.repositoryName", `"empty"`},
		{"put-lifecycle-policy --repository-name empty --lifecycle-policy-text $LIFECYCLE", "[registryId, repositoryName]", `["$ACCOUNT","empty"]`},
		{"get-lifecycle-policy --repository-name empty", "lifecyclePolicyText", "$QUOTED-LIFECYCLE"},
		{"delete-lifecycle-policy --repository-name empty", "lifecyclePolicyText", "$QUOTED-LIFECYCLE"},
	}},
	{"repository policies", []cliStep{
		{"get-repository-policy --repository-name web", "", "(RepositoryPolicyNotFoundException) ... Repository policy does not exist for the repository with name 'web' in the registry with id '$ACCOUNT'"},
		{"set-repository-policy --repository-name web --policy-text {}", "", "(InvalidParameterException) ... Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided"},
		{"set-repository-policy --repository-name web --policy-text $PULL", "repositoryName", `"web"`},
		{"get-repository-policy --repository-name web", "policyText", "$QUOTED-PULL"},
		{"delete-repository-policy --repository-name web", "policyText", "$QUOTED-PULL"},
	}},
	{"registry policy", []cliStep{
		{"get-registry-policy", "", "(RegistryPolicyNotFoundException) ... Registry policy does not exist in the registry with id '$ACCOUNT'"},
		{"put-registry-policy --policy-text $IMPORT", "registryId", `"$ACCOUNT"`},
		{"get-registry-policy", "policyText", "$QUOTED-IMPORT"},
		{"delete-registry-policy", "policyText", "$QUOTED-IMPORT"},
		{"describe-registry", "[registryId, replicationConfiguration.rules]", `["$ACCOUNT",[]]`},
	}},
	{"settings", []cliStep{
		{"get-account-setting --name REGISTRY_POLICY_SCOPE", "value", `"V2"`},
		{"put-account-setting --name REGISTRY_POLICY_SCOPE --value V1", "[name, value]", `["REGISTRY_POLICY_SCOPE","V1"]`},
		{"get-account-setting --name REGISTRY_POLICY_SCOPE", "value", `"V1"`},
	}},
	{"templates", []cliStep{
		{"create-repository-creation-template --prefix team --applied-for PULL_THROUGH_CACHE --description first --image-tag-mutability IMMUTABLE", "repositoryCreationTemplate.[prefix, description, appliedFor]", `["team","first",["PULL_THROUGH_CACHE"]]`},
		{"create-repository-creation-template --prefix team --applied-for PULL_THROUGH_CACHE", "", "(TemplateAlreadyExistsException) ... The repository creation template with prefix 'team' already exists in the registry with id '$ACCOUNT'"},
		{"update-repository-creation-template --prefix team --description second", "repositoryCreationTemplate.[description, imageTagMutability]", `["second","IMMUTABLE"]`},
		{"describe-repository-creation-templates", "repositoryCreationTemplates[].[prefix, description]", `[["team","second"]]`},
		{"delete-repository-creation-template --prefix team", "repositoryCreationTemplate.prefix", `"team"`},
		{"delete-repository-creation-template --prefix team", "", "(TemplateNotFoundException) ... The repository creation template with prefix 'team' does not exist in the registry with id '$ACCOUNT'"},
	}},
	{"pull-through cache rules", []cliStep{
		{"create-pull-through-cache-rule --ecr-repository-prefix quay --upstream-registry-url quay.io", "[ecrRepositoryPrefix, upstreamRegistryUrl, registryId]", `["quay","quay.io","$ACCOUNT"]`},
		{"create-pull-through-cache-rule --ecr-repository-prefix quay --upstream-registry-url quay.io", "", "(PullThroughCacheRuleAlreadyExistsException)"},
		{"describe-pull-through-cache-rules --ecr-repository-prefixes quay", "pullThroughCacheRules[].upstreamRegistryUrl", `["quay.io"]`},
		{"delete-pull-through-cache-rule --ecr-repository-prefix quay", "upstreamRegistryUrl", `"quay.io"`},
		{"describe-pull-through-cache-rules --ecr-repository-prefixes quay", "", "(PullThroughCacheRuleNotFoundException)"},
	}},
	{"referrers", []cliStep{
		{"list-image-referrers --repository-name web --subject-id imageDigest=$FIRST", "referrers[].digest", `["$SIGNATURE"]`},
	}},
	{"quotas", []cliStep{
		{"create-repository --repository-name third", "", "(LimitExceededException) ... at most 2 repositories"},
		{"put-image --repository-name web --image-tag v4 --image-manifest $MANIFEST4", "", "(LimitExceededException)"},
	}},
	{"an end", []cliStep{
		{"delete-repository --repository-name web", "", "(RepositoryNotEmptyException) ... The repository with name 'web' in registry with id '$ACCOUNT' cannot be deleted because it still contains images"},
		{"batch-delete-image --repository-name web --image-ids imageTag=v1 imageTag=v3", "[imageIds[].imageTag, failures[].failureCode]", `[["v1"],["ImageNotFound"]]`},
		{"delete-repository --repository-name web --force", "repository.repositoryName", `"web"`},
		{"describe-images --repository-name web", "", "(RepositoryNotFoundException) ... The repository with name 'web' does not exist in the registry with id '$ACCOUNT'"},
	}},
}

// Each answer that the genuine command prints, and each refusal with its words.
func TestTheCLISeesToARegistry(t *testing.T) {
	t.Parallel()
	c := startServer(t, "--account-id", cliRegistry)
	c.aws("ecr", "create-repository", "--repository-name", "web")
	first := c.pushRandom("web:v1")
	second := c.pushRandom("web:v2")
	both := []string{first, second}
	slices.Sort(both)
	w := cliWalk{c, program(t, "aws"), map[string]string{
		"$ACCOUNT": cliRegistry, "$FIRST": first, "$SECOND": second, "$BOTH": `["` + strings.Join(both, `","`) + `"]`,
		"$LIFECYCLE": `{"rules":[{"rulePriority":1,"description":"one image is enough","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`,
		"$WRONG":     `{"rules":[{"rulePriority":1,"description":"there is no such count","selection":{"tagStatus":"any","countType":"often","countNumber":1},"action":{"type":"expire"}}]}`,
		"$PULL":      `{"Version":"2012-10-17","Statement":[{"Sid":"pull","Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":["ecr:BatchGetImage"]}]}`,
		"$IMPORT":    `{"Version":"2012-10-17","Statement":[{"Sid":"import","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + cliRegistry + `:root"},"Action":"ecr:BatchImportUpstreamImage","Resource":"arn:aws:ecr:us-east-1:` + cliRegistry + `:repository/hub/*"}]}`,
	}}
	for _, story := range cliStories {
		switch story.name {
		case "tags that stay":
			w.documents["$MANIFEST1"] = c.manifestOf("imageDigest=" + first)
			w.documents["$MANIFEST2"] = c.manifestOf("imageDigest=" + second)
		case "referrers":
			w.documents["$SIGNATURE"] = c.pushReferrer("web", first)
		case "quotas":
			c.do(c.slipway("registry", "quota", cliRegistry, "--repositories", "2", "--images", "3", "--data", c.data))
			w.documents["$MANIFEST4"] = strings.Replace(w.documents["$MANIFEST1"], `"schemaVersion"`, ` "schemaVersion"`, 1)
		}
		t.Run(story.name, func(t *testing.T) {
			for _, step := range story.steps {
				w.takeStep(t, step)
			}
		})
	}
}

// cliWalk is a walk by an aws command.
type cliWalk struct {
	*cloud
	aws       string
	documents map[string]string
}

// takeStep makes one call. Where no aws command is new enough to know it, that ends the story.
func (w *cliWalk) takeStep(t *testing.T, s cliStep) {
	t.Helper()
	args := []string{"--endpoint-url", w.endpoint, "ecr"}
	for word := range strings.FieldsSeq(s.call) {
		args = append(args, w.spell(word))
	}
	if s.query != "" {
		args = append(args, "--query", s.query, "--output", "json")
	}
	out, err := w.try(exec.Command(w.aws, args...))
	if isTooOld(err) { // another one than Debian's may be newer
		w.aws = "aws"
		out, err = w.try(exec.Command(w.aws, args...))
	}
	if isTooOld(err) {
		t.Skipf("the installed aws command does not know aws ecr %s", s.call)
	}
	want := w.spell(s.want)
	if s.query == "" && want != "" {
		code, text, _ := strings.Cut(want, " ... ")
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), text) {
			t.Errorf("aws ecr %s: %v, printed %s\nwant %s", s.call, err, out, want)
		}
		return
	}
	var got bytes.Buffer
	if err == nil && out != "" {
		err = json.Compact(&got, []byte(out))
	}
	if err != nil || got.String() != want {
		t.Errorf("aws ecr %s: error %v, it prints\n%s\nwant\n%s", s.call, err, got.String(), want)
	}
}

func isTooOld(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "Invalid choice") || strings.Contains(err.Error(), "Unknown options"))
}

// spell puts documents in the places of their names; $QUOTED-NAME is one as a JSON string.
func (w *cliWalk) spell(text string) string {
	for name, document := range w.documents {
		quoted, _ := json.Marshal(document)
		text = strings.ReplaceAll(text, strings.Replace(name, "$", "$QUOTED-", 1), string(quoted))
		text = strings.ReplaceAll(text, name, document)
	}
	return text
}

// manifestOf is the manifest of an image of the repository "web", as it was pushed.
func (c *cloud) manifestOf(id string) string {
	c.t.Helper()
	return c.aws("ecr", "batch-get-image", "--repository-name", "web", "--image-ids", id, "--query", "images[0].imageManifest", "--output", "text")
}

// pushReferrer pushes what refers to an image, as a signature does, and returns its digest.
func (c *cloud) pushReferrer(repository, digest string) string {
	c.t.Helper()
	subject, err := remote.Get(reference(c.t, c.host()+"/"+repository+"@"+digest), remote.WithAuth(c.registryLogin()))
	if err != nil {
		c.t.Fatal(err)
	}
	base, err := random.Image(100, 1)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.pushImage(repository+":signature", mutate.Subject(base, subject.Descriptor).(v1.Image))
}

// pushImage pushes an image and returns its digest.
func (c *cloud) pushImage(ref string, image v1.Image) string {
	c.t.Helper()
	if err := remote.Write(reference(c.t, c.host()+"/"+ref), image, remote.WithAuth(c.registryLogin())); err != nil {
		c.t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		c.t.Fatal(err)
	}
	return digest.String()
}
