package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/engine/enginetest"
	"slipway/internal/sigv4"
)

// Functions answer plain HTTP at their URLs, for whom they let in, and to who waits for all of an answer as to who
// reads it as it comes.
func TestFunctionURLs(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, startCloud(t))
	t.Run("buffered", f.atItsURL)
	program, err := enginetest.Compile(t.TempDir(), "slipway/api/lambda/testurl")
	if err != nil {
		t.Fatal(err)
	}
	f.program = program
	f.create("web", nil)
	t.Run("streamed", f.streamsAtItsURL)
	t.Run("streamed through the API", f.streams)
}

// url gives a function a URL.
func (f *functions) url(name string, auth types.FunctionUrlAuthType, mode types.InvokeMode) string {
	f.t.Helper()
	out, err := f.lambda().CreateFunctionUrlConfig(f.t.Context(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: &name, AuthType: auth, InvokeMode: mode, Cors: &types.Cors{AllowOrigins: []string{"https://www.example.com"}, AllowMethods: []string{"*"}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.FunctionUrl
}

// open lets everybody call a URL that does not ask who calls.
func (f *functions) open(name string) {
	f.t.Helper()
	for _, in := range []lambda.AddPermissionInput{
		{StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone},
		{StatementId: aws.String("invoke"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		in.FunctionName, in.Principal = &name, aws.String("*")
		if _, err := f.lambda().AddPermission(f.t.Context(), &in); err != nil {
			f.t.Fatal(err)
		}
	}
}

// browser reaches every host that ends in localhost at the API, as browsers and curl do.
func (f *functions) browser() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, f.host())
	}}}
}

// at sends a request to a URL, signed if wanted.
func (f *functions) at(method, url, body string, signed bool, headers ...string) *http.Response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if signed {
		who, err := f.config.Credentials.Retrieve(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		sigv4.Sign(r, []byte(body), sigv4.Credentials{AccessKeyID: who.AccessKeyID, Secret: who.SecretAccessKey}, "us-east-1", "lambda", time.Now())
	}
	res, err := f.browser().Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { res.Body.Close() })
	return res
}

func (f *functions) body(res *http.Response) string {
	f.t.Helper()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *functions) atItsURL(t *testing.T) {
	arn := f.create("plain", nil)
	url := f.url("plain", types.FunctionUrlAuthTypeNone, types.InvokeModeBuffered)
	if !strings.HasPrefix(url, "http://") || !strings.Contains(url, ".lambda-url.us-east-1.localhost:") {
		t.Errorf("its URL is %s", url)
	}
	if res := f.at("GET", url, "", false); res.StatusCode != 403 {
		t.Errorf("before everybody is let in: %d %s", res.StatusCode, f.body(res))
	}
	f.open("plain")
	res := f.at("GET", url, "", false, "Origin: https://www.example.com")
	want(t, f.body(res), `"`+arn+`"`)
	want(t, res.Header.Get("Content-Type"), "application/json")
	want(t, res.Header.Get("Access-Control-Allow-Origin"), "https://www.example.com")
	preflight := f.at("OPTIONS", url, "", false, "Origin: https://www.example.com", "Access-Control-Request-Method: PUT")
	want(t, preflight.Header.Get("Access-Control-Allow-Methods"), "*")

	iam := types.FunctionUrlAuthTypeAwsIam
	if _, err := f.lambda().UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: aws.String("plain"), AuthType: iam}); err != nil {
		t.Fatal(err)
	}
	if res := f.at("POST", url, "{}", false); res.StatusCode != 403 {
		t.Errorf("unsigned: %d", res.StatusCode)
	}
	want(t, f.body(f.at("POST", url, "{}", true)), `"`+arn+`"`)
	if _, err := f.lambda().DeleteFunctionUrlConfig(t.Context(), &lambda.DeleteFunctionUrlConfigInput{FunctionName: aws.String("plain")}); err != nil {
		t.Fatal(err)
	}
	if res := f.at("POST", url, "{}", true); res.StatusCode != 403 {
		t.Errorf("after it was taken away: %d", res.StatusCode)
	}
}

func (f *functions) streamsAtItsURL(t *testing.T) {
	url := f.url("web", types.FunctionUrlAuthTypeNone, types.InvokeModeResponseStream)
	f.open("web")
	res := f.at("POST", url+"echo?who=ann", "hello", false)
	want(t, f.body(res), "POST ann hello")
	if res.StatusCode != http.StatusTeapot || res.Header.Get("Set-Cookie") != "seen=ann" || res.Header.Get("Content-Type") != "text/plain" || res.Header.Get("Slipway-Release") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	line, err := bufio.NewReader(f.at("GET", url+"endless", "", false).Body).ReadString('\n')
	if err != nil || line != "first\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func (f *functions) streams(t *testing.T) {
	out, err := f.lambda().InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{
		FunctionName: aws.String("web"), LogType: types.LogTypeTail,
		Payload: []byte(`{"rawPath":"/echo","rawQueryString":"who=bob","body":"hi","requestContext":{"domainName":"x","http":{"method":"PUT"}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, aws.ToString(out.ExecutedVersion), "$LATEST")
	var answer bytes.Buffer
	complete := false
	for event := range out.GetStream().Events() {
		switch e := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			answer.Write(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = e.Value.ErrorCode == nil && e.Value.LogResult != nil
		}
	}
	head, body, _ := strings.Cut(answer.String(), strings.Repeat("\x00", 8))
	if err := out.GetStream().Err(); err != nil || !complete || !strings.Contains(head, `"statusCode":418`) || body != "PUT bob hi" {
		t.Errorf("%q, complete: %v, %v", answer.String(), complete, err)
	}
}
