package functions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/home"
	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// ErrMoved is a call that has not begun, for its account's fleet is at another server by now.
var ErrMoved = home.ErrMoved

// Peers are the other servers over the same database: they have the fleets of some accounts.
type Peers interface {
	// Invoke makes a call at the server where the fleet of its account is. It returns what CallHere there does, and
	// ErrMoved where the call has not reached it.
	Invoke(ctx context.Context, at *home.Home, c Passed, w nodeapi.AnswerWriter, began func(version, release string)) (Answer, error)
	// Retire has it end sandboxes that nobody may call any more.
	Retire(ctx context.Context, at *home.Home, account, function, release string) error
	// Progress asks it how far Provision is.
	Progress(ctx context.Context, at *home.Home, r Ref, one Provisioned) (Provisioned, error)
}

// Passed is a call on its way from the server that it came to, and that has let it come, to the one that makes it.
type Passed struct {
	Ref           Ref    `json:"ref"`
	Function      string `json:"function"` // id and number of the function, as they were when the name was resolved
	Number        int64  `json:"number"`
	Payload       []byte `json:"-"`
	Request       string `json:"request"`
	ClientContext string `json:"clientContext,omitempty"`
	TraceID       string `json:"traceId,omitempty"`
	Tail          bool   `json:"tail,omitempty"`
	Kept          bool   `json:"kept,omitempty"`
	Streamed      bool   `json:"streamed,omitempty"`
}

// homePatience is for how long a call waits for the fleet of its account to be somewhere, when the server that had it is
// gone; homePause is how often it looks.
const (
	homePatience = 10 * time.Second
	homePause    = 50 * time.Millisecond
)

// callNow makes a call, here or at the server where the fleet of its account is, and waits for its answer.
func (c *Control) callNow(ctx context.Context, t *Target, i *Invoke) (Answer, error) {
	a, err := c.callOnce(ctx, t, i)
	if err == nil || !notThere(err) {
		return a, err
	}
	for end := time.Now().Add(homePatience); notThere(err) && time.Now().Before(end) && loop.Pause(ctx, homePause) == nil; {
		a, err = c.callOnce(ctx, t, i)
	}
	if ctx.Err() != nil && err != nil {
		return a, ctx.Err()
	}
	if notThere(err) {
		slog.Warn("a call finds no server that makes it", "function", t.Function, "error", err)
		err = fmt.Errorf("%w: %w", ErrNoRunner, err)
	}
	return a, err
}

// notThere reports whether a call has not begun, and may be made when the fleet of its account has been found.
func notThere(err error) bool {
	return errors.Is(err, ErrMoved) || errors.Is(err, home.ErrClosing)
}

func (c *Control) callOnce(ctx context.Context, t *Target, i *Invoke) (Answer, error) {
	at, err := c.config.Homes.Find(ctx, t.Account)
	switch {
	case err != nil && ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrMoved, err)
	case at.Here:
		return c.callHere(ctx, at, t, i)
	}
	ctx, cancel := at.With(ctx)
	defer cancel()
	return c.config.Peers.Invoke(ctx, at, t.passed(i), i.Stream, i.Began)
}

// callHere makes a call in this server's fleet. Where that has moved while the call ran, another may have had it all the
// while, and what came of the call is not told.
func (c *Control) callHere(ctx context.Context, at *home.Home, t *Target, i *Invoke) (Answer, error) {
	if c.config.Homes != nil && i.Stream != nil {
		guarded := *i
		guarded.Stream = &guardedWriter{AnswerWriter: i.Stream, ctx: ctx, c: c, at: at}
		i = &guarded
	}
	a, err := c.callFleet(ctx, t, i)
	if at.Certain() {
		return a, err
	}
	switch {
	case errors.Is(err, fleet.ErrNoMachine) || errors.Is(err, ErrMoved):
		return Answer{}, ErrMoved
	case !c.stays(ctx, at):
		return Answer{}, fmt.Errorf("%w: %v", ErrLost, ErrMoved) // and it may have been made: it is not made again
	}
	return a, err
}

// stays reports whether a fleet has been here all the while, though that was not certain: the database may have been away.
func (c *Control) stays(ctx context.Context, at *home.Home) bool {
	for end := time.Now().Add(homePatience); time.Now().Before(end); {
		now, err := c.config.Homes.Find(ctx, at.Account)
		if err == nil {
			return now == at
		}
		if loop.Pause(ctx, homePause) != nil {
			return false
		}
	}
	return false
}

// guardedWriter gives an answer on as it comes, for as long as the fleet that it comes of is here.
type guardedWriter struct {
	nodeapi.AnswerWriter
	ctx context.Context
	c   *Control
	at  *home.Home
}

// Head satisfies nodeapi.AnswerWriter.
func (w *guardedWriter) Head(contentType string) error {
	if err := w.check(); err != nil {
		return err
	}
	return w.AnswerWriter.Head(contentType)
}

// Write satisfies nodeapi.AnswerWriter.
func (w *guardedWriter) Write(p []byte) (int, error) {
	if err := w.check(); err != nil {
		return 0, err
	}
	return w.AnswerWriter.Write(p)
}

func (w *guardedWriter) check() error {
	if w.at.Certain() || w.c.stays(w.ctx, w.at) {
		return nil
	}
	return ErrLost
}

var _ io.Writer = (*guardedWriter)(nil)

// passed is a call as another server is told of it.
func (t *Target) passed(i *Invoke) Passed {
	return Passed{
		Ref: t.ref, Function: t.id, Number: t.number, Payload: i.Payload, Request: i.Request, ClientContext: i.ClientContext,
		TraceID: i.TraceID, Tail: i.Tail, Kept: i.kept, Streamed: i.Stream != nil,
	}
}

// CallHere makes a call that another server has let come and passes on. It returns ErrMoved where the fleet of its account
// is not here, and what Invoke returns.
func (c *Control) CallHere(ctx context.Context, p Passed, w nodeapi.AnswerWriter, began func(version, release string)) (Answer, error) {
	at := c.config.Homes.At(p.Ref.Account)
	if at == nil || !at.Here {
		return Answer{}, ErrMoved
	}
	t, err := c.resolveAs(ctx, p)
	if err != nil {
		return Answer{}, err
	}
	i := Invoke{
		Account: p.Ref.Account, Function: p.Ref.Name, Qualifier: p.Ref.Qualifier, Payload: p.Payload, Request: p.Request, ClientContext: p.ClientContext,
		TraceID: p.TraceID, Tail: p.Tail, kept: p.Kept, Stream: w, Began: began,
	}
	return c.callHere(ctx, at, t, &i)
}

// resolveAs resolves the name of a call as the other server did, which may have heard of a change before this one.
func (c *Control) resolveAs(ctx context.Context, p Passed) (*Target, error) {
	f, err := c.find(ctx, p.Ref)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return nil, err
	}
	if err != nil || f.function != p.Function || f.number != p.Number {
		if _, err := c.findAnew(ctx, p.Ref); err != nil {
			return nil, err
		}
	}
	return c.resolve(ctx, p.Ref)
}

// here reports whether the fleet of an account is this server's, which takes it where nobody has it.
func (c *Control) here(ctx context.Context, account string) bool {
	at, err := c.config.Homes.Find(ctx, account)
	return err == nil && at.Here
}

// elsewhere is the server where the fleet of an account is, as far as anybody knows; nil: it is this one, or there is none.
func (c *Control) elsewhere(account string) *home.Home {
	if at := c.config.Homes.At(account); at != nil && !at.Here {
		return at
	}
	return nil
}

// retire has sandboxes end that nobody may call any more. Those that are not reached end when they have been idle for long.
func (c *Control) retire(ctx context.Context, account, function, release string) {
	at := c.elsewhere(account)
	if at == nil {
		c.config.Fleet.Retire(account, function, release)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), homePatience)
	defer cancel()
	if err := c.config.Peers.Retire(ctx, at, account, function, release); err != nil {
		slog.Warn("sandboxes of a function that was deleted go later", "function", function, "error", err)
	}
}

// RetireHere is Retire for another server.
func (c *Control) RetireHere(account, function, release string) error {
	if at := c.config.Homes.At(account); at == nil || !at.Here {
		return ErrMoved
	}
	c.config.Fleet.Retire(account, function, release)
	return nil
}

// ProgressHere tells another server how far what is provisioned is.
func (c *Control) ProgressHere(ctx context.Context, r Ref, one Provisioned) (Provisioned, error) {
	if at := c.config.Homes.At(r.Account); at == nil || !at.Here {
		return one, ErrMoved
	}
	return one, c.progressHere(ctx, r, &one)
}
