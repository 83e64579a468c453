package ssmmessages

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"slipway/cluster"
	"slipway/internal/datachannel"
	"slipway/nodeapi"
)

// wire carries messages between the two sides of a channel, in memory.
type wire struct {
	in, out chan []byte
	gone    chan struct{}
	once    *sync.Once
}

func newWires() (one, other wire) {
	a, b := make(chan []byte, 8), make(chan []byte, 8)
	gone, once := make(chan struct{}), &sync.Once{}
	return wire{a, b, gone, once}, wire{b, a, gone, once}
}

func (w wire) Read(ctx context.Context) ([]byte, error) {
	select {
	case m := <-w.in:
		return m, nil
	case <-w.gone:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w wire) Write(ctx context.Context, m []byte) error {
	select {
	case w.out <- m:
		return nil
	case <-w.gone:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w wire) Ping(context.Context) error               { return nil }
func (w wire) Close(websocket.StatusCode, string) error { return w.CloseNow() }
func (w wire) CloseNow() error                          { w.once.Do(func() { close(w.gone) }); return nil }

// sides are a session in a bubble: who types, and the node.
type sides struct {
	t      *testing.T
	client *datachannel.Channel
	wire   wire
	node   *nodeapi.Line
	served chan struct{}
}

// session tells a story of a session, whose handshake is done.
func session(t *testing.T, tell func(s *sides)) {
	bubble(t, func(s *sides) {
		s.shake(nil)
		tell(s)
	})
}

func bubble(t *testing.T, tell func(s *sides)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newWires()
		here, there := net.Pipe()
		s := &sides{t: t, client: datachannel.Client(theirs), wire: theirs, node: nodeapi.NewLine(there), served: make(chan struct{})}
		go func() {
			defer close(s.served)
			k := &talk{id: "s", terminal: true, running: nodeapi.NewLine(here), channel: datachannel.Server(ours)}
			k.serve(t.Context(), ours)
		}()
		var running sync.WaitGroup
		running.Go(func() { s.client.Run(t.Context()) })
		tell(s)
		s.wire.CloseNow()
		<-s.served
		running.Wait()
		s.node.Close()
	})
}

// shake answers the handshake, with what is wrong with it.
func (s *sides) shake(wrong []string) {
	m := s.next()
	if m.Kind != datachannel.HandshakeRequest || !strings.Contains(string(m.Payload), `"SessionType":"InteractiveCommands"`) {
		s.t.Errorf("it begins with %d %s", m.Kind, m.Payload)
	}
	if err := s.client.SendJSON(s.t.Context(), datachannel.HandshakeResponse, datachannel.Response{Errors: wrong}); err != nil {
		s.t.Error(err)
	}
	if wrong == nil {
		if m := s.next(); m.Kind != datachannel.HandshakeComplete {
			s.t.Errorf("it goes on with %d %s", m.Kind, m.Payload)
		}
	}
}

func (s *sides) next() datachannel.Message {
	m, err := s.client.Next()
	if err == nil {
		err = s.client.Done(s.t.Context(), m)
	}
	if err != nil {
		s.t.Errorf("nothing comes: %v", err)
	}
	return m
}

// closed waits for the end of the session, as who types is told it.
func (s *sides) closed() datachannel.Closed {
	if m, err := s.client.Next(); !errors.Is(err, io.EOF) || s.client.Closed() == nil {
		s.t.Fatalf("not closed: %s, %v", m.Payload, err)
	}
	return *s.client.Closed()
}

func (s *sides) receive(kind nodeapi.Kind) []byte {
	k, piece, err := s.node.Receive()
	if err != nil || k != kind {
		s.t.Errorf("the node receives %d %q, %v; want %d", k, piece, err, kind)
	}
	return piece
}

// nodeHears drains the node's line until it is closed.
func (s *sides) nodeHears() {
	for {
		if _, _, err := s.node.Receive(); err != nil {
			return
		}
	}
}

func TestTalk(t *testing.T) {
	session(t, func(s *sides) {
		t, ctx := s.t, s.t.Context()
		s.client.Send(ctx, datachannel.Bytes, []byte("ls\r"))
		if got := s.receive(nodeapi.Stdin); string(got) != "ls\r" {
			t.Errorf("typed as %q", got)
		}
		s.client.SendJSON(ctx, datachannel.Size, datachannel.TerminalSize{Cols: 300, Rows: 2})
		if got := s.receive(nodeapi.Resize); binary.BigEndian.Uint32(got) != 300<<16|2 {
			t.Errorf("resized to %v", got)
		}
		s.client.Send(ctx, datachannel.Flag, binary.BigEndian.AppendUint32(nil, datachannel.InputEnds))
		s.receive(nodeapi.StdinEnd)

		go s.nodeHears()
		s.node.Send(nodeapi.Stdout, []byte("printed"))
		s.node.Send(nodeapi.Stderr, []byte("warned"))
		if m := s.next(); m.Kind != datachannel.Bytes || string(m.Payload) != "printed" {
			t.Errorf("%d %s", m.Kind, m.Payload)
		}
		if m := s.next(); m.Kind != datachannel.Stderr || string(m.Payload) != "warned" {
			t.Errorf("%d %s", m.Kind, m.Payload)
		}
		s.ends(nodeapi.End{ExitCode: 5})
		if c := s.closed(); c.ExitCode == nil || *c.ExitCode != 5 || c.Output != "" || c.SessionID != "s" {
			t.Errorf("closed with %+v", c)
		}
	})
}

func (s *sides) ends(e nodeapi.End) {
	text, err := json.Marshal(e)
	if err == nil {
		err = s.node.Send(nodeapi.StreamEnds, text)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// How a session ends, and what who types is told of it.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(s *sides)
		want string
	}{
		{"no such program", func(s *sides) { s.ends(nodeapi.End{Error: "cannot start", Kind: "invalid"}) }, "cannot start"},
		{"the node's own trouble", func(s *sides) { s.ends(nodeapi.End{Error: "disk full of secrets", Kind: "internal"}) }, "the node failed"},
		{"the node is gone", func(s *sides) { s.node.Close() }, "the line to the container was cut"},
		{"nothing is typed or printed", func(s *sides) {
			go s.nodeHears()
			time.Sleep(cluster.IdleLimit - time.Second)
			s.client.Send(s.t.Context(), datachannel.Bytes, []byte("still here"))
			time.Sleep(cluster.IdleLimit - time.Second)
			synctest.Wait()
			if s.client.Closed() != nil {
				s.t.Error("what was typed counts for nothing")
			}
		}, "session timed out after it was idle for 20 minutes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			session(t, func(s *sides) {
				c.end(s)
				if got := s.closed(); got.Output != c.want || got.ExitCode != nil {
					t.Errorf("closed with %+v, want %q", got, c.want)
				}
			})
		})
	}
}

// Who types is gone, wants to end, or does not understand: the program ends.
func TestWhoTypesEnds(t *testing.T) {
	for name, end := range map[string]func(s *sides){
		"gone": func(s *sides) { s.wire.CloseNow() },
		"terminate": func(s *sides) {
			s.client.Send(s.t.Context(), datachannel.Flag, binary.BigEndian.AppendUint32(nil, datachannel.Terminate))
		},
	} {
		t.Run(name, func(t *testing.T) {
			session(t, func(s *sides) {
				end(s)
				s.nodeHears()
			})
		})
	}
	bubble(t, func(s *sides) {
		s.shake([]string{"Unknown session type"})
		if got := s.closed(); got.Output != errHandshake.Error() {
			t.Errorf("closed with %+v", got)
		}
		s.wire.CloseNow()
		s.nodeHears()
	})
}

// The node is sent no more than it takes, while all else goes on; what it has read it is sent again.
func TestTheNodeTakesLittle(t *testing.T) {
	session(t, func(s *sides) {
		t, ctx := s.t, s.t.Context()
		var typing sync.WaitGroup
		typing.Go(func() {
			for range 4 * nodeapi.Window / nodeapi.MaxPiece {
				if err := s.client.Send(ctx, datachannel.Bytes, make([]byte, nodeapi.MaxPiece)); err != nil {
					return
				}
			}
		})
		got := 0
		for got < nodeapi.Window {
			got += len(s.receive(nodeapi.Stdin))
		}
		more := make(chan int)
		go func() {
			defer close(more)
			for {
				kind, piece, err := s.node.Receive()
				if err != nil {
					return
				}
				if kind == nodeapi.Stdin {
					more <- len(piece)
				}
			}
		}()
		synctest.Wait()
		select {
		case n := <-more:
			t.Errorf("%d bytes more than the window", n)
		default:
		}
		s.node.Send(nodeapi.Stdout, []byte("meanwhile"))
		if m := s.next(); string(m.Payload) != "meanwhile" {
			t.Errorf("%s", m.Payload)
		}
		s.node.Send(nodeapi.Taken, binary.BigEndian.AppendUint32(nil, 1000))
		if n := <-more; n != 1000 {
			t.Errorf("%d bytes after 1000 were read", n)
		}
		s.ends(nodeapi.End{})
		s.closed()
		s.wire.CloseNow()
		for range more {
		}
		typing.Wait()
	})
}
