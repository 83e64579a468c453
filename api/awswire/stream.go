package awswire

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"time"
)

// Stream is the answer of an operation that answers with a stream of events.
type Stream[O any] struct{ *stream }

// Send sends an event: the one member that is there of out's union of events, if any is. With the first Send goes
// what out says of the whole answer, which is written down as done then; from there on a failure ends the stream
// with an exception. An error of Send is that nobody takes the answer any more, or that it may not be given.
func (s Stream[O]) Send(out *O) error { return s.send(reflect.ValueOf(out).Elem()) }

// HandleStream is Handle for an operation that answers with a stream of events. An error before the first Send is
// an ordinary fault.
func (o *Op[I, O]) HandleStream(do func(context.Context, *I, Stream[O]) error, on func(context.Context, *I) []Ask) Binding {
	b := o.Handle(nil, on)
	b.do = func(ctx context.Context, in any) (any, error) {
		s := &stream{x: identityOf(ctx).x}
		err := do(ctx, in.(*I), Stream[O]{s})
		if err == nil && !s.begun {
			err = s.send(reflect.ValueOf(new(O)).Elem())
		}
		return s, err
	}
	return b
}

// stream is an answer that is given piece by piece.
type stream struct {
	x      *exchange
	begun  bool
	status int
	events eventWriter
}

// PieceTime is how long a client may take to take a piece of an answer that is given piece by piece: what gives it
// waits for as long.
const PieceTime = 30 * time.Second

func (s *stream) send(v reflect.Value) error {
	if !s.begun {
		if err := s.begin(v); err != nil {
			return err
		}
	}
	// Where deadlines are not served, the server's own timeouts have to do.
	_ = s.x.control.SetWriteDeadline(time.Now().Add(PieceTime))
	for i := range s.x.binding.out.members {
		m := &s.x.binding.out.members[i]
		event, ok := m.value(v)
		if m.place != inEvents || !ok {
			continue
		}
		if err := s.events.union(m.shape, event); err != nil {
			return err
		}
	}
	return s.x.control.Flush()
}

// begin sends status and headers, once the call is written down.
func (s *stream) begin(v reflect.Value) error {
	x := s.x
	a := &answer{status: x.binding.status, header: http.Header{}}
	a.heads(x.binding.out, v)
	a.header.Set("Content-Type", eventStreamType) // whatever the model says travels there
	call := x.call()
	call.Status = a.status
	if err := x.record(call); err != nil {
		return err
	}
	s.begun, s.status, x.streamed = true, a.status, s
	h := x.w.Header()
	maps.Copy(h, a.header)
	maps.Copy(h, x.header)
	h.Set("X-Amzn-Requestid", x.id)
	x.w.WriteHeader(a.status)
	s.events.to = x.w
	return nil
}

// over leaves the connection to what comes next on it, and tells first of a failure that came after the answer had
// begun; nil: there was none.
func (s *stream) over(f *Fault) {
	if f != nil {
		s.end(f)
	}
	_ = s.x.control.SetWriteDeadline(time.Time{})
}

func (s *stream) end(f *Fault) {
	body := &jsonWriter{}
	f.encode(body, false)
	_ = s.events.exception(f.Shape, body.out) // a client that is gone misses it, which is all that can be said
	_ = s.x.control.Flush()
}

// record writes a call down, if it is one to be written down.
func (x *exchange) record(call *Call) error {
	if x.claimed == "" {
		return nil
	}
	if err := x.mux.config.Record(x.r.Context(), call); err != nil {
		return fmt.Errorf("write down the call: %w", err)
	}
	return nil
}

// SetHeader has the answer of the call that ctx belongs to carry a header beside those of its model.
func SetHeader(ctx context.Context, name, value string) {
	x := identityOf(ctx).x
	if x == nil {
		return
	}
	if x.header == nil {
		x.header = http.Header{}
	}
	x.header.Set(name, value)
}
