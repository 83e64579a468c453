package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/engine/fake"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// BenchmarkToRunning is what the agent itself adds to the start of a task: from wanted to reported as
// running, on an engine that takes no time.
func BenchmarkToRunning(b *testing.B) {
	e := fake.New(fake.Options{Dir: b.TempDir()})
	defer e.Close()
	p := newPlane(b)
	a, err := New(Config{Engine: e, ControlPlane: p, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	for b.Loop() {
		task := taskOf("exit 0")
		task.ID = ids.Hex(16)
		p.run(task)
		p.untilStatus(task.ID, nodeapi.Running)
		b.StopTimer()
		p.untilStatus(task.ID, nodeapi.Stopped)
		p.change(func() { delete(p.wanted, task.ID); delete(p.seen, task.ID) })
		b.StartTimer()
	}
	stop()
	<-done
}

// BenchmarkShipping ships a container's output, lines of 100 bytes.
func BenchmarkShipping(b *testing.B) {
	from := source{id: "t-c", task: "t", container: "c", path: filepath.Join(b.TempDir(), "output"), log: &nodeapi.Log{}}
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		b.StopTimer()
		if err := os.WriteFile(from.path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		s := newShipper(taking{}, "node")
		b.StartTimer()
		if err := s.drain(b.Context(), from, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// taking is a control plane that takes all output.
type taking struct{ nodeapi.ControlPlane }

func (taking) Output(_ context.Context, _ string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	return nodeapi.OutputAck{Next: o.Next}, nil
}
