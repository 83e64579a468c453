package datachannel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a connection whose two ends hold few messages, and lose what lose says.
func pair(lose func() bool) (Conn, Conn) {
	there, back := make(chan []byte, 4), make(chan []byte, 4)
	return &pipe{back, there, lose}, &pipe{there, back, lose}
}

type pipe struct {
	in, out chan []byte
	lose    func() bool
}

var errGone = errors.New("gone")

func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case m := <-p.in:
		return m, nil
	case <-ctx.Done():
		return nil, errGone
	}
}

func (p *pipe) Write(ctx context.Context, m []byte) error {
	if p.lose() {
		return nil
	}
	select {
	case p.out <- bytes.Clone(m):
		return nil
	case <-ctx.Done():
		return errGone
	}
}

func never() bool { return false }

// talking runs both sides of a channel in a bubble.
func talking(t *testing.T, lose func() bool, tell func(ctx context.Context, server, client *Channel)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ours, theirs := pair(lose)
		server, client := Server(ours), Client(theirs)
		var running sync.WaitGroup
		running.Go(func() { server.Run(ctx) })
		running.Go(func() { client.Run(ctx) })
		tell(ctx, server, client)
		cancel()
		running.Wait()
	})
}

// hear reads so many bytes, and acknowledges them.
func hear(t *testing.T, ctx context.Context, c *Channel, size int) []byte {
	var all []byte
	for len(all) < size {
		m, err := c.Next()
		if err != nil {
			t.Errorf("after %d bytes: %v", len(all), err)
			return all
		}
		all = append(all, m.Payload...)
		if err := c.Done(ctx, m); err != nil {
			t.Errorf("after %d bytes: %v", len(all), err)
		}
	}
	return all
}

func say(t *testing.T, ctx context.Context, c *Channel, data []byte) {
	for len(data) > 0 {
		n := min(len(data), 1+rand.IntN(16<<10))
		if err := c.Send(ctx, Bytes, data[:n]); err != nil {
			t.Error(err)
			return
		}
		data = data[n:]
	}
}

func noise(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

// Both sides say a lot at the same time, over a line that holds little, and neither waits for ever.
func TestBothSidesAtOnce(t *testing.T) {
	talking(t, never, func(ctx context.Context, server, client *Channel) { bothWays(t, ctx, server, client, 3<<20) })
}

// What is lost is said again, in its place and once.
func TestWhatIsLostComesAgain(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	lose := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(5) == 0
	}
	talking(t, lose, func(ctx context.Context, server, client *Channel) { bothWays(t, ctx, server, client, 1<<20) })
}

func bothWays(t *testing.T, ctx context.Context, server, client *Channel, size int) {
	typed, printed := noise(size), noise(size)
	var all sync.WaitGroup
	all.Go(func() { say(t, ctx, server, printed) })
	all.Go(func() { say(t, ctx, client, typed) })
	all.Go(func() {
		if !bytes.Equal(hear(t, ctx, server, size), typed) {
			t.Error("what was typed came otherwise")
		}
	})
	all.Go(func() {
		if !bytes.Equal(hear(t, ctx, client, size), printed) {
			t.Error("what was printed came otherwise")
		}
	})
	all.Wait()
	if err := errors.Join(server.Flush(ctx), client.Flush(ctx)); err != nil {
		t.Error(err)
	}
}

// Who takes nothing is sent no more than the window.
func TestNobodyTakesAnything(t *testing.T) {
	talking(t, never, func(ctx context.Context, server, client *Channel) {
		soon, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		sent := 0
		for server.Send(soon, Bytes, []byte("more")) == nil {
			sent++
		}
		if sent != window || soon.Err() == nil {
			t.Errorf("%d messages were sent: %v", sent, soon.Err())
		}
		hear(t, ctx, client, 4*window)
		if err := server.Send(ctx, Bytes, []byte("more")); err != nil {
			t.Error(err)
		}
	})
}

// A side that closes is heard when all that it said before was.
func TestClose(t *testing.T) {
	talking(t, never, func(ctx context.Context, server, client *Channel) {
		var closing sync.WaitGroup
		closing.Go(func() {
			say(t, ctx, server, []byte("the last word"))
			if err := server.Close(ctx, Closed{SessionID: "s", ExitCode: new(4)}); err != nil {
				t.Error(err)
			}
		})
		if got := hear(t, ctx, client, 13); string(got) != "the last word" {
			t.Errorf("heard %q", got)
		}
		if _, err := client.Next(); !errors.Is(err, io.EOF) || *client.Closed().ExitCode != 4 || client.Closed().SessionID != "s" {
			t.Errorf("after the last word: %v, %+v", err, client.Closed())
		}
		closing.Wait()
	})
}

// When the connection ends, so do all who wait.
func TestTheConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ours, _ := pair(never)
		server := Server(ours)
		var waiting sync.WaitGroup
		waiting.Go(func() { server.Run(ctx) })
		waiting.Go(func() {
			if _, err := server.Next(); !errors.Is(err, errGone) {
				t.Errorf("Next: %v", err)
			}
		})
		waiting.Go(func() {
			if err := server.Send(t.Context(), Bytes, nil); err != nil {
				t.Error(err)
			}
			if err := server.Flush(t.Context()); !errors.Is(err, errGone) {
				t.Errorf("Flush: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		waiting.Wait()
	})
}

func FuzzChannel(f *testing.F) {
	f.Add(Message{Type: Input, Sequence: 0, Payload: []byte("ls")}.Append(nil), Message{Type: Acknowledge, Payload: []byte(`{}`)}.Append(nil))
	f.Add(Message{Type: Input, Sequence: 1}.Append(nil), Message{Type: ChannelClose, Payload: []byte(`{"ExitCode": "x"}`)}.Append(nil))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c := Server(nil)
		for _, data := range [][]byte{one, two, one} {
			if m, err := Parse(data); err == nil && c.take(m) != nil {
				return
			}
		}
		if len(c.early) > maxEarly || len(c.queue) > 3 || int64(len(c.queue)) != c.expected {
			t.Errorf("%d early, %d queued, the next is %d", len(c.early), len(c.queue), c.expected)
		}
	})
}
