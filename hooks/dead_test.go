package hooks_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/hooks"
)

// countDead waits until a hook has so many dead letters, and returns their kinds, the last first.
func (w *world) countDead(hook string, n int) (kinds []string) {
	w.Helper()
	for {
		dead, err := w.hooks.Dead(w.Context(), hook, 100)
		w.check(err)
		if len(dead) == n {
			for _, l := range dead {
				kinds = append(kinds, l.Kind)
			}
			return kinds
		}
		time.Sleep(time.Millisecond) // between two looks; the test's own deadline ends them
	}
}

// What a hook did not take comes again when somebody says so, as the same letter.
func TestDeadLettersAreSentAgain(t *testing.T) {
	each(t, func(w *world) {
		hook, _ := w.add(hooks.Hook{})
		w.answers(func(letter) int { return http.StatusBadGateway })
		w.happen(account, "web/app", "image.pushed", "image.deleted", "image.archived")
		w.countDead(hook.ID, 3)
		before := w.await(3 * hooks.MaxTries)
		dead, err := w.hooks.Dead(w.Context(), hook.ID, 10)
		w.check(err)

		w.answers(nil)
		n, err := w.hooks.Redeliver(w.Context(), hook.ID, dead[0].Event)
		w.check(err)
		got := w.await(len(before) + 1)[len(before):]
		if n != 1 || got[0].id != dead[0].Event || string(got[0].body) != string(dead[0].Body) {
			w.Fatalf("%d sent again, came %+v, want %+v", n, got, dead[0])
		}
		w.countDead(hook.ID, 2)
		n, err = w.hooks.Redeliver(w.Context(), hook.ID, "")
		w.check(err)
		again := w.await(len(before) + 3)[len(before):]
		if n != 2 || number(w, again[1]) >= number(w, again[2]) || again[1].id == got[0].id || again[2].id == got[0].id {
			w.Errorf("%d sent again, came %+v", n, again)
		}
		w.countDead(hook.ID, 0)
		if n, err := w.hooks.Redeliver(w.Context(), hook.ID, ""); n != 0 || err != nil {
			w.Errorf("none left: %d, %v", n, err)
		}
		for _, event := range []string{dead[0].Event, "9000000", "first"} {
			if _, err := w.hooks.Redeliver(w.Context(), hook.ID, event); !errors.Is(err, hooks.ErrNoLetter) {
				w.Errorf("event %s: error %v", event, err)
			}
		}
		if _, err := w.hooks.Redeliver(w.Context(), "no-such", ""); !errors.Is(err, hooks.ErrNoHook) {
			w.Errorf("no hook: error %v", err)
		}
	})
}

func number(w *world, l letter) int {
	w.Helper()
	n, err := strconv.Atoi(l.id)
	w.check(err)
	return n
}

// A letter that is sent again is tried as often as a new one, and may die again.
func TestLetterDiesAgain(t *testing.T) {
	each(t, func(w *world) {
		hook, _ := w.add(hooks.Hook{})
		w.answers(func(letter) int { return http.StatusGone })
		w.happen(account, "web/app", "image.pushed")
		w.countDead(hook.ID, 1)
		_, err := w.hooks.Redeliver(w.Context(), hook.ID, "")
		w.check(err)
		w.await(2 * hooks.MaxTries)
		if dead := w.awaitDead(hook.ID); len(dead) != 1 || dead[0].Tries != hooks.MaxTries {
			w.Errorf("dead letters %+v", dead)
		}
	})
}

func TestTheLastDeadLettersAreKept(t *testing.T) {
	each(t, func(w *world) {
		w.stop()
		w.start(func(c *hooks.Control) { hooks.KeepDead(c, 2) })
		w.answers(func(letter) int { return http.StatusGone })
		first, _ := w.add(hooks.Hook{URL: "/first"})
		second, _ := w.add(hooks.Hook{URL: "/second", Kinds: []string{"image.pushed"}})
		for i, kind := range []string{"image.pushed", "image.deleted", "image.archived", "image.restored"} {
			w.happen(account, "web/app", kind)
			w.await((i+1)*hooks.MaxTries + hooks.MaxTries) // the one of the second hook as well
		}
		w.countDead(second.ID, 1)
		for {
			if kinds := w.countDead(first.ID, 2); slices.Equal(kinds, []string{"image.restored", "image.archived"}) {
				return
			}
			time.Sleep(time.Millisecond) // until the last one is written down as dead
		}
	})
}

// A hook that cannot keep up has so many letters waiting and no more: the others wait to be asked for.
func TestLettersThatWaitAreBounded(t *testing.T) {
	each(t, func(w *world) {
		hook, _ := w.add(hooks.Hook{})
		w.stop()
		w.happen(account, "web/app", "image.pushed", "image.deleted", "image.archived", "image.restored")
		w.start(func(c *hooks.Control) { hooks.KeepWaiting(c, 3) })
		w.countDead(hook.ID, 1)
		dead, err := w.hooks.Dead(w.Context(), hook.ID, 10)
		w.check(err)
		if dead[0].Kind != "image.restored" || dead[0].Tries != 0 || !strings.Contains(dead[0].Failure, "waiting") {
			w.Errorf("dead letter %+v", dead[0])
		}
		w.await(3)
		_, err = w.hooks.Redeliver(w.Context(), hook.ID, "")
		w.check(err)
		if got := w.await(4); got[3].kind != "image.restored" {
			w.Errorf("came %+v", got)
		}
	})
}

// When an account is closed its hooks are told of nothing more, and others go on.
func TestHooksOfAnAccountStopAndGo(t *testing.T) {
	each(t, func(w *world) {
		w.answers(func(l letter) int {
			if l.path == "/theirs" {
				return http.StatusBadGateway
			}
			return http.StatusOK
		})
		theirs, _ := w.add(hooks.Hook{URL: "/theirs", Account: account})
		w.add(hooks.Hook{URL: "/all"})
		w.add(hooks.Hook{URL: "/other", Account: other})
		w.happen(account, "web/app", "image.pushed")
		w.await(2)
		w.check(w.hooks.StopAccount(w.Context(), account))
		w.check(w.hooks.StopAccount(w.Context(), account))
		w.countDead(theirs.ID, 1)
		if _, err := w.hooks.Redeliver(w.Context(), theirs.ID, ""); !errors.Is(err, hooks.ErrStopped) {
			w.Errorf("sent again by a stopped hook: error %v", err)
		}

		w.happen(account, "web/app", "image.deleted")
		w.happen(other, "web/app", "image.deleted")
		w.awaitPaths("/all image.deleted", "/all image.deleted", "/other image.deleted")
		w.countDead(theirs.ID, 1) // and none of what happened since
		if all, err := w.hooks.Hooks(w.Context()); err != nil || len(all) != 3 || all[0].Stopped.IsZero() || !all[1].Stopped.IsZero() {
			w.Errorf("hooks %+v, error %v", all, err)
		}
		w.check(w.hooks.ForgetAccount(w.Context(), account))
		w.countDead("", 0)
		if all, err := w.hooks.Hooks(w.Context()); err != nil || len(all) != 2 {
			w.Errorf("hooks %+v, error %v", all, err)
		}
	})
}

// awaitPaths waits for letters, each as its path and kind.
func (w *world) awaitPaths(want ...string) {
	w.Helper()
	for n := 1; ; n++ {
		var got []string
		for _, l := range w.await(n) {
			if said := l.path + " " + l.kind; slices.Contains(want, said) {
				got = append(got, said)
			} else if l.path == "/theirs" && l.kind == "image.deleted" {
				w.Fatalf("a stopped hook was told: %+v", l)
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
	}
}

// Refused pushes are among the events about images, and can be asked for alone.
func TestHookForRefusedPushes(t *testing.T) {
	each(t, func(w *world) {
		w.add(hooks.Hook{URL: "/refused", Kinds: []string{"image.refused"}, Repositories: []string{"web/*"}})
		w.happen(account, "web/app", "image.pushed", "image.refused")
		w.happen(account, "db", "image.refused")
		w.add(hooks.Hook{URL: "/end", Kinds: []string{"end"}})
		w.happen(account, "", "end")
		var told []string
		for _, l := range w.await(2) {
			told = append(told, l.path+" "+l.kind+" "+repositoryOf(l))
		}
		slices.Sort(told)
		if want := []string{"/end end ", "/refused image.refused web/app"}; !slices.Equal(told, want) {
			w.Errorf("told of %q, want %q", told, want)
		}
	})
}

func repositoryOf(l letter) string {
	var said struct{ Data struct{ Repository string } }
	_ = json.Unmarshal(l.body, &said)
	return said.Data.Repository
}
