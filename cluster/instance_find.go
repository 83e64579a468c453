package cluster

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"time"

	"slipway/cluster/placement/query"
	"slipway/internal/errs"
	"slipway/store"
)

// FindInstances names the nodes of a cluster that fit an expression of the cluster query language and are in the given
// state; "" is any. It fails with ErrInvalid, which names the place in the text, where that does not parse.
func (c *Control) FindInstances(ctx context.Context, account, cluster, status, expression string, page Page) (ids []string, next string, err error) {
	q, err := query.Parse(expression)
	if err != nil {
		return nil, "", errs.Say(ErrInvalid, "filter: %s.", err)
	}
	name := fmt.Sprintf("instances/%s/%s/%s/%s", account, cluster, status, expression)
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return nil, err
		}
		all, err := questioned(tx, account, cluster)
		if err != nil {
			return nil, err
		}
		var fit []string
		for _, m := range all {
			if len(fit) < limit && m.ID > after && (status == "" || m.Status == status) && q.Fits(m) {
				fit = append(fit, m.ID)
			}
		}
		return fit, nil
	})
}

// asked is a node as queries see it.
type asked struct {
	*Instance
	in     string // the cluster
	groups []string
}

// questioned returns the nodes of a cluster by id, with all that a query can ask of them.
func questioned(tx *store.Tx, account, cluster string) ([]asked, error) {
	found, err := readInstances(tx, account, cluster, nil)
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	err = tx.Each(`select distinct node, task_group from tasks where account = $1 and cluster = $2 and status < 8`, []any{account, cluster}, func(rows *sql.Rows) error {
		var node, group string
		err := rows.Scan(&node, &group)
		groups[node] = append(groups[node], group)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]asked, len(found))
	for i := range found {
		all[i] = asked{&found[i], cluster, groups[found[i].ID]}
	}
	slices.SortFunc(all, func(a, b asked) int { return cmp.Compare(a.ID, b.ID) })
	return all, tagInstances(tx, account, cluster, found)
}

// tagInstances fills in the tags of nodes of a cluster.
func tagInstances(tx *store.Tx, account, cluster string, found []Instance) error {
	byID := make(map[string]*Instance, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	const tags = `select i.id, t.key, t.value from instances i join tags t on t.account = i.account and t.resource = 'container-instance/' || i.id where i.account = $1 and i.cluster in ($2, '')`
	return tx.Each(tags, []any{account, cluster}, func(rows *sql.Rows) error {
		var id string
		var t Tag
		err := rows.Scan(&id, &t.Key, &t.Value)
		if i := byID[id]; i != nil {
			i.Tags = append(i.Tags, t)
		}
		return err
	})
}

// Attribute implements query.Machine.
func (a asked) Attribute(name string) (string, bool) {
	value, there := a.Attributes[name]
	return value, there
}

// Tag implements query.Machine.
func (a asked) Tag(key string) (string, bool) {
	for _, t := range a.Tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// Connected implements query.Machine.
func (a asked) Connected() bool { return a.Instance.Connected }

// AgentVersion implements query.Machine.
func (a asked) AgentVersion() string { return a.Version }

// InstanceID implements query.Machine.
func (a asked) InstanceID() string { return a.ID }

// Registered implements query.Machine.
func (a asked) Registered() time.Time { return a.Instance.Registered }

// RunningTasks implements query.Machine.
func (a asked) RunningTasks() int {
	running, _ := a.Tasks(a.in)
	return running
}

// HasGroup implements query.Machine.
func (a asked) HasGroup(name string) bool { return slices.Contains(a.groups, name) }

// Groups implements query.Machine.
func (a asked) Groups() iter.Seq[string] { return slices.Values(a.groups) }

// nameProviders tells of nodes by which capacity provider of the cluster tasks come to them.
func nameProviders(tx *store.Tx, account, cluster string, found []Instance) error {
	byGroup := map[string]string{}
	err := tx.Each(`select p.machine_group, p.name from providers p join cluster_providers c on c.account = p.account and c.provider = p.name where c.account = $1 and c.cluster = $2`,
		[]any{account, cluster}, func(rows *sql.Rows) error {
			var group, name string
			err := rows.Scan(&group, &name)
			byGroup[group] = name
			return err
		})
	for i := range found {
		a := asked{Instance: &found[i]}
		attribute, _ := a.Attribute(AttributeGroup)
		tag, _ := a.Tag(AttributeGroup)
		found[i].Provider = cmp.Or(byGroup[attribute], byGroup[tag])
	}
	return err
}
