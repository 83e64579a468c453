package ssmmessages

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/coder/websocket"

	"slipway/cluster"
	"slipway/internal/datachannel"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

var (
	errIdle      = errs.New(errs.Unavailable, "session timed out after it was idle for 20 minutes")
	errHandshake = errs.New(errs.Invalid, "the other side does not understand what kind of session this is")
	errOver      = errors.New("over")
)

// program is what one talks to, as its node tells of it: a cluster.Running.
type program interface {
	Send(k nodeapi.Kind, piece []byte) error
	Receive() (nodeapi.Kind, []byte, error)
	Close() error
}

// socket is what the channel goes by: a websocket.Conn.
type socket interface {
	Ping(ctx context.Context) error
	Close(code websocket.StatusCode, reason string) error
	CloseNow() error
}

// talk is one session: what is typed goes to the node, what is printed comes from it.
type talk struct {
	id       string
	terminal bool
	running  program
	channel  *datachannel.Channel
	idle     *time.Timer

	mu     sync.Mutex
	more   *sync.Cond
	credit int // bytes of what is typed that the node takes now
	gone   bool
}

// serve talks until one of the sides ends, and tells the other.
func (t *talk) serve(ctx context.Context, ws socket) {
	t.more, t.credit = sync.NewCond(&t.mu), nodeapi.Window
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(errOver)
	t.idle = time.AfterFunc(cluster.IdleLimit, func() { cut(errIdle) })
	defer t.idle.Stop()
	defer context.AfterFunc(ctx, func() { t.running.Close(); t.stop() })()
	var parts sync.WaitGroup
	carried, stopCarrying := context.WithCancel(context.WithoutCancel(ctx)) // for a last word
	defer parts.Wait()
	defer stopCarrying()
	heard := make(chan struct{})
	parts.Go(func() {
		defer close(heard)
		t.channel.Run(carried)
		cut(errOver)
	})
	parts.Go(func() { ping(carried, ws) })
	end, err := t.talk(ctx, &parts, cut)
	if cause := context.Cause(ctx); errors.Is(cause, errIdle) {
		err = cause
	}
	t.sayGoodbye(carried, end, err, heard)
	ws.Close(websocket.StatusNormalClosure, "")
}

// ping has a connection fail whose other side is gone.
func ping(ctx context.Context, ws socket) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			limited, cancel := context.WithTimeout(ctx, pingEvery)
			err := ws.Ping(limited)
			cancel()
			if err != nil {
				ws.CloseNow()
				return
			}
		}
	}
}

// talk shakes hands and carries both ways until the node tells the end.
func (t *talk) talk(ctx context.Context, parts *sync.WaitGroup, cut context.CancelCauseFunc) (end nodeapi.End, err error) {
	if err := t.shake(ctx); err != nil {
		return end, err
	}
	parts.Go(func() {
		if err := t.typed(ctx); err != nil {
			cut(errOver)
		}
	})
	return t.printed(ctx)
}

// shake tells what kind of session it is.
func (t *talk) shake(ctx context.Context) error {
	kind, began := datachannel.NonInteractive, time.Now()
	if t.terminal {
		kind = datachannel.Interactive
	}
	if err := t.channel.SendJSON(ctx, datachannel.HandshakeRequest, datachannel.Begin(kind)); err != nil {
		return err
	}
	m, err := t.channel.Next()
	if err != nil {
		return err
	}
	var response datachannel.Response
	if m.Kind != datachannel.HandshakeResponse || json.Unmarshal(m.Payload, &response) != nil || len(response.Errors) > 0 {
		return errHandshake
	}
	if err := t.channel.Done(ctx, m); err != nil {
		return err
	}
	return t.channel.SendJSON(ctx, datachannel.HandshakeComplete, datachannel.Complete{HandshakeTimeToComplete: int64(time.Since(began))})
}

// typed carries what is typed, as fast as the node takes it.
func (t *talk) typed(ctx context.Context) error {
	for {
		m, err := t.channel.Next()
		if err != nil {
			return err
		}
		t.idle.Reset(cluster.IdleLimit)
		if err := t.take(m); err != nil {
			return err
		}
		if err := t.channel.Done(ctx, m); err != nil {
			return err
		}
	}
}

func (t *talk) take(m datachannel.Message) error {
	switch m.Kind {
	case datachannel.Bytes:
		return t.forward(m.Payload)
	case datachannel.Size:
		var size datachannel.TerminalSize
		if json.Unmarshal(m.Payload, &size) != nil || size.Cols > math.MaxUint16 || size.Rows > math.MaxUint16 {
			return nil // it is as it was
		}
		piece := binary.BigEndian.AppendUint16(nil, uint16(size.Cols))
		return t.running.Send(nodeapi.Resize, binary.BigEndian.AppendUint16(piece, uint16(size.Rows)))
	case datachannel.Flag:
		if len(m.Payload) != 4 {
			return nil
		}
		switch binary.BigEndian.Uint32(m.Payload) {
		case datachannel.InputEnds:
			return t.running.Send(nodeapi.StdinEnd, nil)
		case datachannel.Terminate:
			return errOver
		}
	}
	return nil
}

func (t *talk) forward(data []byte) error {
	for len(data) > 0 {
		n, err := t.allowed(min(len(data), nodeapi.MaxPiece))
		if err != nil {
			return err
		}
		if err := t.running.Send(nodeapi.Stdin, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// allowed waits until the node takes something, at most n bytes.
func (t *talk) allowed(n int) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.credit == 0 && !t.gone {
		t.more.Wait()
	}
	if t.gone {
		return 0, errOver
	}
	n = min(n, t.credit)
	t.credit -= n
	return n, nil
}

func (t *talk) allow(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.credit = min(t.credit+n, nodeapi.Window)
	t.more.Broadcast()
}

func (t *talk) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
	t.more.Broadcast()
}

// printed carries what is printed, until the node tells the end.
func (t *talk) printed(ctx context.Context) (end nodeapi.End, err error) {
	for {
		kind, piece, err := t.running.Receive()
		if err != nil {
			return end, err
		}
		t.idle.Reset(cluster.IdleLimit)
		switch kind {
		case nodeapi.Stdout, nodeapi.Used:
			err = t.channel.Send(ctx, datachannel.Bytes, piece)
		case nodeapi.Stderr:
			err = t.channel.Send(ctx, datachannel.Stderr, piece)
		case nodeapi.Taken:
			if len(piece) == 4 {
				t.allow(int(min(binary.BigEndian.Uint32(piece), nodeapi.Window)))
			}
		case nodeapi.StreamEnds:
			return end, json.Unmarshal(piece, &end)
		}
		if err != nil {
			return end, err
		}
	}
}

// sayGoodbye tells whoever typed how it ended, and gives them the time to hear it: they close the connection
// when they have.
func (t *talk) sayGoodbye(ctx context.Context, end nodeapi.End, err error, heard <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	closed := datachannel.Closed{SessionID: t.id, DestinationID: t.id}
	switch {
	case errors.Is(err, errIdle), errors.Is(err, errHandshake):
		closed.Output = err.Error()
	case err != nil:
		closed.Output = "the line to the container was cut"
	case end.Error != "" && end.Kind == errs.Internal.String():
		closed.Output = "the node failed"
	case end.Error != "":
		closed.Output = end.Error
	default:
		closed.ExitCode = &end.ExitCode
	}
	if err := t.channel.Close(ctx, closed); err != nil {
		return
	}
	select {
	case <-heard:
	case <-ctx.Done():
	}
}
