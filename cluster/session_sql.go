package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/nodeapi"
	"slipway/store"
)

func upsertInstance(tx *store.Tx, h nodeapi.Hello, session string) error {
	ports := slices.Compact(slices.Sorted(slices.Values(h.Ports)))
	portsText, err1 := json.Marshal(ports)
	attributes, err2 := json.Marshal(h.Attributes)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n, err := tx.Exec(`
		insert into instances (id, account, cluster, status, registered, version, engine, cpu, memory, ports, attributes, joins, session, seen, changed, disk)
		values ($1, $2, $3, 'ACTIVE', $4, $5, $6, $7, $8, $9, $10, 1, $11, $4, $4, $13)
		on conflict (id) do update set cluster = excluded.cluster, version = excluded.version, engine = excluded.engine,
			cpu = excluded.cpu, memory = excluded.memory, disk = excluded.disk, ports = excluded.ports, attributes = excluded.attributes,
			joins = instances.joins + 1, session = excluded.session, seen = excluded.seen, changed = excluded.changed
			, told = 0, load_at = 0, trouble_at = 0
			, status = case when instances.deregistered > 0 and instances.deregistered < $12 then 'ACTIVE' else instances.status end
			, registered = case when instances.deregistered > 0 and instances.deregistered < $12 then excluded.registered else instances.registered end
			, deregistered = case when instances.deregistered < $12 then 0 else instances.deregistered end
		where instances.account = excluded.account and (instances.deregistered = 0 or instances.deregistered < $12)`,
		h.Node, h.Account, h.Cluster, store.Micros(tx.Now), h.Version, h.Engine, h.CPU, h.Memory, string(portsText), string(attributes), session, store.Micros(h.Since), max(h.Disk, 0))
	if err != nil || n > 0 {
		return err
	}
	var account string
	if err := tx.Row(`select account from instances where id = $1`, h.Node).Scan(&account); err != nil {
		return err
	}
	if account != h.Account {
		return fmt.Errorf("%w: id %s is of another account's node", ErrNode, h.Node)
	}
	return ErrDeregistered
}

// leavingInstances returns the nodes that are being deregistered.
func leavingInstances(tx *store.Tx) (all []Instance, err error) {
	err = tx.Each(`select id, account, cluster from instances where status = 'DEREGISTERING' order by registered, id`, nil, func(rows *sql.Rows) error {
		i := Instance{Status: Deregistering}
		err := rows.Scan(&i.ID, &i.Account, &i.Cluster)
		all = append(all, i)
		return err
	})
	return all, err
}

func stillSeen(tx *store.Tx, node, session string) error {
	_, err := tx.Exec(`update instances set seen = $3 where id = $1 and session = $2`, node, session, store.Micros(tx.Now))
	return err
}

// disconnect ends a session in the record, if it is still the node's.
func disconnect(tx *store.Tx, node, session string) (account, cluster string, left bool, err error) {
	err = tx.Row(`update instances set session = '', changed = $3 where id = $1 and session = $2 returning account, cluster`,
		node, session, store.Micros(tx.Now)).Scan(&account, &cluster)
	if errors.Is(err, store.ErrNoRows) {
		return "", "", false, nil
	}
	return account, cluster, err == nil, err
}

// staleSessions returns the sessions that were not seen since then, by node.
func staleSessions(tx *store.Tx, since time.Time) (map[string]string, error) {
	stale := map[string]string{}
	err := tx.Each(`select id, session from instances where session <> '' and seen < $1`, []any{store.Micros(since)}, func(rows *sql.Rows) error {
		var node, session string
		err := rows.Scan(&node, &session)
		stale[node] = session
		return err
	})
	return stale, err
}

// wantedOn tells for every task of a node that has not stopped whether it is wanted stopped.
func wantedOn(tx *store.Tx, account, node string) (map[string]bool, error) {
	wanted := map[string]bool{}
	err := tx.Each(`select id, desired from tasks where account = $1 and node = $2 and status < 8`, []any{account, node}, func(rows *sql.Rows) error {
		var id string
		var desired nodeapi.Status
		err := rows.Scan(&id, &desired)
		wanted[id] = desired == nodeapi.Stopped
		return err
	})
	return wanted, err
}
