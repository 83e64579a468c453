package cluster

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"slipway/cluster/placement"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
)

// machineChanged says that placements see something else of nodes than before. Call it in the transaction that
// changes them, late: from here to the commit no other transaction can write events.
func machineChanged(tx *store.Tx, account string, nodes ...string) error {
	number, err := changeNumber(tx)
	if err != nil {
		return err
	}
	touchRoom(tx, account)
	return inBatches(nodes, 2, func(in string, ids []any) error {
		_, err := tx.Exec(`update books set changes = $1 where node in `+in, append([]any{number}, ids...)...)
		return err
	})
}

// changeNumber returns a number greater than those of all changes that are committed before this transaction is.
func changeNumber(tx *store.Tx) (int64, error) {
	if err := events.Serialize(tx); err != nil {
		return 0, err
	}
	return tx.Next()
}

// openBooks begins the books of a node that joins, or says that it has changed.
func openBooks(tx *store.Tx, account, node string) error {
	number, err := changeNumber(tx)
	if err != nil {
		return err
	}
	touchRoom(tx, account)
	_, err = tx.Exec(`insert into books (node, account, changes, held_cpu, held_memory) values ($1, $2, $3, 0, 0)
		on conflict (node) do update set changes = excluded.changes`, node, account, number)
	return err
}

// release gives back what a task held that is seen stopped from now on. Call it once for each task, as machineChanged.
func release(tx *store.Tx, t Task) error {
	_, err := tx.Exec(`update books set held_cpu = held_cpu - $2, held_memory = held_memory - $3 where node = $1`, t.Node, t.CPU, t.Memory)
	if err != nil {
		return err
	}
	return machineChanged(tx, t.Account, t.Node)
}

// refresh reads what has changed since it was read last.
func (l *ledger) refresh(tx *store.Tx) error {
	changed, read := map[string]int64{}, l.read
	err := tx.Each(`select node, changes from books where account = $1 and changes > $2`, []any{l.account, l.read}, func(rows *sql.Rows) error {
		var node string
		var changes int64
		err := rows.Scan(&node, &changes)
		if m := l.machines[node]; m == nil || m.changes != changes {
			changed[node] = changes
		}
		read = max(read, changes)
		return err
	})
	if err != nil {
		return err
	}
	if err := l.addStale(tx, changed); err != nil || len(changed) == 0 {
		l.read = read
		return err
	}
	machines, err := l.readMachines(tx, changed)
	if err != nil {
		return err
	}
	for _, m := range machines {
		l.put(m)
	}
	l.read = read
	return nil
}

// addStale adds the machines of which something else is known than is so.
func (l *ledger) addStale(tx *store.Tx, changed map[string]int64) error {
	return inBatches(keysOf(l.stale), 1, func(in string, ids []any) error {
		return tx.Each(`select node, changes from books where node in `+in, ids, func(rows *sql.Rows) error {
			var node string
			var changes int64
			err := rows.Scan(&node, &changes)
			changed[node] = changes
			return err
		})
	})
}

func (l *ledger) readMachines(tx *store.Tx, changed map[string]int64) (map[string]*machine, error) {
	ids := keysOf(changed)
	if len(ids) > len(l.machines)/2 {
		ids = nil // all of them: by the account, not one by one
	}
	instances, err := bookedInstances(tx, l.account, ids)
	if err != nil {
		return nil, err
	}
	machines := make(map[string]*machine, len(changed))
	for _, i := range instances {
		if changes, ok := changed[i.ID]; ok {
			machines[i.ID] = &machine{node: i.placed(), cluster: i.Cluster, member: i.Status != Inactive, changes: changes, counts: map[string]map[string]int{}}
		}
	}
	err1 := l.readTags(tx, machines, ids)
	err2 := l.readTasks(tx, machines, ids)
	err3 := l.readTagCounts(tx, machines)
	return machines, errors.Join(err1, err2, err3, l.readKept(tx))
}

// readKept reads which machines are kept free for services that have waited for long.
func (l *ledger) readKept(tx *store.Tx) error {
	l.kept = map[string]string{}
	return tx.Each(`select reserved, name from services where account = $1 and reserved <> ''`, []any{l.account}, func(rows *sql.Rows) error {
		var node, service string
		err := rows.Scan(&node, &service)
		l.kept[node] = serviceGroup(service)
		return err
	})
}

// bookedInstances reads the nodes of an account whatever cluster they serve, members or not: those with the ids, or all.
func bookedInstances(tx *store.Tx, account string, ids []string) (found []Instance, err error) {
	err = ofNodes(ids, "id", func(also string, args []any) error {
		return tx.Each(`select `+instanceColumns+` from instances where account = $1`+also, append([]any{account}, args...), func(rows *sql.Rows) error {
			i, err := scanInstance(rows)
			i.Account = account
			found = append(found, i)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Instance, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	return found, readAttributes(tx, account, byID, ids)
}

// placed is the node as placements see it, before its tasks are entered.
func (i Instance) placed() placement.Node {
	n := i.Offered()
	n.Attributes, n.Since, n.Version = i.Attributes, i.Registered, i.Version
	return n
}

func (l *ledger) readTags(tx *store.Tx, machines map[string]*machine, ids []string) error {
	const kind = "container-instance/"
	var resources []string
	for _, id := range ids {
		resources = append(resources, kind+id)
	}
	return ofNodes(resources, "resource", func(also string, args []any) error {
		return tx.Each(`select resource, key, value from tags where account = $1 and resource like '`+kind+`%'`+also, append([]any{l.account}, args...), func(rows *sql.Rows) error {
			var resource string
			var t Tag
			err := rows.Scan(&resource, &t.Key, &t.Value)
			if m := machines[strings.TrimPrefix(resource, kind)]; m != nil {
				if m.node.Tags == nil {
					m.node.Tags = map[string]string{}
				}
				m.node.Tags[t.Key] = t.Value
			}
			return err
		})
	})
}

// readTasks enters the live tasks of machines: what they hold, and how many there are.
func (l *ledger) readTasks(tx *store.Tx, machines map[string]*machine, ids []string) error {
	err := ofNodes(ids, "node", func(also string, args []any) error {
		return tx.Each(`select node, cluster, task_group, status, count(*), cast(sum(cpu) as bigint), cast(sum(memory) as bigint) from tasks
			where account = $1 and status < 8`+also+` group by node, cluster, task_group, status`, append([]any{l.account}, args...), func(rows *sql.Rows) error {
			var node, cluster, group string
			var status nodeapi.Status
			var n, cpu, memory int
			err := rows.Scan(&node, &cluster, &group, &status, &n, &cpu, &memory)
			if m := machines[node]; m != nil {
				m.node.CPU, m.node.Memory = m.node.CPU-cpu, m.node.Memory-memory
				m.count(cluster, n, l.counted(status, group, nil))
			}
			return err
		})
	})
	if err == nil {
		err = l.readDisks(tx, machines, ids)
	}
	if err == nil {
		err = l.readHolds(tx, machines, ids)
	}
	if err != nil {
		return err
	}
	return readTaken(tx, l.account, ids, func(node string, ports []placement.Port) {
		if m := machines[node]; m != nil {
			m.node.Taken = append(m.node.Taken, ports...)
		}
	})
}

// readDisks enters what live tasks hold of the disks of machines. Few hold any.
func (l *ledger) readDisks(tx *store.Tx, machines map[string]*machine, ids []string) error {
	return ofNodes(ids, "t.node", func(also string, args []any) error {
		return tx.Each(`select t.node, cast(sum(m.disk) as bigint) from task_models m join tasks t on t.model = m.id
			where m.disk > 0 and t.account = $1 and t.status < 8`+also+` group by t.node`, append([]any{l.account}, args...), func(rows *sql.Rows) error {
			var node string
			var disk int
			err := rows.Scan(&node, &disk)
			if m := machines[node]; m != nil {
				m.node.Disk -= disk
			}
			return err
		})
	})
}

// readTagCounts counts the live tasks of the account that have tags by which somebody counts.
func (l *ledger) readTagCounts(tx *store.Tx, machines map[string]*machine) error {
	if len(l.keys) == 0 {
		return nil
	}
	args := []any{l.account}
	for key := range l.keys {
		args = append(args, key)
	}
	return tx.Each(`select t.node, t.cluster, g.key, g.value, count(*) from tags g join tasks t on t.id = substr(g.resource, 6)
		where g.account = $1 and g.key in `+store.In(2, len(l.keys))+` and g.resource like 'task/%' and t.status < 8 group by t.node, t.cluster, g.key, g.value`, args, func(rows *sql.Rows) error {
		var node, cluster string
		var tag Tag
		var n int
		err := rows.Scan(&node, &cluster, &tag.Key, &tag.Value, &n)
		if m := machines[node]; m != nil {
			m.count(cluster, n, []string{placement.ByTag(tag.Key, tag.Value)})
		}
		return err
	})
}

// loadsFor is how long a measured load is good enough.
const loadsFor = time.Second

// refreshLoads reads how busy the machines are, which changes all the time and so has no number.
func (l *ledger) refreshLoads(tx *store.Tx) error {
	if tx.Now.Sub(l.loads).Abs() < loadsFor {
		return nil
	}
	l.loads = tx.Now
	return tx.Each(`select id, load_cpu, load_memory, load_at from instances where account = $1`, []any{l.account}, func(rows *sql.Rows) error {
		var id string
		var cpu, memory, at int64
		err := rows.Scan(&id, &cpu, &memory, &at)
		if m := l.machines[id]; m != nil {
			m.node.Load = loadOf(cpu, memory, at).known()
			l.show(m)
		}
		return err
	})
}

// inBatches hands out a list in "in" conditions of few lengths, whose first argument is $from.
func inBatches(ids []string, from int, do func(in string, args []any) error) error {
	const most = 256
	for len(ids) > 0 {
		n := min(most, len(ids))
		length := 1
		for length < n {
			length *= 4
		}
		args := anys(ids[:n])
		for len(args) < length {
			args = append(args, ids[0]) // once more does no harm
		}
		if err := do(store.In(from, length), args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// ofNodes runs a query, whose first argument is an account, for those whose column is one of ids; nil is for all.
func ofNodes(ids []string, column string, do func(also string, args []any) error) error {
	if ids == nil {
		return do("", nil)
	}
	return inBatches(ids, 2, func(in string, args []any) error { return do(" and "+column+" in "+in, args) })
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
