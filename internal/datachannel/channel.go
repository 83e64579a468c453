package datachannel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Conn carries messages whole and in order.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, message []byte) error
}

// How much may be under way, and when a message is sent again that nobody has acknowledged.
const (
	window    = 64      // messages that were sent and are not acknowledged
	maxQueued = 2 << 20 // bytes that have come and were not taken: what comes beyond is not acknowledged, so it comes again
	maxEarly  = 64      // messages that have come before their turn
	patience  = 300 * time.Millisecond
)

// Channel is one side of a conversation. Any goroutine may send; one at a time takes what came.
type Channel struct {
	conn    Conn
	in, out string

	sending sync.Mutex // held while one message is numbered and written: never while mu is

	mu       sync.Mutex
	changed  *sync.Cond
	next     int64 // of what is sent
	unheard  []sent
	expected int64 // of what comes
	early    map[int64]Message
	queue    []Message
	queued   int
	acked    int64     // all before it are acknowledged
	again    []Message // of which the acknowledgement was lost
	closed   *Closed
	err      error // once nothing comes any more
}

type sent struct {
	sequence int64
	bytes    []byte
	at       time.Time
}

// Server is the side that talks for the program.
func Server(conn Conn) *Channel { return newChannel(conn, Input, Output) }

// Client is the side of who types.
func Client(conn Conn) *Channel { return newChannel(conn, Output, Input) }

func newChannel(conn Conn, in, out string) *Channel {
	c := &Channel{conn: conn, in: in, out: out, early: map[int64]Message{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Run takes what comes, and sends again what is not acknowledged, until ctx or the connection ends. It
// returns why.
func (c *Channel) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var again sync.WaitGroup
	again.Go(func() { c.repeat(ctx) })
	err := c.receive(ctx)
	cancel()
	again.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.changed.Broadcast()
	return err
}

func (c *Channel) receive(ctx context.Context) error {
	for {
		data, err := c.conn.Read(ctx)
		if err != nil {
			return err
		}
		m, err := Parse(data)
		if err != nil {
			return err
		}
		if err := c.take(m); err != nil {
			return err
		}
	}
}

// take puts a message where it belongs.
func (c *Channel) take(m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Type {
	case Acknowledge:
		return c.heard(m.Payload)
	case ChannelClose:
		var closed Closed
		if err := json.Unmarshal(m.Payload, &closed); err != nil {
			return fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		c.closed = &closed
		c.changed.Broadcast()
	case c.in:
		c.line(m)
	}
	return nil
}

func (c *Channel) heard(payload []byte) error {
	var a acknowledgement
	if err := json.Unmarshal(payload, &a); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	for i, s := range c.unheard {
		if s.sequence == a.SequenceNumber {
			c.unheard = append(c.unheard[:i], c.unheard[i+1:]...)
			c.changed.Broadcast()
			break
		}
	}
	return nil
}

// line queues a message, and those that had come before their turn.
func (c *Channel) line(m Message) {
	switch {
	case m.Sequence < c.expected:
		if m.Sequence < c.acked && len(c.again) < window {
			c.again = append(c.again, m)
		}
		return
	case m.Sequence > c.expected:
		if len(c.early) < maxEarly {
			c.early[m.Sequence] = m
		}
		return
	case c.queued+len(m.Payload) > maxQueued:
		return
	}
	for there := true; there; m, there = c.early[c.expected] {
		delete(c.early, c.expected)
		c.queue = append(c.queue, m)
		c.queued += len(m.Payload)
		c.expected++
	}
	c.changed.Broadcast()
}

// repeat sends the oldest message again that nobody acknowledges, and what was acknowledged in vain.
func (c *Channel) repeat(ctx context.Context) {
	tick := time.NewTicker(patience / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, late := range c.late(now) {
				if c.conn.Write(ctx, late) != nil {
					return
				}
			}
		}
	}
}

func (c *Channel) late(now time.Time) (all [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.again {
		if text, err := acknowledge(m); err == nil {
			all = append(all, text)
		}
	}
	c.again = nil
	if len(c.unheard) > 0 && now.Sub(c.unheard[0].at) >= patience {
		c.unheard[0].at = now
		all = append(all, c.unheard[0].bytes)
	}
	return all
}

// Next waits for the next message, which is then to be acknowledged by Done. It returns io.EOF when the other
// side has closed the channel, and otherwise what Run has ended with.
func (c *Channel) Next() (Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && c.closed == nil && c.err == nil {
		c.changed.Wait()
	}
	switch {
	case len(c.queue) > 0:
		m := c.queue[0]
		c.queue = c.queue[1:]
		return m, nil
	case c.closed != nil:
		return Message{}, io.EOF
	}
	return Message{}, c.err
}

// Closed is what the other side has closed the channel with; nil: it has not.
func (c *Channel) Closed() *Closed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Done acknowledges a message that Next returned.
func (c *Channel) Done(ctx context.Context, m Message) error {
	c.mu.Lock()
	c.queued -= len(m.Payload)
	c.acked = max(c.acked, m.Sequence+1)
	c.mu.Unlock()
	text, err := acknowledge(m)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, text)
}

func acknowledge(m Message) ([]byte, error) {
	return unnumbered(Acknowledge, acknowledgement{m.Type, m.ID.String(), m.Sequence, true})
}

func unnumbered(kind string, payload any) ([]byte, error) {
	text, err := json.Marshal(payload)
	return Message{Type: kind, Created: time.Now(), Flags: 3, ID: newID(), Payload: text}.Append(nil), err
}

// Send sends a payload, of at most MaxPayload bytes. It waits while too much is not acknowledged.
func (c *Channel) Send(ctx context.Context, kind PayloadType, payload []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	message, err := c.number(ctx, kind, payload)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, message)
}

// number waits for room, and gives a message its number.
func (c *Channel) number(ctx context.Context, kind PayloadType, payload []byte) ([]byte, error) {
	defer context.AfterFunc(ctx, c.wake)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.unheard) >= window && c.err == nil && ctx.Err() == nil {
		c.changed.Wait()
	}
	if c.err != nil || ctx.Err() != nil {
		return nil, cause(ctx, c.err)
	}
	m := Message{Type: c.out, Created: time.Now(), Sequence: c.next, ID: newID(), Kind: kind, Payload: payload}
	if c.next == 0 {
		m.Flags = 1
	}
	message := m.Append(nil)
	c.next++
	c.unheard = append(c.unheard, sent{m.Sequence, message, time.Now()})
	return message, nil
}

// SendJSON is Send of a payload that is JSON.
func (c *Channel) SendJSON(ctx context.Context, kind PayloadType, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return c.Send(ctx, kind, text)
}

// Close tells the other side that the session is over, once it has acknowledged all that was sent.
func (c *Channel) Close(ctx context.Context, closed Closed) error {
	if err := c.Flush(ctx); err != nil {
		return err
	}
	closed.MessageID, closed.CreatedDate = newID().String(), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	closed.MessageType, closed.SchemaVersion = ChannelClose, 1
	text, err := unnumbered(ChannelClose, closed)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, text)
}

// Flush waits until all that was sent is acknowledged.
func (c *Channel) Flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.wake)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.unheard) > 0 && c.err == nil && ctx.Err() == nil {
		c.changed.Wait()
	}
	return cause(ctx, c.err)
}

func (c *Channel) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

func cause(ctx context.Context, err error) error {
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}
