package functions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

// doomed is a server that is killed at one of its writes: just before it is committed, or just after. From then on
// nothing that it does has any effect, but for the functions that it calls.
type doomed struct {
	*queue
	stop func()

	mu     sync.Mutex
	writes int // after which it is killed
	after  bool
	dead   bool
}

var errKilled = errors.New("killed")

func (o *office) doomed(writes int, after bool) *doomed {
	d := &doomed{queue: o.queue(), writes: writes, after: after}
	write := d.update
	d.update = func(ctx context.Context, f func(*store.Tx) error) error {
		now, dead := d.next()
		if dead || now && !after {
			return errKilled
		}
		err := write(ctx, f)
		if now {
			return errKilled
		}
		return err
	}
	d.stop = o.run(d.queue)
	return d
}

// next counts a write, and tells whether the server is killed at it, or was.
func (d *doomed) next() (now, dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dead = d.dead
	d.writes--
	now = d.writes == 0
	d.dead = dead || now
	return now, dead
}

// Whoever is killed at whatever write, or is taken for dead and is not, each call that was accepted ends once, and its
// destination is told once.
func TestEachAcceptedCallEndsOnceWhoeverIsKilled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.config.Lease = 30 * time.Millisecond
		o.says[greet] = rules{Retries: 1, MaxAge: time.Hour, OnSuccess: told, OnFailure: told}
		tries := map[string]int{}
		o.answer = func(_ context.Context, c *call) result {
			if c.Function == told {
				return result{kind: answered, version: "1"}
			}
			o.mu.Lock()
			n := tries[c.ID]
			tries[c.ID]++
			o.mu.Unlock()
			time.Sleep(time.Duration(n+1) * time.Millisecond) // so that others may come in between
			return scripted(string(c.Payload), n)
		}
		begun := time.Now()
		rapid.Check(t, func(rt *rapid.T) {
			if db.Dialect() == "postgres" && time.Since(begun) > 5*time.Second {
				return // each costs more there
			}
			accepted := o.storm(rt)
			last, beside := o.run(o.queue()), o.run(o.queue())
			o.wait(func() bool { return o.numbers()[""] == 0 })
			last()
			beside()
			o.checkEnds(rt, accepted)
		})
	})
}

// scripted is how a call goes at a try: its payload tells, a letter for each.
func scripted(payload string, n int) result {
	script := strings.Trim(payload, `"`)
	if n >= len(script) {
		return result{kind: answered, version: "1", payload: []byte(`1`)}
	}
	switch script[n] {
	case 'f':
		return result{kind: failed, version: "1", payload: []byte(`{"errorType":"f"}`), reason: "f"}
	case 'r':
		return result{kind: refused, reason: "Rate Exceeded."}
	}
	return result{kind: answered, version: "1", payload: []byte(`1`)}
}

// storm has servers accept calls while they are killed, and returns the calls that were accepted.
func (o *office) storm(rt *rapid.T) (accepted []*call) {
	servers := make([]*doomed, rapid.IntRange(1, 3).Draw(rt, "servers"))
	begin := func(i int) {
		servers[i] = o.doomed(rapid.IntRange(1, 12).Draw(rt, "writes"), rapid.Bool().Draw(rt, "after"))
	}
	for i := range servers {
		begin(i)
	}
	for range rapid.IntRange(1, 12).Draw(rt, "calls") {
		i := rapid.IntRange(0, len(servers)-1).Draw(rt, "server")
		if rapid.IntRange(0, 4).Draw(rt, "replaced") == 0 {
			servers[i].stop()
			begin(i)
		}
		c := o.call(greet, fmt.Sprintf("%q", rapid.StringMatching(`[afr]{0,4}`).Draw(rt, "script")))
		if servers[i].accept(context.Background(), c) == nil {
			accepted = append(accepted, c)
		}
		if rapid.Bool().Draw(rt, "lapse") {
			o.lapse()
		}
	}
	o.lapse()
	for _, s := range servers {
		s.mu.Lock()
		s.dead = true
		s.mu.Unlock()
		s.stop()
	}
	return accepted
}

// lapse has all servers be taken for dead that are at work: what they hold is made by others beside them.
func (o *office) lapse() {
	err := o.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update functions_calls set due = accepted where ended = 0`)
		tx.Touch(callsTopic)
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) checkEnds(rt *rapid.T, accepted []*call) {
	ends, documents := o.endings(), o.documents()
	for _, c := range accepted {
		r := o.row(c.ID)
		if r.ended == 0 || ends[c.ID] != 1 || documents[c.ID] != 1 {
			rt.Errorf("call %s %s ended %d times, its destination was told %d times, and it is %+v", c.ID, c.Payload, ends[c.ID], documents[c.ID], r)
		}
	}
	for id, n := range documents {
		if n != 1 || ends[id] != 1 {
			rt.Errorf("call %s, accepted or not, ended %d times, and its destination was told %d times", id, ends[id], n)
		}
	}
}

// endings counts, by call, the events that tell of its end.
func (o *office) endings() map[string]int {
	ends := map[string]int{}
	o.read(`select data from events where type like 'function.event.%'`, func(text string) {
		var data struct{ Request string }
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			o.Fatal(err)
		}
		ends[data.Request]++
	})
	return ends
}

// documents counts, by call, the calls by which its destination is told.
func (o *office) documents() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	byID := map[string]string{} // a destination may be called twice, and is told once
	for _, c := range o.made {
		if c.Function == told {
			var r record
			if err := json.Unmarshal(c.Payload, &r); err != nil {
				o.Fatal(err)
			}
			byID[c.ID] = r.RequestContext.RequestID
		}
	}
	n := map[string]int{}
	for _, of := range byID {
		n[of]++
	}
	return n
}

func (o *office) read(query string, each func(string)) {
	var all []string
	err := o.db.View(context.Background(), func(tx *store.Tx) error {
		all = nil
		return tx.Each(query, nil, scanText(&all))
	})
	if err != nil {
		o.Fatal(err)
	}
	for _, text := range all {
		each(text)
	}
}

func scanText(all *[]string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		*all = append(*all, text)
		return err
	}
}
