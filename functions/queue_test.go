package functions

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/events"
	"slipway/internal/ids"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	callAccount = "123456789012"
	greet       = "arn:aws:lambda:us-east-1:123456789012:function:greet"
	told        = "arn:aws:lambda:us-east-1:123456789012:function:told"
)

// office is servers that make calls over one database, and what they are told of how functions answer.
type office struct {
	*testing.T
	db     *store.DB
	config CallConfig

	mu     sync.Mutex
	says   map[string]rules                          // of functions
	answer func(ctx context.Context, c *call) result // nil: every function answers
	made   []*call
}

func newOffice(t *testing.T, db *store.DB) *office {
	t.Helper()
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), "functions", files); err != nil {
		t.Fatal(err)
	}
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	quick := CallConfig{FirstRetry: 2 * time.Millisecond, SecondRetry: 4 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond, Period: 5 * time.Millisecond}
	return &office{T: t, db: db, config: quick, says: map[string]rules{}}
}

// queue is a server's queue that is not running yet.
func (o *office) queue() *queue {
	return newQueue(o.db, o.config, o.make, func(_ *store.Tx, function, _ string) (rules, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if r, ok := o.says[function]; ok {
			return r, nil
		}
		return usualRules, nil
	})
}

// make is how every server makes a call.
func (o *office) make(ctx context.Context, c *call) result {
	o.mu.Lock()
	o.made = append(o.made, c)
	answer := o.answer
	o.mu.Unlock()
	if answer == nil {
		return result{kind: answered, version: "$LATEST", payload: []byte(`"hello"`)}
	}
	return answer(ctx, c)
}

// run runs a queue until the test ends or stop is called.
func (o *office) run(q *queue) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { q.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	o.Cleanup(stop)
	return stop
}

func (o *office) call(function, payload string) *call {
	return &call{ID: ids.UUID(), Account: callAccount, Function: function, Payload: []byte(payload)}
}

func (o *office) accept(q *queue, c *call) *call {
	o.Helper()
	if err := q.accept(o.Context(), c); err != nil {
		o.Fatal(err)
	}
	return c
}

// row is a call as it is written.
type row struct {
	function, outcome, reason, response, payload, holder string
	runs, failures, ended, dead                          int64
	accepted, due                                        time.Time
}

func (o *office) row(id string) (r row) {
	o.Helper()
	err := o.db.View(context.Background(), func(tx *store.Tx) error {
		var response, payload []byte
		var accepted, due int64
		err := tx.Row(`select function, outcome, reason, response, payload, holder, runs, failures, ended, dead, accepted, due from functions_calls where id = $1`, id).
			Scan(&r.function, &r.outcome, &r.reason, &response, &payload, &r.holder, &r.runs, &r.failures, &r.ended, &r.dead, &accepted, &due)
		r.response, r.payload, r.accepted, r.due = string(response), string(payload), store.Time(accepted), store.Time(due)
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return r
}

// ended waits until a call has ended.
func (o *office) ended(c *call) row {
	o.Helper()
	var r row
	o.wait(func() bool { r = o.row(c.ID); return r.ended > 0 })
	return r
}

func (o *office) wait(is func() bool) {
	o.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.Fatal("it never came to that")
		}
	}
}

// numbers are how many calls have ended in which way.
func (o *office) numbers() map[string]int {
	n := map[string]int{}
	err := o.db.View(context.Background(), func(tx *store.Tx) error {
		clear(n)
		return tx.Each(`select outcome, count(*) from functions_calls group by outcome`, nil, func(rows *sql.Rows) error {
			var outcome string
			var k int
			err := rows.Scan(&outcome, &k)
			n[outcome] = k
			return err
		})
	})
	if err != nil {
		o.Fatal(err)
	}
	return n
}

func failing(version string) func(context.Context, *call) result {
	return func(context.Context, *call) result {
		return result{kind: failed, version: version, payload: []byte(`{"errorMessage":"no","errorType":"errorString"}`), reason: "errorString: no"}
	}
}

func TestACallIsMadeAfterItWasAccepted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		q := o.queue()
		before := o.accept(q, o.call(greet, `{"n":1}`)) // nobody makes calls yet
		if r := o.row(before.ID); r.ended != 0 || r.holder != "" || r.payload != `{"n":1}` {
			t.Fatalf("it is written as %+v", r)
		}
		o.run(q)
		for _, c := range []*call{before, o.accept(q, o.call(greet, `{"n":2}`))} {
			if r := o.ended(c); r.outcome != Success || r.runs != 1 || r.payload != "" || r.dead != 0 || r.holder != "" {
				t.Errorf("it ended as %+v", r)
			}
		}
	})
}

func TestAFailingFunctionIsCalledAgainAsOftenAsItsOwnerSays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.answer = failing("7")
		q := o.queue()
		o.run(q)
		for retries := range 3 {
			o.mu.Lock()
			o.says[greet] = rules{Retries: retries, MaxAge: time.Hour}
			o.mu.Unlock()
			c := o.accept(q, o.call(greet, `{"n":1}`))
			r := o.ended(c)
			if r.outcome != RetriesExhausted || r.runs != int64(retries)+1 || r.dead != 1 || r.payload != `{"n":1}` || !strings.Contains(r.response, "errorString") {
				t.Errorf("with %d retries it ended as %+v", retries, r)
			}
		}
	})
}

func TestWhatCannotBeMadeIsTriedUntilItIsTooOld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.says[greet] = rules{Retries: 0, MaxAge: 40 * time.Millisecond}
		o.answer = func(context.Context, *call) result { return result{kind: refused, reason: "Rate Exceeded."} }
		q := o.queue()
		o.run(q)
		if r := o.ended(o.accept(q, o.call(greet, `{}`))); r.outcome != EventAgeExceeded || r.runs != 0 || r.dead != 1 {
			t.Errorf("it ended as %+v", r)
		}
	})
}

func TestDestinationsAreToldHowCallsEnded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.says[greet] = rules{Retries: 1, MaxAge: time.Hour, OnSuccess: told + ":well", OnFailure: told}
		o.answer = func(ctx context.Context, c *call) result {
			if strings.Contains(string(c.Payload), "bad") && c.Function == greet {
				return failing("7")(ctx, c)
			}
			return result{kind: answered, version: "7", payload: []byte(`"hello"`)}
		}
		q := o.queue()
		o.run(q)
		good, bad := o.call(greet, `{"n":"good"}`), o.call(greet, `{"n":"bad"}`)
		good.Qualifier = "live"
		for _, c := range []*call{good, bad} {
			if r := o.ended(o.accept(q, c)); r.dead != 0 {
				t.Errorf("somebody was told of it, and yet it is kept: %+v", r)
			}
		}
		o.wait(func() bool { return o.numbers()[Success] == 3 && o.numbers()[""] == 0 })
		documents := map[string]record{}
		for _, c := range o.made {
			if c.Function == told {
				var r record
				if err := json.Unmarshal(c.Payload, &r); err != nil {
					t.Fatal(err)
				}
				documents[c.ARN()] = r
			}
		}
		for to, want := range map[string]string{
			told + ":well": `{1.0 {` + good.ID + ` ` + greet + `:live Success 1} {"n":"good"} 200 7  "hello"}`,
			told:           `{1.0 {` + bad.ID + ` ` + greet + `:$LATEST RetriesExhausted 2} {"n":"bad"} 200 7 Unhandled {"errorMessage":"no","errorType":"errorString"}}`,
		} {
			r := documents[to]
			if r.ResponseContext == nil {
				t.Fatalf("%s was told nothing: %v", to, documents)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", r.Timestamp); err != nil {
				t.Error(err)
			}
			got := fmt.Sprintf("{%s %v %s %d %s %s %s}", r.Version, r.RequestContext, r.RequestPayload,
				r.ResponseContext.StatusCode, r.ResponseContext.ExecutedVersion, r.ResponseContext.FunctionError, r.ResponsePayload)
			if got != want {
				t.Errorf("%s was told\n%s, want\n%s", to, got, want)
			}
		}
	})
}

func TestFunctionsThatAreOneAnothersDestinationsComeToAnEnd(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	for _, f := range []string{greet, told} {
		o.says[f] = rules{MaxAge: time.Hour, OnSuccess: greet, OnFailure: told}
	}
	q := o.queue()
	o.run(q)
	o.accept(q, o.call(greet, `{}`))
	o.wait(func() bool { n := o.numbers(); return n[Success] == maxDepth+1 && n[""] == 0 })
}

func TestAServerThatEndsLeavesItsCallsToTheNext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		begun := make(chan struct{})
		o.answer = func(ctx context.Context, c *call) result {
			close(begun)
			<-ctx.Done()
			return result{kind: refused}
		}
		q := o.queue()
		stop := o.run(q)
		c := o.accept(q, o.call(greet, `{}`))
		<-begun
		stop()
		if r := o.row(c.ID); r.ended != 0 || r.holder != "" || r.runs != 0 {
			t.Errorf("it was left as %+v", r)
		}
		o.mu.Lock()
		o.answer = nil
		o.mu.Unlock()
		o.run(o.queue())
		if r := o.ended(c); r.outcome != Success {
			t.Errorf("it ended as %+v", r)
		}
	})
}

// Where there is one server at a time, the next one need not wait until the one before is taken for dead.
func TestAServerAloneInheritsWhatWasHeld(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	o.config.Lease = time.Hour
	before := o.queue()
	before.open = true
	c := o.call(greet, `{}`)
	if !before.takeNew(c) {
		t.Fatal("there is no room for a call")
	}
	c.holder = before.me
	if err := before.accepts.do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	o.run(o.queue())
	if r := o.ended(c); r.outcome != Success {
		t.Errorf("it ended as %+v", r)
	}
}

func TestTooManyCallsOfAFunctionWait(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	o.config.MaxWaiting, o.config.MaxAccount, o.config.MaxBytes = 2, 4, 1000
	q := o.queue()
	throttled := func(c *call) bool {
		err := q.accept(t.Context(), c)
		throttle, is := err.(*Throttle)
		return is && throttle.Reason == ReasonQueue
	}
	for i, want := range []struct {
		function string
		size     int
		refused  bool
	}{{greet, 2, false}, {greet, 2, false}, {greet, 2, true}, {told, 998, true}, {told, 2, false}, {told, 2, false}, {told + "2", 2, true}} {
		if got := throttled(o.call(want.function, strings.Repeat(" ", want.size))); got != want.refused {
			t.Errorf("call %d: refused is %v", i, got)
		}
	}
	if err := q.recount(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !throttled(o.call(greet, "{}")) {
		t.Error("after a recount there is room")
	}
	o.run(q)
	o.wait(func() bool { return o.numbers()[Success] == 4 })
	o.wait(func() bool { return q.accept(t.Context(), o.call(greet, "{}")) == nil })
}

func TestManyCallsAreMadeWithALittleAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.config.AtOnce = 8
		var now, most int
		o.answer = func(context.Context, *call) result {
			o.mu.Lock()
			now++
			most = max(most, now)
			o.mu.Unlock()
			time.Sleep(100 * time.Microsecond)
			o.mu.Lock()
			now--
			o.mu.Unlock()
			return result{kind: answered}
		}
		q := o.queue()
		o.run(q)
		var senders sync.WaitGroup
		const n = 400
		for i := range 8 {
			senders.Go(func() {
				for range n / 8 {
					o.accept(q, o.call([]string{greet, told}[i%2], `{}`))
				}
			})
		}
		senders.Wait()
		o.wait(func() bool { return o.numbers()[Success] == n })
		if most > 8 || len(o.made) != n {
			t.Errorf("%d calls were made, %d at once", len(o.made), most)
		}
	})
}

func TestEndsAreForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.says[told] = rules{MaxAge: time.Hour}
		o.answer = func(ctx context.Context, c *call) result {
			if c.Function == told {
				return failing("1")(ctx, c)
			}
			return result{kind: answered}
		}
		q := o.queue()
		stop := o.run(q)
		well, dead := o.accept(q, o.call(greet, `{}`)), o.accept(q, o.call(told, `{}`))
		o.ended(well)
		o.ended(dead)
		stop()
		q.config.KeepEnded = time.Nanosecond
		if err := q.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := o.numbers(); n[Success] != 0 || n[RetriesExhausted] != 1 {
			t.Errorf("after a sweep there are %v", n)
		}
		q.config.KeepDead = time.Nanosecond
		if err := q.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := o.numbers(); len(n) != 0 {
			t.Errorf("after another there are %v", n)
		}
	})
}

// What one call cannot be written for does no harm to those that are written with it.
func TestWhatCannotBeWrittenFailsAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		q := o.queue()
		twice := o.accept(q, o.call(greet, `{}`))
		calls := []*call{o.call(greet, `{}`), twice, o.call(greet, `{}`)}
		parts := make([]*part[*call], len(calls))
		for i, c := range calls {
			parts[i] = &part[*call]{item: c}
		}
		q.accepts.writeParts(t.Context(), parts)
		for i, p := range parts {
			if failed := p.err != nil; failed != (i == 1) {
				t.Errorf("call %d: %v", i, p.err)
			}
		}
		if n := o.numbers(); n[""] != 3 {
			t.Errorf("there are %v", n)
		}
	})
}
