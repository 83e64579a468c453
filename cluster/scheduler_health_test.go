package cluster

import (
	"strings"
	"testing"
	"time"
)

// A story of a scheduler: what comes of questions, and when it is asked.
func TestHealth(t *testing.T) {
	h, now := &health{}, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		do   string
		want string
	}{
		{"may", "yes"}, {"bad", "0s"}, {"bad", "0s"}, {"good", "false"}, // not one after the other
		{"bad", "0s"}, {"bad", "0s"}, {"may", "yes"}, {"bad", "1s"}, {"may", "no"},
		{"wait 1s", ""}, {"may", "yes"}, {"may", "no"}, // one tries
		{"bad", "2s"}, {"wait 1s", ""}, {"may", "no"}, {"wait 1s", ""}, {"may", "yes"}, {"gave up", ""}, {"may", "yes"},
		{"bad", "4s"}, {"bad", "0s"}, {"bad", "0s"}, // asked before the pause
		{"wait 4s", ""}, {"bad", "8s"}, {"wait 8s", ""}, {"bad", "16s"}, {"wait 16s", ""}, {"bad", "32s"},
		{"wait 32s", ""}, {"bad", "1m0s"}, {"wait 60s", ""}, {"bad", "1m0s"},
		{"wait 60s", ""}, {"may", "yes"}, {"good", "true"}, {"may", "yes"}, {"bad", "0s"}, {"good", "false"},
		{"absent", ""}, {"absent", ""}, {"absent", ""}, {"absent", ""}, {"may", "yes"}, // costs nothing
	} {
		got := ""
		switch verb, rest, _ := strings.Cut(step.do, " "); verb {
		case "may":
			got = map[bool]string{true: "yes", false: "no"}[h.may(now)]
		case "bad":
			got = h.bad(now, "late").String()
		case "good":
			got = map[bool]string{true: "true", false: "false"}[h.good()]
		case "gave":
			h.trying = false
		case "absent":
			h.absent("away")
		case "wait":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
		}
		if got != step.want {
			t.Errorf("step %d, %s: %q, want %q", i+1, step.do, got, step.want)
		}
	}
	if h.failed != 19 || h.failure != "away" {
		t.Errorf("%d failures, the last %q", h.failed, h.failure)
	}
}

// A cause is told at once, and then no more often than every ten seconds, with how many it stands for.
func TestHealthTells(t *testing.T) {
	h, now := &health{}, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		after time.Duration
		cause string
		times int
		yes   bool
	}{
		{0, "late", 1, true}, {time.Second, "late", 0, false}, {time.Second, "junk", 1, true}, {time.Second, "late", 0, false},
		{7 * time.Second, "late", 3, true}, {time.Second, "late", 0, false}, {time.Second, "junk", 1, true},
	} {
		now = now.Add(step.after)
		if times, yes := h.tell(now, step.cause); times != step.times || yes != step.yes {
			t.Errorf("step %d: %d, %t, want %d, %t", i+1, times, yes, step.times, step.yes)
		}
	}
}
