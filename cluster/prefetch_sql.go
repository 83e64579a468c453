package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// writePrefetch writes a prefetch down, or has it last longer. Where the image is another by now, machines begin anew.
func writePrefetch(tx *store.Tx, p Prefetch) error {
	source, err1 := encodeJSON(p.source)
	expressions, err2 := encodeJSON(p.Expressions)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var before string
	err := tx.Row(`select source from prefetches where id = $1`, p.ID).Scan(&before)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return insertPrefetch(tx, p, source, expressions)
	case err != nil:
		return err
	}
	if before != source {
		if _, err := tx.Exec(`delete from prefetch_machines where prefetch = $1`, p.ID); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`update prefetches set source = $2, expires = case when expires < $3 then $3 else expires end where id = $1`, p.ID, source, store.Micros(p.Expires))
	return err
}

func insertPrefetch(tx *store.Tx, p Prefetch, source, expressions string) error {
	var n int
	err := tx.Row(`select count(*) from prefetches where account = $1 and cluster = $2`, p.Account, p.Cluster).Scan(&n)
	if err == nil && n >= maxPrefetches {
		err = errs.Say(ErrInvalid, "The cluster has %d images to be fetched ahead already, which is as many as it can have.", n)
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into prefetches (id, account, cluster, image, source, expressions, created, expires) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, p.Account, p.Cluster, p.Image, source, expressions, store.Micros(p.Created), store.Micros(p.Expires))
	return err
}

func enlistMachine(tx *store.Tx, p Prefetch, node string) error {
	_, err := tx.Exec(`insert into prefetch_machines (prefetch, node, state, reason, digest, pulled, size, changed) values ($1, $2, $3, '', '', 0, 0, $4) on conflict (prefetch, node) do nothing`,
		p.ID, node, nodeapi.PrefetchWaiting, store.Micros(tx.Now))
	return err
}

// dropPrefetch forgets a prefetch, and tells the machines.
func dropPrefetch(tx *store.Tx, id string) error {
	var nodes []string
	if err := tx.Each(`select node from prefetch_machines where prefetch = $1`, []any{id}, intoStrings(&nodes)); err != nil {
		return err
	}
	_, err1 := tx.Exec(`delete from prefetch_machines where prefetch = $1`, id)
	_, err2 := tx.Exec(`delete from prefetches where id = $1`, id)
	for _, node := range nodes {
		tx.Touch(prefetchTopic(node))
	}
	return errors.Join(err1, err2)
}

// readPrefetches reads those that a clause tells, without their machines.
func readPrefetches(tx *store.Tx, where string, args ...any) (all []Prefetch, err error) {
	err = tx.Each(`select id, account, cluster, image, source, expressions, created, expires from prefetches `+where, args, func(rows *sql.Rows) error {
		var p Prefetch
		var source, expressions string
		var created, expires int64
		if err := rows.Scan(&p.ID, &p.Account, &p.Cluster, &p.Image, &source, &expressions, &created, &expires); err != nil {
			return err
		}
		p.Created, p.Expires = store.Time(created), store.Time(expires)
		if err := errors.Join(json.Unmarshal([]byte(source), &p.source), json.Unmarshal([]byte(expressions), &p.Expressions)); err != nil {
			return fmt.Errorf("prefetch %s: %w", p.ID, err)
		}
		all = append(all, p)
		return nil
	})
	return all, err
}

// prefetchMachines reads how far machines are, but for those that are members no more.
func prefetchMachines(tx *store.Tx, id string) (all []PrefetchMachine, err error) {
	err = tx.Each(`select m.node, i.session, m.state, m.reason, m.digest, m.pulled, m.size, m.changed from prefetch_machines m join instances i on i.id = m.node
		where m.prefetch = $1 and i.status <> 'INACTIVE' order by m.node`, []any{id}, func(rows *sql.Rows) error {
		var m PrefetchMachine
		var session string
		var changed int64
		err := rows.Scan(&m.Node, &session, &m.State, &m.Reason, &m.Digest, &m.Pulled, &m.Size, &changed)
		m.Connected, m.Changed = session != "", store.Time(changed)
		all = append(all, m)
		return err
	})
	return all, err
}

// prefetchesOf reads what a node is to have, and tells whether it has all of it.
func prefetchesOf(tx *store.Tx, account, node string) (all []Prefetch, done bool, err error) {
	const mine = `select prefetch from prefetch_machines where node = $1`
	if all, err = readPrefetches(tx, `where id in (`+mine+`) and account = $2 order by created, id`, node, account); err != nil {
		return nil, false, err
	}
	waits, err := exists(tx, `select 1 from prefetch_machines where node = $1 and state <> $2`, node, nodeapi.PrefetchReady)
	return all, !waits, err
}

// prefetchesUnseen reads those of the clusters that a node serves of which it knows nothing.
func prefetchesUnseen(tx *store.Tx, account, node string) ([]Prefetch, error) {
	return readPrefetches(tx, `where account = $1 and id not in (select prefetch from prefetch_machines where node = $2)
		and exists (select 1 from instances i where i.id = $2 and i.cluster in ('', prefetches.cluster)) order by created, id`, account, node)
}
