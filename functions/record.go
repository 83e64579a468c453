package functions

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"slipway/events"
	"slipway/functions/fleet"
	"slipway/store"
)

// Invoked is the kind of the events that tell how calls went. Each is about a function, and tells of many calls.
const Invoked = "function.invoked"

// invoked is the data of such an event.
type invoked struct {
	Calls []execution `json:"calls"`
}

// execution is one call of a function, as the event log has it. Times are milliseconds.
type execution struct {
	Request    string    `json:"request"`
	At         time.Time `json:"at"`
	Version    string    `json:"version"`
	Release    string    `json:"release"`
	Sandbox    string    `json:"sandbox"`
	Machine    string    `json:"machine"`
	Memory     int       `json:"memory"` // MiB that it had
	Peak       int64     `json:"memoryPeak"`
	Duration   float64   `json:"duration"`
	Billed     int64     `json:"billed"`
	Init       float64   `json:"init,omitempty"` // of the sandbox that was made for it
	Wait       float64   `json:"wait,omitempty"` // until it had a sandbox
	CPU        float64   `json:"cpu"`
	Cold       *cold     `json:"cold,omitempty"`       // how that sandbox came about
	Superseded float64   `json:"superseded,omitempty"` // for how long there had been a newer release
	Outcome    string    `json:"outcome"`              // "success", or what the function failed with
}

// cold is what was done for a call before it could begin, one after the other. Times are milliseconds.
type cold struct {
	Pooled bool    `json:"pooled,omitempty"` // it waited in the warming pool
	Place  float64 `json:"place"`            // until there was room for it
	Start  float64 `json:"start"`            // of its container
	Assign float64 `json:"assign"`           // all that follows
	Fetch  float64 `json:"fetch"`            // until its code was on the machine
	Mount  float64 `json:"mount"`            // until that was in its container
	Launch float64 `json:"launch"`           // until its runtime's process ran
	Init   float64 `json:"init"`             // until that asked for a call
}

func coldOf(c *fleet.Cold) *cold {
	if c == nil {
		return nil
	}
	return &cold{c.Pooled, millis(c.Place), millis(c.Start), millis(c.Assign), millis(c.Init.Fetch), millis(c.Init.Mount), millis(c.Init.Launch), millis(c.Init.Init)}
}

// recordPatience is how long executions may take to be written down. They are lost then, and said to be.
const recordPatience = 10 * time.Second

// callsInEvent is how many calls one event tells of at most.
const callsInEvent = 500

// Record writes down how calls went, in the event log and in the usage of their functions. It is a fleet's
// Config.Records. The fleet hands over what came in its Config.Flush: so much is lost if the server is killed, and so
// much if the database cannot be written to for ten seconds.
func (c *Control) Record(all []fleet.Record) {
	if len(all) == 0 {
		return
	}
	facts, usage := factsOf(all), calledOf(all)
	ctx, cancel := context.WithTimeout(context.Background(), recordPatience)
	defer cancel()
	err := c.db.UpdateSoon(ctx, func(tx *store.Tx) error {
		if err := addCalled(tx, usage); err != nil {
			return err
		}
		return events.AppendAll(tx, facts)
	})
	if err != nil {
		slog.Warn("how calls of functions went is lost", "calls", len(all), "error", err)
	}
}

// factsOf are the events that tell of executions, by function.
func factsOf(all []fleet.Record) (facts []events.Fact) {
	byFunction := slices.Clone(all)
	slices.SortStableFunc(byFunction, func(a, b fleet.Record) int { return strings.Compare(a.Function, b.Function) })
	for len(byFunction) > 0 {
		first := byFunction[0]
		n := 0
		var data invoked
		for n < len(byFunction) && n < callsInEvent && byFunction[n].Function == first.Function {
			data.Calls = append(data.Calls, executionOf(&byFunction[n]))
			n++
		}
		facts = append(facts, events.Fact{Account: first.Account, Type: Invoked, Subject: first.Function, Data: data})
		byFunction = byFunction[n:]
	}
	return facts
}

func executionOf(r *fleet.Record) execution {
	outcome := "success"
	if r.Error != "" {
		outcome = r.Error
	}
	return execution{
		Request: r.Request, At: r.At.UTC(), Version: r.Version, Release: r.Release, Sandbox: r.Sandbox, Machine: r.Node, Memory: r.Memory, Peak: r.MemoryPeak,
		Duration: millis(r.Duration), Billed: billed(r), Init: millis(r.Init()), Wait: millis(r.Wait), CPU: millis(r.CPU), Cold: coldOf(r.Cold),
		Superseded: millis(r.Stale), Outcome: outcome,
	}
}

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// billed is what a call counts for, in whole milliseconds. Source: "AWS Lambda Pricing": the init phase counts.
func billed(r *fleet.Record) int64 {
	return int64((r.Duration + r.Init() + time.Millisecond - 1) / time.Millisecond)
}

// Called is how often a function was called in an hour, and what that took.
type Called struct {
	Function string    // ARN, without a qualifier
	Hour     time.Time // its beginning
	Calls    int64
	Errors   int64 // calls whose function failed
	Colds    int64 // calls for which a sandbox was made
	Duration time.Duration
	Billed   int64 // milliseconds times MiB

	account string
}

// calledOf sums executions by function and hour.
func calledOf(all []fleet.Record) []Called {
	type of struct {
		function string
		hour     int64
	}
	sums := map[of]*Called{}
	var order []of
	for i := range all {
		r := &all[i]
		key := of{r.Function, r.At.UTC().Truncate(time.Hour).UnixMicro()}
		u := sums[key]
		if u == nil {
			u = &Called{Function: r.Function, Hour: store.Time(key.hour), account: r.Account}
			sums[key] = u
			order = append(order, key)
		}
		u.add(r)
	}
	slices.SortFunc(order, func(a, b of) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) // so that servers meet in one order
	usage := make([]Called, len(order))
	for i, key := range order {
		usage[i] = *sums[key]
	}
	return usage
}

func (u *Called) add(r *fleet.Record) {
	u.Calls++
	if r.Error != "" {
		u.Errors++
	}
	if r.Cold != nil {
		u.Colds++
	}
	u.Duration += r.Duration
	u.Billed += billed(r) * int64(r.Memory)
}
