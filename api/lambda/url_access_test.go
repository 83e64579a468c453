package lambda_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	door "slipway/api/lambda"
	"slipway/functions"
	"slipway/internal/sigv4"
	"slipway/store"
	"slipway/store/storetest"
)

// everyURL lets a principal call the URL of tests, if that asks who calls in the way said, and its function at a URL.
func everyURL(principal, auth string) string {
	return policyOf(
		`"Principal":`+principal+`,"Action":"lambda:InvokeFunctionUrl","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"`+auth+`"}}`,
		`"Principal":`+principal+`,"Action":"lambda:InvokeFunction","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}`)
}

// policyOf allows what statements say of the URL of tests.
func policyOf(statements ...string) string {
	for i, s := range statements {
		statements[i] = fmt.Sprintf(`{"Sid":"s%d","Effect":"Allow","Resource":%q,%s}`, i, urlARN, s)
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

const urlARN = "arn:aws:lambda::" + wiretest.Account + ":function:hello:live"

// Who may call a URL: whom policies of the caller or of the function let in, and without a signature whom that of the
// function lets in as everybody.
func TestWhoMayCallURLs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := doortest.New(t, db, func(*accounts.Control) []*awswire.Service { return nil })
		const atURL, atAll, noURL = `"Action":"lambda:InvokeFunctionUrl"`, `"Action":"lambda:InvokeFunction"`,
			`"Action":"lambda:InvokeFunction","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"false"}}`
		keys := map[string]sigv4.Credentials{
			"root": {AccessKeyID: w.Root.ID, Secret: w.Root.Secret}, "ann": userKey(t, w, "ann", policyOf(atURL, atAll)), "bob": userKey(t, w, "bob", ""),
			"eve": userKey(t, w, "eve", policyOf(atURL)), "flo": userKey(t, w, "flo", policyOf(atURL, noURL)), "gus": userKey(t, w, "gus", policyOf(atAll)),
			"stranger": {AccessKeyID: "AKIANOBODYKNOWSTHIS2", Secret: "x"}, "forger": {AccessKeyID: w.Root.ID, Secret: "x"},
		}
		everybody, bob := everyURL(`"*"`, "NONE"), everyURL(`{"AWS":"arn:aws:iam::`+wiretest.Account+`:user/bob"}`, "AWS_IAM")
		for _, c := range []struct {
			who, auth, policy string
			want              string
		}{
			{"", functions.AuthNone, everybody, "200 anonymous"},
			{"", functions.AuthNone, "", "403"},
			{"", functions.AuthNone, everyURL(`"*"`, "AWS_IAM"), "403"},
			{"", functions.AuthNone, policyOf(`"Principal":"*",` + atURL), "403"}, // as was enough until October 2025
			{"", functions.AuthNone, policyOf(`"Principal":"*",` + atAll), "403"},
			{"", functions.AuthNone, policyOf(`"Principal":"*",`+atURL, `"Principal":"*",`+atAll), "200 anonymous"},
			{"bob", functions.AuthNone, everybody, "200 anonymous"}, // nobody looks at the signature
			{"", functions.AuthIAM, everybody, "403"},
			{"root", functions.AuthIAM, "", "200 " + wiretest.Account},
			{"ann", functions.AuthIAM, "", "200 " + wiretest.Account},
			{"eve", functions.AuthIAM, "", "403"},
			{"eve", functions.AuthIAM, policyOf(`"Principal":"*",` + atAll), "200 " + wiretest.Account},
			{"flo", functions.AuthIAM, "", "403"},
			{"gus", functions.AuthIAM, "", "403"},
			{"bob", functions.AuthIAM, "", "403"},
			{"bob", functions.AuthIAM, bob, "200 " + wiretest.Account},
			{"bob", functions.AuthIAM, everyURL(`"*"`, "NONE"), "403"},
			{"stranger", functions.AuthIAM, bob, "403"},
			{"forger", functions.AuthIAM, bob, "403"},
		} {
			if got := callURL(t, w, c.auth, c.policy, keys[c.who], c.who != ""); got != c.want {
				t.Errorf("%q at a URL of %s with the policy %.150s: %s, want %s", c.who, c.auth, c.policy, got, c.want)
			}
		}
	})
}

func userKey(t *testing.T, w *doortest.World, name, document string) sigv4.Credentials {
	t.Helper()
	c, err := w.User(wiretest.Account, name, document).Credentials.Retrieve(t.Context())
	doortest.Must(t, err)
	return sigv4.Credentials{AccessKeyID: c.AccessKeyID, Secret: c.SecretAccessKey}
}

// callURL calls the URL of tests: what is answered, and which account the function is told of.
func callURL(t *testing.T, w *doortest.World, auth, policy string, as sigv4.Credentials, signed bool) string {
	t.Helper()
	s := answering(functions.Answer{})
	s.urls = map[string]functions.URL{urlID: {
		ID: urlID, Ref: functions.Ref{Account: wiretest.Account, Name: "hello", Qualifier: "live"}, Settings: functions.URLSettings{Auth: auth},
	}}
	gate := w.Mux(door.NewOver(s, new(functions.Control), wiretest.Region))
	r := httptest.NewRequest("POST", "http://"+host+"/path?b=2&a=1", strings.NewReader("body"))
	if signed {
		sigv4.Sign(r, []byte("body"), as, wiretest.Region, "lambda", time.Now())
	}
	out := httptest.NewRecorder()
	door.URLsOver(s, wiretest.Region, gate, policy, http.NotFoundHandler()).ServeHTTP(out, r)
	if len(s.calls) == 0 {
		if out.Body.String() != forbidden {
			t.Errorf("refused with %s", out.Body)
		}
		return fmt.Sprint(out.Code)
	}
	event := string(s.last().Payload)
	if iam := auth == functions.AuthIAM; iam != strings.Contains(event, `"authorizer":{"iam":{"accessKey":"`+as.AccessKeyID+`"`) || iam == strings.Contains(event, `"authorization":`) && signed {
		t.Errorf("at a URL of %s: %s", auth, event)
	}
	_, account, _ := strings.Cut(event, `"accountId":"`)
	account, _, _ = strings.Cut(account, `"`)
	return fmt.Sprint(out.Code, " ", account)
}

// A signature for another service, or another region, is none for a URL.
func TestSignaturesForOtherThings(t *testing.T) {
	s := answering(functions.Answer{})
	newSite(t, s, functions.URLSettings{Auth: functions.AuthIAM})
	gate := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: wiretest.Root{}, Access: everybody{}}, door.NewOver(s, new(functions.Control), wiretest.Region))
	handler := door.URLsOver(s, wiretest.Region, gate, "", http.NotFoundHandler())
	for _, c := range []struct {
		service, region string
		want            int
	}{{"lambda", wiretest.Region, 200}, {"ecs", wiretest.Region, 403}, {"lambda", "eu-west-1", 403}} {
		r := httptest.NewRequest("GET", "http://"+host+"/", nil)
		sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}, c.region, c.service, time.Now())
		out := httptest.NewRecorder()
		handler.ServeHTTP(out, r)
		if out.Code != c.want {
			t.Errorf("%s in %s: %d %s", c.service, c.region, out.Code, out.Body)
		}
	}
}
