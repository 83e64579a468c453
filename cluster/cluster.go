package cluster

import (
	"context"
	"errors"
	"time"

	"slipway/cluster/capacity"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/store"
)

// DefaultCluster is the cluster of those who name none. The root account has it from the start.
const DefaultCluster = "default"

// The states of a cluster and of a task definition.
const (
	Active   = "ACTIVE"
	Inactive = "INACTIVE"           // deleted or deregistered: a record
	Ending   = "DEPROVISIONING"     // a cluster that goes once nothing is left in it
	Deleting = "DELETE_IN_PROGRESS" // a definition that goes once no task uses it
)

// Cluster is a set of nodes of one account, and the tasks on them.
type Cluster struct {
	Account   string
	Name      string
	Status    string
	Created   time.Time
	Instances int // nodes that serve it, connected or not
	Running   int // tasks
	Pending   int // tasks on their way to running
	Services  int // active ones
	Tags      []Tag
	Providers []string         // capacity providers, in the order in which they were given
	Shares    []capacity.Share // by which tasks that say nothing of it are divided among them

	RunningExternal, PendingExternal int // those of the tasks whose launch type is EXTERNAL
}

// CreateCluster makes a cluster. One that is there already is returned as it is.
func (c *Control) CreateCluster(ctx context.Context, account, name string, tags []Tag) (Cluster, error) {
	return c.CreateClusterWith(ctx, Cluster{Account: account, Name: name, Tags: tags})
}

// CreateClusterWith makes a cluster that has capacity providers. It fails as SetProviders does.
func (c *Control) CreateClusterWith(ctx context.Context, wanted Cluster) (Cluster, error) {
	account, name, tags := wanted.Account, wanted.Name, wanted.Tags
	if !taskdef.IsName(name) {
		return Cluster{}, errs.Say(ErrInvalid, "Invalid cluster name %q: up to 255 letters, digits, hyphens and underscores are allowed.", name)
	}
	if err := checkTags(tags); err != nil {
		return Cluster{}, err
	}
	var made Cluster
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		created, err := insertCluster(tx, account, name)
		if err != nil {
			return err
		}
		if created {
			err1 := setTags(tx, account, "cluster/"+name, tags)
			err2 := c.setProviders(tx, account, name, wanted.Providers, wanted.Shares)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
		}
		if made, err = oneCluster(tx, account, name); err != nil || !created {
			return errors.Join(err, refuseEnding(made))
		}
		return events.Append(tx, account, "cluster.created", ClusterARN(c.config.Region, account, name), nil)
	})
	return made, err
}

// Clusters describes the named clusters, in the order of their names as given, and tells which are not there.
func (c *Control) Clusters(ctx context.Context, account string, names []string) (found []Cluster, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, missing = nil, nil
		for _, name := range names {
			cluster, err := oneCluster(tx, account, name)
			switch {
			case errors.Is(err, ErrNoCluster):
				missing = append(missing, name)
			case err != nil:
				return err
			default:
				found = append(found, cluster)
			}
		}
		return nil
	})
	return found, missing, err
}

// ListClusters names the active clusters of account, by name.
func (c *Control) ListClusters(ctx context.Context, account string, page Page) (names []string, next string, err error) {
	return list(ctx, c.db, page, "clusters/"+account, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		return clusterNames(tx, account, after, limit)
	})
}

// DeleteCluster ends a cluster that has no services, no tasks and no nodes of its own. Its record stays. One that has the
// tag DeleteAll ends with all that is in it, in order (teardown.go).
func (c *Control) DeleteCluster(ctx context.Context, account, name string) (Cluster, error) {
	var deleted Cluster
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		cluster, err := oneCluster(tx, account, name)
		if err != nil {
			return err
		}
		deleted = cluster
		if cluster.Status != Active {
			return nil
		}
		if err = refuseServices(tx, account, name); err == nil {
			err = refuseInUse(tx, account, name)
		}
		if err != nil && deleteAll(cluster.Tags) {
			deleted.Status = Ending
			return c.beginTeardown(tx, account, name)
		}
		if err != nil {
			return err
		}
		deleted.Status = Inactive
		if err := setClusterStatus(tx, account, name, Inactive); err != nil {
			return err
		}
		return events.Append(tx, account, "cluster.deleted", ClusterARN(c.config.Region, account, name), nil)
	})
	return deleted, err
}

func refuseServices(tx *store.Tx, account, name string) error {
	services, err := exists(tx, `select 1 from services where account = $1 and cluster = $2 and status <> 'INACTIVE'`, account, name)
	if err == nil && services {
		err = ErrHasServices
	}
	return err
}

func refuseInUse(tx *store.Tx, account, name string) error {
	tasks, err := exists(tx, `select 1 from tasks where account = $1 and cluster = $2 and status < 8`, account, name)
	if err != nil {
		return err
	}
	if tasks {
		return ErrClusterInUse
	}
	nodes, err := exists(tx, `select 1 from instances where account = $1 and cluster = $2 and status <> 'INACTIVE'`, account, name)
	if err != nil {
		return err
	}
	if nodes {
		return ErrClusterHasNodes
	}
	return nil
}

// needCluster fails unless the cluster is there and active.
func needCluster(tx *store.Tx, account, name string) error {
	status, err := clusterStatus(tx, account, name)
	if err != nil {
		return err
	}
	if status != Active {
		return ErrInactiveCluster
	}
	return nil
}

// oneCluster returns the whole of a cluster.
func oneCluster(tx *store.Tx, account, name string) (Cluster, error) {
	cluster, err := readCluster(tx, account, name)
	if err != nil {
		return cluster, err
	}
	if cluster.Tags, err = tagsOf(tx, account, "cluster/"+name); err != nil {
		return cluster, err
	}
	cluster.Providers, cluster.Shares, err = providersOf(tx, account, name)
	return cluster, err
}
