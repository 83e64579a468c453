package functions_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/store"
	"slipway/store/storetest"
)

// Whatever is done to functions: what a server remembers is what a server finds that remembers nothing.
func TestWhatIsRememberedIsSo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newShop(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			w := &whim{s, rt}
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				w.step()
				fresh := s.server()
				for _, name := range []string{"a", "b"} {
					for _, qualifier := range []string{"", "$LATEST", "1", "2", "live"} {
						w.compare(fresh, name, qualifier)
					}
				}
			}
		})
	})
}

// whim does something or other to functions.
type whim struct {
	*shop
	rt *rapid.T
}

func (w *whim) step() {
	ctx, name := w.t.Context(), rapid.SampledFrom([]string{"a", "b"}).Draw(w.rt, "function")
	code := program(w.t, rapid.SampledFrom([]string{"one", "two", "three"}).Draw(w.rt, "code"))
	var err error
	switch rapid.SampledFrom([]string{"create", "code", "settings", "publish", "alias", "move", "share", "unalias", "forget", "delete", "tag", "reserve", "ready", "broken"}).Draw(w.rt, "what") {
	case "create":
		_, err = w.CreateFunction(ctx, of(name, code))
	case "code":
		_, err = w.UpdateCode(ctx, ref(name, ""), functions.NewCode{Code: functions.Code{Zip: code}}, functions.Precondition{})
	case "settings":
		edit := func(s *functions.Settings) { s.Memory = rapid.IntRange(128, 130).Draw(w.rt, "memory") }
		_, err = w.UpdateSettings(ctx, ref(name, ""), functions.NewSettings{Edit: edit}, functions.Precondition{})
	case "publish":
		_, err = w.Publish(ctx, ref(name, ""), nil, functions.Precondition{})
	case "alias":
		_, err = w.CreateAlias(ctx, ref(name, "live"), functions.NewAlias{Version: new("1")})
	case "move":
		_, err = w.UpdateAlias(ctx, ref(name, "live"), functions.NewAlias{Version: new("2")}, functions.Precondition{})
	case "share":
		_, err = w.UpdateAlias(ctx, ref(name, "live"), functions.NewAlias{Shares: &map[string]float64{"1": 1}}, functions.Precondition{})
	case "unalias":
		err = w.DeleteAlias(ctx, ref(name, "live"))
	case "forget":
		err = w.Delete(ctx, ref(name, "1"))
	case "delete":
		err = w.Delete(ctx, ref(name, ""))
	case "tag":
		err = w.Tag(ctx, ref(name, ""), map[string]string{functions.StalenessTag: rapid.SampledFrom([]string{"strict", "max-age=9"}).Draw(w.rt, "staleness")}, nil)
	case "reserve":
		err = w.Reserve(ctx, ref(name, ""), rapid.IntRange(0, 9).Draw(w.rt, "reserved"))
	case "ready":
		err = w.Ready(ctx)
	case "broken":
		w.fleet.set(func(c *crew) { c.fails[""] = fleet.ErrNoRoom })
		err = w.Ready(ctx)
		w.fleet.set(func(c *crew) { clear(c.fails) })
	}
	for _, fine := range []error{nil, functions.ErrNoFunction, functions.ErrNoAlias, functions.ErrThere, functions.ErrBusy, functions.ErrInput} {
		if errors.Is(err, fine) {
			return
		}
	}
	w.rt.Fatal(err)
}

func (w *whim) compare(fresh *functions.Control, name, qualifier string) {
	ctx := w.t.Context()
	got, gotErr := w.Resolve(ctx, ours, name, qualifier)
	want, wantErr := fresh.Resolve(ctx, ours, name, qualifier)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		w.rt.Fatalf("%s:%s: told %v, want %v", name, qualifier, gotErr, wantErr)
	}
	if gotErr != nil {
		return
	}
	if got.Release.ID != want.Release.ID || got.Version != want.Version || got.Line != want.Line || !got.Since.Equal(want.Since) || got.Stale != want.Stale || got.Limit != want.Limit || got.ARN != want.ARN {
		w.rt.Fatalf("%s:%s is remembered as %+v, and is %+v", name, qualifier, got, want)
	}
}
