package functions

import (
	"slices"
	"testing"
	"time"
)

// Calls tell when their line moved, also of the moves between which nobody called.
func TestCallsTellWhenTheirLineMoved(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 3)
		latest := b.moved(web)
		if len(latest) != 3 {
			t.Fatalf("$LATEST moved at %v, and was updated three times", latest)
		}
		live := b.alias(web, "live", "1")
		if m := b.moved(live); len(m) != 0 {
			t.Errorf("a new alias moved at %v", m)
		}
		points := func(version string) {
			t.Helper()
			_, err := b.UpdateAlias(b.Context(), live, NewAlias{Version: &version}, Precondition{})
			check(t, err)
		}
		points("2")
		points("2")
		points("3")
		if m := b.moved(live); len(m) != 2 {
			t.Errorf("it moved twice: %v", m)
		}
		points(Latest)
		b.updates(web, "another")
		b.updates(web, "yet another")
		now := b.moved(web)
		want := now[len(now)-2:]
		if m := b.moved(live); len(m) != 5 || !slices.EqualFunc(m[3:], want, time.Time.Equal) {
			t.Errorf("as $LATEST it moved at %v, and has before", m)
		}
		points("1")
		if m := b.moved(live); len(m) != 6 || !slices.EqualFunc(m[3:5], want, time.Time.Equal) {
			t.Errorf("it has left $LATEST, and moved at %v", m)
		}
		if m := b.moved(web.at("1")); len(m) != 0 {
			t.Errorf("a version moved at %v", m)
		}
	})
}

// moved is when what calls name has moved, as they tell: in order, and the last time when it came to where it is.
func (b *bench) moved(r Ref) []time.Time {
	b.Helper()
	target, err := b.Resolve(b.Context(), owner, r.Name, r.Qualifier)
	check(b, err)
	m := target.Moves
	if !slices.IsSortedFunc(m, time.Time.Compare) || len(m) > 0 && !m[len(m)-1].Equal(target.Since) {
		b.Errorf("%s moved at %v, and is where it is since %v", r.Qualifier, m, target.Since)
	}
	return m
}

func (b *bench) updates(r Ref, code string) {
	b.Helper()
	_, err := b.UpdateCode(b.Context(), r, NewCode{Code: Code{Zip: packed(b, "bootstrap", code)}}, Precondition{})
	check(b, err)
	b.settle()
}

func TestOnlyTheLastMovesAreRemembered(t *testing.T) {
	var m moves
	for i := range 3 * maxMoves {
		m = m.with(time.UnixMicro(int64(i + 1)))
	}
	latest := moves{1, 3*maxMoves + 1}
	if len(m) != maxMoves || m[maxMoves-1] != 3*maxMoves {
		t.Errorf("%d: %v", len(m), m)
	}
	if all := m.seen(latest, time.UnixMicro(3*maxMoves)); len(all) != maxMoves || all[maxMoves-1] != latest[1] || all[0] != m[1] {
		t.Errorf("with another: %v", all)
	}
}
