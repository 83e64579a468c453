package wiretest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"slipway/api/awswire"
)

// Answer is what came back for a call.
type Answer struct {
	Status int
	Error  string // the name of a fault, where it is in the head; "": it is in the body, or there is none
	Body   string
}

// Call sends members as an operation's input, whatever they are, in the first protocol that the
// service speaks. It is signed unless the configuration has no credentials.
func Call(t testing.TB, config aws.Config, api *awswire.API, operation string, members map[string]any) Answer {
	t.Helper()
	m := message{http.MethodPost, "/", http.Header{}, ""}
	if api.Protocols[0] == awswire.RestJSON {
		m = rest(t, api, operation, members)
	} else {
		m.body, m.header = encode(t, api, operation, members)
	}
	r, err := http.NewRequestWithContext(t.Context(), m.method, *config.BaseEndpoint+m.path, strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, m.header)
	if config.Credentials != nil {
		sign(t, config, api, r, m.body)
	}
	res, err := config.HTTPClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{res.StatusCode, res.Header.Get("X-Amzn-Errortype"), string(text)}
}

func encode(t testing.TB, api *awswire.API, operation string, members map[string]any) (string, http.Header) {
	t.Helper()
	switch api.Protocols[0] {
	case awswire.JSON10, awswire.JSON11:
		body, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		version := map[awswire.Protocol]string{awswire.JSON10: "1.0", awswire.JSON11: "1.1"}[api.Protocols[0]]
		return string(body), http.Header{"Content-Type": {"application/x-amz-json-" + version}, "X-Amz-Target": {api.Target + "." + operation}}
	case awswire.Query:
		form := url.Values{"Action": {operation}, "Version": {api.Version}}
		flatten(form, "", members)
		return form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	}
	t.Fatalf("%s speaks a protocol that tests do not", api.Name)
	return "", nil
}

// flatten writes a value as the Query protocol does: Tags.member.1.Key.
func flatten(form url.Values, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			flatten(form, strings.TrimPrefix(name+"."+key, "."), v[key])
		}
	case []any:
		for i, element := range v {
			flatten(form, name+".member."+strconv.Itoa(i+1), element)
		}
	case []string:
		for i, element := range v {
			form.Set(name+".member."+strconv.Itoa(i+1), element)
		}
	default:
		form.Set(name, fmt.Sprint(v))
	}
}

func sign(t testing.TB, config aws.Config, api *awswire.API, r *http.Request, body string) {
	t.Helper()
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), api.Name, config.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
}
