package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"slipway/cluster/placement"
	"slipway/nodeapi"
	"slipway/store"
)

// Instance is a node as a member of a cluster.
type Instance struct {
	ID         string
	Account    string
	Cluster    string // "" serves every cluster of the account
	Status     string // Active
	Registered time.Time
	Version    string // of its agent
	Engine     string
	CPU        int // offered
	Memory     int
	Disk       int   // GiB that tasks whose disk use is bound may have together; 0: not known
	Ports      []int // not offered, of either protocol
	Attributes map[string]string
	Joins      int64 // how often it has joined
	Connected  bool
	Changed    time.Time // when it was connected or disconnected last
	Seen       time.Time // when its session last proved that it is alive
	Held       []Held
	Sandboxes  Held             // what sandboxes of functions hold, of no cluster
	Taken      []placement.Port // host ports of its tasks, asked for or given
	Tags       []Tag
	Provider   string    // capacity provider of the cluster that stands for its group; "": none
	Load       Load      // measured
	Trouble    string    // why its machine can start no container; "": it can, as far as it has told
	TroubleAt  time.Time // since when that is so; zero: it was not told yet
}

// Held is what the tasks of one cluster in one state hold of a node.
type Held struct {
	Cluster string
	Status  nodeapi.Status // below STOPPED: what has stopped holds nothing
	Tasks   int
	CPU     int
	Memory  int
	Disk    int // MiB, of sandboxes
}

// Offered is all of the node, with the ports it keeps for itself taken.
func (i Instance) Offered() placement.Node {
	n := placement.Node{ID: i.ID, CPU: i.CPU, Memory: i.Memory, AllCPU: i.CPU, AllMemory: i.Memory, Disk: i.Disk, AllDisk: i.Disk, Load: i.Load.known()}
	switch {
	case i.Status == Inactive:
		n.Refusal = placement.Inactive
	case !i.Connected || i.Trouble != "":
		n.Refusal = placement.NoAgent
	case i.Status != Active:
		n.Refusal = placement.Draining
	}
	for _, port := range i.Ports {
		n.Taken = append(n.Taken, placement.Port{Number: port, Protocol: "tcp"}, placement.Port{Number: port, Protocol: "udp"})
	}
	return n
}

// Remaining is what is left of the node: what it offers without what is held.
func (i Instance) Remaining() placement.Node {
	n := i.Offered().Take(placement.Need{Ports: i.Taken})
	for _, h := range i.Held {
		n.CPU -= h.CPU
		n.Memory -= h.Memory
	}
	n.CPU -= i.Sandboxes.CPU
	n.Memory -= i.Sandboxes.Memory
	return n
}

// Tasks counts the tasks of a cluster on the node: those that run, and those on their way to it.
func (i Instance) Tasks(cluster string) (running, pending int) {
	for _, h := range i.Held {
		switch {
		case h.Cluster != cluster:
		case h.Status == nodeapi.Running:
			running += h.Tasks
		case h.Status < nodeapi.Running:
			pending += h.Tasks
		}
	}
	return running, pending
}

// Instances describes nodes of a cluster, in the order of their ids as given, and tells which are not there.
func (c *Control) Instances(ctx context.Context, account, cluster string, ids []string) (found []Instance, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		rows, err := readInstances(tx, account, cluster, ids)
		if err != nil {
			return err
		}
		found, missing = inOrder(ids, rows, func(i Instance) string { return i.ID })
		for i := range found {
			if found[i].Tags, err = tagsOf(tx, account, "container-instance/"+found[i].ID); err != nil {
				return err
			}
		}
		return nameProviders(tx, account, cluster, found)
	})
	return found, missing, err
}

// ListInstances names the nodes of a cluster that are in the given state; "" is any.
func (c *Control) ListInstances(ctx context.Context, account, cluster, status string, page Page) (ids []string, next string, err error) {
	name := fmt.Sprintf("instances/%s/%s/%s", account, cluster, status)
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return nil, err
		}
		return instanceIDs(tx, account, cluster, status, after, limit)
	})
}

// inOrder sorts rows by the order of ids, and tells which ids have no row.
func inOrder[T any](ids []string, rows []T, id func(T) string) (found []T, missing []string) {
	for _, want := range ids {
		at := slices.IndexFunc(rows, func(row T) bool { return id(row) == want })
		if at < 0 {
			missing = append(missing, want)
			continue
		}
		found = append(found, rows[at])
	}
	return found, missing
}
