package agent

import (
	"context"
	"slices"
	"testing"

	"slipway/engine/fake"
	"slipway/nodeapi"
	"slipway/nodeapi/nodeapitest"
)

// The same over HTTP, with a line that is cut under a running task.
func TestATaskRunsOverTheWire(t *testing.T) {
	p := newPlane(t)
	dir := t.TempDir()
	node, err := NodeID(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := nodeapitest.Serve(t, p, node)
	e := fake.New(fake.Options{Dir: t.TempDir()})
	defer e.Close()
	a, err := New(Config{Engine: e, ControlPlane: nodeapi.NewClient(server.URL, server.Client().Transport), Dir: dir, Cluster: "default"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	defer func() { stop(); <-done }()

	p.run(taskOf("wait 143"))
	p.untilStatus(taskID, nodeapi.Running)
	server.CloseClientConnections()
	p.until("the node has joined again", func() bool { return len(p.hellos) == 2 })
	p.stop(taskID)
	r := p.untilStatus(taskID, nodeapi.Stopped)
	if code := r.Containers[0].ExitCode; code == nil || *code != 143 {
		t.Errorf("reported as %+v, want exit code 143", r)
	}
	if got := p.lines(taskID + "/a"); !slices.Equal(got, []string{"waiting", "got SIGTERM"}) {
		t.Errorf("printed %q", got)
	}
}
