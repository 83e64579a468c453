package sim

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"slipway/cluster"
	"slipway/events"
	"slipway/nodeapi"
)

// judgeEvents wants the events to tell of every task how it went, each step once and in order, to a reader
// who came by now and then as to one who reads all at once.
func (w *world) judgeEvents(s *server, byID map[string]cluster.Task) error {
	if err := errors.Join(w.books.follow(w.t.Context(), s), w.books.acts(w.t.Context(), s)); err != nil {
		return err
	}
	all, err := allEvents(w.t.Context(), s)
	if err != nil {
		return err
	}
	var numbers []int64
	byTask := map[string][]events.Event{}
	for _, e := range all {
		numbers = append(numbers, e.Seq)
		if strings.HasPrefix(e.Type, "task.") {
			id := e.Subject[strings.LastIndexByte(e.Subject, '/')+1:]
			byTask[id] = append(byTask[id], e)
		}
	}
	if !slices.Equal(numbers, w.books.followed) {
		w.truth.fail("a reader came by %d events, and there are %d", len(w.books.followed), len(numbers))
	}
	for id, t := range byID {
		w.judgeHistory(t, byTask[id])
	}
	for id := range byTask {
		if _, known := byID[id]; !known {
			w.truth.fail("the events tell of task %s, which nobody knows", id)
		}
	}
	return nil
}

// judgeHistory wants what is told of one task to begin with PENDING, to go only forward, and to end with STOPPED.
func (w *world) judgeHistory(t cluster.Task, told []events.Event) {
	var kinds []string
	last, asked, wrong := nodeapi.Status(0), false, len(told) == 0
	for _, e := range told {
		kinds = append(kinds, e.Type)
		var fact struct{ Status string }
		wrong = wrong || json.Unmarshal(e.Data, &fact) != nil || e.Account != t.Account
		if e.Type == "task.stop-requested" {
			wrong = wrong || asked || last == nodeapi.Stopped
			asked = true
			continue
		}
		status := statusOf(fact.Status)
		wrong = wrong || status <= last || e.Type != "task."+strings.ToLower(fact.Status)
		last = status
	}
	wrong = wrong || last != nodeapi.Stopped || kinds[0] != "task.pending" || asked != t.Wanted.Stop
	for status := nodeapi.Provisioning; status < nodeapi.Stopped; status++ {
		if w.books.seen[t.ID+" "+status.String()] && !slices.Contains(kinds, "task."+strings.ToLower(status.String())) {
			wrong = true
		}
	}
	if wrong {
		w.truth.fail("the events tell of task %s: %v", t.ID, kinds)
	}
}

func statusOf(name string) nodeapi.Status {
	for s := nodeapi.Provisioning; s <= nodeapi.Stopped; s++ {
		if s.String() == name {
			return s
		}
	}
	return 0
}
