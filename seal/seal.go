// Package seal keeps the secrets of any room unreadable in the database.
//
// Secrets are sealed under data keys (AES-256-GCM, bound to table, column and row). Data keys are
// in the database too, wrapped under a master key that is not: it comes from a file, the
// environment or a command. Keys can be replaced while everything runs, see Rotate.
//
// A room says once which column of its has seals (Keys.Column) and seals in the transaction that
// stores the seal. This package knows no room, and decides nothing about who may see a secret.
package seal

import (
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"slipway/store"
)

//go:embed schema
var schema embed.FS

// keysTopic is touched by whatever changes keys or who has which.
const keysTopic = "seal.keys"

// Keys are the keys of one database. They are safe for use by many goroutines.
type Keys struct {
	db     *store.DB
	source Source
	server string

	held   atomic.Pointer[held]
	mu     sync.Mutex // for who replaces held
	unread *reader    // reads the keys that others made

	taking   sync.Mutex              // for who reads the source, or gives it a new key
	rotating sync.Mutex              // for who puts other keys in the place of those there are
	patience time.Duration           // with other servers
	crash    func(step string) error // for tests: ends a rotation after a step
}

// held is what this server has. It is replaced, never changed.
type held struct {
	master  Master              // what the source gave last
	masters map[string]Master   // all that were had, by mark
	keys    map[string]*dataKey // by the head of their seals; none is forgotten before the process ends
	locked  map[string]string   // heads of keys that no master key of ours opens, and the mark of one that does
}

// Open brings the tables up to date, takes the master key from its source and learns the data
// keys. A source that can make a key does, if the database is under none yet. server is what
// others call this server, as host:folder; no two that run at once have the same name. It returns
// ErrMasterKey when the database is under another master key, naming both.
func Open(ctx context.Context, db *store.DB, source Source, server string) (*Keys, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "seal", files); err != nil {
		return nil, err
	}
	k := &Keys{db: db, source: source, server: server, patience: patience}
	k.unread = newReader(k.load)
	k.held.Store(&held{})
	if err := k.takeMaster(ctx); err != nil {
		return nil, err
	}
	return k, k.load(ctx)
}

// takeMaster has the source give its key, and says in the database that this server has it.
func (k *Keys) takeMaster(ctx context.Context) error {
	k.taking.Lock()
	defer k.taking.Unlock()
	var rows []masterRow
	err := k.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = masterRows(tx)
		return err
	})
	if err != nil {
		return err
	}
	master, err := k.source.Master(ctx, marksOf(rows))
	if err != nil {
		return err
	}
	// It is held before others are told: from then on there may be keys that it alone opens.
	if err := k.hold(master); err != nil {
		return err
	}
	if err := k.db.Update(ctx, func(tx *store.Tx) error { return k.register(tx, master) }); err != nil {
		return err
	}
	k.change(func(h *held) { h.master = master })
	return nil
}

// register writes down which key this server has, if it is one that the database is under.
func (k *Keys) register(tx *store.Tx, master Master) error {
	rows, err := masterRows(tx)
	if err != nil {
		return err
	}
	if marks := marksOf(rows); len(marks) > 0 && !slices.Contains(marks, master.mark) {
		return fmt.Errorf("%w: the %s has master key %s, the data is sealed under %s", ErrMasterKey, k.source, master.mark, strings.Join(marks, " or "))
	}
	return upsertServer(tx, k.server, master.mark)
}

// hold keeps a master key for what it opens, seals of format 1 too.
func (k *Keys) hold(master Master) error {
	legacy, err := master.asDataKey()
	if err != nil {
		return err
	}
	k.change(func(h *held) {
		h.masters[master.mark] = master
		h.add(legacy)
	})
	return nil
}

// change replaces what is held by a copy that was changed.
func (k *Keys) change(f func(*held)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.held.Load()
	h := &held{master: old.master, masters: map[string]Master{}, keys: map[string]*dataKey{}, locked: map[string]string{}}
	maps.Copy(h.masters, old.masters)
	maps.Copy(h.keys, old.keys)
	maps.Copy(h.locked, old.locked)
	f(h)
	k.held.Store(h)
}

func (h *held) add(key *dataKey) {
	h.keys[key.head()] = key
	delete(h.locked, key.head())
}

// load learns all data keys.
func (k *Keys) load(ctx context.Context) error {
	return k.db.View(ctx, k.learn)
}

// learn takes up the data keys that the database has and this server has not.
func (k *Keys) learn(tx *store.Tx) error {
	rows, err := keyRows(tx)
	if err != nil {
		return err
	}
	have := k.held.Load()
	var fresh []*dataKey
	locked := map[string]string{}
	for _, r := range rows {
		if have.keys[r.head()] != nil {
			continue
		}
		master, ours := have.masters[r.mark]
		if !ours {
			locked[r.head()] = r.mark
			continue
		}
		key, err := r.open(master)
		if err != nil {
			return err
		}
		fresh = append(fresh, key)
	}
	k.change(func(h *held) {
		h.locked = locked
		for _, key := range fresh {
			h.add(key)
		}
	})
	return nil
}

// current is the key that seals now: as the transaction sees it, so that none seals under a key
// that another server has replaced.
func (k *Keys) current(tx *store.Tx) (*dataKey, error) {
	id, err := currentKey(tx)
	if errors.Is(err, store.ErrNoRows) {
		return k.first(tx)
	}
	if err != nil {
		return nil, err
	}
	head := headFor(format2, id)
	if key := k.held.Load().keys[head]; key != nil {
		return key, nil
	}
	if err := k.learn(tx); err != nil {
		return nil, err
	}
	h := k.held.Load()
	if key := h.keys[head]; key != nil {
		return key, nil
	}
	return nil, h.foreign(k.source, h.locked[head])
}

// foreign is the error of a server that has not the master key it needs.
func (h *held) foreign(source Source, mark string) error {
	return fmt.Errorf("%w: the %s has master key %s, the data is sealed under %s", ErrMasterKey, source, h.master.mark, mark)
}

// first makes the first data key of the database. Until the transaction is committed nobody else
// has it, and if it never is, nobody asks for it.
func (k *Keys) first(tx *store.Tx) (*dataKey, error) {
	master := k.held.Load().master
	if err := k.register(tx, master); err != nil {
		return nil, err
	}
	key, err := randomDataKey()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(insertMaster(tx, master.mark), insertCurrentKey(tx, key), insertWrap(tx, key, master)); err != nil {
		return nil, err
	}
	tx.Touch(keysTopic)
	k.change(func(h *held) { h.add(key) })
	return key, nil
}

// named is the key that the head of a seal names.
func (k *Keys) named(ctx context.Context, head []byte, of place) (*dataKey, error) {
	if head == nil {
		return nil, fmt.Errorf("%w: that of %s has no head", ErrDamaged, of)
	}
	if key := k.held.Load().keys[string(head)]; key != nil {
		return key, nil
	}
	if err := k.unread.catchUp(ctx); err != nil {
		return nil, err
	}
	h := k.held.Load()
	key, mark := h.keys[string(head)], h.locked[string(head)]
	id := hex.EncodeToString(head[1:])
	switch {
	case key != nil:
		return key, nil
	case mark != "":
		return nil, fmt.Errorf("%s: %w", of, h.foreign(k.source, mark))
	case head[0] == format1:
		return nil, fmt.Errorf("%s: %w", of, h.foreign(k.source, id+"..."))
	}
	return nil, fmt.Errorf("%w: that of %s names %s", ErrNoKey, of, id)
}

func marksOf(rows []masterRow) []string {
	marks := make([]string, len(rows))
	for i, r := range rows {
		marks[i] = r.mark
	}
	return marks
}
