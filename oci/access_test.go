package oci_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/oci"
	"slipway/registry"
)

var update = flag.Bool("access.update", false, "write what is asked for now into testdata/access.golden")

const stranger = "210987654321"

// The table of what every method asks for.
func TestAccess(t *testing.T) {
	d := newDoor(t)
	digest := string(digestOf("x"))
	var got strings.Builder
	row := func(method, path, body string, headers ...string) {
		d.access.asked = nil
		d.do(method, path, body, headers...)
		for _, asked := range d.access.asked {
			action, resource, _ := strings.Cut(asked, " ")
			fmt.Fprintf(&got, "%-6s %-50s | %-31s | %s\n", method, strings.ReplaceAll(path, digest, "DIGEST"), action, resource)
		}
		if len(d.access.asked) == 0 {
			t.Errorf("%s %s asks for nothing", method, path)
		}
	}
	for _, at := range []struct {
		path    string
		methods []string
	}{
		{"/v2/team/web/blobs/" + digest, []string{"GET", "HEAD", "DELETE"}},
		{"/v2/team/web/blobs/uploads/", []string{"POST"}},
		{"/v2/team/web/blobs/uploads/?mount=" + digest + "&from=db", []string{"POST"}},
		{"/v2/team/web/blobs/uploads/1", []string{"GET", "PATCH", "PUT", "DELETE"}},
		{"/v2/team/web/manifests/v1", []string{"GET", "HEAD", "PUT", "DELETE"}},
		{"/v2/team/web/tags/list", []string{"GET"}},
		{"/v2/team/web/referrers/" + digest, []string{"GET"}},
	} {
		for _, method := range at.methods {
			row(method, at.path, "")
		}
	}
	row("GET", "/v2/team/web/manifests/v1", "", "Host", stranger+".dkr.ecr.us-east-1.amazonaws.com")
	golden(t, got.String())
}

func golden(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/access.golden"
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s, error %v, has\n%s\nwant (go test -access.update writes it)\n%s", file, err, want, got)
	}
}

func TestConditionKeysOfARequest(t *testing.T) {
	d := newDoor(t)
	if err := d.registry.Label(t.Context(), account, "team/web", map[string]string{"Stage": "test"}); err != nil {
		t.Fatal(err)
	}
	if err := d.registry.SetPolicy(t.Context(), account, "team/web", "{}"); err != nil {
		t.Fatal(err)
	}
	asked := false
	d.access.ask = func(r *oci.Request) {
		asked = true
		for key, want := range map[string]string{
			"aws:sourceip": "127.0.0.1", "aws:securetransport": "false", "aws:requestedregion": "us-east-1", "aws:resourceaccount": account,
			"aws:resourcetag/stage": "test", "ecr:resourcetag/stage": "test", "aws:useragent": "docker",
		} {
			if got, ok := r.Values(key); !ok || got[0] != want {
				t.Errorf("%s is %q, %v, want %q", key, got, ok, want)
			}
		}
		for _, key := range []string{"aws:resourcetag/other", "aws:requesttag/stage", "ecs:resourcetag/stage", "aws:principalarn", ""} {
			if got, ok := r.Values(key); ok {
				t.Errorf("%s is %q, and should not be there", key, got)
			}
		}
		if text, err := r.Policy(); text != "{}" || err != nil {
			t.Errorf("the policy is %q, %v", text, err)
		}
	}
	d.do("GET", web+"/tags/list", "", "User-Agent", "docker").want(200)
	if !asked {
		t.Error("nobody was asked")
	}
}

// What a repository's policy allows another account, that account pulls, by the host of the owner.
func TestPullingFromAnotherAccount(t *testing.T) {
	d := newDoor(t)
	_, digest := d.image("team/web", "v1", "layer")
	d.create("shut")
	theirs := d.login(registry.Login{Account: stranger})
	get := func(path string) answer {
		return d.do("GET", path, "", "Authorization", "Bearer "+theirs, "Host", account+".dkr.ecr.us-east-1.amazonaws.com")
	}
	paths := []string{"/v2/NAME/manifests/v1", "/v2/NAME/manifests/" + string(digest), "/v2/NAME/blobs/" + string(digestOf("layer")), "/v2/NAME/tags/list", "/v2/NAME/blobs/" + string(digestOf("none"))}

	// Before they are allowed, what is there and what is not is answered alike.
	for _, path := range paths {
		var answers []string
		for _, name := range []string{"team/web", "shut", "gone"} {
			a := get(strings.Replace(path, "NAME", name, 1)).want(403)
			answers = append(answers, strings.ReplaceAll(a.body, name, "NAME"))
		}
		if answers = slices.Compact(answers); len(answers) != 1 {
			t.Errorf("%s: %q", path, answers)
		}
	}
	if err := d.registry.SetPolicy(t.Context(), account, "team/web", `{"to": "`+stranger+`"}`); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths[:4] {
		get(strings.Replace(path, "NAME", "team/web", 1)).want(200)
		get(strings.Replace(path, "NAME", "shut", 1)).want(403)
	}
	get(strings.Replace(paths[4], "NAME", "team/web", 1)).want(404)
}

// A token for repositories of another account means those, by whatever name the registry is called.
func TestATokenForAnotherAccountsRepository(t *testing.T) {
	d := newDoor(t)
	d.push("team/web", "layer")
	if err := d.registry.SetPolicy(t.Context(), account, "team/web", stranger); err != nil {
		t.Fatal(err)
	}
	theirs := "Bearer " + d.login(registry.Login{Account: stranger, Scope: registry.Scope{Account: account, Repositories: []string{"team/web"}}})
	blob := "/blobs/" + string(digestOf("layer"))
	d.do("GET", web+blob, "", "Authorization", theirs).want(200)
	d.do("GET", "/v2/team/api"+blob, "", "Authorization", theirs).want(403)
	d.do("GET", web+blob, "", "Authorization", theirs, "Host", stranger+".dkr.ecr.us-east-1.amazonaws.com").want(403)
}

func TestWhoIsTooFastIsToldWhenToCallAgain(t *testing.T) {
	wait := 1500 * time.Millisecond
	d := newDoorWith(t, oci.Config{Limit: func(who oci.Caller, action string) time.Duration {
		if who.Account != account || action != "ecr:ListImages" {
			t.Errorf("%+v does %s", who, action)
		}
		return wait
	}})
	a := d.do("GET", web+"/tags/list", "")
	a.fails(429, "TOOMANYREQUESTS", "Rate exceeded")
	a.wantHeader("Retry-After", "2")
	if len(d.access.asked) > 0 {
		t.Error("the call went on all the same")
	}
	wait = 0
	d.do("GET", web+"/tags/list", "").want(200)
	d.do("GET", "/v2/", "").want(200)
}

func TestCallsAreWrittenDownBeforeTheyAreAnswered(t *testing.T) {
	var calls []*oci.Call
	failing := error(nil)
	d := newDoorWith(t, oci.Config{Record: func(_ context.Context, c *oci.Call) error { calls = append(calls, c); return failing }})
	d.image("team/web", "v1", "layer")
	calls = nil
	d.do("GET", web+"/manifests/v1", "", "User-Agent", "docker").want(200)
	d.access.denied["ecr:PutImage"] = true
	d.do("PUT", web+"/manifests/v1", "{}").want(403)
	d.do("GET", "/v2/", "", "Authorization", "Bearer nonsense").want(401) // nobody's
	if len(calls) != 2 {
		t.Fatalf("%d calls written down, want the two of a known caller", len(calls))
	}
	arn := d.registry.ARN(account, "team/web")
	if c := calls[0]; c.Action != "ecr:BatchGetImage" || c.Status != 200 || c.ErrorCode != "" || c.Who.Account != account || c.SourceAddress != "127.0.0.1" ||
		c.UserAgent != "docker" || c.RequestID == "" || c.Time.IsZero() || c.Method != "GET" || c.Path != web+"/manifests/v1" || !slices.Equal(c.Asked, []oci.Asked{{Action: "ecr:BatchGetImage", Resource: arn}}) {
		t.Errorf("written down: %+v", c)
	}
	if c := calls[1]; c.Status != 403 || c.ErrorCode != "DENIED" || !strings.Contains(c.ErrorMessage, "not today") {
		t.Errorf("written down: %+v", c)
	}

	failing = errors.New("no space left on device")
	for _, method := range []string{"GET", "HEAD"} {
		a := d.do(method, web+"/manifests/v1", "").want(http.StatusInternalServerError)
		if strings.Contains(a.body, "space") || strings.Contains(a.body, "layers") || a.Header.Get("Docker-Content-Digest") != "" || a.Header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("what could not be written down was answered with %v %s", a.Header, a.body)
		}
	}
}
