package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/cluster/capacity"
	"slipway/cluster/taskdef"
	"slipway/store"
)

const providerColumns = `p.name, p.machines, p.settings, p.created, p.updated from providers p`

func scanProvider(row interface{ Scan(...any) error }, account string) (p Provider, err error) {
	var settings string
	var created, updated int64
	if err := row.Scan(&p.Name, &p.Machines, &settings, &created, &updated); err != nil {
		return p, err
	}
	p.Account, p.Created, p.Updated = account, store.Time(created), store.Time(updated)
	if err := json.Unmarshal([]byte(settings), &p.Settings); err != nil {
		return p, fmt.Errorf("capacity provider %s: %w", p.Name, err)
	}
	return p, nil
}

// readProvider returns a capacity provider with its tags, or ErrNoProvider.
func readProvider(tx *store.Tx, account, name string) (p Provider, err error) {
	if !taskdef.IsName(name) {
		return p, fmt.Errorf("%w: %.260s", ErrNoProvider, name)
	}
	p, err = scanProvider(tx.Row(`select `+providerColumns+` where p.account = $1 and p.name = $2`, account, name), account)
	if errors.Is(err, store.ErrNoRows) {
		return p, fmt.Errorf("%w: %s", ErrNoProvider, name)
	}
	if err == nil {
		p.Tags, err = tagsOf(tx, account, "capacity-provider/"+name)
	}
	return p, err
}

func providersAfter(tx *store.Tx, account, cluster, after string, limit int) (found []Provider, err error) {
	const ofCluster = ` where p.account = $1 and ($2 = '' or exists (select 1 from cluster_providers c where c.account = p.account and c.cluster = $2 and c.provider = p.name))`
	err = tx.Each(`select `+providerColumns+ofCluster+` and p.name > $3 order by p.name limit $4`, []any{account, cluster, after, limit}, func(rows *sql.Rows) error {
		p, err := scanProvider(rows, account)
		found = append(found, p)
		return err
	})
	for i := range found {
		if err == nil {
			found[i].Tags, err = tagsOf(tx, account, "capacity-provider/"+found[i].Name)
		}
	}
	return found, err
}

func writeProvider(tx *store.Tx, p Provider, group string) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into providers (account, name, machines, machine_group, settings, created, updated) values ($1, $2, $3, $4, $5, $6, 0)`,
		p.Account, p.Name, p.Machines, group, string(settings), store.Micros(p.Created))
	return err
}

func updateProvider(tx *store.Tx, p Provider) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update providers set settings = $3, updated = $4 where account = $1 and name = $2`, p.Account, p.Name, string(settings), store.Micros(p.Updated))
	return err
}

func deleteProvider(tx *store.Tx, account, name string) error {
	_, err1 := tx.Exec(`delete from providers where account = $1 and name = $2`, account, name)
	_, err2 := tx.Exec(`delete from tags where account = $1 and resource = $2`, account, "capacity-provider/"+name)
	return errors.Join(err1, err2)
}

// groupOfProvider is the name of the group of machines that a provider stands for.
func groupOfProvider(tx *store.Tx, account, name string) (group string, err error) {
	err = tx.Row(`select machine_group from providers where account = $1 and name = $2`, account, name).Scan(&group)
	if errors.Is(err, store.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrNoProvider, name)
	}
	return group, err
}

func writeClusterProviders(tx *store.Tx, account, cluster string, providers []string, shares []capacity.Share) error {
	if err := forgetClusterProviders(tx, account, cluster); err != nil {
		return err
	}
	for i, name := range providers {
		if _, err := tx.Exec(`insert into cluster_providers (account, cluster, provider, position) values ($1, $2, $3, $4)`, account, cluster, name, i); err != nil {
			return err
		}
	}
	if len(shares) == 0 {
		return nil
	}
	text, err := json.Marshal(shares)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update clusters set strategy = $3 where account = $1 and name = $2`, account, cluster, string(text))
	return err
}

func forgetClusterProviders(tx *store.Tx, account, cluster string) error {
	_, err1 := tx.Exec(`delete from cluster_providers where account = $1 and cluster = $2`, account, cluster)
	_, err2 := tx.Exec(`update clusters set strategy = '' where account = $1 and name = $2 and strategy <> ''`, account, cluster)
	return errors.Join(err1, err2)
}

// providersOf returns the capacity providers of a cluster in their order, and its own shares.
func providersOf(tx *store.Tx, account, cluster string) (providers []string, shares []capacity.Share, err error) {
	err = tx.Each(`select provider from cluster_providers where account = $1 and cluster = $2 order by position`, []any{account, cluster}, intoStrings(&providers))
	if err == nil {
		shares, err = sharesOf(tx, account, cluster)
	}
	return providers, shares, err
}

// sharesOf returns the shares by which a cluster divides tasks that say nothing of it; nil is none.
func sharesOf(tx *store.Tx, account, cluster string) (shares []capacity.Share, err error) {
	_, text, err := clusterStrategy(tx, account, cluster)
	if err != nil || text == "" {
		return nil, err
	}
	return shares, json.Unmarshal([]byte(text), &shares)
}

// needClusterStrategy is needCluster, and returns the JSON of the shares of the cluster, "" for none.
func needClusterStrategy(tx *store.Tx, account, cluster string) (text string, err error) {
	status, text, err := clusterStrategy(tx, account, cluster)
	if err == nil && status != Active {
		err = ErrInactiveCluster
	}
	return text, err
}

func clusterStrategy(tx *store.Tx, account, cluster string) (status, text string, err error) {
	if !taskdef.IsName(cluster) {
		return "", "", ErrNoCluster
	}
	err = tx.Row(`select status, strategy from clusters where account = $1 and name = $2`, account, cluster).Scan(&status, &text)
	if errors.Is(err, store.ErrNoRows) {
		err = ErrNoCluster
	}
	return status, text, err
}
