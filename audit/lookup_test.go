package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

// The oracle keeps entries in a plain slice. However they come, in pieces of any size and late, the
// room finds the same by every attribute and in every span, page by page.
func TestRoomAgreesWithItsModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, runs := open(t, db, t.TempDir()), 0
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			m := &model{c: c, account: fmt.Sprintf("%012d", runs), start: time.Now().Add(-6 * time.Hour).Truncate(time.Second)}
			rt.Repeat(map[string]func(*rapid.T){"record": m.record, "look up": m.lookUp})
			m.check(rt)
		})
	})
}

type model struct {
	c       *Control
	account string
	start   time.Time
	entries []Entry
}

// record has some calls kept that follow one another, at any time of five hours.
func (m *model) record(t *rapid.T) {
	at := m.start.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minute")) * time.Minute)
	some := make([]Entry, rapid.IntRange(1, 10).Draw(t, "calls"))
	for i := range some {
		some[i] = m.draw(t)
	}
	if len(m.entries) < 300 && rapid.IntRange(0, 4).Draw(t, "many") == 0 { // than one chunk has
		more := make([]Entry, 300)
		for i := range more {
			more[i] = some[i%len(some)]
			more[i].RequestID = strconv.Itoa(i)
		}
		some = more
	}
	for _, r := range keepAt(t, m.c, at, some...) {
		m.entries = append(m.entries, r.entry)
	}
}

func (m *model) draw(t *rapid.T) Entry {
	e := runTask(rapid.StringMatching(`[a-z]{0,8}`).Draw(t, "request"))
	e.Account = m.account
	e.Operation = rapid.SampledFrom([]string{"RunTask", "StopTask", "DescribeTasks"}).Draw(t, "operation")
	e.Service = rapid.SampledFrom([]string{"ecs", "ecs", "ecr"}).Draw(t, "service")
	e.ReadOnly = ReadOnly(e.Operation)
	e.Principal.ARN = rapid.SampledFrom([]string{"arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/bob"}).Draw(t, "who")
	e.Principal.AccessKeyID = rapid.SampledFrom([]string{"", "AKIAAAAAAAAAAAAAAAAA", "AKIABBBBBBBBBBBBBBBB"}).Draw(t, "key")
	e.Resources = nil
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"cluster/a", "cluster/b", "task/a/1", "service/a"}), 0, 3).Draw(t, "resources") {
		e.Resources = append(e.Resources, Resource{ARN: "arn:aws:ecs:us-east-1:1:" + name})
	}
	return e
}

func (m *model) lookUp(t *rapid.T) {
	q := Query{Limit: 1 + len(m.entries)/rapid.IntRange(1, 5).Draw(t, "pages")}
	if rapid.Bool().Draw(t, "span") {
		q.From = m.start.Add(time.Duration(rapid.IntRange(-10, 300).Draw(t, "from")) * time.Minute)
		q.Until = q.From.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute)
	}
	q.By, q.Value = m.attribute(t)
	var want []Entry
	for _, e := range m.entries {
		if !e.Time.Before(q.From) && (q.Until.IsZero() || e.Time.Before(q.Until)) && fits(&e, q.By, q.Value) {
			want = append(want, e)
		}
	}
	slices.SortFunc(want, func(a, b Entry) int { return -cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID)) })
	got := lookup(t, m.c, m.account, q)
	if len(got) != len(want) {
		t.Fatalf("%+v found %d, want %d", q, len(got), len(want))
	}
	for i := range got {
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Fatalf("%+v found at %d\n%+v\nwant\n%+v", q, i, got[i], want[i])
		}
	}
}

func (m *model) attribute(t *rapid.T) (Attribute, string) {
	values := map[Attribute][]string{
		ByOperation: {"RunTask", "StopTask", "Nothing"}, ByReadOnly: {"true", "false"}, ByPrincipal: {"ann", "bob", "eve"},
		ByResourceType: {"AWS::ECS::Cluster", "AWS::ECS::Task", "AWS::ECR::Repository"},
		ByResource:     {"a", "b", "a/1", "arn:aws:ecs:us-east-1:1:cluster/b"},
		ByService:      {"ecs", "ecr", "sts"}, ByAccessKey: {"AKIAAAAAAAAAAAAAAAAA", "AKIAZZZZZZZZZZZZZZZZ"},
		ByID: {"no id", newID(m.start.UnixMicro()).String()}, ByNothing: {""},
	}
	if len(m.entries) > 0 {
		values[ByID] = append(values[ByID], rapid.SampledFrom(m.entries).Draw(t, "entry").ID)
	}
	by := Attribute(rapid.IntRange(int(ByNothing), int(ByAccessKey)).Draw(t, "by"))
	return by, rapid.SampledFrom(values[by]).Draw(t, "value")
}

// fits says in its own way what an entry can be looked up by.
func fits(e *Entry, by Attribute, value string) bool {
	var have []string
	switch by {
	case ByNothing:
		return true
	case ByID:
		have = []string{e.ID}
	case ByOperation:
		have = []string{e.Operation}
	case ByReadOnly:
		have = []string{fmt.Sprint(e.ReadOnly)}
	case ByPrincipal:
		have = []string{strings.TrimPrefix(e.Principal.ARN, "arn:aws:iam::1:user/")}
	case ByService:
		have = []string{e.Service}
	case ByAccessKey:
		have = []string{e.Principal.AccessKeyID}
	}
	for _, r := range e.Resources {
		if by == ByResourceType {
			have = append(have, r.Type)
		}
		if by == ByResource {
			_, name, _ := strings.Cut(r.ARN, "/")
			have = append(have, r.ARN, name)
		}
	}
	return slices.Contains(have, value)
}

// check counts: every call is there once, and the chain holds.
func (m *model) check(t *rapid.T) {
	if seen := verify(t, m.c, m.account); int(seen.Records) != len(m.entries) {
		t.Fatalf("%d records are kept, want %d", seen.Records, len(m.entries))
	}
}

func TestRareValueIsFoundBeyondWhatOnePageLooksThrough(t *testing.T) {
	c := open(t, storetest.SQLite(t), t.TempDir())
	grow(t, c, 300) // each chunk of one record
	rare := runTask("rare")
	rare.Operation = "StopTask"
	for i := range 300 {
		e := runTask("lure")
		e.Resources = []Resource{{ARN: "StopTask"}}
		keepAt(t, c, time.Now().Add(time.Duration(-700-2*i)*time.Hour), e)
	}
	keepAt(t, c, time.Now().Add(-1400*time.Hour), rare)

	q := Query{By: ByResource, Value: "StopTask", Limit: 40}
	if found := lookup(t, c, us, q); len(found) != 300 {
		t.Errorf("found %d lures", len(found))
	}
	q = Query{By: ByOperation, Value: "StopTask"}
	if got := requests(lookup(t, c, us, q)); got != "rare" {
		t.Errorf("found %s", got)
	}
	pages, empty := 0, 0
	for q = (Query{Limit: 1000}); ; pages++ { // more than may be unpacked for one page
		some, next, err := c.Lookup(t.Context(), us, q)
		must(t, err)
		if len(some) == 0 {
			empty++
		}
		if q.Token = next; next == "" {
			break
		}
	}
	if pages != 2 || empty != 0 {
		t.Errorf("%d pages follow the first, %d are empty", pages, empty)
	}
}

func TestTermsAreFoundAndOthersAreNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Uint32Range(0, 500)).Draw(t, "in")
		terms := map[term]struct{}{}
		for _, n := range in {
			terms[term(n)] = struct{}{}
		}
		packed := packTerms(terms)
		for n := range uint32(502) {
			if hasTerm(packed, term(n)) != slices.Contains(in, n) {
				t.Fatalf("of %v: %d", in, n)
			}
		}
	})
}
