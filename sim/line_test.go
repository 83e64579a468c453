package sim

import (
	"context"
	"io"
	"sync"
	"time"

	"slipway/nodeapi"
)

// What the two ends of a line hold to. Source: package nodeapi.
const (
	callLimit = 30 * time.Second
	deadAfter = 3 * nodeapi.KeepAlive
)

// line is what is between one machine and the control plane. It can be cut, and while the weather is bad
// it loses messages and answers, and delivers some of them twice, or long after nobody waits for them any more.
type line struct {
	plane   *plane
	account string
	dice    *dice
	bad     func() bool // whether the weather is

	mu     sync.Mutex
	broken chan struct{} // closed while the line is cut
	silent bool          // and nobody is told so
}

var _ nodeapi.ControlPlane = (*line)(nil)

func (l *line) cut(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = silent
	close(l.broken)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = make(chan struct{})
}

func (l *line) state() (broken <-chan struct{}, silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken, l.silent
}

// travel is the way of one message: it takes its time, and fails where the line is cut.
func (l *line) travel(ctx context.Context) error {
	broken, _ := l.state()
	way := time.NewTimer(l.dice.about(2 * time.Millisecond))
	defer way.Stop()
	select {
	case <-way.C:
		select {
		case <-broken:
			return l.notice(ctx, callLimit)
		default:
			return ctx.Err()
		}
	case <-broken:
		return l.notice(ctx, callLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notice is how one end finds out that the line is cut.
func (l *line) notice(ctx context.Context, limit time.Duration) error {
	if _, silent := l.state(); silent && !pause(ctx, limit) {
		return ctx.Err()
	}
	return errAway
}

// call carries a question there and the answer back.
func call[Out any](ctx context.Context, l *line, do func(context.Context, *server) (Out, error)) (out Out, err error) {
	if err := l.travel(ctx); err != nil {
		return out, err
	}
	again := func(ctx context.Context, s *server) { do(ctx, s) }
	switch bad := l.bad(); {
	case bad && l.dice.chance(20): // lost
		return out, errAway
	case bad && l.dice.chance(20): // given up, and acted upon later
		l.plane.later(l.dice.about(10*time.Second), again)
		return out, errAway
	case bad && l.dice.chance(20): // comes again
		l.plane.later(l.dice.about(2*time.Second), again)
	}
	result, err := ask(l.plane, func(s *server) (Out, error) { return do(ctx, s) })
	if lost := l.travel(ctx); lost != nil {
		return out, lost
	}
	if l.bad() && l.dice.chance(30) {
		return out, errAway
	}
	return result, err
}

// Session implements nodeapi.ControlPlane. Where the line is cut the server may go on with the session
// for a while, and what it tells then reaches nobody.
func (l *line) Session(ctx context.Context, hello nodeapi.Hello, take func(nodeapi.Frame) error) error {
	if err := l.travel(ctx); err != nil {
		return err
	}
	hello.Account = l.account
	broken, _ := l.state()
	s, err := l.plane.enter()
	if err != nil {
		return err
	}
	frames, gone, over := make(chan nodeapi.Frame), make(chan struct{}), make(chan error, 1)
	while, end := context.WithCancel(s.ctx)
	go func() {
		defer s.leave()
		over <- s.Session(while, hello, func(f nodeapi.Frame) error {
			select {
			case frames <- f:
			case <-gone:
			case <-while.Done():
			}
			return while.Err()
		})
		end()
	}()
	err = l.listen(ctx, broken, frames, over, take)
	close(gone)
	lag := time.Duration(0)
	if _, silent := l.state(); silent && ctx.Err() == nil {
		lag = time.Duration(l.dice.upTo(20)) * time.Second // until a frame finds no way out
	}
	time.AfterFunc(lag, end)
	if err == errAway {
		return l.notice(ctx, deadAfter)
	}
	return err
}

// listen takes the frames of a session until it ends.
func (l *line) listen(ctx context.Context, broken <-chan struct{}, frames <-chan nodeapi.Frame, over <-chan error, take func(nodeapi.Frame) error) error {
	for {
		select {
		case f := <-frames:
			if err := l.travel(ctx); err != nil {
				return err
			}
			if err := take(f); err != nil {
				return err
			}
		case err := <-over:
			if err == nil {
				err = errAway // the server ends it
			}
			return err
		case <-broken:
			return errAway
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Report implements nodeapi.ControlPlane.
func (l *line) Report(ctx context.Context, r nodeapi.Report) (nodeapi.ReportAck, error) {
	return call(ctx, l, func(ctx context.Context, s *server) (nodeapi.ReportAck, error) { return s.Report(ctx, r) })
}

// Output implements nodeapi.ControlPlane.
func (l *line) Output(ctx context.Context, node string, o nodeapi.Output) (nodeapi.OutputAck, error) {
	return call(ctx, l, func(ctx context.Context, s *server) (nodeapi.OutputAck, error) { return s.Output(ctx, node, o) })
}

// Credentials implements nodeapi.ControlPlane.
func (l *line) Credentials(ctx context.Context, r nodeapi.CredentialsRequest) (nodeapi.Credentials, error) {
	return call(ctx, l, func(ctx context.Context, s *server) (nodeapi.Credentials, error) { return s.Credentials(ctx, r) })
}

// Secrets implements nodeapi.ControlPlane.
func (l *line) Secrets(ctx context.Context, r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
	return call(ctx, l, func(ctx context.Context, s *server) (nodeapi.Secrets, error) { return s.Secrets(ctx, r) })
}

// Stream implements nodeapi.ControlPlane. Nobody here asks for one.
func (l *line) Stream(ctx context.Context, r nodeapi.StreamRequest) (io.ReadWriteCloser, error) {
	return call(ctx, l, func(ctx context.Context, s *server) (io.ReadWriteCloser, error) { return s.Stream(ctx, r) })
}
