package ecr_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"

	"slipway/accounts/policy"
	"slipway/api/awswire"
	"slipway/registry"
	"slipway/store/storetest"
)

// checkPolicy is what the server has policies read by.
func checkPolicy(text string) error {
	_, err := policy.Parse(text, policy.Resource)
	return err
}

// borders lets callers do everything to what is their own account's and not denied them, and to the
// rest what its policy allows.
type borders struct{}

func (borders) Authorize(_ context.Context, r *awswire.Request) error {
	text, err := r.Policy()
	if err != nil {
		return err
	}
	p := policy.Policies{}
	if text != "" {
		document, err := policy.Parse(text, policy.Resource)
		if err != nil {
			return err
		}
		p.Resource = &policy.Attached{Document: document}
	}
	all, err := policy.Parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, policy.Identity)
	if err != nil {
		return err
	}
	p.Identity = []policy.Attached{{Document: all}}
	d := policy.Evaluate(&policy.Request{
		Principal: &policy.Principal{Type: policy.User, Account: r.Who.Account, ARN: "arn:aws:iam::" + r.Who.Account + ":user/ann"},
		Action:    r.Action, Resource: r.Resource, ResourceAccount: r.ResourceAccount(),
	}, &p)
	if d.Outcome == policy.Allowed {
		return nil
	}
	return awswire.Denied("User: " + r.Who.ARN + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource + " " + d.Because(r.Action))
}

// statement is a policy of one.
func statement(effect, principal string, actions ...string) string {
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "one", "Effect": effect, "Principal": map[string]any{"AWS": principal}, "Action": actions},
	}})
	return string(text)
}

func TestRepositoryPolicies(t *testing.T) {
	k := start(t, storetest.SQLite(t), awswire.Config{Access: borders{}})
	k.create("web")
	web, ctx := aws.String("web"), t.Context()
	const none = "Repository policy does not exist for the repository with name 'web' in the registry with id '123456789012'"

	_, err := k.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: web})
	wantFault(t, err, "RepositoryPolicyNotFoundException", none)
	_, err = k.DeleteRepositoryPolicy(ctx, &awsecr.DeleteRepositoryPolicyInput{RepositoryName: web})
	wantFault(t, err, "RepositoryPolicyNotFoundException", none)
	_, err = k.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: aws.String("gone")})
	wantFault(t, err, "RepositoryNotFoundException", "The repository with name 'gone' does not exist in the registry with id '123456789012'")

	text := statement("Allow", "arn:aws:iam::999999999999:root", "ecr:BatchGetImage")
	set, err := k.SetRepositoryPolicy(ctx, &awsecr.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: &text})
	check(t, err)
	got, err := k.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: web, RegistryId: aws.String(account)})
	check(t, err)
	if *set.PolicyText != text || *got.PolicyText != text || *got.RegistryId != account || *got.RepositoryName != "web" {
		t.Errorf("set %s, got %s", *set.PolicyText, *got.PolicyText)
	}
	gone, err := k.DeleteRepositoryPolicy(ctx, &awsecr.DeleteRepositoryPolicyInput{RepositoryName: web})
	check(t, err)
	_, err = k.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: web})
	wantFault(t, err, "RepositoryPolicyNotFoundException", none)
	if *gone.PolicyText != text {
		t.Errorf("took away %s", *gone.PolicyText)
	}
}

func TestPoliciesThatAreNotTaken(t *testing.T) {
	k := start(t, storetest.SQLite(t), awswire.Config{Access: borders{}})
	k.create("web")
	long := statement("Allow", "999999999999", strings.Repeat("x", 10240))
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":          {"nonsense", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided: "},
		"no principal":     {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*"}]}`, "Statement[0]"},
		"too long":         {long, "Invalid parameter at 'policyText' failed to satisfy constraint: 'must have length less than or equal to 10240'"},
		"no way back":      {statement("Deny", "*", "ecr:SetRepositoryPolicy"), "Set force if that is meant."},
		"no way back else": {statement("Deny", "*", "ecr:*"), "Set force if that is meant."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.SetRepositoryPolicy(t.Context(), &awsecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: &c.text})
			if err == nil || !strings.Contains(err.Error(), "InvalidParameterException") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("answered %v, want %q", err, c.want)
			}
		})
	}
	text := statement("Deny", "*", "ecr:SetRepositoryPolicy")
	_, err := k.SetRepositoryPolicy(t.Context(), &awsecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: &text, Force: true})
	check(t, err)
	_, err = k.SetRepositoryPolicy(t.Context(), &awsecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: &text, Force: true})
	if err == nil || !strings.Contains(err.Error(), "explicit deny in a resource-based policy") {
		t.Errorf("what is denied was answered with %v", err)
	}
}

// In another account's registry a caller does what the repository's policy allows, and learns nothing
// of the rest: not even whether it is there.
func TestRegistriesOfOthers(t *testing.T) {
	k := start(t, storetest.SQLite(t), awswire.Config{Access: borders{}})
	ctx, theirs := t.Context(), aws.String(foreign)
	for _, name := range []string{"open", "shut"} {
		_, err := k.room.CreateRepository(ctx, foreign, name, registry.Mutability{}, nil)
		check(t, err)
	}
	check(t, k.room.SetPolicy(ctx, foreign, "open", statement("Allow", account, "ecr:DescribeRepositories", "ecr:ListImages", "ecr:PutImageTagMutability")))
	check(t, k.room.SetPolicy(ctx, foreign, "shut", statement("Allow", "arn:aws:iam::123456789012:user/bob", "ecr:*")))

	found, err := k.DescribeRepositories(ctx, &awsecr.DescribeRepositoriesInput{RegistryId: theirs, RepositoryNames: []string{"open"}})
	check(t, err)
	if r := found.Repositories[0]; *r.RegistryId != foreign || *r.RepositoryUri != "999999999999.dkr.ecr.us-east-1.amazonaws.com/open" || *r.RepositoryArn != "arn:aws:ecr:us-east-1:999999999999:repository/open" {
		t.Errorf("found %+v", r)
	}
	_, err = k.ListImages(ctx, &awsecr.ListImagesInput{RegistryId: theirs, RepositoryName: aws.String("open")})
	check(t, err)

	sentence := func(name string) string {
		_, err := k.DescribeImages(ctx, &awsecr.DescribeImagesInput{RegistryId: theirs, RepositoryName: &name})
		var fault interface{ ErrorMessage() string }
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Fatalf("%s: %v", name, err)
		}
		return strings.ReplaceAll(fault.ErrorMessage(), name, "NAME")
	}
	if open, shut, gone := sentence("open"), sentence("shut"), sentence("gone"); open != gone || shut != gone {
		t.Errorf("what is not allowed:\n%s\n%s\nwhat is not there:\n%s", open, shut, gone)
	}
	for _, in := range []*awsecr.DescribeRepositoriesInput{{RegistryId: theirs}, {RegistryId: theirs, RepositoryNames: []string{"open", "shut"}}} {
		if _, err := k.DescribeRepositories(ctx, in); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("answered %v", err)
		}
	}
}

func TestPolicyOfTheRegistryFromFirstToLast(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		const none = "Registry policy does not exist in the registry with id '123456789012'"
		_, err := k.GetRegistryPolicy(t.Context(), &awsecr.GetRegistryPolicyInput{})
		wantFault(t, err, "RegistryPolicyNotFoundException", none)
		put, err := k.PutRegistryPolicy(t.Context(), &awsecr.PutRegistryPolicyInput{PolicyText: aws.String(openPolicy)})
		check(t, err)
		got, err := k.GetRegistryPolicy(t.Context(), &awsecr.GetRegistryPolicyInput{})
		check(t, err)
		gone, err := k.DeleteRegistryPolicy(t.Context(), &awsecr.DeleteRegistryPolicyInput{})
		check(t, err)
		wantSame(t, "policy", []string{*put.PolicyText, *got.PolicyText, *gone.PolicyText, *put.RegistryId, *got.RegistryId, *gone.RegistryId},
			[]string{openPolicy, openPolicy, openPolicy, account, account, account})
		_, err = k.DeleteRegistryPolicy(t.Context(), &awsecr.DeleteRegistryPolicyInput{})
		wantFault(t, err, "RegistryPolicyNotFoundException", none)
		_, err = k.PutRegistryPolicy(t.Context(), &awsecr.PutRegistryPolicyInput{PolicyText: aws.String("bad")})
		wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided: This policy contains invalid Json (line 1, column 1: expected a value)'")
	})
}

const openPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
