package functions

import (
	"context"
	"time"

	"slipway/events"
	"slipway/internal/ids"
	"slipway/store"
)

// settlement is a call that was made once, and what becomes of it.
type settlement struct {
	call    *call
	result  result
	verdict verdict
	ended   bool
}

// maxDepth is how many destinations may lead from one to the next: functions that are one another's destinations
// would else call each other for ever.
const maxDepth = 16

// settleAll writes down what becomes of calls: which have ended, how, and who is told of it; which are made again,
// and when. All of it is one transaction. What another server holds by now is left to it.
func (q *queue) settleAll(ctx context.Context, all []*settlement) error {
	err := q.update(ctx, func(tx *store.Tx) error { return q.settleIn(tx, all) })
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ended {
			q.depths.ended(s.call)
		}
	}
	return nil
}

func (q *queue) settleIn(tx *store.Tx, all []*settlement) error {
	calls := make([]*call, len(all))
	for i, s := range all {
		calls[i] = s.call
	}
	if err := readRules(tx, calls, q.rules); err != nil {
		return err
	}
	var well []*settlement
	var facts []events.Fact
	for _, s := range all {
		s.verdict = judge(s.call, s.result, s.call.rules, q.config.pauses(), tx.Now)
		s.ended = s.verdict.condition != ""
		switch {
		case s.verdict.condition == Success && s.call.rules.OnSuccess == "":
			well = append(well, s)
		case s.ended:
			told, err := q.end(tx, s)
			if err != nil {
				return err
			}
			facts = append(facts, told...)
		default:
			if err := putOff(tx, q.me, s); err != nil {
				return err
			}
		}
	}
	if err := succeedCalls(tx, q.me, well); err != nil {
		return err
	}
	return events.AppendAll(tx, facts)
}

// end ends a call whose end somebody is told of. A failure that nobody can be told of is a dead letter.
func (q *queue) end(tx *store.Tx, s *settlement) ([]events.Fact, error) {
	next, undelivered := s.destination(tx.Now)
	ended, err := endCall(tx, q.me, s, s.verdict.condition != Success && next == nil)
	if err != nil || !ended {
		return nil, err
	}
	if next != nil {
		tx.Touch(callsTopic)
		if err := insertCalls(tx, []*call{next}, q.config.Lease); err != nil {
			return nil, err
		}
	}
	return s.facts(next, undelivered), nil
}

// destination is the call that tells how another ended; nil if none does, and why that is, where one should have.
func (s *settlement) destination(now time.Time) (next *call, undelivered string) {
	to := s.call.rules.OnFailure
	if s.verdict.condition == Success {
		to = s.call.rules.OnSuccess
	}
	if to == "" {
		return nil, ""
	}
	function, qualifier, account := splitFunctionARN(to)
	switch {
	case s.call.Depth >= maxDepth:
		return nil, TooDeep
	case bucketOf(to) != "":
		return s.letter(now), ""
	case account != s.call.Account:
		return nil, "the destination is another account's"
	}
	return &call{
		ID: ids.UUID(), Account: account, Function: function, Qualifier: qualifier, Payload: s.document(now),
		Trace: s.call.Trace, Depth: s.call.Depth + 1, Accepted: now,
	}, ""
}

// facts are the events of a call that has ended.
func (s *settlement) facts(next *call, undelivered string) (facts []events.Fact) {
	data := map[string]any{"request": s.call.ID, "condition": s.verdict.condition, "invocations": s.verdict.runs}
	if s.result.reason != "" {
		data["reason"] = s.result.reason
	}
	if next != nil {
		data["destination"] = next.ARN()
	}
	if undelivered != "" {
		data["undelivered"] = undelivered
	}
	fact := failedEvent(s.call.Account, s.call.Function, data)
	if s.verdict.condition == Success {
		fact.Type = "function.event.succeeded"
	}
	return []events.Fact{fact}
}

func failedEvent(account, function string, data map[string]any) events.Fact {
	return events.Fact{Account: account, Type: "function.event.failed", Subject: function, Data: data}
}

func (c CallConfig) pauses() pauses {
	return pauses{first: c.FirstRetry, second: c.SecondRetry, shortest: c.Backoff, longest: c.MaxBackoff}
}

const sweepAtOnce = 1000

// sweep forgets how calls ended, dead letters that nobody wants, and how often functions were called long ago.
func (q *queue) sweep(ctx context.Context) error {
	if err := q.update(ctx, forgetCalled); err != nil {
		return err
	}
	for dead, life := range []time.Duration{q.config.KeepEnded, q.config.KeepDead} {
		for more := true; more; {
			err := q.update(ctx, func(tx *store.Tx) error {
				n, err := sweepCalls(tx, dead, tx.Now.Add(-life), sweepAtOnce)
				more = n == sweepAtOnce
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
