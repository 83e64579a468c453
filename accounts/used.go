package accounts

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"slipway/store"
)

const (
	usedPeriod = time.Minute // of writing down what was used
	usedSize   = 10_000      // keys, and roles, that are remembered until then; of more, some are missed
)

// used remembers when keys and roles were last used, so that a call costs no write.
type used struct {
	mu    sync.Mutex
	keys  map[string]use
	roles map[string]use
}

type use struct {
	at              time.Time
	service, region string
}

// Used notes that a principal has just made a good call to a service, by its signing name, in a
// region. It is written down within a minute.
func (c *Control) Used(key string, who *Principal, service, region string) {
	c.used.mu.Lock()
	defer c.used.mu.Unlock()
	now := use{time.Now(), service, region}
	switch {
	case who.Type == TypeRole:
		note(&c.used.roles, who.Entity, now)
	case who.Session == nil:
		note(&c.used.keys, key, now)
	}
}

func note(all *map[string]use, id string, now use) {
	if *all == nil {
		*all = map[string]use{}
	}
	if _, known := (*all)[id]; known || len(*all) < usedSize {
		(*all)[id] = now
	}
}

// take hands over what was used, and forgets it.
func (u *used) take() (keys, roles map[string]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys, roles = u.keys, u.roles
	u.keys, u.roles = nil, nil
	return keys, roles
}

// writeUsed writes down what was used since the last time. What can not be written is missed: the
// next use makes it good.
func (c *Control) writeUsed(ctx context.Context) error {
	keys, roles := c.used.take()
	if len(keys)+len(roles) == 0 {
		return nil
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(keys)) {
			u := keys[id]
			_, err := tx.Exec(`update access_keys set last_used = $2, last_service = $3, last_region = $4 where id = $1 and last_used < $2`,
				id, store.Micros(u.at.Truncate(time.Minute)), u.service, u.region)
			if err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(roles)) {
			u := roles[id]
			_, err := tx.Exec(`update entities set last_used = $2, last_region = $3 where id = $1 and last_used < $2`,
				id, store.Micros(u.at.Truncate(time.Minute)), u.region)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
