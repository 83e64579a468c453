package seal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

// inFolder is a room of a server whose master key is in a folder, as it starts.
func inFolder(t testing.TB, db *store.DB, dir string) *room {
	t.Helper()
	keys, err := seal.Open(t.Context(), db, seal.NewFile(filepath.Join(dir, "master.key")), "host:"+dir)
	check(t, err)
	return newRoom(t, db, keys)
}

func quiet(string) {}

// report is what there is to see of a room's keys.
func (r *room) report() seal.Report {
	r.t.Helper()
	report, err := r.keys.List(r.t.Context())
	check(r.t, err)
	return report
}

// running keeps a room's keys up to date until the returned function is called or the test ends.
func (r *room) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { r.keys.Run(ctx) })
	stop = func() { cancel(); all.Wait() }
	r.t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		r := inFolder(t, db, dir)
		all := r.fill(250)
		before, oldSeal := r.report(), r.sealed("note-0000")
		oldKey, err := os.ReadFile(filepath.Join(dir, "master.key"))
		check(t, err)

		var said []string
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{}, func(s string) { said = append(said, s) }))
		r.has(all)
		after := r.report()
		if len(after.Masters) != 1 || len(after.Keys) != 1 || after.Keys[0].Secrets != 250 || after.Keys[0].State != "current" {
			t.Errorf("after it: %+v", after)
		}
		if after.Mark == before.Mark || after.Masters[0].Mark != after.Mark || after.Keys[0].ID == before.Keys[0].ID {
			t.Errorf("keys stayed: before %+v, after %+v", before, after)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "secrets of notes sealed anew: 250") || !strings.Contains(text, after.Mark) {
			t.Errorf("it said:\n%s", text)
		}

		again := inFolder(t, db, dir)
		again.has(all)
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("in the folder: %v, %v", files, err)
		}
		m, err := seal.NewMaster(oldKey)
		check(t, err)
		_, err = seal.Open(t.Context(), db, seal.Fixed(m, "old"), "other:/data")
		wantErr(t, err, seal.ErrMasterKey)
		_, err = again.secrets.Open(t.Context(), oldSeal, "note-0000")
		wantErr(t, err, seal.ErrNoKey)
	})
}

// What was sealed under a master key itself opens all the while, and is under a data key after the
// first rotation.
func TestRotationOfAnOldDataFolder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, "master.key"), []byte(strings.Repeat("m", 32)), 0o600))
		r := inFolder(t, db, dir)
		r.store(oldID, oldSeal(t))
		all := map[string]string{oldID: "an old secret", "new": "a new secret"}
		r.keep("new", "a new secret")
		if keys := r.report().Keys; len(keys) != 2 || keys[1].Format != 1 || keys[1].Secrets != 1 {
			t.Errorf("before it: %+v", keys)
		}

		cut := errors.New("cut")
		seal.CrashAt(r.keys, "retired", cut)
		wantErr(t, r.keys.Rotate(t.Context(), seal.Rotation{}, quiet), cut)
		again := inFolder(t, db, dir) // it has the new master key alone
		again.has(all)
		check(t, again.keys.Rotate(t.Context(), seal.Rotation{Finish: true}, quiet))
		if keys := again.report().Keys; len(keys) != 1 || keys[0].Secrets != 2 {
			t.Errorf("after it: %+v", keys)
		}
		inFolder(t, db, dir).has(all)
	})
}

var steps = []string{"staged", "introduced", "installed", "retired", "batch", "renewed", "dropped"}

// Wherever rotations are cut short, one after the other, what is on disk opens every secret, and the
// last one finds its end.
func TestRotationsAreCutShort(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		all := inFolder(t, db, dir).fill(220)
		cut := func(step string) {
			r := inFolder(t, db, dir) // a new process: it has what is on disk
			before := r.report()
			seal.CrashAt(r.keys, step, errCut)
			if err := r.keys.Rotate(t.Context(), seal.Rotation{}, quiet); err != nil && !errors.Is(err, errCut) {
				t.Fatalf("cut at %s, from %+v: %v", step, before, err)
			}
			next := inFolder(t, db, dir)
			next.has(all)
			all["later"] = step
			next.keep("later", step)
		}
		for _, step := range steps {
			cut(step)
		}
		for _, i := range rand.Perm(len(steps)) {
			cut(steps[i])
		}

		r := inFolder(t, db, dir)
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{}, quiet))
		r.has(all)
		if report := r.report(); len(report.Masters) != 1 || len(report.Keys) != 1 {
			t.Errorf("in the end: %+v", report)
		}
	})
}

var errCut = errors.New("cut")

func TestCutRotationIsCarriedOnByTheNextStart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		r := inFolder(t, db, dir)
		all := r.fill(250)
		seal.CrashAt(r.keys, "batch", errCut)
		wantErr(t, r.keys.Rotate(t.Context(), seal.Rotation{}, quiet), errCut)
		next := inFolder(t, db, dir)
		next.running()
		eventually(t, "one data key", func() bool { return len(next.report().Keys) == 1 })
		next.has(all)
	})
}

// A seal that does not open is left as it is, and so is its key: whoever mends it can read it again.
func TestDamagedSealKeepsItsKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := inFolder(t, db, t.TempDir())
		r.keep("good", "secret")
		r.keep("bad", "secret")
		damage := func(in []byte) []byte {
			out := append([]byte(nil), in...)
			out[len(out)-1] ^= 1
			return out
		}
		put := func(sealed []byte) {
			check(t, db.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(`update notes set sealed = $1 where id = 'bad'`, sealed)
				return err
			}))
		}
		put(damage(r.sealed("bad")))
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{}, quiet))
		r.has(map[string]string{"good": "secret"})
		if keys := r.report().Keys; len(keys) != 2 || keys[1].State != "old" || keys[1].Secrets != 1 {
			t.Errorf("keys %+v", keys)
		}
		put(damage(r.sealed("bad")))
		r.has(map[string]string{"bad": "secret"})
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{Finish: true}, quiet))
		if keys := r.report().Keys; len(keys) != 1 {
			t.Errorf("mended, keys %+v", keys)
		}
	})
}

// Two servers seal and open without a pause while one of them rotates again and again.
func TestNothingStopsForARotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		one := inFolder(t, db, dir)
		keys, err := seal.Open(t.Context(), db, follower(filepath.Join(dir, "master.key")), "other:/data")
		check(t, err)
		two := newRoom(t, db, keys)
		one.running()
		two.running()
		ctx, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		var written sync.Map
		for worker := range 4 {
			r := []*room{one, two}[worker%2]
			other := []*room{two, one}[worker%2]
			workers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					id, secret := fmt.Sprintf("note-%d-%d", worker, i%20), fmt.Sprint(i)
					if err := r.put(id, secret); err != nil {
						t.Errorf("put: %v", err)
						return
					}
					written.Store(id, secret)
					if got, err := other.get(id); err != nil || got != secret {
						t.Errorf("%s is %q, %v, want %s", id, got, err, secret)
						return
					}
				}
			})
		}
		for range 5 {
			if err := one.keys.Rotate(t.Context(), seal.Rotation{}, quiet); err != nil {
				t.Error(err)
			}
		}
		stop()
		workers.Wait()
		check(t, one.keys.Rotate(t.Context(), seal.Rotation{}, quiet))
		report := one.report()
		if len(report.Keys) != 1 {
			t.Errorf("keys %+v", report.Keys)
		}
		n := 0
		written.Range(func(id, secret any) bool {
			two.has(map[string]string{id.(string): secret.(string)})
			n++
			return true
		})
		if n == 0 || report.Keys[0].Secrets != n {
			t.Errorf("%d secrets were written, %d are there", n, report.Keys[0].Secrets)
		}
	})
}

// follower is the source of a server that gets each new key at once: it reads another one's file.
type follower string

func (f follower) String() string { return "follower" }

func (f follower) Master(context.Context, []string) (seal.Master, error) {
	raw, err := os.ReadFile(string(f))
	if err != nil {
		return seal.Master{}, err
	}
	return seal.NewMaster(raw)
}

// The old master key goes only when every server has the new one.
func TestRotationWaitsForOtherServers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ours, theirs := t.TempDir(), t.TempDir()
		one := inFolder(t, db, ours)
		copyKey(t, ours, theirs)
		two := inFolder(t, db, theirs)
		one.running()
		two.running()
		seal.Hurry(one.keys)
		seal.Hurry(two.keys)
		all := one.fill(20)
		oldMark := two.report().Mark

		err := one.keys.Rotate(t.Context(), seal.Rotation{}, quiet)
		wantErr(t, err, seal.ErrOthers)
		for _, word := range []string{"host:" + theirs, oldMark, one.report().Mark} {
			if !strings.Contains(fmt.Sprint(err), word) {
				t.Errorf("error %q does not name %s", err, word)
			}
		}
		wantErr(t, two.keys.Rotate(t.Context(), seal.Rotation{}, quiet), seal.ErrRotating)
		wantErr(t, two.keys.Rotate(t.Context(), seal.Rotation{Finish: true}, quiet), seal.ErrBehind)
		for _, r := range []*room{one, two, inFolder(t, db, ours), inFolder(t, db, theirs)} {
			all["by"+r.report().Mark] = "both"
			r.keep("by"+r.report().Mark, "both")
			r.has(all)
		}

		copyKey(t, ours, theirs)
		eventually(t, "the other server's new key", func() bool {
			return one.keys.Rotate(t.Context(), seal.Rotation{Finish: true}, quiet) == nil
		})
		for _, r := range []*room{one, two, inFolder(t, db, ours), inFolder(t, db, theirs)} {
			r.keep("after", "both")
			r.has(all)
			if report := r.report(); len(report.Masters) != 1 || len(report.Keys) != 1 || report.Mark == oldMark {
				t.Errorf("report %+v", report)
			}
		}
	})
}

func copyKey(t *testing.T, from, to string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from, "master.key"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(to, "master.key"), key, 0o600))
}

// A server that has stopped is not waited for. Its next start says what it lacks.
func TestServerThatHasStopped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ours, theirs := t.TempDir(), t.TempDir()
		one := inFolder(t, db, ours)
		copyKey(t, ours, theirs)
		two := inFolder(t, db, theirs)
		stop := two.running()
		one.keep("a", "secret")
		eventually(t, "two servers", func() bool { return len(one.report().Servers) == 2 })
		stop()
		check(t, one.keys.Rotate(t.Context(), seal.Rotation{}, quiet))

		wantErr(t, two.put("b", "secret"), seal.ErrMasterKey)
		_, err := two.get("a")
		wantErr(t, err, seal.ErrMasterKey)
		_, err = seal.Open(t.Context(), db, seal.NewFile(filepath.Join(theirs, "master.key")), "host:"+theirs)
		wantErr(t, err, seal.ErrMasterKey)

		copyKey(t, ours, theirs)
		two.running() // it was not dead but away
		eventually(t, "its new master key", func() bool { return two.put("b", "secret") == nil })
		two.has(map[string]string{"a": "secret", "b": "secret"})
		inFolder(t, db, theirs).has(map[string]string{"a": "secret", "b": "secret"})
	})
}

// A folder that has no master key of its own never gets one beside data that is under another.
func TestNoKeyIsMadeBesideSealedData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inFolder(t, db, t.TempDir()).keep("a", "secret")
		dir := t.TempDir()
		_, err := seal.Open(t.Context(), db, seal.NewFile(filepath.Join(dir, "master.key")), "host:"+dir)
		wantErr(t, err, seal.ErrMasterKey)
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("made %v, %v", files, err)
		}
	})
}

// vault is a source that somebody else keeps.
type vault struct{ key seal.Master }

func (v *vault) String() string { return "vault" }

func (v *vault) Master(context.Context, []string) (seal.Master, error) { return v.key, nil }

func inVault(t testing.TB, db *store.DB, v *vault) *room {
	t.Helper()
	keys, err := seal.Open(t.Context(), db, v, "host:/data")
	check(t, err)
	return newRoom(t, db, keys)
}

// A key that comes from elsewhere opens the data beside the old one until its source gives it.
func TestNewKeyFromElsewhere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first, second := sealtest.Master('1'), sealtest.Master('2')
		v := &vault{first}
		r := inVault(t, db, v)
		all := r.fill(20)
		rotate := func(r *room, rotation seal.Rotation) error { return r.keys.Rotate(t.Context(), rotation, quiet) }

		wantErr(t, rotate(r, seal.Rotation{}), seal.ErrNoNew)
		wantErr(t, rotate(r, seal.Rotation{New: &first}), seal.ErrSame)
		wantErr(t, rotate(r, seal.Rotation{Finish: true}), seal.ErrNoneOpen)
		wantErr(t, rotate(r, seal.Rotation{New: &second}), seal.ErrBehind)
		wantErr(t, rotate(r, seal.Rotation{Finish: true}), seal.ErrBehind)
		for _, key := range []seal.Master{first, second} {
			inVault(t, db, &vault{key}).has(all)
		}
		r.keep("between", "secret")
		all["between"] = "secret"

		restarted := inVault(t, db, &vault{second})
		check(t, rotate(restarted, seal.Rotation{Finish: true}))
		restarted.has(all)
		if report := restarted.report(); len(report.Masters) != 1 || len(report.Keys) != 1 {
			t.Errorf("report %+v", report)
		}
		_, err := seal.Open(t.Context(), db, v, "host:/data")
		wantErr(t, err, seal.ErrMasterKey)
	})
}

// The first secret of all may be sealed in the middle of a rotation, by whichever server: both open it.
func TestFirstSecretInARotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first, second := sealtest.Master('1'), sealtest.Master('2')
		one := inVault(t, db, &vault{first})
		wantErr(t, one.keys.Rotate(t.Context(), seal.Rotation{New: &second}, quiet), seal.ErrBehind)
		behind, ahead := inVault(t, db, &vault{first}), inVault(t, db, &vault{second})
		ahead.keep("a", "secret")
		behind.has(map[string]string{"a": "secret"})
	})
}

func TestNewKeyIsTakenFromTheSourceThatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		v := &vault{sealtest.Master('1')}
		r := inVault(t, db, v)
		all := r.fill(20)
		v.key = sealtest.Master('2')
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{}, quiet))
		r.has(all)
		inVault(t, db, v).has(all)
	})
}

// A rotation whose new key is lost is no dead end: another one begins, or the old key is taken back.
func TestNewKeyIsGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first, second, third := sealtest.Master('1'), sealtest.Master('2'), sealtest.Master('3')
		v := &vault{first}
		r := inVault(t, db, v)
		all := r.fill(20)
		wantErr(t, r.keys.Rotate(t.Context(), seal.Rotation{New: &second}, quiet), seal.ErrBehind)
		wantErr(t, r.keys.Rotate(t.Context(), seal.Rotation{New: &third}, quiet), seal.ErrBehind)
		check(t, r.keys.Rotate(t.Context(), seal.Rotation{New: &first}, quiet))
		r.has(all)
		if report := r.report(); len(report.Masters) != 1 || report.Mark != first.Mark() || len(report.Keys) != 1 {
			t.Errorf("report %+v", report)
		}
		_, err := seal.Open(t.Context(), db, &vault{second}, "host:/other")
		wantErr(t, err, seal.ErrMasterKey)
	})
}

func TestOneRotationAtATime(t *testing.T) {
	db := storetest.SQLite(t)
	r := inFolder(t, db, t.TempDir())
	r.fill(20)
	var inner error
	check(t, r.keys.Rotate(t.Context(), seal.Rotation{}, func(string) {
		inner = r.keys.Rotate(t.Context(), seal.Rotation{}, quiet)
	}))
	wantErr(t, inner, seal.ErrRotating)
}
