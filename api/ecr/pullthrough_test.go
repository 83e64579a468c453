package ecr_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"slipway/registry"
)

// upstream is another registry, with an image as web:v1 that is made of a word.
func upstream(t testing.TB, word string) (host, manifest string) {
	t.Helper()
	server := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	manifest = imageOf(word)
	for path, body := range map[string]string{
		"POST /v2/web/blobs/uploads/?digest=" + digestOf([]byte("config of "+word)): "config of " + word,
		"POST /v2/web/blobs/uploads/?digest=" + digestOf([]byte(word)):              word,
		"PUT /v2/web/manifests/v1": manifest,
	} {
		method, path, _ := strings.Cut(path, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		check(t, err)
		r.Header.Set("Content-Type", registry.MediaTypeOCIManifest)
		res, err := server.Client().Do(r)
		check(t, err)
		res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%s %s: %s", method, path, res.Status)
		}
	}
	return strings.TrimPrefix(server.URL, "http://"), manifest
}

func (k kit) rule(prefix, url string) {
	k.t.Helper()
	_, err := k.CreatePullThroughCacheRule(k.t.Context(), &awsecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: &url})
	check(k.t, err)
}

func TestPullThroughCacheRulesFromFirstToLast(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		check(t, k.room.SetUpstreamSecret(t.Context(), account, "ecr-pullthroughcache/hub", registry.UpstreamSecret{Username: "ann", AccessToken: "word"}))
		secret := k.room.SecretARN(account, "ecr-pullthroughcache/hub")
		made, err := k.CreatePullThroughCacheRule(t.Context(), &awsecr.CreatePullThroughCacheRuleInput{
			EcrRepositoryPrefix: aws.String("docker-hub"), UpstreamRegistryUrl: aws.String("registry-1.docker.io"), UpstreamRegistry: types.UpstreamRegistryDockerHub,
			CredentialArn: &secret, UpstreamRepositoryPrefix: aws.String("library"), CustomRoleArn: aws.String("arn:aws:iam::" + account + ":role/ecr"),
		})
		check(t, err)
		if *made.EcrRepositoryPrefix != "docker-hub" || *made.UpstreamRegistryUrl != "registry-1.docker.io" || made.UpstreamRegistry != types.UpstreamRegistryDockerHub ||
			*made.CredentialArn != secret || *made.UpstreamRepositoryPrefix != "library" || *made.CustomRoleArn != "arn:aws:iam::"+account+":role/ecr" ||
			*made.RegistryId != account || made.CreatedAt == nil {
			t.Errorf("made %+v", made)
		}
		_, err = k.CreatePullThroughCacheRule(t.Context(), &awsecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("docker-hub"), UpstreamRegistryUrl: aws.String("quay.io")})
		wantFault(t, err, "PullThroughCacheRuleAlreadyExistsException", "Pull through cache rule with prefix 'docker-hub' already exists in the registry with id '123456789012'")

		k.rule("quay", "quay.io")
		var got []string
		pages := awsecr.NewDescribePullThroughCacheRulesPaginator(k, &awsecr.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			check(t, err)
			for _, r := range page.PullThroughCacheRules {
				got = append(got, *r.EcrRepositoryPrefix+" "+*r.UpstreamRegistryUrl+" "+aws.ToString(r.UpstreamRepositoryPrefix)+" "+string(r.UpstreamRegistry))
			}
		}
		wantSame(t, "rules", got, []string{"docker-hub registry-1.docker.io library docker-hub", "quay quay.io  quay"})

		changed, err := k.UpdatePullThroughCacheRule(t.Context(), &awsecr.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("quay"), CredentialArn: &secret})
		check(t, err)
		named, err := k.DescribePullThroughCacheRules(t.Context(), &awsecr.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"quay"}})
		check(t, err)
		if r := named.PullThroughCacheRules[0]; *changed.CredentialArn != secret || *r.CredentialArn != secret || !r.UpdatedAt.Equal(*changed.UpdatedAt) {
			t.Errorf("changed to %+v", r)
		}
		gone, err := k.DeletePullThroughCacheRule(t.Context(), &awsecr.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("quay")})
		check(t, err)
		if *gone.UpstreamRegistryUrl != "quay.io" {
			t.Errorf("taken away: %+v", gone)
		}
		const none = "Pull through cache rule with prefix 'quay' does not exist in the registry with id '123456789012'"
		_, err = k.DeletePullThroughCacheRule(t.Context(), &awsecr.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("quay")})
		wantFault(t, err, "PullThroughCacheRuleNotFoundException", none)
		_, err = k.DescribePullThroughCacheRules(t.Context(), &awsecr.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"docker-hub", "quay"}})
		wantFault(t, err, "PullThroughCacheRuleNotFoundException", none)
	})
}

func TestRulesThatAreNotTaken(t *testing.T) {
	k := lite(t)
	for _, c := range []struct {
		in         awsecr.CreatePullThroughCacheRuleInput
		code, text string
	}{
		{awsecr.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("ftp://quay.io")}, "UnsupportedUpstreamRegistryException", "The upstream registry URL ftp://quay.io is invalid."},
		{awsecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("ROOT"), UpstreamRegistryUrl: aws.String("quay.io"), UpstreamRepositoryPrefix: aws.String("team")},
			"InvalidParameterException", `Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint: 'with the prefix ROOT there can be no upstream prefix "team"'`},
		{awsecr.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("quay.io"), CredentialArn: aws.String("arn:aws:secretsmanager:us-east-1:" + account + ":secret:ecr-pullthroughcache/none")},
			"SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule does not exist. Update the pull through cache rule with a valid secret ARN and try again."},
	} {
		if c.in.EcrRepositoryPrefix == nil {
			c.in.EcrRepositoryPrefix = aws.String("up")
		}
		_, err := k.CreatePullThroughCacheRule(t.Context(), &c.in)
		wantFault(t, err, c.code, c.text)
	}
	_, err := k.UpdatePullThroughCacheRule(t.Context(), &awsecr.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("up")})
	wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'credentialArn' failed to satisfy constraint: 'must be given, or customRoleArn'")
}

func TestRulesAreValidated(t *testing.T) {
	k := lite(t)
	host, _ := upstream(t, "hello")
	k.rule("good", host)
	k.rule("bad", "127.0.0.1:1")
	validate := func(prefix string) *awsecr.ValidatePullThroughCacheRuleOutput {
		t.Helper()
		out, err := k.ValidatePullThroughCacheRule(t.Context(), &awsecr.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix})
		check(t, err)
		return out
	}
	if good := validate("good"); !good.IsValid || good.Failure != nil || *good.UpstreamRegistryUrl != host {
		t.Errorf("the good one is %+v", good)
	}
	if bad := validate("bad"); bad.IsValid || *bad.Failure != "The upstream registry cannot be reached, or does not answer as a registry." {
		t.Errorf("the bad one is %+v", bad)
	}
}

// The API brings images here as a pull by docker does.
func TestImagesOfOtherRegistries(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		host, manifest := upstream(t, "hello")
		k.rule("up", host)
		k.rule("down", "127.0.0.1:1")
		k.runs()
		get := func(repository, tag string) *awsecr.BatchGetImageOutput {
			t.Helper()
			out, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: &repository, ImageIds: ids(tagged(tag))})
			check(t, err)
			return out
		}
		if got := get("up/web", "v1"); len(got.Images) != 1 || *got.Images[0].ImageManifest != manifest || *got.Images[0].ImageId.ImageTag != "v1" {
			t.Errorf("got %+v", got)
		}
		wantSame(t, "of no such tag", failures(get("up/web", "v2").Failures), []string{" v2: ImageNotFound, Requested image not found"})
		wantSame(t, "from nowhere", failures(get("down/web", "v1").Failures),
			[]string{" v1: UpstreamUnavailable, The upstream registry cannot be reached, or does not answer as a registry."})
		_, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("up/none"), ImageIds: ids(tagged("v1"))})
		wantFault(t, err, "RepositoryNotFoundException", "The repository with name 'up/none' does not exist in the registry with id '123456789012'")
		eventually(t, "the image is here", func() bool {
			_, _, err := k.room.Resolve(t.Context(), account, "up/web", "v1")
			return err == nil
		})
	})
}

// A link to a layer that is on its way is as good as another.
func TestLayersOfOtherRegistries(t *testing.T) {
	k := lite(t)
	host, _ := upstream(t, "hello")
	k.rule("up", host)
	_, err := k.room.Provide(t.Context(), account, "up/web", registry.UsePullThrough)
	check(t, err)
	link := func(digest string) (*awsecr.GetDownloadUrlForLayerOutput, error) {
		return k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("up/web"), LayerDigest: &digest})
	}
	got, err := link(digestOf([]byte("hello")))
	check(t, err)
	if !strings.Contains(*got.DownloadUrl, "/v2/up/web/blobs/"+digestOf([]byte("hello"))+"?token=") {
		t.Errorf("it is at %s", *got.DownloadUrl)
	}
	_, err = link(missing(1))
	wantFault(t, err, "LayersNotFoundException", "The layer with digest '"+missing(1)+"' does not exist within the repository with name 'up/web' in the registry with id '123456789012'")
}
