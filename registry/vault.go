package registry

import (
	"context"
	"slices"
	"sync"

	"slipway/blob"
	"slipway/blob/sealed"
	"slipway/store"
)

// vault is the blobs that are sealed with one customer key. Whether that may be used at the moment is
// decided in SQL, by who asks for a vault.
type vault struct {
	*sealed.Store
	key sealed.Key
}

// vaults are those that were opened since the start, by the ids of their keys.
type vaults struct {
	mu   sync.Mutex
	open map[string]*vault
}

func (vs *vaults) get(id string) *vault {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.open[id]
}

// put keeps the first of those that were opened at once.
func (vs *vaults) put(id string, v *vault) *vault {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if first := vs.open[id]; first != nil {
		return first
	}
	vs.open[id] = v
	return v
}

// close forgets a key, and what is known of uploads under way, which is found out again.
func (vs *vaults) close(id string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	delete(vs.open, id)
}

// forget drops what is known of an upload that ended.
func (vs *vaults) forget(upload string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.open {
		v.Forget(upload)
	}
}

func (vs *vaults) closeAllBut(usable []string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for id := range vs.open {
		if !slices.Contains(usable, id) {
			delete(vs.open, id)
		}
	}
}

// closeVaults forgets keys that another server disabled or deleted.
func (c *Control) closeVaults(ctx context.Context) error {
	var usable []string
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		usable, err = usableKeys(tx)
		return err
	})
	if err == nil {
		c.vaults.closeAllBut(usable)
	}
	return err
}

// vault opens the vault of a key. It returns ErrNoKey.
func (c *Control) vault(ctx context.Context, id string) (*vault, error) {
	if v := c.vaults.get(id); v != nil {
		return v, nil
	}
	var kept []byte
	err := c.db.Row(ctx, `select sealed from registry_customer_keys where id = $1`, id).Scan(&kept)
	if noRows(err) {
		return nil, &Error{Cause: ErrNoKey, Name: id}
	}
	if err != nil {
		return nil, err
	}
	raw, err := c.customerKeys.Open(ctx, kept, id)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	key, err := sealed.NewKey(raw)
	if err != nil {
		return nil, err
	}
	return c.vaults.put(id, &vault{sealed.New(c.blobs, key), key}), nil
}

// bytesUnder is where blobs lie that are sealed with the key of an id; "": those that are not.
func (c *Control) bytesUnder(ctx context.Context, key string) (blob.Store, error) {
	if key == "" {
		return c.blobs, nil
	}
	return c.vault(ctx, key)
}

// nameUnder is the name that the blob of a digest has, or would have, in the blob store and in SQL.
func (c *Control) nameUnder(ctx context.Context, key string, d Digest) (Digest, error) {
	if key == "" {
		return d, nil
	}
	v, err := c.vault(ctx, key)
	if err != nil {
		return "", err
	}
	return v.key.Name(d)
}
