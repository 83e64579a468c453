package agent

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// maxStreams is how many streams a node has at a time.
const maxStreams = 64

var errManyStreams = errs.New(errs.Throttled, "the node has too many sessions")

// streams are the lines that this node has open beside its session. What runs on one ends with it.
type streams struct {
	mu      sync.Mutex
	open    int
	running sync.WaitGroup
}

func (s *streams) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams {
		return false
	}
	s.open++
	return true
}

func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// openStreams opens the lines that the control plane asks for.
func (a *Agent) openStreams(ctx context.Context, asked []nodeapi.Stream) {
	for _, s := range asked {
		a.streams.running.Go(func() { a.openStream(ctx, s) })
	}
}

func (a *Agent) openStream(ctx context.Context, s nodeapi.Stream) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rw, err := a.config.ControlPlane.Stream(ctx, nodeapi.StreamRequest{Node: a.hello.Node, ID: s.ID, Secret: s.Secret})
	if err != nil {
		slog.Warn("a stream that was asked for cannot be opened", "stream", s.ID, "error", err)
		return
	}
	line := nodeapi.NewLine(rw)
	defer line.Close()
	defer context.AfterFunc(ctx, func() { line.Close() })()
	if !a.streams.begin() {
		tellEnd(line, 0, errManyStreams)
		return
	}
	defer a.streams.end()
	switch {
	case s.Exec != nil:
		a.exec(ctx, line, *s.Exec)
	case s.Stats != nil:
		a.tellUsage(ctx, line, *s.Stats)
	}
}

// tellEnd tells how a stream ended. Whoever hears it closes the line.
func tellEnd(line *nodeapi.Line, code int, err error) {
	end := nodeapi.End{ExitCode: code}
	if err != nil {
		end.Error, end.Kind = err.Error(), errs.KindOf(err).String()
	}
	text, err := json.Marshal(end)
	if err == nil {
		err = line.Send(nodeapi.StreamEnds, text)
	}
	if err != nil {
		slog.Debug("nobody hears the end of a stream", "error", err)
	}
}

// exec runs a program in a container, on the line.
func (a *Agent) exec(ctx context.Context, line *nodeapi.Line, x nodeapi.Exec) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := newTyped(line)
	sizes := make(chan engine.Size, 1)
	var hearing sync.WaitGroup
	hearing.Go(func() {
		in.hear(line, sizes)
		cancel() // nobody is there any more
	})
	code, err := a.config.Engine.Exec(ctx, x.Task+"-"+x.Container, engine.Exec{
		Args: x.Args, Terminal: x.Terminal, Stdin: in, Resize: sizes,
		Stdout: said{line, nodeapi.Stdout, cancel}, Stderr: said{line, nodeapi.Stderr, cancel},
	})
	in.end(io.EOF)
	tellEnd(line, code, err)
	hearing.Wait() // the other side closes the line when it has heard the end
}

// said sends what a program prints.
type said struct {
	line *nodeapi.Line
	kind nodeapi.Kind
	fail func()
}

// Write satisfies io.Writer. It waits for as long as the other side takes nothing.
func (s said) Write(p []byte) (n int, err error) {
	for piece := range slices.Chunk(p, nodeapi.MaxPiece) {
		if err := s.line.Send(s.kind, piece); err != nil {
			s.fail()
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// typed is what a program reads: what has come and was not read yet, at most nodeapi.Window bytes.
type typed struct {
	line *nodeapi.Line

	mu    sync.Mutex
	more  *sync.Cond
	bytes []byte
	err   error // once there comes no more
}

func newTyped(line *nodeapi.Line) *typed {
	t := &typed{line: line}
	t.more = sync.NewCond(&t.mu)
	return t
}

// hear takes what comes on the line until it ends.
func (t *typed) hear(line *nodeapi.Line, sizes chan engine.Size) {
	for {
		kind, piece, err := line.Receive()
		switch {
		case err != nil:
			t.end(err)
			return
		case kind == nodeapi.Stdin && !t.add(piece):
			t.end(io.ErrShortBuffer)
			return
		case kind == nodeapi.StdinEnd:
			t.end(io.EOF)
		case kind == nodeapi.Resize && len(piece) == 4:
			latest(sizes, engine.Size{Width: binary.BigEndian.Uint16(piece), Height: binary.BigEndian.Uint16(piece[2:])})
		}
	}
}

// latest puts a size in the place of one that was not looked at yet.
func latest(sizes chan engine.Size, size engine.Size) {
	select {
	case <-sizes:
	default:
	}
	sizes <- size // one goroutine alone sends, so there is room
}

// add fails where more comes than was allowed.
func (t *typed) add(piece []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.bytes)+len(piece) > nodeapi.Window {
		return false
	}
	if t.err == nil {
		t.bytes = append(t.bytes, piece...)
		t.more.Broadcast()
	}
	return true
}

func (t *typed) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		t.more.Broadcast()
	}
}

// Read satisfies io.Reader. It lets the other side send as much again as was read.
func (t *typed) Read(p []byte) (int, error) {
	t.mu.Lock()
	for len(t.bytes) == 0 && t.err == nil {
		t.more.Wait()
	}
	n := copy(p, t.bytes)
	t.bytes = t.bytes[n:]
	err := t.err
	t.mu.Unlock()
	if n == 0 {
		return 0, err
	}
	if err == nil {
		t.line.Send(nodeapi.Taken, binary.BigEndian.AppendUint32(nil, uint32(n))) // where it fails, hear ends
	}
	return n, nil
}

// tellUsage tells what containers use, every period.
func (a *Agent) tellUsage(ctx context.Context, line *nodeapi.Line, s nodeapi.Stats) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for {
			if _, _, err := line.Receive(); err != nil {
				cancel()
				return
			}
		}
	})
	defer hearing.Wait()
	defer line.Close()
	tick := time.NewTicker(max(s.Period, time.Second))
	defer tick.Stop()
	for {
		if err := a.sendUsage(ctx, line, s.Tasks); err != nil {
			tellEnd(line, 0, err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *Agent) sendUsage(ctx context.Context, line *nodeapi.Line, tasks []string) error {
	u, err := a.usage(ctx, tasks)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(u, usagesPerPiece) {
		text, err := json.Marshal(nodeapi.Usage{Containers: part})
		if err != nil {
			return err
		}
		if err := line.Send(nodeapi.Used, text); err != nil {
			return err
		}
	}
	return nil
}

// usagesPerPiece is how many containers surely go into one piece: a name has up to 255 characters.
const usagesPerPiece = 40

// usage measures the running containers of tasks.
func (a *Agent) usage(ctx context.Context, tasks []string) (all []nodeapi.ContainerUsage, err error) {
	there, err := a.config.Engine.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range there {
		if c.State != engine.Running || !slices.Contains(tasks, c.Task) {
			continue
		}
		s, err := a.config.Engine.Stats(ctx, c.ID)
		if errors.Is(err, engine.ErrNotFound) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		all = append(all, nodeapi.ContainerUsage{
			Task: c.Task, Container: c.Name, Read: s.Read, CPU: s.CPU, Memory: s.Memory - s.MemoryCache, MemoryLimit: s.MemoryLimit, Pids: s.Pids,
			BlockRead: s.BlockRead, BlockWritten: s.BlockWritten, Received: s.Received, Sent: s.Sent,
		})
	}
	return all, nil
}
