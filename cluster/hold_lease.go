package cluster

import (
	"context"
	"database/sql"
	"time"

	"slipway/store"
)

// leaseLife is how long a server is believed to be there that was heard of just now. What it holds stays while its
// database is away for as long.
func (c *Control) leaseLife() time.Duration { return 6 * c.config.KeepAlive }

// renewLease says that this server is there, and so is left what it holds.
func (c *Control) renewLease(tx *store.Tx) error {
	_, err := tx.Exec(`insert into hold_servers (server, until) values ($1, $2) on conflict (server) do update set until = excluded.until`,
		c.config.Server, store.Micros(tx.Now.Add(c.leaseLife())))
	return err
}

// keepHolds says that this server is there, as long as it holds something, and gives back what servers held that are not
// there any more.
func (c *Control) keepHolds(ctx context.Context) error {
	servers, err := c.holdingServers(ctx)
	if err != nil {
		return err
	}
	for server, gone := range servers {
		if server == c.config.Server {
			err = c.db.Update(ctx, c.renewLease)
		} else if gone {
			err = c.freeServer(ctx, server)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdingServers are the servers that hold something, and whether they have not been heard of for long.
func (c *Control) holdingServers(ctx context.Context) (gone map[string]bool, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		gone = map[string]bool{}
		return tx.Each(`select h.server, coalesce(max(s.until), 0) from holds h left join hold_servers s on s.server = h.server group by h.server`, nil, func(rows *sql.Rows) error {
			var server string
			var until int64
			err := rows.Scan(&server, &until)
			gone[server] = store.Time(until).Before(tx.Now)
			return err
		})
	})
	return gone, err
}

// freeServer gives back what a server held, unless it was heard of meanwhile.
func (c *Control) freeServer(ctx context.Context, server string) error {
	var ids []string
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		ids = nil
		if _, err := tx.Exec(`delete from hold_servers where server = $1 and until < $2`, server, store.Micros(tx.Now)); err != nil {
			return err
		}
		back, err := exists(tx, `select 1 from hold_servers where server = $1`, server)
		if err != nil || back {
			return err
		}
		held, err := holdsOfServer(tx, server)
		for _, h := range held {
			ids = append(ids, h.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.Free(ctx, ids...)
}
