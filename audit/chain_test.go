package audit

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

// grow gives an account so many chunks of one record each, as if each had come an hour and more
// after the one before, the last of them now.
func grow(t tester, c *Control, chunks int) {
	t.Helper()
	now := time.Now()
	must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range chunks {
			at := now.Add(time.Duration(i+1-chunks) * 2 * time.Hour)
			if err := c.extend(tx, us, made(t, at, runTask(fmt.Sprint(i)))); err != nil {
				return err
			}
		}
		return nil
	}))
}

// keepAt has records in the database that were made at a time of the test's own.
func keepAt(t tester, c *Control, at time.Time, entries ...Entry) []record {
	t.Helper()
	records := made(t, at, entries...)
	must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
		for account, some := range spread(records) {
			if err := c.extend(tx, account, some); err != nil {
				return err
			}
		}
		return nil
	}))
	return records
}

// made is records of entries, a microsecond apart.
func made(t tester, at time.Time, entries ...Entry) (records []record) {
	t.Helper()
	for i, e := range entries {
		must(t, e.settle())
		b := appendRecord(nil, &e)
		n := newID(at.UnixMicro() + int64(i))
		copy(b[idAt:], n[:])
		r, err := readRecord(string(b))
		must(t, err)
		records = append(records, r)
	}
	return records
}

func alter(t tester, c *Control, statement string, args ...any) {
	t.Helper()
	must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
		n, err := tx.Exec(statement, args...)
		if err == nil && n == 0 {
			err = errors.New("nothing was altered")
		}
		return err
	}))
}

func TestVerifyTellsWhatItHasSeen(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		if seen := verify(t, c, us); seen.Records != 0 || seen.Chunks != 0 {
			t.Errorf("of nothing: %+v", seen)
		}
		grow(t, c, 40)
		seen := verify(t, c, us)
		if seen.Records != 40 || seen.Chunks != 40 || seen.Last.Sub(seen.First).Round(time.Hour) != 78*time.Hour {
			t.Errorf("seen %+v", seen)
		}
		grow(t, c, 1)
		if again := verify(t, c, us); again.Tip == seen.Tip {
			t.Error("the tip is still the same")
		}
	})
}

const wholeAltered = "what is written of the chain as a whole was altered"

func TestVerifyFindsWhatWasDoneToTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		chunk     int64
		what      string
		then      string // when more was written
	}{
		"altered data":       {`update audit_chunks set data = (select data from audit_chunks where seq = 4) where seq = 5`, 5, "it was altered", ""},
		"altered terms":      {`update audit_chunks set terms = data where seq = 5`, 5, "it was altered", ""},
		"altered time":       {`update audit_chunks set first_time = first_time - 1 where seq = 5`, 5, "it was altered", ""},
		"altered count":      {`update audit_chunks set records = 2 where seq = 5`, 5, "it was altered", ""},
		"altered hash":       {`update audit_chunks set hash = terms where seq = 5`, 5, "it was altered", ""},
		"copied hash":        {`update audit_chunks set hash = (select hash from audit_chunks where seq = 4) where seq = 5`, 5, "it was altered", ""},
		"deleted":            {`delete from audit_chunks where seq = 5`, 5, "it is missing", ""},
		"first deleted":      {`delete from audit_chunks where seq = 1`, 1, "it is missing", ""},
		"last deleted":       {`delete from audit_chunks where seq = 20`, 20, "it is missing", ""},
		"all deleted":        {`delete from audit_chunks`, 1, "it is missing", ""},
		"moved":              {`update audit_chunks set seq = 21 where seq = 5`, 5, "it is missing", ""},
		"added behind":       {`insert into audit_chunks select account, 21, first_time, last_time, records, size, hash, terms, data from audit_chunks where seq = 20`, 21, "it was added", "it was altered"},
		"added before":       {`insert into audit_chunks select account, 0, first_time, last_time, records, size, hash, terms, data from audit_chunks where seq = 20`, 0, "it was added", ""},
		"end cut off":        {`update audit_chains set next_seq = 20`, 0, wholeAltered, ""},
		"beginning cut off":  {`update audit_chains set first_seq = 2, anchor = (select hash from audit_chunks where seq = 1)`, 0, wholeAltered, ""},
		"chain's row gone":   {`delete from audit_chains`, 1, "it was added", wholeAltered},
		"of another account": {`update audit_chunks set account = '999999999999' where seq = 5`, 5, "it is missing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, room *Control) {
				grow(t, room, 20)
				verify(t, room, us)
				alter(t, room, c.statement)
				wantBreak(t, room, c.chunk, c.what)
				grow(t, room, 2) // writing goes on, and hides nothing
				if c.then == wholeAltered {
					wantBreak(t, room, 0, c.then)
				} else {
					wantBreak(t, room, c.chunk, cmp.Or(c.then, c.what))
				}
				if found := lookup(t, room, us, Query{By: ByOperation, Value: "RunTask", From: time.Now().Add(-3 * time.Hour)}); len(found) < 2 {
					t.Errorf("%d of what came after it", len(found))
				}
			})
		})
	}
}

func wantBreak(t tester, c *Control, chunk int64, what string) {
	t.Helper()
	_, err := c.Verify(t.Context(), us)
	broken := &BreakError{}
	if !errors.As(err, &broken) || !errors.Is(err, ErrBroken) {
		t.Fatalf("error %v", err)
	}
	if broken.Chunk != chunk || broken.Account != us || broken.What != what {
		t.Errorf("found %v, want chunk %d: %s", err, chunk, what)
	}
	if what == "it was altered" && !strings.Contains(err.Error(), "records from 20") {
		t.Errorf("%v does not say of when", err)
	}
}

func TestAlteredLastChunkIsNotFoldedAway(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		keepAt(t, c, time.Now(), runTask("a"))
		keepAt(t, c, time.Now(), runTask("b"))
		if seen := verify(t, c, us); seen.Chunks != 1 || seen.Records != 2 {
			t.Fatalf("seen %+v", seen)
		}
		alter(t, c, `update audit_chunks set records = 1`)
		keepAt(t, c, time.Now(), runTask("c"))
		wantBreak(t, c, 1, "it was altered")
		if got := requests(lookup(t, c, us, Query{})); got != "c b a" {
			t.Errorf("found %s", got)
		}
	})
}

func TestDamagedChunkIsNamed(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		grow(t, c, 3)
		alter(t, c, `update audit_chunks set data = terms where seq = 2`)
		_, _, err := c.Lookup(t.Context(), us, Query{})
		if !errors.Is(err, errChunk) || !strings.Contains(err.Error(), "account 123456789012 chunk 2") {
			t.Errorf("error %v", err)
		}
		if got := requests(lookup(t, c, us, Query{From: time.Now().Add(-time.Hour)})); got != "2" {
			t.Errorf("found %s", got)
		}
	})
}

func TestChainsAreMadeWithAKeyThatIsNotInTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		grow(t, open(t, db, t.TempDir()), 3)
		verify(t, open(t, db, t.TempDir()), us) // another start, the same key
		alter(t, open(t, db, t.TempDir()), `delete from audit_keys`)
		wantBreak(t, open(t, db, t.TempDir()), 0, wholeAltered)
	})
}

func TestSweepTakesOldChunksAndKeepsTheChain(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		old := time.Now().Add(-c.retention - 48*time.Hour)
		for i := range 10 {
			keepAt(t, c, old.Add(time.Duration(i)*2*time.Hour), runTask(fmt.Sprint("old", i)))
		}
		grow(t, c, 3)
		keepAt(t, c, old, runTask("late")) // behind younger ones: it stays until they go
		if got := requests(lookup(t, c, us, Query{})); got != "2 1 0" {
			t.Errorf("before the sweep: %s", got)
		}
		must(t, c.sweep(t.Context()))
		if seen := verify(t, c, us); seen.Chunks != 4 || seen.Records != 4 {
			t.Errorf("left %+v", seen)
		}
		must(t, c.sweep(t.Context()))
		alter(t, c, `delete from audit_chunks where seq = 11`)
		wantBreak(t, c, 11, "it is missing")
	})
}

func TestSweepLeavesAnEmptyChainThatGoesOn(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		old := time.Now().Add(-c.retention - 480*time.Hour)
		for i := range 2*sweepChunks + 1 {
			keepAt(t, c, old.Add(time.Duration(i)*61*time.Minute), runTask("old"))
		}
		must(t, c.sweep(t.Context()))
		if seen := verify(t, c, us); seen.Chunks != 0 {
			t.Errorf("left %+v", seen)
		}
		grow(t, c, 2)
		if seen := verify(t, c, us); seen.Chunks != 2 {
			t.Errorf("after it %+v", seen)
		}
		alter(t, c, `delete from audit_chunks`)
		wantBreak(t, c, 2*sweepChunks+2, "it is missing")
	})
}

func TestPastItsRetentionNothingIsMovedIn(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		note(t, c, runTask("now"))
		c.retention = -time.Minute // what is now is past it
		must(t, c.move(t.Context()))
		c.retention = time.Hour
		if seen := verify(t, c, us); seen.Records != 0 {
			t.Errorf("moved %+v", seen)
		}
	})
}
