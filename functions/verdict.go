package functions

import "time"

// Conditions under which a call ends. Source: "Capturing records of Lambda asynchronous invocations"; the last three
// are Slipway's own.
const (
	Success          = "Success"
	RetriesExhausted = "RetriesExhausted"
	EventAgeExceeded = "EventAgeExceeded"
	FunctionGone     = "FunctionNotFound"
	TooDeep          = "RecursiveInvocation"
	AccountClosed    = "AccountClosed"
)

// pauses say when a call is made again.
type pauses struct {
	first, second     time.Duration // after its function failed
	shortest, longest time.Duration // while it cannot be made
}

// verdict is what happens to a call after it was made once.
type verdict struct {
	condition string    // how it ended; "": it is made again
	due       time.Time // when
	// how often it was made, how often its function failed, and how often in a row it could not be made
	runs, failures, refusals int
}

// judge decides what happens to a call. It is pure.
func judge(c *call, r result, rules rules, p pauses, now time.Time) verdict {
	v := verdict{due: now, runs: c.Runs, failures: c.Failures, refusals: c.Refusals}
	expiry := c.Accepted.Add(rules.MaxAge)
	switch r.kind {
	case answered:
		v.runs, v.condition = v.runs+1, Success
	case failed:
		v.runs, v.failures, v.refusals = v.runs+1, v.failures+1, 0
		if v.failures > rules.Retries {
			v.condition = RetriesExhausted
		}
		v.due = now.Add(p.afterFailure(v.failures))
	case refused:
		v.refusals++
		v.due = now.Add(p.afterRefusal(v.refusals))
	case disabled:
		v.condition = RetriesExhausted
	case gone:
		v.condition = FunctionGone
	case expired:
		v.condition = EventAgeExceeded
	case cutOff:
	}
	if v.due.After(expiry) { // it ends then, and not only when it would have been made
		v.due = expiry
	}
	return v
}

// afterFailure is how long a call waits whose function has failed so often.
func (p pauses) afterFailure(failures int) time.Duration {
	if failures == 1 {
		return p.first
	}
	return p.second
}

// afterRefusal is how long a call waits that could not be made so often: each time twice as long.
func (p pauses) afterRefusal(refusals int) time.Duration {
	pause := p.shortest
	for i := 1; i < refusals && pause < p.longest; i++ {
		pause *= 2
	}
	return min(pause, p.longest)
}
