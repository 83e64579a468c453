package functions

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/functions/fleet"
	"slipway/nodeapi"
)

var usualPauses = CallConfig{}.filled().pauses()

// What happens after a call was made once, at twelve o'clock, with the rules that are usual.
func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		is   string
		call call
		kind resultKind
		want string
	}{
		{"the first run answers", call{}, answered, "Success after 1 runs"},
		{"the last run answers", call{Runs: 2, Failures: 2}, answered, "Success after 3 runs"},
		{"the first run fails", call{}, failed, "again in 1m0s after 1 runs, 1 failures, 0 refusals"},
		{"the second run fails", call{Runs: 1, Failures: 1}, failed, "again in 2m0s after 2 runs, 2 failures, 0 refusals"},
		{"the third run fails", call{Runs: 2, Failures: 2}, failed, "RetriesExhausted after 3 runs"},
		{"there is no room", call{}, refused, "again in 1s after 0 runs, 0 failures, 1 refusals"},
		{"there is still no room", call{Refusals: 3}, refused, "again in 8s after 0 runs, 0 failures, 4 refusals"},
		{"there is no room for long", call{Refusals: 30}, refused, "again in 5m0s after 0 runs, 0 failures, 31 refusals"},
		{"a refusal is no failure", call{Runs: 2, Failures: 2}, refused, "again in 1s after 2 runs, 2 failures, 1 refusals"},
		{"it expires before it would be made again", call{Accepted: now.Add(-6*time.Hour + 30*time.Second)}, failed, "again in 30s after 1 runs, 1 failures, 0 refusals"},
		{"it is too old", call{Runs: 1, Failures: 1}, expired, "EventAgeExceeded after 1 runs"},
		{"it may not be called", call{}, disabled, "RetriesExhausted after 0 runs"},
		{"its function is gone", call{Runs: 1}, gone, "FunctionNotFound after 1 runs"},
		{"the server ends", call{Runs: 1, Failures: 1, Refusals: 2}, cutOff, "again in 0s after 1 runs, 1 failures, 2 refusals"},
	} {
		if c.call.Accepted.IsZero() {
			c.call.Accepted = now
		}
		v := judge(&c.call, result{kind: c.kind}, usualRules, usualPauses, now)
		got := fmt.Sprintf("%s after %d runs", v.condition, v.runs)
		if v.condition == "" {
			got = fmt.Sprintf("again in %v after %d runs, %d failures, %d refusals", v.due.Sub(now), v.runs, v.failures, v.refusals)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.is, got, c.want)
		}
	}
}

// However runs go, a call ends, was made no more often than its rules allow, and never waits longer than it may live.
func TestEveryCallComesToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := rules{Retries: rapid.IntRange(0, 2).Draw(t, "retries"), MaxAge: time.Duration(rapid.IntRange(60, 21600).Draw(t, "age")) * time.Second}
		c := call{Accepted: time.Unix(1e9, 0)}
		now := c.Accepted
		for step := 0; ; step++ {
			kind := rapid.SampledFrom([]resultKind{answered, failed, refused}).Draw(t, "kind")
			if now.Sub(c.Accepted) >= rules.MaxAge {
				kind = expired
			}
			v := judge(&c, result{kind: kind}, rules, usualPauses, now)
			if v.runs > rules.Retries+1 || v.failures > v.runs {
				t.Fatalf("%d runs and %d failures, with %d retries", v.runs, v.failures, rules.Retries)
			}
			if v.condition != "" {
				return
			}
			if !v.due.After(now) || v.due.Sub(c.Accepted) > rules.MaxAge || step > 10_000 {
				t.Fatalf("at %v of %v it is put off to %v", now.Sub(c.Accepted), rules.MaxAge, v.due.Sub(c.Accepted))
			}
			now, c.Runs, c.Failures, c.Refusals = v.due, v.runs, v.failures, v.refusals
		}
	})
}

func TestWhatDestinationsAreGiven(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 5e6, time.UTC)
	head := `{"version":"1.0","timestamp":"2026-11-21T12:00:00.005Z","requestContext":{"requestId":"1","functionArn":"` + greet + `:$LATEST","condition":`
	large := `"` + strings.Repeat("x", MaxEventPayload) + `"`
	for _, c := range []struct {
		s    settlement
		want string
	}{
		{settlement{result: result{kind: answered, version: "7", payload: []byte(`{"a":1}`)}, verdict: verdict{condition: Success, runs: 1}},
			head + `"Success","approximateInvokeCount":1},"requestPayload":[1],"responseContext":{"statusCode":200,"executedVersion":"7"},"responsePayload":{"a":1}}`},
		{settlement{result: result{kind: failed, version: "$LATEST", payload: []byte(`no`)}, verdict: verdict{condition: RetriesExhausted, runs: 3}},
			head + `"RetriesExhausted","approximateInvokeCount":3},"requestPayload":[1],"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":"no"}`},
		{settlement{result: result{kind: expired}, verdict: verdict{condition: EventAgeExceeded}},
			head + `"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":[1],"responsePayload":null}`},
		{settlement{result: result{kind: answered, version: "7", payload: []byte(large)}, verdict: verdict{condition: Success, runs: 1}},
			head + `"Success","approximateInvokeCount":1},"requestPayload":[1],"responseContext":{"statusCode":200,"executedVersion":"7"},"responsePayload":null}`},
	} {
		c.s.call = &call{ID: "1", Function: greet, Payload: []byte(`[1]`)}
		if got := string(c.s.document(now)); got != c.want {
			t.Errorf("%s is told as\n%s, want\n%s", c.s.verdict.condition, got, c.want)
		}
	}
}

func TestNobodyElsesFunctionIsADestination(t *testing.T) {
	s := settlement{call: &call{ID: "1", Account: callAccount, Function: greet, Payload: []byte(`1`), rules: rules{OnFailure: "arn:aws:lambda:us-east-1:999999999999:function:theirs"}}, verdict: verdict{condition: RetriesExhausted}}
	if next, why := s.destination(time.Now()); next != nil || why == "" {
		t.Errorf("another account's function is called: %+v, %q", next, why)
	}
}

// Executions are told by function, a few hundred in one event, and summed by function and hour.
func TestHowExecutionsAreWrittenDown(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 59, 59, 0, time.UTC)
	all := []fleet.Record{
		{At: at, Account: callAccount, Function: told, Version: "1", Release: "r", Request: "1", Sandbox: "sb-1", Node: "n", Memory: 128, MemoryPeak: 5 << 20,
			Duration: 1500 * time.Microsecond, Wait: 150 * time.Millisecond, CPU: time.Millisecond,
			Cold: &fleet.Cold{Pooled: true, Place: time.Millisecond, Assign: 120 * time.Millisecond, Init: nodeapi.Init{Fetch: 10 * time.Millisecond, Init: 100 * time.Millisecond}}},
		{At: at.Add(2 * time.Second), Account: callAccount, Function: told, Memory: 128, Duration: time.Millisecond, Error: "Sandbox.Timedout"},
	}
	for range callsInEvent + 1 {
		all = append(all, fleet.Record{At: at, Account: callAccount, Function: greet, Memory: 128, Duration: time.Microsecond})
	}
	facts := factsOf(all)
	if len(facts) != 3 || facts[0].Subject != greet || len(facts[0].Data.(invoked).Calls) != callsInEvent || len(facts[1].Data.(invoked).Calls) != 1 {
		t.Fatalf("there are %d events: %+v", len(facts), facts)
	}
	text, err := json.Marshal(facts[2].Data.(invoked).Calls[0])
	want := `{"request":"1","at":"2026-11-21T12:59:59Z","version":"1","release":"r","sandbox":"sb-1","machine":"n","memory":128,"memoryPeak":5242880,"duration":1.5,"billed":102,"init":100,"wait":150,"cpu":1,"cold":{"pooled":true,"place":1,"start":0,"assign":120,"fetch":10,"mount":0,"launch":0,"init":100},"outcome":"success"}`
	if string(text) != want || err != nil {
		t.Errorf("a call is told as\n%s, want\n%s", text, want)
	}
	got := ""
	for _, u := range calledOf(all) {
		got += fmt.Sprintf("%s %d %d %d %d %d; ", u.Function[len(u.Function)-5:], u.Hour.Hour(), u.Calls, u.Errors, u.Colds, u.Billed)
	}
	if want := fmt.Sprintf("greet 12 %d 0 0 %d; :told 12 1 0 1 %d; :told 13 1 1 0 128; ", callsInEvent+1, (callsInEvent+1)*128, 102*128); got != want {
		t.Errorf("summed up that is %s, want %s", got, want)
	}
}
