package cluster

import (
	"database/sql"
	"errors"

	"slipway/cluster/taskdef"
	"slipway/nodeapi"
	"slipway/store"
)

// insertCluster makes the cluster active and tells whether it was not so before.
func insertCluster(tx *store.Tx, account, name string) (created bool, err error) {
	changed, err := tx.Exec(`
		insert into clusters (account, name, status, created) values ($1, $2, 'ACTIVE', $3)
		on conflict (account, name) do update set status = 'ACTIVE', created = excluded.created
		where clusters.status = 'INACTIVE'`, account, name, store.Micros(tx.Now))
	return changed > 0, err
}

// setClusterStatus moves a cluster on. One that is gone has no capacity providers and no schedulers.
func setClusterStatus(tx *store.Tx, account, name, status string) error {
	if status == Inactive {
		if err := forgetClusterProviders(tx, account, name); err != nil {
			return err
		}
		if err := deleteSchedulers(tx, account, name); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`update clusters set status = $3 where account = $1 and name = $2`, account, name, status)
	return err
}

func clusterStatus(tx *store.Tx, account, name string) (status string, err error) {
	if !taskdef.IsName(name) {
		return "", ErrNoCluster
	}
	err = tx.Row(`select status from clusters where account = $1 and name = $2`, account, name).Scan(&status)
	if errors.Is(err, store.ErrNoRows) {
		return "", ErrNoCluster
	}
	return status, err
}

func readCluster(tx *store.Tx, account, name string) (Cluster, error) {
	if !taskdef.IsName(name) {
		return Cluster{}, ErrNoCluster
	}
	cluster := Cluster{Account: account, Name: name}
	var created int64
	err := tx.Row(`
		select status, created, (select count(*) from instances i where i.account = c.account and i.cluster in (c.name, '') and i.status in ('ACTIVE', 'DRAINING') and c.status <> 'INACTIVE'),
			(select count(*) from services s where s.account = c.account and s.cluster = c.name and s.status = 'ACTIVE')
		from clusters c where account = $1 and name = $2`, account, name).Scan(&cluster.Status, &created, &cluster.Instances, &cluster.Services)
	if errors.Is(err, store.ErrNoRows) {
		return Cluster{}, ErrNoCluster
	}
	if err != nil {
		return cluster, err
	}
	cluster.Created = store.Time(created)
	return cluster, countTasks(tx, &cluster)
}

func countTasks(tx *store.Tx, c *Cluster) error {
	const count = `select status, launch, count(*) from tasks where account = $1 and cluster = $2 and status < 8 and status <= 4 group by status, launch`
	return tx.Each(count, []any{c.Account, c.Name}, func(rows *sql.Rows) error {
		var status nodeapi.Status
		var launch string
		var n int
		if err := rows.Scan(&status, &launch, &n); err != nil {
			return err
		}
		all, external := &c.Pending, &c.PendingExternal
		if status == nodeapi.Running {
			all, external = &c.Running, &c.RunningExternal
		}
		*all += n
		if launch == "EXTERNAL" {
			*external += n
		}
		return nil
	})
}

func clusterNames(tx *store.Tx, account, after string, limit int) (names []string, err error) {
	err = tx.Each(`select name from clusters where account = $1 and name > $2 and status = 'ACTIVE' order by name limit $3`,
		[]any{account, after, limit}, intoStrings(&names))
	return names, err
}

// exists tells whether a query finds anything.
func exists(tx *store.Tx, query string, args ...any) (bool, error) {
	var one int
	err := tx.Row(query+` limit 1`, args...).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// intoStrings scans rows of one text.
func intoStrings(list *[]string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		*list = append(*list, s)
		return nil
	}
}
