package fleet

import (
	"sync"
	"time"
)

// tenant is all that the fleet knows of one account. Accounts share nothing, so each has one lock, which is held for
// as long as it takes to decide, and never while anything is waited for.
type tenant struct {
	fleet   *Fleet
	account string

	mu        sync.Mutex
	stopped   bool
	yielded   bool // and another fleet has the account
	machines  map[string]*machine
	functions map[string]*function // by ARN
	pools     map[poolKey]*pool
	sandboxes map[string]*sandbox
	ending    map[*sandbox]bool  // no call will find them, but they still hold room
	hungry    map[*function]bool // calls of theirs wait
	lonely    time.Time          // since when there has been no machine

	unreserved int       // calls under way of functions without reserved concurrency
	running    int       // calls in sandboxes
	freed      int       // how often room was given back
	tight      time.Time // when room was refused last
	swept      time.Time
	count      counters
}

type counters struct {
	calls, cold, throttled, failed, stale int64
	skew, before                          time.Duration // of this minute, and of the one before
	minute                                time.Time
}

func newTenant(f *Fleet, account string) *tenant {
	return &tenant{
		fleet: f, account: account, lonely: time.Now(), swept: time.Now(),
		machines: map[string]*machine{}, functions: map[string]*function{}, pools: map[poolKey]*pool{},
		sandboxes: map[string]*sandbox{}, ending: map[*sandbox]bool{}, hungry: map[*function]bool{},
	}
}

// function is what is known of one function: the editions of it that somebody calls or called, and who waits.
type function struct {
	arn      string
	calls    int // under way, waiting or running
	editions map[string]*edition
	lines    map[string]*line
	waiting  []*waiter // in their order
	used     time.Time
}

func (t *tenant) function(arn string) *function {
	fn := t.functions[arn]
	if fn == nil {
		fn = &function{arn: arn, editions: map[string]*edition{}, lines: map[string]*line{}}
		t.functions[arn] = fn
	}
	return fn
}

// edition finds or makes what is known of a release.
func (fn *function) edition(r *Release) *edition {
	e := fn.editions[r.ID]
	if e == nil {
		e = &edition{function: fn, release: r, all: map[*sandbox]bool{}}
		fn.editions[r.ID] = e
	}
	e.release = r // the same by its ID, and what it is asked for by may be fresher
	return e
}

// admit counts a call in, or says why there are too many.
func (t *tenant) admit(fn *function, l Limit) error {
	switch {
	case t.stopped:
		return t.refusal()
	case l.Reserved && fn.calls >= l.Function:
		t.count.throttled++
		return ErrThrottled
	case !l.Reserved && l.Unreserved > 0 && t.unreserved >= l.Unreserved:
		t.count.throttled++
		return ErrAccount
	}
	fn.calls++
	if !l.Reserved {
		t.unreserved++
	}
	return nil
}

// leave counts a call out.
func (t *tenant) leave(fn *function, l Limit) {
	fn.calls--
	if !l.Reserved {
		t.unreserved--
	}
}
