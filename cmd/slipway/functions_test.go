package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/engine/enginetest"
)

const trustsFunctions = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// A program made with an unmodified aws-lambda-go is called through the API: by the SDK, on a node in the same process.
func TestFunctions(t *testing.T) {
	f := newFunctions(t, startCloud(t))
	f.story(t)
	t.Run("its role", f.actsInItsRole)
	t.Run("the code can be downloaded", f.downloads)
	t.Run("a call under way when it ends", func(t *testing.T) {
		f.create("patient", nil)
		if said := f.during("patient", "3s", f.end); !strings.HasSuffix(said, "<nil>") {
			t.Errorf("it ended with %s", said)
		}
		f.restart()
		f.connected(true)
	})
	t.Run("kill -9", func(t *testing.T) {
		f.create("killed", nil)
		f.invoke("killed", `{}`)
		f.kill()
		f.restart()
		f.connected(true)
		f.again("killed")
		f.holdsLittle(t)
	})
}

// The same on a node in a process of its own, which calls come to by the line that it has opened. Either may be killed in the
// middle of a call: whoever made it is told, and the next is answered.
func TestFunctionsOfAJoinedNode(t *testing.T) {
	needRoot(t)
	c := startServer(t)
	a := joinAgent(t, c)
	c.connected(true)
	f := newFunctions(t, c)
	f.story(t)
	f.create("killed", nil)
	t.Run("kill -9 of the agent", func(t *testing.T) {
		if said := f.cuts("killed", a.kill); !strings.Contains(said, "ServiceException") {
			t.Errorf("the call ended with %s", said)
		}
		a.start()
		f.again("killed")
		f.holdsLittle(t)
	})
	t.Run("kill -9 of the control plane", func(t *testing.T) {
		f.cuts("killed", c.kill)
		f.restart()
		f.again("killed")
		f.holdsLittle(t)
	})
	t.Run("an agent that ends in the middle", func(t *testing.T) {
		if said := f.during("killed", "3s", a.end); !strings.HasSuffix(said, "<nil>") {
			t.Errorf("the call ended with %s", said)
		}
		a.start()
		f.again("killed")
	})
	t.Run("a line that ends in the middle", func(t *testing.T) {
		if said := f.cuts("killed", a.endAtOnce); !strings.Contains(said, "ServiceException") {
			t.Errorf("the call ended with %s", said)
		}
		a.start()
		f.again("killed")
	})
}

// functions calls functions of a cloud.
type functions struct {
	*cloud
	role    string
	program []byte
	marks   int
}

func newFunctions(t *testing.T, c *cloud) *functions {
	t.Helper()
	program, err := enginetest.Compile(t.TempDir(), "slipway/agent/sandbox/testfunction")
	if err != nil {
		t.Fatal(err)
	}
	return &functions{cloud: c, role: c.createRole("functions", trustsFunctions), program: program}
}

// lambda never tries again: a call that fails is to be seen.
func (f *functions) lambda() *lambda.Client {
	return lambda.NewFromConfig(f.config, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
}

// zip is the program, and a file that tells it from others.
func (f *functions) zip(mark string) []byte {
	f.t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string][]byte{"bootstrap": f.program, "mark": []byte(mark)} {
		head := &zip.FileHeader{Name: name, Method: zip.Deflate}
		head.SetMode(0o755)
		w, err := z.CreateHeader(head)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		f.t.Fatal(err)
	}
	return out.Bytes()
}

// create makes a function and waits until it can be called.
func (f *functions) create(name string, env map[string]string) string {
	f.t.Helper()
	ctx := f.t.Context()
	made, err := f.lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: &f.role, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(60),
		Code: &types.FunctionCode{ZipFile: f.zip("one")}, Environment: &types.Environment{Variables: env},
	})
	if err == nil {
		err = lambda.NewFunctionActiveV2Waiter(f.lambda()).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, time.Minute)
	}
	if err != nil {
		f.t.Fatalf("create function %s: %v", name, err)
	}
	return *made.FunctionArn
}

// invoke makes a call, whose answer is a text.
func (f *functions) invoke(name, payload string) (answer string, out *lambda.InvokeOutput) {
	f.t.Helper()
	out, err := f.lambda().Invoke(f.t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload), LogType: types.LogTypeTail})
	if err != nil || out.FunctionError != nil {
		f.t.Fatalf("call %s: %+v, %v", name, out, err)
	}
	if err := json.Unmarshal(out.Payload, &answer); err != nil {
		f.t.Fatalf("%s answers %s", name, out.Payload)
	}
	return answer, out
}

// story is the life of a function.
func (f *functions) story(t *testing.T) {
	const name = "story"
	arn := f.create(name, map[string]string{"WHO": "ann"})

	answer, out := f.invoke(name, `{"print":["ahoy"]}`)
	want(t, answer, arn)
	want(t, *out.ExecutedVersion, "$LATEST")
	tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
	if text := string(tail); err != nil || !strings.HasPrefix(text, "START RequestId: ") || !strings.Contains(text, "\nahoy\nEND RequestId: ") || !strings.Contains(text, "\tMemory Size: 128 MB\t") {
		t.Errorf("the tail of the log is %s, %v", text, err)
	}
	within(t, "what it printed to be in its log group", func() bool {
		found, err := f.logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + name), FilterPattern: aws.String("ahoy")})
		return err == nil && len(found.Events) == 1
	})
	answer, _ = f.invoke(name, `{"environ":"WHO"}`)
	want(t, answer, "ann")
	f.fails(t, name)

	answer, _ = f.invoke(name, `{"read":"/var/task/mark"}`)
	want(t, answer, "one")
	f.publish(t, name, "1")
	if _, err := f.lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(name), ZipFile: f.zip("two")}); err != nil {
		t.Fatal(err)
	}
	if err := lambda.NewFunctionUpdatedV2Waiter(f.lambda()).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(name)}, time.Minute); err != nil {
		t.Fatal(err)
	}
	answer, _ = f.invoke(name, `{"read":"/var/task/mark"}`)
	want(t, answer, "two")
	f.aliased(t, name, arn)

	if _, err := f.lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(name)}); !isAPIError(err, "ResourceNotFoundException") {
		t.Errorf("a function that was deleted is answered %v", err)
	}
	f.holdsLittle(t)
}

// fails: what a function fails with is no failure of the call.
func (f *functions) fails(t *testing.T, name string) {
	for payload, said := range map[string]string{`{"fail":"no"}`: `"errorMessage":"no"`, `{"exit":3}`: `"errorType":"Runtime.ExitError"`} {
		out, err := f.lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)})
		if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), said) {
			t.Errorf("%s is answered %+v, %v", payload, out, err)
		}
	}
}

func (f *functions) publish(t *testing.T, name, number string) {
	t.Helper()
	v, err := f.lambda().PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	want(t, *v.Version, number)
}

// aliased: an alias goes from version to version, and a version stays what it is.
func (f *functions) aliased(t *testing.T, name, arn string) {
	f.publish(t, name, "2")
	live := aws.String("live")
	if _, err := f.lambda().CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: live, FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	answer, out := f.invoke(name+":live", `{"read":"/var/task/mark"}`)
	want(t, answer+" of "+*out.ExecutedVersion, "one of 1")
	answer, _ = f.invoke(name+":live", `{}`)
	want(t, answer, arn+":live")
	if _, err := f.lambda().UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: &name, Name: live, FunctionVersion: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	within(t, "the alias to be at its new version", func() bool {
		answer, out := f.invoke(name+":live", `{"read":"/var/task/mark"}`)
		return answer+" of "+*out.ExecutedVersion == "two of 2"
	})
	answer, _ = f.invoke(name+":1", `{"read":"/var/task/mark"}`)
	want(t, answer, "one")
}

// actsInItsRole: the credentials of a function are of its role, and it reaches the API.
func (f *functions) actsInItsRole(t *testing.T) {
	f.create("acting", nil)
	environ := func(name string) string {
		value, _ := f.invoke("acting", `{"environ":"`+name+`"}`)
		return value
	}
	client := sts.New(sts.Options{
		BaseEndpoint: &f.endpoint, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(environ("AWS_ACCESS_KEY_ID"), environ("AWS_SECRET_ACCESS_KEY"), environ("AWS_SESSION_TOKEN")),
	})
	who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || !strings.HasSuffix(*who.Arn, ":assumed-role/functions/acting") {
		t.Errorf("it is %+v, %v", who, err)
	}
	endpoint, err := url.Parse(environ("AWS_ENDPOINT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := f.invoke("acting", fmt.Sprintf(`{"dial":%q}`, net.JoinHostPort(endpoint.Hostname(), endpoint.Port())))
	want(t, answer, "connected")
	_, port, err := net.SplitHostPort(f.host())
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := f.invoke("acting", fmt.Sprintf(`{"dial":"127.0.0.1:%s"}`, port)); !strings.Contains(answer, "refused") {
		t.Errorf("a port of the machine is answered %q", answer)
	}
}

// downloads: the link of GetFunction gives the zip, and nothing else does.
func (f *functions) downloads(t *testing.T) {
	f.create("stored", nil)
	out, err := f.lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("stored")})
	if err != nil {
		t.Fatal(err)
	}
	get := func(link string) (int, []byte) {
		t.Helper()
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, text
	}
	if code, text := get(*out.Code.Location); code != http.StatusOK || int64(len(text)) != out.Configuration.CodeSize {
		t.Errorf("answered %d with %d bytes, want %d", code, len(text), out.Configuration.CodeSize)
	}
	if code, _ := get(*out.Code.Location + "x"); code != http.StatusForbidden {
		t.Errorf("another link is answered %d", code)
	}
}

// cuts does something while a call is under way that never ends by itself, and tells what it failed with.
func (f *functions) cuts(name string, do func()) string {
	f.t.Helper()
	said := f.during(name, "55s", do)
	if strings.HasSuffix(said, "<nil>") {
		f.t.Errorf("the call is answered: %s", said)
	}
	return said
}

// during makes a call that takes a while, does something while it is under way, and tells how the call ended.
func (f *functions) during(name, while string, do func()) string {
	f.t.Helper()
	f.marks++
	mark := fmt.Sprintf("under way %d", f.marks)
	var call sync.WaitGroup
	var said string
	call.Go(func() {
		out, err := f.lambda().Invoke(context.WithoutCancel(f.t.Context()), &lambda.InvokeInput{FunctionName: &name, Payload: fmt.Appendf(nil, `{"print":[%q],"sleep":%q}`, mark, while)})
		said = fmt.Sprint(out, err)
	})
	within(f.t, "the call to be under way", func() bool { return f.printed(name, mark) })
	do()
	call.Wait()
	return said
}

// printed reports whether a function has printed a text.
func (f *functions) printed(name, text string) bool {
	found, err := f.logs.FilterLogEvents(f.t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + name), FilterPattern: aws.String(`"` + text + `"`)})
	return err == nil && len(found.Events) > 0
}

// again calls a function until it answers.
func (f *functions) again(name string) {
	f.t.Helper()
	within(f.t, "the function to answer", func() bool {
		out, err := f.lambda().Invoke(f.t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{}`)})
		return err == nil && out.FunctionError == nil
	})
}

// holdsLittle waits until no more of the machine is held than by the sandboxes of one function that is called now and then,
// and by those that wait to be one's: what was killed holds nothing.
func (f *functions) holdsLittle(t *testing.T) {
	t.Helper()
	within(t, "sandboxes to give back what they held", func() bool {
		i := f.instances("default")
		return len(i) == 1 && resource(i[0].RegisteredResources, "MEMORY")-resource(i[0].RemainingResources, "MEMORY") <= 4*128
	})
}
