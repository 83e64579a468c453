package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/cluster"
	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/nodeapi/sandboxtest"
)

// functionWorld is a server whose one machine has a host of sandboxes that does what its fields say.
type functionWorld struct {
	*neighbours
	plane nodeapi.FunctionPlane // as the machine reaches the server
	node  string
	host  *sandboxtest.Host
	cut   func()
}

// newFunctionWorld joins a host that answers with what it is given.
func newFunctionWorld(t *testing.T) *functionWorld {
	w := &functionWorld{neighbours: newNeighbours(t), host: &sandboxtest.Host{T: t}}
	w.node, w.plane = w.here[0].node, w.server.Node().(nodeapi.FunctionPlane)
	h := w.host
	h.OnStart = func(context.Context, nodeapi.Sandbox) error { return nil }
	h.OnAssign = func(context.Context, nodeapi.Assignment) (nodeapi.Init, error) { return nodeapi.Init{}, nil }
	h.OnInvoke = func(_ context.Context, i nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		return nodeapi.Outcome{Payload: i.Payload}, nil
	}
	h.OnStop = func(context.Context, string) error { return nil }
	h.OnFetch = func(context.Context, string, []nodeapi.Code) error { return nil }
	h.OnWatch = func(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
		tell(nil)
		<-ctx.Done()
		return ctx.Err()
	}
	return w
}

// join brings the host to the server until the test ends.
func (w *functionWorld) join() *functionWorld {
	ctx, cut := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- w.plane.Sandboxes(ctx, w.node, w.host) }()
	w.cut = func() { cut(); <-over }
	w.t.Cleanup(cut)
	return w
}

// calls calls the function as somebody until it is ready and a machine is there, and tells what came of it.
func (w *functionWorld) calls(as aws.Config, name string) (string, error) {
	w.t.Helper()
	for {
		out, err := lambda.NewFromConfig(as).Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`"ahoy"`)})
		switch {
		case err == nil:
			return string(out.Payload), nil
		case code(err) != "ServiceException" && code(err) != "ResourceConflictException" || w.t.Context().Err() != nil:
			return "", err
		}
	}
}

// A sandbox is given the code that the function was made of and credentials of its role, and what came of its calls is in the
// events and in the numbers.
func TestWhatASandboxIsGiven(t *testing.T) {
	w := newFunctionWorld(t)
	given := make(chan nodeapi.Assignment, 1)
	w.host.OnAssign = func(_ context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
		given <- a
		return nodeapi.Init{}, nil
	}
	w.join()
	answer, err := w.calls(w.ours, "matrix-here")
	if err != nil || answer != `"ahoy"` {
		t.Fatalf("answered %s, %v", answer, err)
	}
	a := <-given
	code, err := w.plane.Code(t.Context(), nodeapi.CodeRequest{Node: w.node, Account: w.accounts[0], Digest: a.Code[0].Digest})
	must(t, err)
	defer code.Close()
	if text, err := io.ReadAll(code); err != nil || !bytes.Equal(text, zipOf("bootstrap", "hello")) {
		t.Errorf("its code has %d bytes, %v", len(text), err)
	}
	env := map[string]string{}
	for _, pair := range a.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	config := w.ours
	config.Credentials = credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
	who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Arn != "arn:aws:sts::"+w.accounts[0]+":assumed-role/functions/matrix-here" {
		t.Errorf("it acts as %+v, %v", who, err)
	}
	w.happens("function.invoked")
	if text := w.metrics(); !strings.Contains(text, `slipway_functions_calls_total{kind="all"} 1`) || !strings.Contains(text, "slipway_functions_machines 1\n") {
		t.Errorf("the numbers are %s", text)
	}
	held := w.instance().Sandboxes
	if held.Tasks == 0 || held.Memory < 128 {
		t.Errorf("of the machine is held %+v", held)
	}
}

// happens waits for an event of a type.
func (w *functionWorld) happens(kind string) {
	w.t.Helper()
	wake, stop := w.server.db.Watch("events")
	defer stop()
	for {
		all, _, err := w.server.readEvents(w.t.Context(), 0)
		w.must(err)
		for _, e := range all {
			if e.Type == kind {
				return
			}
		}
		select {
		case <-wake:
		case <-w.t.Context().Done():
			w.t.Fatalf("%s never happened", kind)
		}
	}
}

func (w *functionWorld) metrics() string {
	r := httptest.NewRecorder()
	w.server.adminHandler().ServeHTTP(r, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil))
	return r.Body.String()
}

func (w *functionWorld) instance() cluster.Instance {
	w.t.Helper()
	found, _, err := w.server.cluster.Instances(w.t.Context(), w.accounts[0], "default", []string{w.node})
	w.must(err)
	return found[0]
}

// Another account calls a function when its policy lets it, and its own policies too, and not any more when it does not.
func TestWhoMayCallAFunctionOfAnotherAccount(t *testing.T) {
	w := newFunctionWorld(t).join()
	name := "arn:aws:lambda:" + w.server.config.Region + ":" + w.accounts[0] + ":function:matrix-here"
	if _, err := w.calls(w.theirs, name); code(err) != "AccessDeniedException" {
		t.Errorf("before it may, it is answered %v", err)
	}
	room := lambda.NewFromConfig(w.ours)
	_, err := room.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: aws.String("matrix-here"), StatementId: aws.String("them"), Action: aws.String("lambda:InvokeFunction"), Principal: &w.them})
	must(t, err)
	if answer, err := w.calls(w.theirs, name); err != nil || answer != `"ahoy"` {
		t.Errorf("when it may, it is answered %s, %v", answer, err)
	}
	if _, err := w.calls(w.user(1, "powerless", ""), name); code(err) != "AccessDeniedException" {
		t.Errorf("a user of it who may nothing is answered %v", err)
	}
	_, err = room.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("matrix-here"), StatementId: aws.String("them")})
	must(t, err)
	if _, err := w.calls(w.theirs, name); code(err) != "AccessDeniedException" {
		t.Errorf("when it may no more, it is answered %v", err)
	}
}

// A machine that is deregistered runs no functions, and one whose line has ended holds nothing.
func TestAMachineThatLeavesTheFleet(t *testing.T) {
	w := newFunctionWorld(t).join()
	if _, err := w.calls(w.ours, "matrix-here"); err != nil {
		t.Fatal(err)
	}
	w.cut()
	wake, stop := w.server.db.Watch("room:" + w.accounts[0])
	defer stop()
	for w.instance().Sandboxes.Tasks > 0 {
		select {
		case <-wake:
		case <-t.Context().Done():
			t.Fatal("what its sandboxes held is not given back")
		}
	}
	over := make(chan error, 1)
	go func() { over <- w.plane.Sandboxes(t.Context(), w.node, w.host) }()
	if _, err := w.calls(w.ours, "matrix-here"); err != nil {
		t.Fatal(err)
	}
	_, err := w.server.cluster.StopTask(t.Context(), w.accounts[0], "matrix-here", w.here[0].task, "the test")
	must(t, err)
	_, err = w.server.cluster.Report(t.Context(), nodeapi.Report{Node: w.node, Tasks: []nodeapi.TaskReport{{ID: w.here[0].task, Status: nodeapi.Stopped}}})
	must(t, err)
	_, err = w.server.cluster.DeregisterInstance(t.Context(), w.accounts[0], "default", w.node, false)
	must(t, err)
	if err := <-over; !errors.Is(err, cluster.ErrNoInstance) {
		t.Errorf("its line ended with %v", err)
	}
	_, err = lambda.NewFromConfig(w.ours).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("matrix-here")})
	if code(err) != "ServiceException" {
		t.Errorf("without a machine a call is answered %v", err)
	}
}

// A node is given its own account's code alone, and writes to that account's logs alone.
func TestANodeIsOfOneAccount(t *testing.T) {
	w := newFunctionWorld(t)
	digest := w.digestOf("matrix-here")
	for what, r := range map[string]nodeapi.CodeRequest{
		"another account's": {Node: w.node, Account: w.accounts[1], Digest: digest},
		"no node's":         {Node: strings.Repeat("0", 32), Account: w.accounts[0], Digest: digest},
		"nobody's":          {Node: w.node, Account: w.accounts[0], Digest: "sha256:" + strings.Repeat("0", 64)},
		"no digest":         {Node: w.node, Account: w.accounts[0], Digest: "../../slipway.db"},
	} {
		if body, err := w.plane.Code(t.Context(), r); err == nil || errs.KindOf(err) == errs.Internal {
			t.Errorf("%s code is answered %v, %v", what, body, err)
		}
	}
	if err := w.plane.Sandboxes(t.Context(), strings.Repeat("0", 32), w.host); !errors.Is(err, cluster.ErrNoInstance) {
		t.Errorf("a host of no node: %v", err)
	}
	theirs := nodeapi.Printed{Account: w.accounts[1], Log: nodeapi.Log{Group: "/aws/lambda/theirs", Stream: "s", CreateGroup: true}, Events: []nodeapi.Event{{Time: w.started, Message: "forged"}}}
	must(t, w.plane.Printed(t.Context(), w.node, []nodeapi.Printed{theirs}))
	if got := printedIn(w, w.theirs, "/aws/lambda/theirs"); len(got) > 0 {
		t.Errorf("another account's log has %q", got)
	}
}

func (w *functionWorld) digestOf(function string) string {
	w.t.Helper()
	target, err := w.server.functions.Resolve(w.t.Context(), w.accounts[0], function, "")
	w.must(err)
	return target.Release.Assignment.Code[0].Digest
}

func printedIn(w *functionWorld, as aws.Config, group string) (lines []string) {
	found, err := cloudwatchlogs.NewFromConfig(as).FilterLogEvents(w.t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
	if code(err) != "ResourceNotFoundException" {
		w.must(err)
	}
	if err == nil {
		for _, e := range found.Events {
			lines = append(lines, *e.Message)
		}
	}
	return lines
}

// What sandboxes print is kept once and in order, however often and however cut it comes, and goes on after what is lost.
func TestWhatSandboxesPrint(t *testing.T) {
	w := newFunctionWorld(t)
	piece := func(number, n int) nodeapi.Printed {
		p := nodeapi.Printed{Sandbox: "sb-1", Account: w.accounts[0], Number: int64(number), Log: nodeapi.Log{Group: "/aws/lambda/matrix-here", Stream: "2026/11/21/[$LATEST]0123", CreateGroup: true}}
		for i := number; i < number+n; i++ {
			p.Events = append(p.Events, nodeapi.Event{Time: w.started + int64(i), Message: fmt.Sprint("line ", i)})
		}
		return p
	}
	bad := piece(0, 1)
	bad.Log.Group = "no name of a group!"
	for _, p := range []nodeapi.Printed{piece(0, 2), piece(0, 2), bad, piece(1, 3), piece(2, 1), piece(6, 2)} {
		must(t, w.plane.Printed(t.Context(), w.node, []nodeapi.Printed{p}))
	}
	want := []string{"line 0", "line 1", "line 2", "line 3", "line 6", "line 7"}
	if got := printedIn(w, w.ours, "/aws/lambda/matrix-here"); !slices.Equal(got, want) {
		t.Errorf("kept is %q, want %q", got, want)
	}
}

// Servers over one database and one bucket have their functions in common, with the code.
func TestFunctionsOfReplicas(t *testing.T) {
	r := newReplicas(t)
	role, err := iam.NewFromConfig(r.at[0].asRoot()).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("functions"), AssumeRolePolicyDocument: aws.String(trustsFunctions)})
	must(t, err)
	code := zipOf("bootstrap", "of both")
	_, err = lambda.NewFromConfig(r.at[0].asRoot()).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("shared"), Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: code},
	})
	must(t, err)
	there, err := lambda.NewFromConfig(r.at[1].asRoot()).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shared")})
	must(t, err)
	link, err := url.Parse(*there.Code.Location)
	must(t, err)
	for _, s := range r.at {
		resp, err := http.Get("http://" + s.config.Advertise + link.Path)
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(text, code) {
			t.Errorf("a link is answered %d with %d bytes, %v", resp.StatusCode, len(text), err)
		}
	}
	first, second := serverNameOf(t, r.at[0]), serverNameOf(t, r.at[1])
	if first == second || len(first) != 32 {
		t.Errorf("the servers are called %q and %q", first, second)
	}
}

// serverNameOf is the name that a server has over restarts.
func serverNameOf(t *testing.T, s *Server) string {
	t.Helper()
	name, err := serverID(s.config.Data)
	must(t, err)
	again, err := serverID(s.config.Data)
	must(t, err)
	if name != again {
		t.Errorf("a server is called %s, and then %s", name, again)
	}
	return name
}

// That the books have no machine, as before the session of one is back, is not that all are full.
func TestNoMachineIsNoWantOfRoom(t *testing.T) {
	n := newNeighbours(t)
	room, need := functionRoom{n.server.cluster}, fleet.Need{Memory: 128}
	for name, row := range map[string]struct {
		account string
		node    string
		avoid   []string
		want    error
	}{
		"nobody's":      {"999988887777", "", nil, fleet.ErrNoMachine},
		"all avoided":   {"999988887777", "", []string{"a"}, fleet.ErrNoRoom},
		"one that went": {"999988887777", "a", nil, fleet.ErrNoRoom},
	} {
		if _, err := room.Hold(t.Context(), row.account, need, row.node, row.avoid); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}
