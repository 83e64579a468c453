package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// How output is gathered. A look is one stat of each file, which costs the same however much a
// container prints; being woken by the file system would cost it for every line.
const (
	lookAtOutput = 150 * time.Millisecond // between two looks, and so how much is gathered in a piece
	quietTime    = time.Second            // after which an unfinished line is shipped as it is
	settleTime   = 20 * time.Millisecond  // in which the last bytes of a container come after its exit
	shipLimit    = 4                      // pieces under way at a time: they bound the memory that output takes
	shipTime     = 30 * time.Second       // that one may take, so that a store that hangs is one that fails
	firstShip    = 200 * time.Millisecond // until a piece that failed is shipped again
	lastShip     = 5 * time.Second
)

// errStuck is a control plane that takes a piece and does not move on.
var errStuck = errs.New(errs.Unavailable, "the control plane does not take output")

// shipper ships what containers print, each byte once. The control plane alone remembers how
// far it has got and is asked when a tail is opened, so neither side's end loses or doubles a line.
type shipper struct {
	cp    nodeapi.ControlPlane
	node  string
	slots chan struct{}
	// behind is maxBehind.
	behind int64

	mu    sync.Mutex
	tails map[string]*tail
}

func newShipper(cp nodeapi.ControlPlane, node string) *shipper {
	return &shipper{cp: cp, node: node, slots: make(chan struct{}, shipLimit), behind: maxBehind, tails: map[string]*tail{}}
}

// open opens the log of a container, which fails when there is nowhere to write, and follows its output from then on.
func (s *shipper) open(ctx context.Context, from source) error {
	if from.discard {
		s.follow(from, 0)
		return nil
	}
	piece := nodeapi.Output{Task: from.task, Container: from.container}
	if from.log != nil {
		piece.Log = *from.log
	}
	ack, err := s.cp.Output(ctx, s.node, piece)
	if err != nil {
		return err
	}
	s.follow(from, ack.Next)
	return nil
}

// follow finds the tail of a container, or begins one.
func (s *shipper) follow(from source, next int64) *tail {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tails[from.id]
	if t == nil {
		t = newTail(from, next, s.behind)
		s.tails[from.id] = t
	}
	return t
}

func (s *shipper) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tails, id)
}

// run ships until ctx ends, and returns when nothing is under way.
func (s *shipper) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	tick := time.NewTicker(lookAtOutput)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.look(ctx, &work, now)
		}
	}
}

func (s *shipper) look(ctx context.Context, work *sync.WaitGroup, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tails {
		select {
		case t.turn <- struct{}{}:
		default:
			continue // it is shipping
		}
		due, all := t.due(now)
		if !due {
			t.give()
			continue
		}
		work.Go(func() {
			defer t.give()
			if err := s.ship(ctx, t, all); err != nil && ctx.Err() == nil {
				t.later(time.Now(), err)
			}
		})
	}
}

// due tells whether there is something to ship, and whether an unfinished line is part of it.
func (t *tail) due(now time.Time) (due, all bool) {
	info, err := os.Stat(t.path)
	if err != nil || info.Size() <= t.from || now.Before(t.again) {
		return false, false
	}
	if info.Size() != t.size {
		t.size, t.grown = info.Size(), now
		return true, false
	}
	quiet := now.Sub(t.grown) >= quietTime
	return quiet || !t.again.IsZero(), quiet
}

// later puts the next try off.
func (t *tail) later(now time.Time, err error) {
	if t.wait == 0 {
		slog.Warn("output cannot be shipped; it is kept on this machine", "task", t.task, "container", t.container, "error", err)
	}
	t.wait = min(max(2*t.wait, firstShip), lastShip)
	t.again = now.Add(t.wait)
}

// ship ships pieces until what the file holds is shipped, but for an unfinished line unless all is asked for.
func (s *shipper) ship(ctx context.Context, t *tail, all bool) error {
	f, err := t.open()
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	for {
		more, err := s.shipPiece(ctx, t, f, all)
		if err != nil {
			return err
		}
		t.wait, t.again = 0, time.Time{}
		if !more {
			return nil
		}
	}
}

func (s *shipper) shipPiece(ctx context.Context, t *tail, f *os.File, all bool) (more bool, err error) {
	if err := s.slot(ctx, t, f); err != nil {
		return false, err
	}
	defer func() { <-s.slots }()
	if t.discard {
		return false, t.throwAway(f)
	}
	piece, err := t.read(f, all, time.Now())
	if err != nil || piece.Next == piece.Offset {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	ack, err := s.cp.Output(limited, s.node, piece)
	switch {
	case err != nil && refused(err):
		return true, t.drop(f, piece, err)
	case err != nil:
		return false, err
	case ack.Next == piece.Offset:
		return false, fmt.Errorf("%w: it wants byte %d again", errStuck, ack.Next)
	}
	return true, t.shipped(f, ack.Next)
}

// slot waits until a piece may be on its way. What is printed meanwhile takes no more of the disk than it may.
func (s *shipper) slot(ctx context.Context, t *tail, f *os.File) error {
	for {
		late := time.NewTimer(quietTime)
		select {
		case s.slots <- struct{}{}:
			late.Stop()
			return nil
		case <-ctx.Done():
			late.Stop()
			return ctx.Err()
		case <-late.C:
			if err := t.keepUp(f); err != nil {
				return err
			}
		}
	}
}

// refused tells an error that another try would not change. A machine that is no node may be one again.
func refused(err error) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Internal, errs.Throttled, errs.Denied:
		return false
	}
	return !errors.Is(err, context.Canceled)
}

// drop gives up a piece that the control plane refuses, such as one for a log group that was deleted.
func (t *tail) drop(f *os.File, piece nodeapi.Output, err error) error {
	if t.lost == 0 {
		slog.Warn("output is refused and dropped", "task", t.task, "container", t.container, "error", err)
	}
	t.lost += piece.Next - t.from
	t.from = piece.Next
	return free(f, t.from)
}

func (t *tail) throwAway(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return t.shipped(f, info.Size())
}

// drain ships all that a container has printed, for as long as it takes, and returns when nothing
// more has come for a while.
func (s *shipper) drain(ctx context.Context, from source, settle time.Duration) error {
	t := s.follow(from, 0)
	if err := t.take(ctx); err != nil {
		return err
	}
	defer t.give()
	for _, all := range []bool{false, true} {
		for {
			err := s.ship(ctx, t, all)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.later(time.Now(), err)
			loop.Pause(ctx, t.wait)
		}
		if !all {
			loop.Pause(ctx, settle)
		}
	}
	return ctx.Err()
}
