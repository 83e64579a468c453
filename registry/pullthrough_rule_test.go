package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"slipway/registry"
	"slipway/store"
)

func TestRulesAreMadeChangedAndTakenAway(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		made, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "hub/", URL: "registry-1.docker.io", Role: "arn:aws:iam::" + account + ":role/ecr"})
		check(t, err)
		found, err := k.Upstream(t.Context(), account, "hub")
		check(t, err)
		want := registry.Upstream{
			Account: account, Prefix: "hub/", URL: "registry-1.docker.io", Kind: "docker-hub",
			Role: "arn:aws:iam::" + account + ":role/ecr", Created: made.Created, Updated: made.Created,
		}
		if made != want || found != want || made.Created.IsZero() {
			t.Errorf("made %+v, found %+v, want %+v", made, found, want)
		}
		_, err = k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "hub", URL: "quay.io"})
		wantErr(t, err, registry.ErrUpstreamExists)
		changed, err := k.ChangeUpstream(t.Context(), account, "hub", nil, new(""))
		check(t, err)
		if changed.Role != "" || !changed.Updated.After(changed.Created) {
			t.Errorf("changed to %+v", changed)
		}

		_, err = k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "ecr", URL: "public.ecr.aws"})
		check(t, err)
		first, err := k.Upstreams(t.Context(), account, "", 1)
		check(t, err)
		rest, err := k.Upstreams(t.Context(), account, first[0].Prefix, 10)
		check(t, err)
		wantSame(t, "rules", []string{first[0].Prefix, rest[0].Prefix}, []string{"ecr", "hub/"})

		gone, err := k.DeleteUpstream(t.Context(), account, "hub/")
		check(t, err)
		if gone != changed {
			t.Errorf("taken away: %+v, want %+v", gone, changed)
		}
		_, err = k.DeleteUpstream(t.Context(), account, "hub")
		wantErr(t, err, registry.ErrNoUpstream)
		_, err = k.ChangeUpstream(t.Context(), account, "hub", nil, nil)
		wantErr(t, err, registry.ErrNoUpstream)
		_, _, err = k.ValidateUpstream(t.Context(), account, "hub")
		wantErr(t, err, registry.ErrNoUpstream)
	})
}

func TestRulesThatAreNotTaken(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, c := range []struct {
			rule registry.Upstream
			want error
		}{
			{registry.Upstream{URL: ""}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "ftp://quay.io"}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "https://me:secret@quay.io"}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "quay.io/team"}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "quay.io?x=y"}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "quay.io", Kind: "docker-hub"}, registry.ErrUpstreamURL},
			{registry.Upstream{URL: "quay.io", Prefix: registry.Root, UpstreamPrefix: "team"}, registry.ErrUpstreamPrefix},
			{registry.Upstream{URL: "quay.io", Credential: "arn:aws:secretsmanager:us-east-1:" + account + ":secret:ecr-pullthroughcache/no"}, registry.ErrNoSecret},
			{registry.Upstream{URL: "quay.io", Credential: "arn:aws:secretsmanager:us-east-1:999999999999:secret:ecr-pullthroughcache/no"}, registry.ErrNoSecret},
			{registry.Upstream{URL: "quay.io", Credential: "no ARN"}, registry.ErrNoSecret},
		} {
			c.rule.Account = account
			if c.rule.Prefix == "" {
				c.rule.Prefix = "up"
			}
			_, err := k.CreateUpstream(t.Context(), c.rule)
			wantErr(t, err, c.want)
		}
		for i := range 50 {
			_, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: fmt.Sprint("p", i), URL: "quay.io"})
			check(t, err)
		}
		_, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: "quay.io"})
		wantErr(t, err, registry.ErrTooManyUpstreams)
	})
}

// What AWS has a name for has it here; everything else is taken as well.
func TestRegistriesAreKnownByTheirHosts(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for url, want := range map[string]string{
			"public.ecr.aws": "ecr-public", "https://ghcr.io": "github-container-registry", "team.azurecr.io": "azure-container-registry",
			"123456789012.dkr.ecr.eu-west-1.amazonaws.com": "ecr", "registry.example.com:5000": "", "http://10.0.0.1:5000/": "", "127.0.0.1:5000": "",
		} {
			made, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: url})
			check(t, err)
			if made.Kind != want || made.URL != url {
				t.Errorf("%s is %q at %s, want %q", url, made.Kind, made.URL, want)
			}
			_, err = k.DeleteUpstream(t.Context(), account, "up")
			check(t, err)
		}
		_, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: "registry.example.com", Kind: "quay"})
		check(t, err)
	})
}

// What a repository of ours is called there, by the rule that counts for it.
func TestRepositoriesHaveOtherNamesThere(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		u := startUpstream(t)
		for _, r := range []registry.Upstream{
			{Prefix: "a"}, {Prefix: "a/b/", UpstreamPrefix: "team/"}, {Prefix: registry.Root},
		} {
			r.Account, r.URL = account, strings.TrimPrefix(u.URL, "http://")
			_, err := k.CreateUpstream(t.Context(), r)
			check(t, err)
		}
		for name, want := range map[string]string{
			"a/web": "web", "a/b": "b", "a/b/web": "team/web", "a/b/c/web": "team/c/web", "ab/web": "ab/web", "other": "other",
		} {
			_, err := k.Pull(t.Context(), account, name, registry.ImageID{Tag: "v1"}, may)
			wantErr(t, err, registry.ErrNoRepository)
			wantSame(t, name, u.asked(), []string{"GET " + want + "/manifests/v1"})
		}
	})
}

// What only the machine itself may ask is out of the reach of rules.
func TestRulesDoNotReachTheMetadataService(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, url := range []string{"http://169.254.169.254", "http://[fe80::1]", "http://[fd00:ec2::254]", "http://0.0.0.0:1", "http://[::ffff:169.254.169.254]"} {
			_, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: url})
			check(t, err)
			_, problem, err := k.ValidateUpstream(t.Context(), account, "up")
			check(t, err)
			wantErr(t, problem, registry.ErrUpstreamDown)
			_, err = k.DeleteUpstream(t.Context(), account, "up")
			check(t, err)
		}
	})
}

// login has the other registry admit one user, with a token of its own service as most registries do, or by
// password alone.
func (u *upstream) login(user, password string, tokens bool) {
	u.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		name, word, basic := r.BasicAuth()
		good := name == user && word == password
		switch {
		case r.URL.Path == "/token":
			if basic && good {
				fmt.Fprint(w, `{"token":"of `+user+`"}`)
			} else {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return true
		case tokens && r.Header.Get("Authorization") == "Bearer of "+user, !tokens && basic && good:
			return false
		case tokens:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+u.URL+`/token",service="test"`)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

const secretName = "ecr-pullthroughcache/upstream"

func TestRulesLogInWithTheirSecret(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		u := startUpstream(t)
		u.push("web", "v1", "{}", "layer")
		check(t, k.SetUpstreamSecret(t.Context(), account, secretName, registry.UpstreamSecret{Username: "ann", AccessToken: "first-word"}))
		_, err := k.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: u.URL, Credential: k.SecretARN(account, secretName)})
		check(t, err)
		for _, tokens := range []bool{true, false} {
			for _, c := range []struct {
				password string
				want     error
			}{{"first-word", nil}, {"other", registry.ErrUpstreamDenied}} {
				u.login("ann", c.password, tokens)
				check(t, k.SetUpstreamSecret(t.Context(), account, secretName, registry.UpstreamSecret{Username: "ann", AccessToken: "first-word"}))
				_, problem, err := k.ValidateUpstream(t.Context(), account, "up")
				check(t, err)
				wantErr(t, problem, c.want)
				_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, may)
				wantErr(t, err, c.want)
			}
		}
		u.login("ann", "second-word", true)
		check(t, k.SetUpstreamSecret(t.Context(), account, secretName, registry.UpstreamSecret{Username: "ann", AccessToken: "second-word"}))
		k.pullTag("up/web", "v1")

		check(t, k.DeleteUpstreamSecret(t.Context(), account, secretName))
		_, problem, err := k.ValidateUpstream(t.Context(), account, "up")
		check(t, err)
		wantErr(t, problem, registry.ErrNoSecret)
		_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, may)
		wantErr(t, err, registry.ErrNoSecret)
		_, err = k.ChangeUpstream(t.Context(), account, "up", new(k.SecretARN(account, secretName)), nil)
		wantErr(t, err, registry.ErrNoSecret)
	})
}

func TestSecretsAreSealedAndTellNothing(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		s := registry.UpstreamSecret{Username: "ann", AccessToken: "word-of-ann"}
		check(t, k.SetUpstreamSecret(t.Context(), account, secretName, s))
		for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %d %x", s, s, s, s, s, s, s)} {
			if strings.Contains(shown, "word") {
				t.Errorf("it shows %s", shown)
			}
		}
		var sealed []byte
		check(t, k.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Row(`select sealed from registry_upstream_secrets`).Scan(&sealed)
		}))
		if len(sealed) == 0 || strings.Contains(string(sealed), "word") {
			t.Errorf("in the database it is %q", sealed)
		}
		names, err := k.UpstreamSecrets(t.Context(), account)
		check(t, err)
		theirs, err := k.UpstreamSecrets(t.Context(), "999999999999")
		check(t, err)
		wantSame(t, "names", append(names, theirs...), []string{secretName})
		for _, c := range []struct {
			name string
			of   registry.UpstreamSecret
		}{
			{"upstream", s}, {"ecr-pullthroughcache/", s}, {"ecr-pullthroughcache/a b", s},
			{secretName, registry.UpstreamSecret{AccessToken: "x"}}, {secretName, registry.UpstreamSecret{Username: "x"}},
			{secretName, registry.UpstreamSecret{Username: "x", AccessToken: strings.Repeat("x", 9000)}},
		} {
			wantErr(t, k.SetUpstreamSecret(t.Context(), account, c.name, c.of), registry.ErrSecret)
		}
		check(t, k.DeleteUpstreamSecret(t.Context(), account, secretName))
		wantErr(t, k.DeleteUpstreamSecret(t.Context(), account, secretName), registry.ErrNoSecret)
	})
}
