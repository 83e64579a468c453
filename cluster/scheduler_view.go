package cluster

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/events"
	"slipway/nodeapi"
	"slipway/schedulers/wire"
	"slipway/store"
)

// What a scheduler sees of its cluster. Of what tasks run, it sees the name of their definition and no more.

// apply takes from events what they say of the tasks and nodes of a cluster, and tells which nodes they are about.
func (new *changed) apply(happened []events.Event, k schedulerKey) (touched map[string]bool) {
	touched = map[string]bool{}
	tasks := map[string]*wire.Task{} // nil: it has stopped
	for _, e := range happened {
		new.cursor = e.Seq
		switch room, _, _ := strings.Cut(e.Type, "."); {
		case e.Account != k.account:
		case room == "instance":
			touched[e.Subject] = true
		case room == "task":
			var f fact
			if json.Unmarshal(e.Data, &f) != nil {
				continue
			}
			touched[f.Node] = true // it serves several clusters, perhaps
			if f.Cluster == k.cluster {
				id := e.Subject[strings.LastIndexByte(e.Subject, '/')+1:]
				tasks[id] = f.wire(id)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tasks)) {
		if t := tasks[id]; t != nil {
			new.message.Tasks = append(new.message.Tasks, *t)
		} else {
			new.message.GoneTasks = append(new.message.GoneTasks, id)
		}
	}
	return touched
}

// wire is the task that a fact is about, nil once it has stopped.
func (f fact) wire(id string) *wire.Task {
	if f.Status == nodeapi.Stopped.String() {
		return nil
	}
	return &wire.Task{
		ID: id, Node: f.Node, Group: f.Group, Family: f.Family, Revision: f.Revision, StartedBy: f.StartedBy,
		Status: f.Status, Desired: f.Desired, CPU: f.CPU, Memory: f.Memory,
	}
}

// nodeVersions tells which nodes a cluster has, and what shows that they are not as they were.
func nodeVersions(tx *store.Tx, k schedulerKey) (map[string]nodeVersion, error) {
	all := map[string]nodeVersion{}
	err := tx.Each(`select i.id, coalesce(b.changes, 0), i.changed, i.status, i.session from instances i left join books b on b.node = i.id
		where i.account = $1 and i.cluster in ($2, '') and i.status <> 'INACTIVE'`,
		[]any{k.account, k.cluster}, func(rows *sql.Rows) error {
			var id, session string
			var v nodeVersion
			err := rows.Scan(&id, &v.changes, &v.changed, &v.status, &session)
			v.connected = session != ""
			all[id] = v
			return err
		})
	return all, err
}

// wireNodes reads nodes of a cluster: those with the given ids; nil is all.
func wireNodes(tx *store.Tx, k schedulerKey, ids []string) ([]wire.Node, error) {
	found, err := readInstances(tx, k.account, k.cluster, ids)
	if err != nil {
		return nil, err
	}
	tags, err := instanceTags(tx, k, ids)
	if err != nil {
		return nil, err
	}
	nodes := make([]wire.Node, len(found))
	for n, i := range found {
		nodes[n] = i.wire(k.cluster)
		nodes[n].Tags = tags[i.ID]
	}
	return nodes, nil
}

func (i Instance) wire(cluster string) wire.Node {
	n := wire.Node{ID: i.ID, Status: i.Status, Connected: i.Connected, CPU: i.CPU, Memory: i.Memory, FreeCPU: i.CPU - i.Sandboxes.CPU, FreeMemory: i.Memory - i.Sandboxes.Memory, Attributes: i.Attributes}
	for _, h := range i.Held {
		n.FreeCPU -= h.CPU
		n.FreeMemory -= h.Memory
	}
	for _, port := range i.Ports {
		n.Ports = append(n.Ports, fmt.Sprintf("%d/tcp", port), fmt.Sprintf("%d/udp", port))
	}
	n.Ports = append(n.Ports, strings.Fields(writePorts(i.Taken))...)
	n.Running, n.Pending = i.Tasks(cluster)
	return n
}

// instanceTags reads the tags of nodes: of those with the given ids; nil is all of the cluster.
func instanceTags(tx *store.Tx, k schedulerKey, ids []string) (map[string]map[string]string, error) {
	const prefix = "container-instance/"
	where, args := `(select '`+prefix+`' || id from instances where account = $1 and cluster in ($2, '') and status <> 'INACTIVE')`, []any{k.account, k.cluster}
	if ids != nil {
		where, args = store.In(2, len(ids)), []any{k.account}
		for _, id := range ids {
			args = append(args, prefix+id)
		}
	}
	tags := map[string]map[string]string{}
	err := tx.Each(`select resource, key, value from tags where account = $1 and resource in `+where, args, func(rows *sql.Rows) error {
		var resource, key, value string
		err := rows.Scan(&resource, &key, &value)
		id := strings.TrimPrefix(resource, prefix)
		if tags[id] == nil {
			tags[id] = map[string]string{}
		}
		tags[id][key] = value
		return err
	})
	return tags, err
}

// wireTasks reads the tasks of a cluster that have not stopped.
func wireTasks(tx *store.Tx, k schedulerKey) (all []wire.Task, err error) {
	err = tx.Each(`select id, node, task_group, family, revision, started_by, status, desired, cpu, memory from tasks where account = $1 and cluster = $2 and status < 8 order by id`,
		[]any{k.account, k.cluster}, func(rows *sql.Rows) error {
			var t wire.Task
			var status, desired nodeapi.Status
			err := rows.Scan(&t.ID, &t.Node, &t.Group, &t.Family, &t.Revision, &t.StartedBy, &status, &desired, &t.CPU, &t.Memory)
			t.Status, t.Desired = status.String(), desired.String()
			all = append(all, t)
			return err
		})
	return all, err
}
