package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/cluster/clustertest"
	"slipway/functions/home"
	"slipway/nodeapi"
	"slipway/nodeapi/sandboxtest"
	"slipway/store"
)

// peersWorld is two servers over one database, each with a machine that has come to it.
type peersWorld struct {
	*replicas
	hosts   [2]*sandboxtest.Host
	account string
	calls   [2]*lambda.Client
	cut     [2]context.CancelFunc
	lines   [2]sync.WaitGroup
}

func newPeersWorld(t *testing.T) *peersWorld {
	t.Helper()
	return newReplicas(t).withMachines()
}

// withMachines has a machine come to each of the servers.
func (r *replicas) withMachines() *peersWorld {
	t := r.t
	w := &peersWorld{replicas: r}
	w.account = w.at[0].root.Owner.Account
	for i, s := range w.at {
		w.hosts[i] = answering(t, func(i nodeapi.Invocation, _ nodeapi.AnswerWriter) []byte { return i.Payload })
		hello := clustertest.Hello(byte('a'+i), 4096, 4096)
		hello.Account = w.account
		clustertest.Join(t, s.cluster, hello)
		w.calls[i] = lambda.NewFromConfig(s.asRoot())
		w.join(i)
	}
	t.Cleanup(func() { w.leave(0); w.leave(1) })
	return w
}

// answering is a host whose functions answer what does.
func answering(t *testing.T, does func(nodeapi.Invocation, nodeapi.AnswerWriter) []byte) *sandboxtest.Host {
	h := &sandboxtest.Host{T: t}
	h.OnStart = func(context.Context, nodeapi.Sandbox) error { return nil }
	h.OnAssign = func(context.Context, nodeapi.Assignment) (nodeapi.Init, error) { return nodeapi.Init{}, nil }
	h.OnInvoke = func(_ context.Context, i nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		return nodeapi.Outcome{Payload: does(i, w)}, nil
	}
	h.OnStop = func(context.Context, string) error { return nil }
	h.OnFetch = func(context.Context, string, []nodeapi.Code) error { return nil }
	h.OnWatch = func(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
		tell(nil)
		<-ctx.Done()
		return ctx.Err()
	}
	return h
}

// join has a machine come to its server, again and again until it leaves.
func (w *peersWorld) join(i int) {
	ctx, cut := context.WithCancel(context.Background())
	w.cut[i] = cut
	plane, node := w.at[i].Node().(nodeapi.FunctionPlane), strings.Repeat(string(rune('a'+i)), 32)
	w.lines[i].Go(func() {
		for ctx.Err() == nil {
			plane.Sandboxes(ctx, node, w.hosts[i])
		}
	})
}

func (w *peersWorld) leave(i int) {
	w.cut[i]()
	w.lines[i].Wait()
}

func (w *peersWorld) create(name string, reserved int32) {
	w.t.Helper()
	role, err := iam.NewFromConfig(w.at[0].asRoot()).CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(trustsFunctions)})
	must(w.t, err)
	_, err = w.calls[0].CreateFunction(w.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zipOf("bootstrap", name)},
	})
	must(w.t, err)
	must(w.t, lambda.NewFunctionActiveV2Waiter(w.calls[0]).Wait(w.t.Context(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute))
	if reserved > 0 {
		_, err = w.calls[1].PutFunctionConcurrency(w.t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: &reserved})
		must(w.t, err)
	}
}

// home is which server has the fleet.
func (w *peersWorld) home() int {
	w.t.Helper()
	at, err := w.at[0].homes.Find(w.t.Context(), w.account)
	must(w.t, err)
	if at.Here {
		return 0
	}
	return 1
}

func (w *peersWorld) want(i int, name, payload string) {
	w.t.Helper()
	out, err := w.calls[i].Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)})
	if err != nil || string(out.Payload) != payload || out.FunctionError != nil {
		w.t.Fatalf("server %d answers %+v, %v", i, out, err)
	}
}

// Functions are called at whichever server, on the machines that have come to any of them.
func TestServersOverOneDatabaseAreOneFleet(t *testing.T) {
	w := newPeersWorld(t)
	w.create("both", 0)
	for i := range w.at {
		w.want(i, "both", fmt.Sprintf(`"at %d"`, i))
	}
	other := 1 - w.home()
	w.leave(w.home()) // what is left are machines of the server that does not have the fleet
	for i := range w.at {
		w.want(i, "both", `"over there"`)
	}
	if n := w.at[w.home()].fleet.Stats().Calls; n < 4 {
		t.Errorf("the fleet has made %d calls", n)
	}
	if n := w.at[other].fleet.Stats().Calls; n != 0 {
		t.Errorf("the other fleet has made %d calls", n)
	}
	_, err := w.calls[other].Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("nowhere")})
	if code(err) != "ResourceNotFoundException" {
		t.Errorf("a function that is not there is answered %v", err)
	}
}

// What is reserved for a function is that over all servers.
func TestReservedConcurrencyIsOfAllServers(t *testing.T) {
	w := newPeersWorld(t)
	began, end := make(chan struct{}), make(chan struct{})
	for i := range w.hosts {
		*w.hosts[i] = *answering(t, func(i nodeapi.Invocation, _ nodeapi.AnswerWriter) []byte {
			if string(i.Payload) == `"first"` {
				close(began)
				<-end
			}
			return i.Payload
		})
	}
	w.create("one", 1)
	var first sync.WaitGroup
	first.Go(func() { w.want(0, "one", `"first"`) })
	<-began
	for i := range w.at {
		_, err := w.calls[i].Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("one"), Payload: []byte(`"second"`)}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
		var throttled *types.TooManyRequestsException
		if !errors.As(err, &throttled) || throttled.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
			t.Errorf("a second call at server %d is answered %v", i, err)
		}
	}
	close(end)
	first.Wait()
	w.want(1, "one", `"third"`)
}

// A streamed answer comes as it is written, at whichever server.
func TestAStreamOfAnotherServer(t *testing.T) {
	w := newPeersWorld(t)
	next := make(chan struct{})
	for i := range w.hosts {
		*w.hosts[i] = *answering(t, func(_ nodeapi.Invocation, to nodeapi.AnswerWriter) []byte {
			to.Head("text/plain")
			for _, piece := range []string{"one ", "two ", "three"} {
				to.Write([]byte(piece))
				<-next
			}
			return nil
		})
	}
	w.create("stream", 0)
	for i := range w.at {
		out, err := w.calls[i].InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: aws.String("stream")})
		must(t, err)
		if *out.ExecutedVersion != "$LATEST" {
			t.Errorf("server %d says that %s runs", i, *out.ExecutedVersion)
		}
		var got []string
		for e := range out.GetStream().Events() {
			if chunk, is := e.(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk); is && len(chunk.Value.Payload) > 0 {
				got = append(got, string(chunk.Value.Payload))
				next <- struct{}{} // no further piece is written before
			}
		}
		must(t, out.GetStream().Close())
		if strings.Join(got, "|") != "one |two |three" {
			t.Errorf("server %d gave %q", i, got)
		}
	}
}

// A server whose time was over, and that does not know it, does not answer for a fleet that another has by now; calls that
// come to it then are made by that.
func TestAServerThatWasTakenForDead(t *testing.T) {
	w := newPeersWorld(t)
	var held atomic.Int64
	began, end := make(chan struct{}, 8), make(chan struct{})
	for i := range w.hosts {
		*w.hosts[i] = *answering(t, func(i nodeapi.Invocation, _ nodeapi.AnswerWriter) []byte {
			if string(i.Payload) == `"held"` && held.Add(1) == 1 {
				began <- struct{}{}
				<-end
			}
			return i.Payload
		})
	}
	w.create("fenced", 0)
	was := w.home()
	failed := make(chan error)
	go func() {
		_, err := w.calls[was].Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("fenced"), Payload: []byte(`"held"`)}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
		failed <- err
	}()
	<-began
	must(t, w.at[was].db.Update(t.Context(), func(tx *store.Tx) error {
		tx.Touch(home.Topic)
		_, err := tx.Exec(`update function_homes set owner = $1, until = $2, address = $3 where name = $4`,
			w.at[1-was].id, store.Micros(tx.Now.Add(home.DefaultLife)), w.at[1-was].others.Addr().String(), w.account)
		return err
	}))
	for w.home() == was {
		if t.Context().Err() != nil {
			t.Fatal("nobody takes notice of the other server")
		}
	}
	close(end)
	if err := <-failed; err == nil {
		t.Error("the call was answered by a server that had lost the fleet")
	}
	for i := range w.at {
		w.want(i, "fenced", `"after"`)
	}
	if w.home() == was {
		t.Error("the fleet is where it was")
	}
}

// A server that ends while others pass calls on to it finishes these and hands over: no call fails.
func TestAServerThatEndsHandsOver(t *testing.T) {
	r := newReplicas(t)
	ends := open(t, func(c *Config) {
		c.Store, c.Blobs = r.at[0].config.Store, r.at[0].config.Blobs
		must(t, os.MkdirAll(c.Data, 0o700))
		key, err := os.ReadFile(filepath.Join(r.at[0].config.Data, "master.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(c.Data, "master.key"), key, 0o600))
	})
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { ends.Run(ctx) })
	t.Cleanup(func() { end(); running.Wait() })
	if at, err := ends.homes.Find(t.Context(), r.at[0].root.Owner.Account); err != nil || !at.Here {
		t.Fatalf("its home is %+v, %v", at, err)
	}
	w := r.withMachines()
	w.create("steady", 0)
	var calls sync.WaitGroup
	var done atomic.Int64
	stop := make(chan struct{})
	for i := range 4 {
		calls.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				out, err := w.calls[i%2].Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("steady"), Payload: []byte(`1`)}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
				if err != nil || string(out.Payload) != `1` {
					t.Errorf("call %d is answered %+v, %v", n, out, err)
					return
				}
				done.Add(1)
			}
		})
	}
	until := func(n int64) {
		for done.Load() < n && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
	}
	until(100)
	end()
	running.Wait()
	must(t, ends.Close())
	until(done.Load() + 100)
	close(stop)
	calls.Wait()
	if n := ends.fleet.Stats().Calls; n < 100 {
		t.Errorf("the server that ended has made %d calls", n)
	}
}

// Where other servers reach this one has to be said, unless it is on loopback.
func TestWhereOtherServersReachThisOne(t *testing.T) {
	for _, test := range []struct {
		peers, advertise string
		good             bool
	}{
		{"", "", true}, {"192.0.2.7:4603", "", true}, {"one.example.com:4603", "", true}, {"0.0.0.0:4603", "192.0.2.7:4603", true}, {"", "192.0.2.7:4603", true},
		{"0.0.0.0:4603", "", false}, {"[::]:4603", "", false}, {":4603", "", false}, {"192.0.2.7", "", false}, {"192.0.2.7:4603", ":4603", false}, {"", "one", false},
	} {
		if err := (Config{Peers: test.peers, PeersAdvertise: test.advertise}).checkPeers(); (err == nil) != test.good {
			t.Errorf("peers %q, advertised %q: %v", test.peers, test.advertise, err)
		}
	}
}
