package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"slipway/cluster/capacity"
	"slipway/store"
)

// settleProviders fills in by which capacity providers a service's tasks come to machines where it says neither these nor
// a launch type: those of its cluster, as they are now. It fails with ErrNotOfCluster. Source: Amazon ECS API Reference,
// CreateService.
func (s *Service) settleProviders(tx *store.Tx) (err error) {
	if s.Launch == "" && len(s.Providers) == 0 {
		if s.Providers, err = sharesOf(tx, s.Account, s.Cluster); err != nil {
			return err
		}
	}
	if len(s.Providers) == 0 {
		replaceEmpty(&s.Launch, "EC2")
		return nil
	}
	return refuseOthers(tx, s.Account, s.Cluster, s.Providers)
}

// usedByServices adds the providers that services of a cluster use to those in used.
func usedByServices(tx *store.Tx, account, cluster string, used []string) ([]string, error) {
	var specs []string
	err := tx.Each(`select spec from services where account = $1 and cluster = $2 and status = 'ACTIVE'`, []any{account, cluster}, intoStrings(&specs))
	for _, text := range specs {
		var spec ServiceSpec
		if err == nil {
			err = json.Unmarshal([]byte(text), &spec)
		}
		for _, share := range spec.Providers {
			used = append(used, share.Provider)
		}
	}
	return used, err
}

// byProvider divides what a service asks for among its capacity providers. Where a machine is named, the task comes by
// the provider that the machine belongs to.
func (k *keeper) byProvider(ctx context.Context, run Run, shares []capacity.Share) (parts []Run, err error) {
	if len(shares) == 0 {
		return []Run{run}, nil
	}
	err = k.c.db.View(ctx, func(tx *store.Tx) error {
		if run.Nodes != nil {
			one := run
			one.Provider, err = providerOfNode(tx, k.account, run.Nodes[0], shares)
			parts = []Run{one}
		} else {
			parts, err = k.divide(tx, run, shares)
		}
		for i := range parts {
			if err == nil {
				err = parts[i].findMachines(tx, k.account)
			}
		}
		return err
	})
	return parts, err
}

func (k *keeper) divide(tx *store.Tx, run Run, shares []capacity.Share) (parts []Run, err error) {
	has := map[string]int{}
	err = tx.Each(`select provider, count(*) from tasks where account = $1 and cluster = $2 and task_group = $3 and started_by = $4 and status < 8 and desired < 8 group by provider`,
		[]any{k.account, run.Cluster, run.Group, run.StartedBy}, func(rows *sql.Rows) error {
			var name string
			var n int
			err := rows.Scan(&name, &n)
			has[name] = n
			return err
		})
	for i, count := range capacity.Allot(shares, has, run.Count) {
		if count > 0 {
			part := run
			part.Provider, part.Count = shares[i].Provider, count
			parts = append(parts, part)
		}
	}
	return parts, err
}

// providerOfNode is the provider among those of shares that a machine belongs to, or where it belongs to none the first:
// then the machine will not do.
func providerOfNode(tx *store.Tx, account, node string, shares []capacity.Share) (string, error) {
	found, err := readInstances(tx, account, "", []string{node})
	if err != nil || len(found) == 0 {
		return shares[0].Provider, err
	}
	if found[0].Tags, err = tagsOf(tx, account, "container-instance/"+node); err != nil {
		return "", err
	}
	for _, s := range shares {
		group, err := groupOfProvider(tx, account, s.Provider)
		if err != nil || found[0].inGroup(group) {
			return s.Provider, err
		}
	}
	return shares[0].Provider, nil
}

// inGroup tells whether a machine belongs to a group. Its tags must have been read.
func (i Instance) inGroup(group string) bool {
	return i.Attributes[AttributeGroup] == group || slices.Contains(i.Tags, Tag{AttributeGroup, group})
}

// groupsOf are the groups of machines that a service's tasks may be on; nil: all.
func groupsOf(tx *store.Tx, s Service) (groups []string, err error) {
	for _, share := range s.Providers {
		group, err := groupOfProvider(tx, s.Account, share.Provider)
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// inSome tells whether a machine belongs to one of several groups; where there are none, it does.
func (i Instance) inSome(groups []string) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, i.inGroup)
}
