package sandbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// How logs are shipped: what all sandboxes have to say goes together, soon after it was said. What a log costs is the same
// however many lines go at once, so many logs go less often, unless one of them presses.
const (
	shipPeriod = 100 * time.Millisecond
	shipSlow   = 500 * time.Millisecond
	shipMany   = 10              // logs that are shipped once in shipSlow
	pressing   = mostPending / 4 // bytes of one of them that do not wait so long
	shipSize   = 512 << 10       // bytes of one sandbox that go at once
	shipAll    = 4 << 20         // bytes of all of them
	shipTime   = 30 * time.Second
	shipAgain  = time.Second // after a failure
	complain   = time.Minute // between two lines in the machine's log of a store that goes on failing
	lastShip   = 3 * time.Second
)

// shipper has the logs of sandboxes written down.
type shipper struct {
	node    string
	printed func(ctx context.Context, node string, p []nodeapi.Printed) error

	presses chan struct{} // a log has much that waits
	many    int           // logs that were shipped the last time

	mu   sync.Mutex
	logs map[string]*source // by sandbox
}

// source is the log of a sandbox that has been assigned.
type source struct {
	sandbox, account string
	log              nodeapi.Log
	journal          *journal
	over             bool // nothing more comes
}

// follow ships a journal from now on.
func (s *shipper) follow(from *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[from.sandbox] = from
}

// leave ships what is left of a journal, and closes it then.
func (s *shipper) leave(sandbox string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from := s.logs[sandbox]; from != nil {
		from.over = true
	}
}

// run ships until ctx ends, and what is there then if it goes quickly.
func (s *shipper) run(ctx context.Context) {
	var looking sync.WaitGroup
	defer looking.Wait()
	looking.Go(func() { s.look(ctx) })
	pause := shipPeriod
	var told time.Time // when it was said last that the store fails; zero: it does not
	for {
		select {
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastShip)
			defer cancel()
			for s.ship(late) == nil && !s.empty() && late.Err() == nil {
			}
			return
		case <-s.presses:
		case <-time.After(pause):
		}
		err := s.ship(ctx)
		pause = min(shipSlow, max(shipPeriod, time.Duration(s.many)*shipSlow/shipMany))
		if err != nil && ctx.Err() != nil {
			continue
		}
		if told = complained(told, err); err != nil {
			loop.Pause(ctx, shipAgain)
		}
	}
}

// complained says at first, and then every while, that logs are not written down, and returns when it said so last.
func complained(told time.Time, err error) time.Time {
	switch now := time.Now(); {
	case err == nil:
		return time.Time{}
	case now.Sub(told) < complain:
		return told
	default:
		slog.Warn("logs of functions are not written down; they are tried again", "error", err)
		return now
	}
}

// look takes what is printed, however slow the store is: it would take the disk otherwise.
func (s *shipper) look(ctx context.Context) {
	tick := time.NewTicker(shipPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, one := range s.sources() {
				one.journal.look()
				if one.journal.presses() {
					s.press()
				}
			}
		}
	}
}

// press has what waits shipped at once.
func (s *shipper) press() {
	select {
	case s.presses <- struct{}{}:
	default:
	}
}

// presses says that much waits for the store.
func (j *journal) presses() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size > pressing
}

// ship ships a piece of each log.
func (s *shipper) ship(ctx context.Context) error {
	var pieces []nodeapi.Printed
	var from []*source
	room := int64(shipAll)
	for _, one := range s.sources() {
		if room <= 0 {
			continue // the next time, in whatever order
		}
		first, events := one.journal.batch(min(shipSize, room))
		if len(events) == 0 {
			continue
		}
		for _, e := range events {
			room -= int64(len(e.Message) + eventCost)
		}
		pieces = append(pieces, nodeapi.Printed{Sandbox: one.sandbox, Account: one.account, Log: one.log, Number: first, Events: events})
		from = append(from, one)
	}
	if s.many = len(pieces); s.many == 0 {
		s.drop()
		return nil
	}
	if err := s.send(ctx, pieces); err != nil {
		return err
	}
	for _, one := range from {
		one.journal.shipped()
	}
	s.drop()
	return nil
}

// send has pieces written down. What is refused is dropped, but none for the fault of another.
func (s *shipper) send(ctx context.Context, pieces []nodeapi.Printed) error {
	limited, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	err := s.printed(limited, s.node, pieces)
	switch {
	case err == nil || worthAnother(err):
		return err
	case len(pieces) == 1:
		slog.Warn("a piece of a function's log is refused and dropped", "sandbox", pieces[0].Sandbox, "group", pieces[0].Log.Group, "error", err)
		return nil
	}
	for i := range pieces {
		if err := s.send(ctx, pieces[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// worthAnother tells an error that another try may change.
func worthAnother(err error) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Internal, errs.Throttled, errs.Denied:
		return true
	}
	return false
}

func (s *shipper) sources() (all []*source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.logs {
		all = append(all, one)
	}
	return all
}

// drop forgets logs of which nothing more comes and all is shipped.
func (s *shipper) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, one := range s.logs {
		if one.over && one.journal.empty() {
			one.journal.close()
			delete(s.logs, id)
		}
	}
}

func (s *shipper) empty() bool {
	for _, one := range s.sources() {
		if !one.journal.empty() {
			return false
		}
	}
	return true
}
