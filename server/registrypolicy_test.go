package server

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"slipway/registry"
)

// newUser makes a user who is allowed nothing, and returns what SDK clients need to act as it.
func newUser(t *testing.T, s *Server, name string) aws.Config {
	t.Helper()
	as := iam.NewFromConfig(s.asRoot())
	_, err1 := as.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
	made, err2 := as.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	must(t, errors.Join(err1, err2))
	return s.clientConfig(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "")
}

// pullStatus is what docker's door answers to who pulls a tag with the login of a client.
func pullStatus(t *testing.T, s *Server, config aws.Config, repository string) int {
	t.Helper()
	c, err := config.Credentials.Retrieve(t.Context())
	must(t, err)
	token, _, err := s.registry.Token(registry.Login{Account: s.root.Owner.Account, Principal: "arn:aws:iam::" + s.root.Owner.Account + ":user/ann", Key: c.AccessKeyID})
	must(t, err)
	return s.knock(t, "/v2/"+repository+"/tags/list", "AWS:"+token)
}

// The policy of a registry decides together with those of its repositories, about all calls or, in its
// first scope, about few.
func TestThePolicyOfTheRegistryDecides(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	own := ecr.NewFromConfig(s.asRoot())
	asAnn := newUser(t, s, "ann")
	ann := ecr.NewFromConfig(asAnn)
	describe := func() string {
		_, err := ann.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web")})
		return code(err)
	}
	create := func(name string) string {
		_, err := ann.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
		return code(err)
	}
	settings := func() string {
		_, err := ann.GetAccountSetting(t.Context(), &ecr.GetAccountSettingInput{Name: aws.String("BLOB_MOUNTING")})
		return code(err)
	}
	want := func(what string, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is answered %q, want %q", what, got, want)
		}
	}
	_, err := own.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	must(t, err)
	want("describe, without a policy", describe(), "AccessDeniedException")
	_, err = own.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + s.root.Owner.Account + `:user/ann"},"Action":"ecr:*","Resource":"*"}]}`)})
	must(t, err)
	want("describe", describe(), "")
	want("create", create("one"), "")
	want("a call on no repository", settings(), "")
	if got := pullStatus(t, s, asAnn, "web"); got != 200 {
		t.Errorf("docker's door answers %d", got)
	}

	_, err = own.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Sid":"a","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + s.root.Owner.Account + `:user/ann"},"Action":"ecr:*"}]}`)})
	must(t, err)
	want("describe what denies it", describe(), "AccessDeniedException")
	_, err = own.DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("web")})
	must(t, err)

	_, err = own.PutAccountSetting(t.Context(), &ecr.PutAccountSettingInput{Name: aws.String("REGISTRY_POLICY_SCOPE"), Value: aws.String("V1")})
	must(t, err)
	want("describe, in the first scope", describe(), "AccessDeniedException")
	want("create, in the first scope", create("two"), "")
	want("a call on no repository, in the first scope", settings(), "AccessDeniedException")
	if got := pullStatus(t, s, asAnn, "web"); got != 403 {
		t.Errorf("in the first scope, docker's door answers %d", got)
	}
}

// The other account's policy of the registry lets us in, and nowhere else.
func TestARegistryLetsAnotherAccountIn(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	theirs, asThem := tenant(t, s, "team")
	ours := ecr.NewFromConfig(s.asRoot())
	for _, c := range []*ecr.Client{ours, ecr.NewFromConfig(asThem)} {
		_, err := c.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
		must(t, err)
	}
	get := func(repository string) string {
		_, err := ours.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{
			RegistryId: &theirs, RepositoryName: &repository, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}},
		})
		return code(err)
	}
	if got := get("web"); got != "AccessDeniedException" {
		t.Errorf("without a policy: %q", got)
	}
	_, err := ecr.NewFromConfig(asThem).PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + s.root.Owner.Account + `:root"},"Action":"ecr:BatchGetImage","Resource":"arn:aws:ecr:us-east-1:` + theirs + `:repository/web"}]}`)})
	must(t, err)
	if got := get("web"); got != "" {
		t.Errorf("with it: %q", got)
	}
	if got := get("other"); got != "AccessDeniedException" {
		t.Errorf("beyond it: %q", got)
	}
}
