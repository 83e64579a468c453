package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/cluster/placement/query"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// Prefetch is an image that machines of a cluster are to have ahead of tasks, and to keep until it expires.
type Prefetch struct {
	ID          string
	Account     string
	Cluster     string
	Image       string
	Expressions []string // of the cluster query language, all of which a machine must fit
	Created     time.Time
	Expires     time.Time
	Machines    []PrefetchMachine // by their ids

	source Image
}

// PrefetchMachine is how far one machine is with an image.
type PrefetchMachine struct {
	Node      string
	Connected bool
	State     string // nodeapi.PrefetchWaiting, PrefetchPulling, PrefetchReady or PrefetchFailed
	Reason    string // why it failed; it is tried again
	Digest    string
	Pulled    int64 // bytes of its layers that have come
	Size      int64 // of all of them; 0: not known
	Changed   time.Time
}

// How long machines keep an image that was asked for ahead, and how many a cluster may have at a time.
const (
	DefaultPrefetchLife = 24 * time.Hour
	maxPrefetchLife     = 30 * 24 * time.Hour
	maxPrefetches       = 100
)

// prefetchTopic is touched when other images are wanted ahead on a node.
func prefetchTopic(node string) string { return "prefetch:" + node }

// PrefetchImage has the machines of a cluster that fit all expressions fetch an image ahead of tasks, and keep it
// for so long; 0 is DefaultPrefetchLife. Machines that join meanwhile fetch it as well. Who asks for the same
// again has it kept longer, and fetched anew where its tag stands for something else by now.
func (c *Control) PrefetchImage(ctx context.Context, account, cluster, image string, expressions []string, keep time.Duration) (Prefetch, error) {
	if keep == 0 {
		keep = DefaultPrefetchLife
	}
	if err := checkPrefetch(image, expressions, keep); err != nil {
		return Prefetch{}, err
	}
	source, err := c.config.Images.Find(ctx, account, image)
	if err != nil {
		return Prefetch{}, fmt.Errorf("find image %s: %w", image, err)
	}
	p := Prefetch{Account: account, Cluster: cluster, Image: image, Expressions: slices.Compact(slices.Sorted(slices.Values(expressions))), source: source}
	p.ID = p.id()
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		p.Created, p.Expires = tx.Now, tx.Now.Add(keep)
		if err := writePrefetch(tx, p); err != nil {
			return err
		}
		if err := enlist(tx, p); err != nil {
			return err
		}
		return events.Append(tx, account, "image.prefetch-requested", image, map[string]string{"cluster": cluster, "prefetch": p.ID})
	})
	if err != nil {
		return Prefetch{}, err
	}
	return c.prefetch(ctx, account, cluster, p.ID)
}

func checkPrefetch(image string, expressions []string, keep time.Duration) error {
	switch {
	case image == "" || len(image) > 500 || !printable(image) || strings.ContainsAny(image, " \t"):
		return errs.Say(ErrInvalid, "image: %.500q names no image.", image)
	case nodeapi.IsLocation(image):
		return errs.Say(ErrInvalid, "image: %s is an archive at a URL; only images of registries are fetched ahead.", image)
	case keep < time.Minute || keep > maxPrefetchLife:
		return errs.Say(ErrInvalid, "keepSeconds: %d are not between 60 and %d.", int(keep.Seconds()), int(maxPrefetchLife.Seconds()))
	case len(expressions) > 10:
		return errs.Say(ErrInvalid, "constraints: %d are more than 10.", len(expressions))
	}
	for _, text := range expressions {
		q, err := query.Parse(text)
		if err != nil {
			return errs.Say(ErrInvalid, "constraints: %s.", err)
		}
		if !q.Static() {
			return errs.Say(ErrInvalid, "constraints: %q asks for the tasks of machines; an image that is fetched ahead goes by what machines are.", text)
		}
	}
	return nil
}

// id follows from what is asked for, so that who asks again means the same.
func (p Prefetch) id() string {
	all := append([]string{p.Account, p.Cluster, p.Image}, p.Expressions...)
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// fits tells whether a machine is one of those that are to have the image.
func (p Prefetch) fits(m query.Machine) bool {
	for _, text := range p.Expressions {
		if q, err := query.Parse(text); err != nil || !q.Fits(m) {
			return false
		}
	}
	return true
}

// enlist has the machines that fit fetch the image.
func enlist(tx *store.Tx, p Prefetch) error {
	all, err := questioned(tx, p.Account, p.Cluster)
	if err != nil {
		return err
	}
	for _, m := range all {
		if !p.fits(m) {
			continue
		}
		if err := enlistMachine(tx, p, m.ID); err != nil {
			return err
		}
		tx.Touch(prefetchTopic(m.ID))
	}
	return nil
}

// enlistNode has a machine that joins fetch what those that were there before were told to.
func (c *Control) enlistNode(ctx context.Context, account, node string) error {
	var wanted []Prefetch
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		wanted, err = prefetchesUnseen(tx, account, node)
		return err
	})
	if err != nil || len(wanted) == 0 {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, p := range wanted {
			all, err := questioned(tx, account, p.Cluster)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(all, func(m asked) bool { return m.ID == node })
			if at < 0 || !p.fits(all[at]) {
				continue
			}
			if err := enlistMachine(tx, p, node); err != nil {
				return err
			}
		}
		return nil
	})
}

// Prefetches tells which images machines of a cluster are to have ahead, and how far they are: the last asked for first.
func (c *Control) Prefetches(ctx context.Context, account, cluster string) (all []Prefetch, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		all, err = readPrefetches(tx, `where account = $1 and cluster = $2 order by created desc, id`, account, cluster)
		for i := range all {
			if err == nil {
				all[i].Machines, err = prefetchMachines(tx, all[i].ID)
			}
		}
		return err
	})
	return all, err
}

func (c *Control) prefetch(ctx context.Context, account, cluster, id string) (Prefetch, error) {
	all, err := c.Prefetches(ctx, account, cluster)
	at := slices.IndexFunc(all, func(p Prefetch) bool { return p.ID == id })
	if err == nil && at < 0 {
		err = errs.Say(ErrInvalid, "prefetch: there is no %.40q in the cluster.", id)
	}
	if err != nil {
		return Prefetch{}, err
	}
	return all[at], nil
}

// DeletePrefetch has machines keep an image no longer than others. It stays until its room is needed.
func (c *Control) DeletePrefetch(ctx context.Context, account, cluster, id string) (Prefetch, error) {
	p, err := c.prefetch(ctx, account, cluster, id)
	if err != nil {
		return p, err
	}
	return p, c.db.Update(ctx, func(tx *store.Tx) error { return dropPrefetch(tx, id) })
}

// expirePrefetches ends those whose time is over.
func (c *Control) expirePrefetches(ctx context.Context) error {
	var over []Prefetch
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		over, err = readPrefetches(tx, `where expires <= $1`, store.Micros(tx.Now))
		return err
	})
	for _, p := range over {
		if err == nil {
			err = c.db.Update(ctx, func(tx *store.Tx) error { return dropPrefetch(tx, p.ID) })
		}
	}
	return err
}

// fetched writes down how far a node is with images.
func (c *Control) fetched(ctx context.Context, node string, reports []nodeapi.PrefetchReport) error {
	states := []string{nodeapi.PrefetchWaiting, nodeapi.PrefetchPulling, nodeapi.PrefetchReady, nodeapi.PrefetchFailed}
	return c.db.UpdateSoon(ctx, func(tx *store.Tx) error {
		for _, r := range reports {
			if !slices.Contains(states, r.State) || !idPattern.MatchString(r.ID) {
				return fmt.Errorf("%w: prefetch %.40q has state %.40q", ErrReport, r.ID, r.State)
			}
			_, err := tx.Exec(`update prefetch_machines set state = $3, reason = $4, digest = $5, pulled = $6, size = $7, changed = $8 where prefetch = $1 and node = $2`,
				r.ID, node, r.State, readable(r.Reason), readable(r.Digest), max(r.Pulled, 0), max(r.Size, 0), store.Micros(tx.Now))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ahead is what a node is to have ahead of its tasks, with new logins, and which of it that is.
func (c *Control) ahead(ctx context.Context, account, node string) (all nodeapi.Prefetches, done bool, err error) {
	var wanted []Prefetch
	err = c.db.View(ctx, func(tx *store.Tx) (err error) {
		wanted, done, err = prefetchesOf(tx, account, node)
		return err
	})
	for _, p := range wanted {
		image := nodeapi.Prefetch{ID: p.ID, Image: p.Image, Ref: p.source.Ref, Digest: p.source.Digest}
		if p.source.Ref != "" {
			login, failed := c.config.Images.Login(ctx, account, p.source)
			err = errors.Join(err, failed)
			image.Login = &login
		}
		all.Images = append(all.Images, image)
	}
	return all, done, err
}

func encodeJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
