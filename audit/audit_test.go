package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const us, them = "123456789012", "999999999999"

// each runs a test on both databases, with a room that nothing runs in: the test moves records.
func each(t *testing.T, test func(t *testing.T, c *Control)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, open(t, db, t.TempDir())) })
}

func open(t testing.TB, db *store.DB, dir string) *Control {
	t.Helper()
	c, err := New(t.Context(), db, dir, sealtest.Keys(t, db), Config{})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	rapid.TB
	Context() context.Context
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t rapid.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// runTask is a call of a user who runs a task.
func runTask(request string) Entry {
	return Entry{
		Account:   us,
		Principal: Principal{Type: PrincipalUser, ARN: "arn:aws:iam::123456789012:user/ops/ann", UserID: "AIDAANN", AccessKeyID: "AKIAAAAAAAAAAAAAAAAA"},
		Service:   "ecs", Operation: "RunTask",
		Resources: []Resource{{ARN: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"}},
		Source:    "192.0.2.7", UserAgent: "aws-cli/2.9.19", Region: "us-east-1", RequestID: request,
	}
}

func note(t tester, c *Control, e Entry) string {
	t.Helper()
	id, err := c.Record(e)
	must(t, err)
	return id
}

// lookup reads all pages of a query.
func lookup(t tester, c *Control, account string, q Query) (all []Entry) {
	t.Helper()
	for {
		some, next, err := c.Lookup(t.Context(), account, q)
		must(t, err)
		all = append(all, some...)
		if q.Token = next; next == "" {
			return all
		}
	}
}

func requests(entries []Entry) string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.RequestID)
	}
	return strings.Join(ids, " ")
}

func verify(t tester, c *Control, account string) Chain {
	t.Helper()
	seen, err := c.Verify(t.Context(), account)
	must(t, err)
	return seen
}

func TestACallIsToldAsItWas(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		e := runTask("r1")
		e.Action, e.Cause, e.ErrorCode, e.ErrorMessage = "ecs:RunTaskAnyhow", "an event", "AccessDenied", "User: ann is not authorized"
		e.Principal.IssuerARN, e.Principal.IssuerID, e.Principal.SessionStart = "arn:aws:iam::123456789012:role/r", "AROAR", time.Unix(1_700_000_000, 0).UTC()
		before := time.Now().Truncate(time.Microsecond)
		id := note(t, c, e)

		found := lookup(t, c, us, Query{})
		if len(found) != 1 {
			t.Fatalf("found %d entries", len(found))
		}
		got := found[0]
		if got.ID != id || got.Time.Before(before) || got.Time.After(time.Now()) {
			t.Errorf("id %s at %s, want %s", got.ID, got.Time, id)
		}
		e.ID, e.Time, e.Resources = got.ID, got.Time, []Resource{{e.Resources[0].ARN, "AWS::ECS::TaskDefinition"}}
		if fmt.Sprint(got) != fmt.Sprint(e) {
			t.Errorf("told\n%+v\nwant\n%+v", got, e)
		}
		if more := lookup(t, c, them, Query{}); len(more) != 0 {
			t.Errorf("another account is told %d", len(more))
		}
	})
}

func TestLatestComesFirstPageByPage(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		want := ""
		for i := range 120 {
			note(t, c, runTask(fmt.Sprint(i)))
			want = fmt.Sprint(i, " ", want)
		}
		page, next, err := c.Lookup(t.Context(), us, Query{})
		must(t, err)
		if len(page) != 50 || page[0].RequestID != "119" || next == "" {
			t.Fatalf("first page %s, then %q", requests(page), next)
		}
		note(t, c, runTask("later")) // which the pages that follow do not have
		rest := lookup(t, c, us, Query{Token: next})
		if got := requests(append(page, rest...)); got != strings.TrimSpace(want) {
			t.Errorf("found %s", got)
		}
		if got := requests(lookup(t, c, us, Query{Limit: 7})); got != "later "+strings.TrimSpace(want) {
			t.Errorf("by sevens found %s", got)
		}
	})
}

func TestTokenIsOfItsLookup(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for i := range 3 {
			note(t, c, runTask(fmt.Sprint(i)))
		}
		_, next, err := c.Lookup(t.Context(), us, Query{Limit: 1})
		must(t, err)
		for name, q := range map[string]Query{
			"other value": {By: ByOperation, Value: "RunTask", Token: next},
			"other time":  {From: time.Unix(1, 0), Token: next},
			"cut":         {Token: next[:len(next)-4]},
			"made up":     {Token: "AAAAAAAAAAAAAAAAAAAAAAAA"},
		} {
			if _, _, err := c.Lookup(t.Context(), us, q); !errors.Is(err, ErrToken) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		_, _, err = c.Lookup(t.Context(), them, Query{Token: next})
		wantErr(t, err, ErrToken)
	})
}

func TestCallAcrossAccountsIsToldInBoth(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		e := runTask("r1")
		e.Owner = them
		id := note(t, c, e)
		ours, theirs := lookup(t, c, us, Query{}), lookup(t, c, them, Query{})
		if len(ours) != 1 || len(theirs) != 1 {
			t.Fatalf("told %d and %d times", len(ours), len(theirs))
		}
		if ours[0].ID != id || theirs[0].ID == id || !theirs[0].Time.Equal(ours[0].Time) {
			t.Errorf("ids %s and %s, want %s and another", ours[0].ID, theirs[0].ID, id)
		}
		if ours[0].Shared != id || theirs[0].Shared != id {
			t.Errorf("shared %s and %s, want %s", ours[0].Shared, theirs[0].Shared, id)
		}
		if p := theirs[0].Principal; p != (Principal{Type: PrincipalAccount, UserID: "AIDAANN"}) || theirs[0].Account != us {
			t.Errorf("the owner is told of %+v", p)
		}
		if found := lookup(t, c, them, Query{By: ByID, Value: theirs[0].ID}); len(found) != 1 {
			t.Error("the owner's record is not found by its id")
		}
		verify(t, c, us)
		verify(t, c, them)
	})
}

func TestEntryWithoutAccountIsRefused(t *testing.T) {
	c := open(t, storetest.SQLite(t), t.TempDir())
	for _, account := range []string{"", "1234", "12345678901a", "1234567890123"} {
		e := runTask("r")
		e.Account = account
		_, err := c.Record(e)
		wantErr(t, err, ErrEntry)
	}
	e := runTask("r")
	e.Owner = "somebody"
	_, err := c.Record(e)
	wantErr(t, err, ErrEntry)
}

func TestServersOverOneDatabaseTellOneStory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		servers := []*Control{open(t, db, t.TempDir()), open(t, db, t.TempDir()), open(t, db, t.TempDir())}
		const calls = 200
		var all sync.WaitGroup
		for n, c := range servers {
			all.Go(func() {
				for i := range calls {
					note(t, c, runTask(fmt.Sprintf("%d-%d", n, i)))
					if i%50 == 49 {
						if err := c.move(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		for _, c := range servers {
			must(t, c.move(t.Context()))
		}
		found := lookup(t, servers[0], us, Query{})
		next := []int{calls, calls, calls}
		for i, e := range found {
			if i > 0 && e.Time.After(found[i-1].Time) {
				t.Fatalf("%s comes before %s", found[i-1].RequestID, e.RequestID)
			}
			var server, call int
			fmt.Sscanf(e.RequestID, "%d-%d", &server, &call)
			if next[server]--; call != next[server] {
				t.Fatalf("server %d: call %d, want %d", server, call, next[server])
			}
		}
		if len(found) != 3*calls {
			t.Errorf("%d of %d calls", len(found), 3*calls)
		}
		if seen := verify(t, servers[1], us); seen.Records != 3*calls {
			t.Errorf("verified %+v", seen)
		}
	})
}

func TestRunMovesAndLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		for i := range 10 {
			note(t, c, runTask(fmt.Sprint(i)))
		}
		stop()
		running.Wait()
		must(t, c.Close())
		if left, err := filepath.Glob(filepath.Join(c.spool.dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
		if found := lookup(t, c, us, Query{}); len(found) != 10 {
			t.Errorf("%d calls", len(found))
		}
		_, err := c.Record(runTask("late"))
		wantErr(t, err, ErrUnrecorded)
	})
}

func TestSmallChunksAreFolded(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		const calls = 600
		for i := range calls {
			note(t, c, runTask(fmt.Sprint(i)))
			if i%20 == 0 {
				must(t, c.move(t.Context()))
			}
		}
		must(t, c.move(t.Context()))
		seen := verify(t, c, us)
		if seen.Records != calls || seen.Chunks > 6 {
			t.Errorf("%d calls are in %d chunks", seen.Records, seen.Chunks)
		}
	})
}
