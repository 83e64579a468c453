package functions

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"slipway/functions/fleet"
	"slipway/functions/home"
	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/store"
)

// provisionPeriod is how often it is looked at all the same whether the fleet has what is provisioned.
const provisionPeriod = 15 * time.Second

// provision has the fleet have ready what is provisioned, until ctx ends.
func (c *Control) provision(ctx context.Context) {
	wake, stop := c.db.Watch(topic, home.Topic)
	defer stop()
	p := &provisioning{c: c, has: map[string]*wanted{}}
	loop.Run(ctx, "functions provisioned", provisionPeriod, wake, p.pass)
}

// provisioning tells the fleet what is provisioned, which does not remember it beyond its life.
type provisioning struct {
	c   *Control
	has map[string]*wanted // by function and release: what the fleet was told
}

type wanted struct {
	release *fleet.Release
	n       int
}

// pass tells the fleet what has changed. Only one may run at a time.
func (p *provisioning) pass(ctx context.Context) error {
	want, err := p.want(ctx)
	for key, w := range want {
		p.c.config.Fleet.Provision(w.release, w.n)
		p.has[key] = w
	}
	if err != nil { // of some it is not known what is wanted: they keep what they have
		return err
	}
	for key, w := range p.has {
		if want[key] != nil {
			continue
		}
		if p.c.here(ctx, w.release.Account) {
			p.c.config.Fleet.Provision(w.release, 0)
		}
		delete(p.has, key)
	}
	return nil
}

// want is what is provisioned, by function and release: what two aliases of one version have adds up. What cannot be
// called now is not wanted now.
func (p *provisioning) want(ctx context.Context) (map[string]*wanted, error) {
	rows, err := p.c.provisionedRows(ctx)
	want := map[string]*wanted{}
	for _, row := range rows {
		if !p.c.here(ctx, row.Account) {
			continue
		}
		f, failed := p.c.findAnew(ctx, row.Ref)
		switch {
		case errs.KindOf(failed) == errs.NotFound:
		case failed != nil:
			err = errors.Join(err, failed)
		case f.target != nil:
			for _, part := range f.target.parts(row.n) {
				key := part.release.Function + " " + part.release.ID
				if want[key] == nil {
					want[key] = &wanted{release: part.release}
				}
				want[key].n += part.n
			}
		}
	}
	return want, err
}

// parts are how many sandboxes of each release what is provisioned for a target is: an alias that shares its calls among
// two versions shares them in the same way. Each that has calls has one, where there are two.
func (t *Target) parts(n int) []wanted {
	if t.other == nil || t.share <= 0 {
		return []wanted{{t.Release, n}}
	}
	others := int(math.Round(float64(n) * t.share))
	if t.share < 1 && n > 1 {
		others = min(max(others, 1), n-1)
	}
	return slices.DeleteFunc([]wanted{{t.Release, n - others}, {t.other.Release, others}}, func(w wanted) bool { return w.n == 0 })
}

type provisionedRow struct {
	Ref
	n int
}

func (c *Control) provisionedRows(ctx context.Context) (list []provisionedRow, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.Each(`select f.account, f.name, p.qualifier, p.requested from functions_provisioned p join functions_functions f on f.id = p.function`, nil, func(rows *sql.Rows) error {
			var one provisionedRow
			var name, qualifier []byte
			err := rows.Scan(&one.Account, &name, &qualifier, &one.n)
			one.Name, one.Qualifier = string(name), string(qualifier)
			list = append(list, one)
			return err
		})
	})
	return list, err
}
