package seal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/internal/loop"
	"slipway/store"
)

// Rotation is what an operator asks for.
type Rotation struct {
	New    *Master // the new master key; nil: a file gets a random one, any other source gives it
	Finish bool    // begin nothing: carry on what was begun
}

const (
	liveFor      = 5 * time.Minute // a server that was not seen for so long does not run
	patience     = 5 * time.Second // for other servers to take up a new master key that they were given
	patiencePart = 10              // how often they are looked at meanwhile
)

// Rotate puts a new master key and a new data key in the place of those there are, while everything
// goes on, and says how far it is. It is made of steps, and each leaves what the next start needs:
//
//	a file for the new master key is written beside the old one
//	every data key is wrapped under the new master key too: from now on either opens the database
//	the new file takes the place of the old one
//	a new data key is made, and the old master key opens nothing any more
//	every seal is made anew under the new data key, in small batches
//	the old data keys are dropped, once no seal names them
//
// The old master key goes only when each server that runs would start again with the new one: its
// source gives it. Until then Rotate returns ErrBehind, naming what this server needs, or
// ErrOthers, naming others, and is called again, with Finish, when they have it. The other errors are ErrRotating, ErrSame, ErrNoNew,
// ErrNoneOpen and those of the source.
func (k *Keys) Rotate(ctx context.Context, r Rotation, say func(string)) error {
	if !k.rotating.TryLock() {
		return fmt.Errorf("%w on this server", ErrRotating)
	}
	defer k.rotating.Unlock()
	state, err := k.state(ctx)
	if err != nil {
		return err
	}
	next, err := k.next(ctx, r, state)
	if err != nil {
		return err
	}
	if next != nil {
		if err := k.introduce(ctx, *next, say); err != nil {
			return err
		}
	}
	if next != nil || len(state.masters) > 1 {
		if err := k.retire(ctx, say); err != nil {
			return err
		}
	}
	return k.renew(ctx, say)
}

// state is what a rotation finds.
type state struct {
	masters []masterRow
	servers []Server
	old     []oldKey
}

func (k *Keys) state(ctx context.Context) (s state, err error) {
	err = k.db.View(ctx, func(tx *store.Tx) error {
		var err1, err2, err3 error
		s.masters, err1 = masterRows(tx)
		s.servers, err2 = serverRows(tx, tx.Now.Add(-liveFor))
		s.old, err3 = oldKeys(tx)
		return errors.Join(err1, err2, err3)
	})
	return s, err
}

// next is the master key to begin a rotation with, or nil to carry one on.
func (k *Keys) next(ctx context.Context, r Rotation, s state) (*Master, error) {
	newest := k.held.Load().master.mark
	if len(s.masters) > 0 {
		newest = s.masters[0].mark
	}
	k.taking.Lock()
	given, err := k.source.Master(ctx, marksOf(s.masters))
	k.taking.Unlock()
	if err != nil {
		return nil, err
	}
	if r.New == nil && given.mark != newest && !hasMark(s.masters, given.mark) {
		r.New = &given // whoever keeps the source has put a new key there
	}
	pending := len(s.masters) > 1
	_, keeps := k.source.(Keeper)
	switch {
	case r.Finish && (pending || len(s.old) > 0):
		return nil, nil
	case r.Finish:
		return nil, fmt.Errorf("%w: master key %s is the only one", ErrNoneOpen, newest)
	case pending && (r.New == nil && given.mark == newest || r.New != nil && r.New.mark == newest):
		return nil, nil
	case r.New != nil && r.New.mark == newest:
		return nil, fmt.Errorf("%w: %s", ErrSame, newest)
	case pending && k.another(s, newest) != "":
		return nil, fmt.Errorf("%w: %s has begun one to master key %s", ErrRotating, k.another(s, newest), newest)
	case r.New != nil:
		return r.New, nil
	case !keeps:
		return nil, fmt.Errorf("%w: the %s gives the present one, %s", ErrNoNew, k.source, given.mark)
	}
	fresh := RandomMaster()
	return &fresh, nil
}

func hasMark(rows []masterRow, mark string) bool {
	for _, r := range rows {
		if r.mark == mark {
			return true
		}
	}
	return false
}

// another is a server other than this one that has a master key, or "".
func (k *Keys) another(s state, mark string) string {
	for _, server := range s.servers {
		if server.Name != k.server && server.Mark == mark {
			return server.Name
		}
	}
	return ""
}

// introduce has a new master key open the database beside the old one.
func (k *Keys) introduce(ctx context.Context, next Master, say func(string)) error {
	k.taking.Lock()
	defer k.taking.Unlock()
	keeper, keeps := k.source.(Keeper)
	if keeps {
		if err := errors.Join(keeper.Stage(next), k.done("staged")); err != nil {
			return err
		}
	}
	err := k.db.Update(ctx, func(tx *store.Tx) error {
		// A first key that was made from now on would be under one of the master keys alone.
		if _, err := k.current(tx); err != nil {
			return err
		}
		tx.Touch(keysTopic)
		return errors.Join(k.keepOld(tx), raiseMaster(tx, next.mark), k.wrapAll(tx, next))
	})
	if err := errors.Join(err, k.done("introduced")); err != nil {
		return err
	}
	if err := k.hold(next); err != nil {
		return err
	}
	say(fmt.Sprintf("master key %s opens the data, beside the old one", next.mark))
	if !keeps {
		return nil
	}
	if err := errors.Join(keeper.Install(), k.done("installed")); err != nil {
		return err
	}
	say(fmt.Sprintf("it is in %s", k.source))
	return nil
}

// done is called after each step that a crash could follow.
func (k *Keys) done(step string) error {
	if k.crash == nil {
		return nil
	}
	return k.crash(step)
}

// keepOld makes the master keys that are in use data keys, for the seals of format 1 that they made
// themselves: those must open under the new one.
func (k *Keys) keepOld(tx *store.Tx) error {
	rows, err := masterRows(tx)
	if err != nil {
		return err
	}
	h := k.held.Load()
	for _, mark := range marksOf(rows) {
		master, ours := h.masters[mark]
		if !ours {
			continue
		}
		legacy, err := master.asDataKey()
		if err == nil {
			err = insertOldKey(tx, legacy)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wrapAll wraps every data key under a master key, and looks whether that opens them all.
func (k *Keys) wrapAll(tx *store.Tx, master Master) error {
	if err := k.learn(tx); err != nil {
		return err
	}
	all, err := keyIDs(tx)
	if err != nil {
		return err
	}
	h := k.held.Load()
	for _, row := range all {
		key := h.keys[row.head()]
		if key == nil {
			return h.foreign(k.source, h.locked[row.head()])
		}
		if err := insertWrap(tx, key, master); err != nil {
			return err
		}
	}
	return checkWraps(tx, all, master)
}

// checkWraps reads back what will be all that opens the keys.
func checkWraps(tx *store.Tx, all []keyID, master Master) error {
	rows, err := keyRows(tx)
	if err != nil {
		return err
	}
	opened := map[string]bool{}
	for _, r := range rows {
		if r.mark != master.mark {
			continue
		}
		if _, err := r.open(master); err != nil {
			return err
		}
		opened[r.id] = true
	}
	for _, key := range all {
		if !opened[key.id] {
			return fmt.Errorf("%w: master key %s does not open data key %s", ErrDamaged, master.mark, key.id)
		}
	}
	return nil
}

// retire makes a new data key and takes the old master key away: what was wrapped under it is gone.
func (k *Keys) retire(ctx context.Context, say func(string)) error {
	if err := k.takeMaster(ctx); err != nil {
		return err
	}
	if err := k.waitForOthers(ctx); err != nil {
		return err
	}
	key, err := randomDataKey()
	if err != nil {
		return err
	}
	master := k.held.Load().master
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		if err := k.mayRetire(tx, master); err != nil {
			return err
		}
		tx.Touch(keysTopic)
		return errors.Join(retireCurrentKey(tx), insertCurrentKey(tx, key), insertWrap(tx, key, master),
			k.wrapAll(tx, master), keepMaster(tx, master.mark))
	})
	if err := errors.Join(err, k.done("retired")); err != nil {
		return err
	}
	k.change(func(h *held) { h.add(key) })
	say(fmt.Sprintf("master key %s is the only one; data key %s seals", master.mark, key.id))
	return nil
}

// mayRetire returns ErrBehind or ErrOthers while a server that runs would not start again with the
// newest master key alone.
func (k *Keys) mayRetire(tx *store.Tx, master Master) error {
	rows, err := masterRows(tx)
	if err != nil {
		return err
	}
	newest := rows[0].mark
	if newest != master.mark {
		return fmt.Errorf("%w: the %s of %s gives master key %s; the new one is %s", ErrBehind, k.source, k.server, master.mark, newest)
	}
	servers, err := serverRows(tx, tx.Now.Add(-liveFor))
	if err != nil {
		return err
	}
	var behind []string
	for _, s := range servers {
		if s.Mark != newest {
			behind = append(behind, fmt.Sprintf("%s has master key %s (seen %v ago)", s.Name, s.Mark, tx.Now.Sub(s.Seen).Round(time.Second)))
		}
	}
	if len(behind) > 0 {
		return fmt.Errorf("%w: %s; the new one is %s", ErrOthers, strings.Join(behind, ", "), newest)
	}
	return nil
}

// waitForOthers gives other servers a moment to take up the new master key.
func (k *Keys) waitForOthers(ctx context.Context) error {
	master := k.held.Load().master
	for deadline := time.Now().Add(k.patience); ; {
		err := k.db.View(ctx, func(tx *store.Tx) error { return k.mayRetire(tx, master) })
		if !errors.Is(err, ErrOthers) || time.Now().After(deadline) {
			return err
		}
		// The wake has them look at their sources.
		if err := k.db.Update(ctx, func(tx *store.Tx) error { tx.Touch(keysTopic); return nil }); err != nil {
			return err
		}
		if err := loop.Pause(ctx, k.patience/patiencePart); err != nil {
			return err
		}
	}
}
