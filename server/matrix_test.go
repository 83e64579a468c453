package server

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/registry"
	"slipway/store/storetest"
)

var matrixFull = flag.Bool("matrix.full", false, "run the matrix of callers, operations and resources on PostgreSQL as well")

// TestMatrix has callers of all kinds make every call of every door, on what is their account's, on
// what is another's, and on what is not there.
//
//   - What is another account's is nobody else's: no call on it succeeds, and its answer is that on
//     what is not there, but for the name.
//   - Who is allowed nothing is denied everything, of what is there and what is not alike.
//   - Who cannot prove who they are is told so, whatever they call.
//   - Who is allowed everything is denied nothing that is their account's.
func TestMatrix(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { matrix(t, func() string { return "" }) })
	if *matrixFull {
		t.Run("postgres", func(t *testing.T) { matrix(t, func() string { return storetest.PostgresURL(t) }) })
	}
}

func matrix(t *testing.T, database func() string) {
	w := newMatrixWorld(t, database())
	callers := w.callers()
	for _, who := range callers {
		t.Run(who.name, func(t *testing.T) {
			for _, service := range w.server.services() {
				for _, op := range service.Bound() {
					w.check(t, who, service.API(), op)
				}
			}
			w.checkImages(t, who)
		})
	}
	t.Logf("%d calls of %d kinds of callers, %d on what is another account's", w.calls, len(callers), w.foreign)
	w.stillThere()
	if w.foreign < 200 {
		t.Errorf("only %d calls could name another account's: the matrix names the wrong things", w.foreign)
	}
	for i, name := range []string{"root", "allowed user", "assumed role", "other root", "other admin"} {
		t.Run(name+" on its own", func(t *testing.T) {
			w := newMatrixWorld(t, database()) // which is not the same afterwards
			w.checkAllowed(t, w.callers()[i])
		})
	}
}

// input names the things of an account to a caller's operation.
func (w *matrixWorld) input(who caller, api *awswire.API, op awswire.Operation, account int, of things, form form) map[string]any {
	own := w.here[who.account]
	if account == who.account {
		own = of
	}
	return w.sample(api.Name, w.accounts[account], of, own, form).Fill(api, op)
}

// call makes a call on the things of an account.
func (w *matrixWorld) call(t *testing.T, who caller, api *awswire.API, op awswire.Operation, account int, of things, form form) string {
	t.Helper()
	w.calls++
	got := wiretest.Call(t, who.config, api, op.Name, w.input(who, api, op, account, of, form))
	return fmt.Sprintf("%d %s %s", got.Status, got.Error, w.plain(got.Body))
}

// canName tells whether a caller can name another account's things to an operation at all.
func (w *matrixWorld) canName(who caller, api *awswire.API, op awswire.Operation) bool {
	foreign := 1 - who.account
	return !reflect.DeepEqual(w.input(who, api, op, foreign, w.here[foreign], byARN), w.input(who, api, op, who.account, w.here[who.account], byARN))
}

var requestIDs = regexp.MustCompile(`<RequestId>[^<]*</RequestId>`)

// plain is an answer without the names of what it is about.
func (w *matrixWorld) plain(text string) string {
	text = accountARN.ReplaceAllString(requestIDs.ReplaceAllString(text, ""), "account/$1/NAME")
	for _, of := range []things{w.here[0], w.here[1], w.gone} {
		for _, id := range []string{of.balancer, of.group} {
			text = regexp.MustCompile("/"+regexp.QuoteMeta(id)+`\b`).ReplaceAllString(text, "/ID")
		}
		for _, name := range []string{of.name, of.task, of.node, of.key, string(of.digest)} {
			text = strings.ReplaceAll(text, name, "NAME")
		}
	}
	return text
}

var accountARN = regexp.MustCompile(`account/(o-[a-z0-9]+)/[0-9]{12}`)

// known are calls that do not go by the rule, and why.
var known = map[string]string{
	"sts:GetAccessKeyInfo":              "tells whose any key is, as on AWS",
	"organizations:CloseAccount":        "accounts are the managing account's, as on AWS",
	"organizations:DescribeAccount":     "accounts are the managing account's, as on AWS",
	"organizations:ListParents":         "accounts are the managing account's, as on AWS",
	"organizations:ListTagsForResource": "accounts are the managing account's, as on AWS",

	"secretsmanager:BatchGetSecretValue": "tells what is wrong with each secret in an answer that is none, as on AWS",
}

// check makes one operation's calls, none of which may change anything but in the caller's account.
func (w *matrixWorld) check(t *testing.T, who caller, api *awswire.API, op awswire.Operation) {
	name := api.Name + ":" + op.Name
	switch {
	case who.kind == unproven:
		got := w.call(t, who, api, op, 0, w.here[0], byARN)
		if !regexp.MustCompile(`^4\d\d .*(` + who.code + `)`).MatchString(got) {
			t.Errorf("%s is answered %s", name, got)
		}
		return
	case who.kind == mayNothing && !op.Open:
		for _, form := range []form{byARN, byName} {
			here := w.call(t, who, api, op, who.account, w.here[who.account], form)
			gone := w.call(t, who, api, op, who.account, w.gone, form)
			if !isDenied(here) || here != gone {
				t.Errorf("%s, which is not allowed, is answered\n\t%s\nand of what is not there\n\t%s", name, here, gone)
			}
		}
	}
	if known[name] != "" || !w.canName(who, api, op) {
		return
	}
	w.foreign++
	foreign := 1 - who.account
	here := w.call(t, who, api, op, foreign, w.here[foreign], byARN)
	gone := w.call(t, who, api, op, foreign, w.gone, byARN)
	if strings.HasPrefix(here, "2") || here != gone {
		t.Errorf("%s on another account's is answered\n\t%s\nand of what is not there\n\t%s", name, here, gone)
	}
}

func isDenied(answer string) bool { return strings.Contains(answer, "AccessDenied") }

// checkAllowed makes every call on the caller's own, those that take away last.
func (w *matrixWorld) checkAllowed(t *testing.T, who caller) {
	type job struct {
		api *awswire.API
		op  awswire.Operation
	}
	var jobs []job
	for _, service := range w.server.services() {
		for _, op := range service.Bound() {
			jobs = append(jobs, job{service.API(), op})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(lateness(a.op.Name), lateness(b.op.Name)) })
	done := 0
	for _, j := range jobs {
		name := j.api.Name + ":" + j.op.Name
		if allowedDenials[who.name+" "+name] != "" || who.account == 1 && j.api.Name == "organizations" {
			continue // only the managing account calls organizations
		}
		got := w.call(t, who, j.api, j.op, who.account, w.here[who.account], byARN)
		if isDenied(got) {
			t.Errorf("%s on one's own is answered %s", name, got)
		}
		if strings.HasPrefix(got, "2") {
			done++
		} else {
			t.Logf("%s: %s", name, got)
		}
	}
	if done < len(jobs)/2 {
		t.Errorf("only %d of %d calls were done: the matrix tries the wrong things", done, len(jobs))
	}
	t.Logf("%d of %d calls were done", done, len(jobs))
}

// allowedDenials are calls that even they are denied who are allowed everything, and why.
var allowedDenials = map[string]string{
	"root sts:AssumeRole":              "root assumes no roles",
	"other root sts:AssumeRole":        "root assumes no roles",
	"assumed role sts:GetSessionToken": "sessions get no tokens of their own",
}

// lateness orders operations so that there is something to find for most.
func lateness(operation string) int {
	for i, verbs := range []string{"Create Put Register Set Add Attach Run Tag Initiate Publish", "Get List Describe Batch Filter Simulate Lookup Invoke", "Update Start", "Untag Remove Detach Stop Deregister"} {
		for verb := range strings.FieldsSeq(verbs) {
			if strings.HasPrefix(operation, verb) {
				return i
			}
		}
	}
	return 4
}

// checkImages does to docker's door what check does to the others.
func (w *matrixWorld) checkImages(t *testing.T, who caller) {
	token := w.token(t, who)
	for _, o := range imageCalls {
		get := func(account int, of things) string {
			method, path, _ := strings.Cut(strings.NewReplacer("NAME", of.name, "DIGEST", string(of.digest)).Replace(o), " ")
			return w.image(t, method, path, w.accounts[account], token)
		}
		foreign := 1 - who.account
		own, gone := get(who.account, w.here[who.account]), get(foreign, w.gone)
		if here := get(foreign, w.here[foreign]); strings.HasPrefix(here, "2") || here != gone {
			t.Errorf("%s on another account's is answered\n\t%s\nand of what is not there\n\t%s", o, here, gone)
		}
		switch who.kind {
		case unproven:
			if !strings.HasPrefix(own, "401") {
				t.Errorf("%s is answered %s", o, own)
			}
		case mayNothing:
			if gone := get(who.account, w.gone); !strings.HasPrefix(own, "403") || own != gone {
				t.Errorf("%s, which is not allowed, is answered\n\t%s\nand of what is not there\n\t%s", o, own, gone)
			}
		case mayAll:
			if strings.HasPrefix(own, "401") || strings.HasPrefix(own, "403") {
				t.Errorf("%s on one's own is answered %s", o, own)
			}
		}
	}
}

// imageCalls are what docker's door serves; none takes away what another needs.
var imageCalls = []string{
	"GET /v2/NAME/blobs/DIGEST", "HEAD /v2/NAME/blobs/DIGEST", "DELETE /v2/NAME/blobs/DIGEST",
	"POST /v2/NAME/blobs/uploads/", "POST /v2/NAME/blobs/uploads/?mount=DIGEST&from=NAME",
	"GET /v2/NAME/blobs/uploads/1", "PATCH /v2/NAME/blobs/uploads/1", "PUT /v2/NAME/blobs/uploads/1?digest=DIGEST", "DELETE /v2/NAME/blobs/uploads/1",
	"GET /v2/NAME/manifests/v1", "HEAD /v2/NAME/manifests/v1", "PUT /v2/NAME/manifests/v2", "DELETE /v2/NAME/manifests/none",
	"GET /v2/NAME/tags/list", "GET /v2/NAME/referrers/DIGEST",
}

// token is a login that was made with the caller's key, whether they could make one now or not.
func (w *matrixWorld) token(t *testing.T, who caller) string {
	t.Helper()
	if who.config.Credentials == nil {
		return ""
	}
	c, err := who.config.Credentials.Retrieve(t.Context())
	w.must(err)
	token, _, err := w.server.registry.Token(registry.Login{Account: w.accounts[who.account], Principal: "arn:aws:iam::" + w.accounts[who.account] + ":root", Key: c.AccessKeyID})
	w.must(err)
	return token
}

func (w *matrixWorld) image(t *testing.T, method, path, account, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.server.config.Advertise+path, nil)
	w.must(err)
	r.Host = account + ".dkr.ecr." + w.server.config.Region + ".amazonaws.com"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	w.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	w.must(err)
	return fmt.Sprintf("%d %s", res.StatusCode, w.plain(string(text)))
}
