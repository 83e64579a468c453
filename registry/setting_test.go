package registry_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"slipway/registry"
)

func TestSettingsHaveDefaultsUntilTheyAreSet(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, c := range []struct {
			name           registry.Setting
			fallback, next string
		}{
			{registry.SettingPolicyScope, "V2", "V1"},
			{registry.SettingBlobMounting, "ENABLED", "DISABLED"},
			{registry.SettingScanVersion, "AWS_NATIVE", "AWS_NATIVE"},
		} {
			got, err := k.Setting(t.Context(), account, c.name)
			check(t, err)
			check(t, k.SetSetting(t.Context(), account, c.name, c.next))
			check(t, k.SetSetting(t.Context(), account, c.name, c.next))
			then, err := k.Setting(t.Context(), account, c.name)
			check(t, err)
			theirs, err := k.Setting(t.Context(), "999999999999", c.name)
			check(t, err)
			wantSame(t, string(c.name), []string{got, then, theirs}, []string{c.fallback, c.next, c.fallback})
		}
		wantErr(t, k.SetSetting(t.Context(), account, "NO_SUCH", "V1"), registry.ErrSetting)
		wantErr(t, k.SetSetting(t.Context(), account, registry.SettingPolicyScope, "V3"), registry.ErrSettingValue)
		_, err := k.Setting(t.Context(), account, "NO_SUCH")
		wantErr(t, err, registry.ErrSetting)
	})
}

func TestBlobsAreMountedUnlessTheAccountSaysNo(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("db")
		d := k.upload("web", []byte("layer"))
		check(t, k.SetSetting(t.Context(), account, registry.SettingBlobMounting, "DISABLED"))
		off, err := k.MountBlob(t.Context(), account, "db", "web", d)
		check(t, err)
		check(t, k.SetSetting(t.Context(), account, registry.SettingBlobMounting, "ENABLED"))
		on, err := k.MountBlob(t.Context(), account, "db", "web", d)
		check(t, err)
		if off || !on {
			t.Errorf("mounted with mounting off: %v, on: %v", off, on)
		}
	})
}

func TestRegistryPolicyIsKeptAndTakenAway(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		_, err := k.RegistryPolicy(t.Context(), account)
		wantErr(t, err, registry.ErrNoRegistryPolicy)
		_, err = k.DeleteRegistryPolicy(t.Context(), account)
		wantErr(t, err, registry.ErrNoRegistryPolicy)
		wantErr(t, k.SetRegistryPolicy(t.Context(), account, "bad"), registry.ErrPolicy)

		for _, text := range []string{`{"Statement":[]}`, `{"Statement": {"Effect":"Deny"}}`} {
			check(t, k.SetRegistryPolicy(t.Context(), account, text))
			got, err := k.RegistryPolicy(t.Context(), account)
			check(t, err)
			if got != text {
				t.Errorf("it is %s, want %s", got, text)
			}
		}
		gone, err := k.DeleteRegistryPolicy(t.Context(), account)
		check(t, err)
		if gone != `{"Statement": {"Effect":"Deny"}}` {
			t.Errorf("taken away: %s", gone)
		}
	})
}

// What decides are the statements of both policies, each of which means what it meant alone.
func TestWhoDecidesSeesBothPolicies(t *testing.T) {
	const (
		own            = `{"Version":"2012-10-17","Statement":{"Sid":"a","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"NumericLessThan":{"n":"1"}}}}`
		registryPolicy = `{"Version":"2008-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":["ecr:Create*","ecr:PutImage"],"Resource":"arn:${x}/*"},{"Effect":"Deny","Principal":"*","NotAction":"ecr:ReplicateImage","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"ecr:PutImage","Resource":"*"}]}`
		ownPart        = `{"Action":"ecr:BatchGetImage","Condition":{"NumericLessThan":{"n":"1"}},"Effect":"Allow","Principal":"*"}`
		head           = `{"Version":"2012-10-17","Statement":[`
		create2        = `{"Action":["ecr:Create*","ecr:PutImage"],"Effect":"Allow","Principal":"*","Resource":"arn:${$}{x}/*"}`
		deny2          = `{"Effect":"Deny","NotAction":"ecr:ReplicateImage","Principal":"*","Resource":"*"}`
		put2           = `{"Action":"ecr:PutImage","Effect":"Allow","Principal":"*","Resource":"*"}`
		create1        = `{"Action":["ecr:CreateRepository"],"Effect":"Allow","Principal":"*","Resource":"arn:${$}{x}/*"}`
		deny1          = `{"Action":["ecr:BatchImportUpstreamImage","ecr:CreateRepository"],"Effect":"Deny","Principal":"*","Resource":"*"}`
	)
	each(t, func(t *testing.T, k kit) {
		check(t, k.SetPolicy(t.Context(), account, "web", own))
		decides := func(what, repository string, want ...string) {
			t.Helper()
			got, err := k.DecidingPolicy(t.Context(), account, repository)
			check(t, err)
			if joined := head + strings.Join(want, ",") + "]}"; len(want) == 0 && got != "" || len(want) > 0 && got != joined {
				t.Errorf("%s:\n%s\nwant:\n%s", what, got, joined)
			}
		}
		if got, err := k.DecidingPolicy(t.Context(), account, "web"); err != nil || got != own {
			t.Errorf("alone: %s, error %v, want it as it was given", got, err)
		}
		decides("nothing", "missing")
		check(t, k.SetRegistryPolicy(t.Context(), account, registryPolicy))
		decides("both", "web", ownPart, create2, deny2, put2)
		decides("the registry's", "missing", create2, deny2, put2)
		decides("for all repositories", "", create2, deny2, put2)
		could, err := k.CouldDecide(t.Context(), account, own)
		check(t, err)
		if want := head + strings.Join([]string{ownPart, create2, deny2, put2}, ",") + "]}"; could != want {
			t.Errorf("could decide:\n%s\nwant:\n%s", could, want)
		}

		check(t, k.SetSetting(t.Context(), account, registry.SettingPolicyScope, "V1"))
		decides("both, in the first scope", "web", ownPart, create1, deny1)
		decides("the registry's, in the first scope", "missing", create1, deny1)
	})
}

// Joined policies keep what a statement says, whatever it is.
func TestJoinedPoliciesKeepNumbers(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		check(t, k.SetRegistryPolicy(t.Context(), account, `{"Statement":[{"Effect":"Allow","Condition":{"NumericLessThan":{"aws:EpochTime":[12345678901234567890,1e3]}}}]}`))
		got, err := k.DecidingPolicy(t.Context(), account, "web")
		check(t, err)
		var joined struct{ Statement []json.RawMessage }
		check(t, json.Unmarshal([]byte(got), &joined))
		if !slices.ContainsFunc(joined.Statement, func(s json.RawMessage) bool { return strings.Contains(string(s), "[12345678901234567890,1e3]") }) {
			t.Errorf("it is %s", got)
		}
	})
}

// What an account has said goes with it, and what others have said stays.
func TestAnAccountIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		const other = "999999999999"
		for _, id := range []string{account, other} {
			_, err := k.CreateTemplate(t.Context(), registry.Template{Account: id, Prefix: "prod", Uses: []registry.Use{registry.UseCreateOnPush}})
			check(t, err)
			_, err = k.CreateUpstream(t.Context(), registry.Upstream{Account: id, Prefix: "hub", URL: "quay.io"})
			check(t, err)
			_, err = k.ExcludePuller(t.Context(), id, scanner)
			check(t, err)
			check(t, k.SetUpstreamSecret(t.Context(), id, secretName, registry.UpstreamSecret{Username: "ann", AccessToken: "word"}))
			check(t, k.SetSetting(t.Context(), id, registry.SettingPolicyScope, "V1"))
			check(t, k.SetRegistryPolicy(t.Context(), id, `{"Statement":[]}`))
		}
		check(t, k.ForgetAccount(t.Context(), account))
		for id, want := range map[string]int{account: 0, other: 6} {
			if got := k.sayings(id); got != want {
				t.Errorf("account %s has said %d things, want %d", id, got, want)
			}
		}
	})
}

// sayings counts what an account has said of six kinds of things.
func (k kit) sayings(id string) (n int) {
	k.t.Helper()
	templates, err1 := k.Templates(k.t.Context(), id, "", 10)
	rules, err2 := k.Upstreams(k.t.Context(), id, "", 10)
	exclusions, err3 := k.Exclusions(k.t.Context(), id, "", 10)
	secrets, err4 := k.UpstreamSecrets(k.t.Context(), id)
	scope, err5 := k.Setting(k.t.Context(), id, registry.SettingPolicyScope)
	check(k.t, errors.Join(err1, err2, err3, err4, err5))
	n = len(templates) + len(rules) + len(exclusions) + len(secrets)
	if scope == "V1" {
		n++
	}
	if _, err := k.RegistryPolicy(k.t.Context(), id); err == nil {
		n++
	}
	return n
}
