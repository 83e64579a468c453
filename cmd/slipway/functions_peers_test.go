package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/blob/s3/s3test"
	"slipway/store"
	"slipway/store/storetest"
)

// peer is one of several servers over one database.
type peer struct {
	*cloud
	calls   *lambda.Client // of this very server
	address string         // by which the others reach it
}

// peers are two servers, each with a machine that joined it.
type peers struct {
	*functions
	url string
	at  [2]*peer
}

func startPeers(t *testing.T) *peers {
	needRoot(t)
	url := storetest.PostgresURL(t) // before the servers, so that it outlives them
	bucket := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	p := &peers{url: url}
	address := freeAddress(t, "127.0.0.1")
	first := startServer(t, "--store", url, "--blobs", bucket.Location("layers"), "--peers", address)
	p.at[0] = &peer{cloud: first, address: address}
	p.at[1] = p.beside(first)
	for _, s := range p.at {
		joinAgent(t, s.cloud)
	}
	p.functions = newFunctions(t, first)
	for _, s := range p.at {
		s.calls = lambda.NewFromConfig(p.config, func(o *lambda.Options) {
			o.Retryer, o.BaseEndpoint = aws.NopRetryer{}, aws.String("http://"+s.listens())
		})
	}
	return p
}

// listens is where a server answers itself, whatever it tells clients.
func (s *peer) listens() string {
	for i, arg := range s.args {
		if arg == "--listen" {
			return s.args[i+1]
		}
	}
	return s.host()
}

// beside starts another server like the first, which tells clients to ask that.
func (p *peers) beside(first *cloud) *peer {
	t := first.t
	data := filepath.Join(t.TempDir(), "data")
	giveMasterKey(t, first.data, data)
	address, nodes := freeAddress(t, "127.0.0.1"), freeAddress(t, "127.0.0.1")
	args := []string{"--listen", freeAddress(t, "127.0.0.1"), "--advertise", first.host(), "--nodes", nodes, "--peers", address}
	c := launch(t, "server", data, append(append([]string{}, first.args[:4]...), args...)...)
	c.nodes = "https://" + nodes
	return &peer{cloud: c, address: address}
}

// home is which server has the fleet.
func (p *peers) home() int {
	p.t.Helper()
	db, err := store.Open(p.t.Context(), p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	var address string
	within(p.t, "some server to have the fleet", func() bool {
		return db.Row(p.t.Context(), `select address from function_homes`).Scan(&address) == nil
	})
	if address == p.at[1].address {
		return 1
	}
	return 0
}

func (s *peer) answers(ctx context.Context, name string) error {
	out, err := s.calls.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{}`)})
	if err == nil && out.FunctionError != nil {
		err = fmt.Errorf("%s", out.Payload)
	}
	return err
}

// comesToAnswer waits until a server answers calls.
func (s *peer) comesToAnswer(what, name string) {
	s.t.Helper()
	began := time.Now()
	within(s.t, what, func() bool { return s.answers(s.t.Context(), name) == nil })
	s.t.Logf("%s: %.1f s", what, time.Since(began).Seconds())
}

// Functions are called at either of two servers over one database. The one that has them is killed, and the other one goes on:
// each accepted call ends once. Then it is stopped for a while and taken for dead: it answers for nothing that it was about.
func TestFunctionsOfSeveralServers(t *testing.T) {
	p := startPeers(t)
	p.create("both", nil)
	for i, s := range p.at {
		if err := s.answers(t.Context(), "both"); err != nil {
			t.Errorf("server %d: %v", i, err)
		}
	}
	p.create("told", nil)
	p.create("work", nil)
	storm := &callStorm{functions: p.functions, accepted: map[string]string{}}
	storm.configure()
	p.accept(storm)
	was := p.home()
	p.at[was].kill()
	p.at[1-was].comesToAnswer("the other server to answer after a kill", "both")
	want(t, fmt.Sprint(p.home()), fmt.Sprint(1-was))
	if was == 1 {
		p.at[1].start("127.0.0.1:0")
	} else {
		p.at[0].restart()
	}
	storm.check(t)
	p.at[was].comesToAnswer("the server that was killed to answer again", "both")

	stopped := p.at[1-was]
	failed := p.whileCalled(stopped, "both", func() {
		stopped.cmd.Process.Signal(syscall.SIGSTOP)
		p.at[was].comesToAnswer("the other server to answer beside one that stands still", "both")
		want(t, fmt.Sprint(p.home()), fmt.Sprint(was))
		stopped.cmd.Process.Signal(syscall.SIGCONT)
	})
	if failed == nil {
		t.Error("a call was answered by a server that was taken for dead")
	}
	stopped.comesToAnswer("the server that stood still to answer again", "both")
	want(t, fmt.Sprint(p.home()), fmt.Sprint(was))
}

// accept has calls be accepted by both servers.
func (p *peers) accept(storm *callStorm) {
	p.t.Helper()
	for i := range 60 {
		out, err := p.at[i%2].calls.Invoke(p.t.Context(), &lambda.InvokeInput{FunctionName: aws.String("work"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"sleep":"100ms"}`)})
		if err != nil {
			p.t.Fatal(err)
		}
		id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
		storm.accepted[id] = "Success"
	}
}

// whileCalled does something while a call of a server is under way, and tells what the call failed with.
func (p *peers) whileCalled(s *peer, name string, do func()) error {
	p.t.Helper()
	p.marks++
	mark := fmt.Sprintf("under way %d", p.marks)
	var call sync.WaitGroup
	var failed error
	call.Go(func() {
		_, failed = s.calls.Invoke(context.WithoutCancel(p.t.Context()), &lambda.InvokeInput{FunctionName: &name, Payload: fmt.Appendf(nil, `{"print":[%q],"sleep":"5s"}`, mark)})
	})
	within(p.t, "the call to be under way", func() bool { return p.printed(name, mark) })
	do()
	call.Wait()
	return failed
}
