package seal

import (
	"context"
	"log/slog"
	"time"

	"slipway/internal/loop"
	"slipway/store"
)

const (
	beat        = time.Minute      // between two times that a server says which master key it has
	resumePause = 10 * time.Minute // that a rotation is left alone before a server carries it on
)

// Run keeps this server's keys up to date until ctx ends: it learns those that others made, takes
// up a new master key that its source gives, and carries on a rotation that was cut short.
func (k *Keys) Run(ctx context.Context) {
	woken, stop := k.db.Watch(keysTopic)
	defer stop()
	var resume time.Time // zero: what is left at a start is from a server that was cut short
	loop.Run(ctx, "keys", beat, woken, func(ctx context.Context) error {
		s, err := k.tend(ctx)
		if err != nil {
			return err
		}
		due := len(s.old) > 0 && len(s.masters) == 1 && time.Now().After(resume)
		if due || len(s.old) == 0 {
			resume = time.Now().Add(resumePause)
		}
		if !due {
			return nil
		}
		return k.resume(ctx)
	})
	k.leave(context.WithoutCancel(ctx))
}

// tend learns what is new, and says that this server is there.
func (k *Keys) tend(ctx context.Context) (state, error) {
	if err := k.load(ctx); err != nil {
		return state{}, err
	}
	s, err := k.state(ctx)
	if err != nil {
		return state{}, err
	}
	return s, k.present(ctx, s)
}

// resume seals anew what a rotation that was cut short has left.
func (k *Keys) resume(ctx context.Context) error {
	if !k.rotating.TryLock() {
		return nil // it is under way
	}
	defer k.rotating.Unlock()
	return k.renew(ctx, func(text string) { slog.Info("rotation of keys carried on: " + text) })
}

// present says which master key this server has. It looks at the source when there is a newer one.
func (k *Keys) present(ctx context.Context, s state) error {
	if len(s.masters) > 0 && s.masters[0].mark != k.held.Load().master.mark {
		return k.takeMaster(ctx)
	}
	k.taking.Lock()
	defer k.taking.Unlock()
	master := k.held.Load().master
	return k.db.Update(ctx, func(tx *store.Tx) error {
		if err := deleteServersBefore(tx, tx.Now.Add(-24*time.Hour)); err != nil {
			return err
		}
		return k.register(tx, master)
	})
}

// leave says that this server needs no key any more.
func (k *Keys) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := k.db.Update(ctx, func(tx *store.Tx) error { return deleteServer(tx, k.server) })
	if err != nil {
		slog.Warn("other servers are not told that this one has stopped", "error", err)
	}
}
