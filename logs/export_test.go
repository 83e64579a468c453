package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/store"
	"slipway/store/storetest"
)

// shelf is a bucket in memory. fail, if there is one, says how a Put goes; and late, what the caller learns of
// one that went well.
type shelf struct {
	mu         sync.Mutex
	objects    map[string]string
	fail, late func(key string) error
}

var errAway = errs.New(errs.Unavailable, "the bucket is away")

func errAwayIf(away bool) error {
	if away {
		return errAway
	}
	return nil
}

// Put satisfies Bucket.
func (s *shelf) Put(_ context.Context, _, bucket, key string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(key); err != nil {
			return err
		}
	}
	s.objects[bucket+"/"+key] = string(data)
	if s.late != nil {
		return s.late(key)
	}
	return nil
}

// keys are those of the objects of an export, without what they have in common.
func (s *shelf) keys(id string) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if name, ok := strings.CutPrefix(key, "bucket/logs/"+id+"/"); ok {
			keys = append(keys, name)
		}
	}
	return keys
}

// lines are those of an export's objects, in the order of their keys.
func (s *shelf) lines(t *testing.T, id string) string {
	t.Helper()
	var all strings.Builder
	for _, key := range s.keys(id) {
		in, err := gzip.NewReader(strings.NewReader(s.objects["bucket/logs/"+id+"/"+key]))
		must(t, err)
		_, err = io.Copy(&all, in)
		must(t, err)
	}
	return all.String()
}

// eachExport is each with a bucket, and a second server over the same database and bucket.
func eachExport(t *testing.T, test func(t *testing.T, c, other *Control, to *shelf)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		to := &shelf{objects: map[string]string{}}
		c, err1 := New(t.Context(), db, ExportTo(to))
		other, err2 := New(t.Context(), db, ExportTo(to))
		must(t, errors.Join(err1, err2))
		must(t, c.CreateGroup(t.Context(), us, "/app", nil))
		must(t, c.CreateStream(t.Context(), us, "/app", "web"))
		test(t, c, other, to)
	})
}

func startExport(t *testing.T, c *Control, change func(*ExportRequest)) string {
	t.Helper()
	r := ExportRequest{Group: "/app", Span: AllTime, Bucket: "bucket", Prefix: "logs"}
	if change != nil {
		change(&r)
	}
	id, err := c.StartExport(t.Context(), us, r)
	must(t, err)
	return id
}

func exportOf(t *testing.T, c *Control, id string) Export {
	t.Helper()
	found, _, err := c.Exports(t.Context(), us, ExportQuery{ID: id})
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%d exports with id %s", len(found), id)
	}
	return found[0]
}

// exported is a line as it is in an object.
func exported(events ...Event) string {
	var b bytes.Buffer
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s\n", time.UnixMilli(e.Time).UTC().Format("2006-01-02T15:04:05.000Z"), e.Message)
	}
	return b.String()
}

func TestExportWritesEveryStream(t *testing.T) {
	eachExport(t, func(t *testing.T, c, _ *Control, to *shelf) {
		start := now() - 10_000
		web, slash, hyphen := lines(start, 20, "web"), lines(start, 5, "slash"), lines(start, 5, "hyphen")
		put(t, c, "web", web)
		feed(t, c, "a/b", slash...)
		feed(t, c, "a-b", hyphen...)
		feed(t, c, "..", lines(start, 1, "dots")...)
		must(t, c.CreateStream(t.Context(), us, "/app", "empty"))

		id := startExport(t, c, nil)
		if e := exportOf(t, c, id); e.Status != ExportPending || to.objects["bucket/logs/aws-logs-write-test"] != writeTestText {
			t.Errorf("begun: %+v, %v", e, to.objects)
		}
		must(t, c.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportCompleted || e.Message != "Completed successfully" || e.Finished.IsZero() {
			t.Errorf("finished: %+v", e)
		}
		if got := fmt.Sprint(to.keys(id)); got != "[--/000000.gz a-b/000000.gz a-b/000001.gz web/000000.gz]" {
			t.Errorf("objects %s", got)
		}
		want := exported(lines(start, 1, "dots")...) + exported(hyphen...) + exported(slash...) + exported(web...)
		if got := to.lines(t, id); got != want {
			t.Errorf("exported\n%s, want\n%s", got, want)
		}

		id = startExport(t, c, func(r *ExportRequest) { r.StreamPrefix, r.Span = "we", Span{start + 3, start + 7} })
		must(t, c.runExports(t.Context()))
		if got := to.lines(t, id); got != exported(web[3:7]...) {
			t.Errorf("a span of some streams:\n%s", got)
		}
	})
}

// Much is several objects. A server that dies between any two steps has another go on, and nothing is lost or doubled.
func TestExportGoesOnElsewhere(t *testing.T) {
	eachExport(t, func(t *testing.T, c, other *Control, to *shelf) {
		var want strings.Builder
		for i := range 3 * exportWeight / (250 << 10) {
			e := Event{now() - 60_000 + int64(i), fmt.Sprint(i, strings.Repeat("x", 250<<10))}
			feed(t, c, fmt.Sprint("s", i%2), e)
		}
		for _, s := range []string{"s0", "s1"} {
			want.WriteString(exported(readAll(t, c, "/app", s, 0)...))
		}
		id := startExport(t, c, nil)
		servers, puts := []*Control{c, other}, 0
		c.exportHold, other.exportHold = 0, 0
		to.fail = func(string) error {
			puts++
			return errAwayIf(puts%3 == 0)
		}
		to.late = func(string) error { return errAwayIf(puts%3 == 1) }
		for i := 0; exportOf(t, c, id).Finished.IsZero(); i++ {
			if err := servers[i%2].runExports(t.Context()); err != nil && !errors.Is(err, errAway) {
				t.Fatal(err)
			}
			if i > 50 {
				t.Fatal("it does not come to an end")
			}
		}
		if got := fmt.Sprint(to.keys(id)); got != "[s0/000000.gz s0/000001.gz s1/000000.gz s1/000001.gz]" {
			t.Errorf("objects %s", got)
		}
		if got := to.lines(t, id); got != want.String() {
			t.Errorf("%d bytes exported, want %d, or others", len(got), want.Len())
		}
	})
}

// What one server works on no other touches, and a late one notices that it is not its any more.
func TestExportIsHeld(t *testing.T) {
	eachExport(t, func(t *testing.T, c, other *Control, to *shelf) {
		put(t, c, "web", lines(now()-1000, 3, "line"))
		id := startExport(t, c, nil)
		to.fail = func(string) error {
			to.fail = nil
			return errAway
		}
		wantErr(t, c.runExports(t.Context()), errAway)
		must(t, other.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportRunning || len(to.keys(id)) != 0 {
			t.Errorf("another server worked on it: %+v", e)
		}
		to.fail = func(string) error { // it is cancelled while an object is being written
			return c.CancelExport(t.Context(), us, id)
		}
		must(t, c.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportCancelled || e.Finished.IsZero() {
			t.Errorf("cancelled: %+v", e)
		}
		wantErr(t, c.CancelExport(t.Context(), us, id), ErrExportOver)
	})
}

// A server that is asked to end leaves its export to the others at once.
func TestExportIsReleased(t *testing.T) {
	eachExport(t, func(t *testing.T, c, other *Control, to *shelf) {
		put(t, c, "web", lines(now()-1000, 3, "line"))
		id := startExport(t, c, nil)
		ctx, end := context.WithCancel(t.Context())
		to.fail = func(string) error {
			end()
			return ctx.Err()
		}
		wantErr(t, c.runExports(ctx), context.Canceled)
		to.fail = nil
		must(t, other.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportCompleted || len(to.keys(id)) != 1 {
			t.Errorf("after its server ended: %+v, objects %v", e, to.keys(id))
		}
	})
}

// A stream that is deleted while it is written, and made anew, ends where it was deleted.
func TestExportOfADeletedStream(t *testing.T) {
	eachExport(t, func(t *testing.T, c, _ *Control, to *shelf) {
		put(t, c, "web", lines(now()-1000, 3, "line"))
		id := startExport(t, c, nil)
		half := read(t, c, ReadQuery{FromHead: true, Limit: 2})
		must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update log_exports set stream = $2, token = $3 where id = $1`, id, []byte("web"), half.Forward)
			return err
		}))
		must(t, c.DeleteStream(t.Context(), us, "/app", "web"))
		feed(t, c, "web", lines(now(), 3, "other")...)
		must(t, c.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportCompleted || len(to.keys(id)) != 0 {
			t.Errorf("finished: %+v, objects %v", e, to.keys(id))
		}
	})
}

func TestExportIsRefused(t *testing.T) {
	eachExport(t, func(t *testing.T, c, _ *Control, to *shelf) {
		refused := func(account string, want error, change func(*ExportRequest)) {
			t.Helper()
			r := ExportRequest{Group: "/app", Span: AllTime, Bucket: "bucket", Prefix: "logs"}
			change(&r)
			_, err := c.StartExport(t.Context(), account, r)
			wantErr(t, err, want)
		}
		refused(us, ErrNoGroup, func(r *ExportRequest) { r.Group = "/gone" })
		refused(them, ErrNoGroup, func(r *ExportRequest) {})
		refused(us, ErrExportSpan, func(r *ExportRequest) { r.Span = Span{5, 5} })
		refused(us, ErrName, func(r *ExportRequest) { r.Prefix = "a\x00b" })
		to.fail = func(string) error { return ErrBucket }
		refused(us, ErrBucket, func(r *ExportRequest) {})
		to.fail = nil
		if len(to.objects) != 0 {
			t.Errorf("written though refused: %v", to.objects)
		}

		id := startExport(t, c, nil)
		refused(us, ErrTooManyExports, func(r *ExportRequest) {})
		wantErr(t, c.CancelExport(t.Context(), them, id), ErrNoExport)
		wantErr(t, c.CancelExport(t.Context(), us, "gone"), ErrNoExport)
		must(t, c.DeleteGroup(t.Context(), us, "/app"))
		must(t, c.runExports(t.Context()))
		if e := exportOf(t, c, id); e.Status != ExportFailed || e.Message != "log group not found: /app" {
			t.Errorf("without its group: %+v", e)
		}
	})
}

func TestExportsAreListedAndForgotten(t *testing.T) {
	eachExport(t, func(t *testing.T, c, _ *Control, _ *shelf) {
		put(t, c, "web", lines(now()-1000, 3, "line"))
		var started []string
		for range 3 {
			started = append(started, startExport(t, c, nil))
			must(t, c.runExports(t.Context()))
		}
		var listed []string
		for q := (ExportQuery{Limit: 2}); ; {
			found, token, err := c.Exports(t.Context(), us, q)
			must(t, err)
			for _, e := range found {
				listed = append(listed, e.ID)
			}
			if q.Token = token; token == "" {
				break
			}
		}
		slices.Reverse(listed)
		if !slices.Equal(listed, started) {
			t.Errorf("listed %v, want %v", listed, started)
		}
		if running, _, err := c.Exports(t.Context(), us, ExportQuery{Status: ExportRunning}); err != nil || len(running) != 0 {
			t.Errorf("running: %v, %v", running, err)
		}
		must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update log_exports set finished = $2 where id = $1`, started[0], store.Micros(tx.Now.Add(-31*24*time.Hour)))
			return err
		}))
		must(t, c.sweep(t.Context()))
		if left, _, err := c.Exports(t.Context(), us, ExportQuery{}); err != nil || len(left) != 2 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}
