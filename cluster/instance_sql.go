package cluster

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"slipway/cluster/placement"
	"slipway/store"
)

const instanceColumns = `id, cluster, status, registered, version, engine, cpu, memory, ports, attributes, joins, session, changed, seen, load_cpu, load_memory, load_at, trouble, trouble_at, disk`

// readInstances returns the nodes that serve a cluster, the first to register first, with what is
// held of them. With ids nil it returns all that are still members.
func readInstances(tx *store.Tx, account, cluster string, ids []string) ([]Instance, error) {
	query := `select ` + instanceColumns + ` from instances where account = $1 and cluster in ($2, '')`
	args := []any{account, cluster}
	if ids == nil {
		query += ` and status <> 'INACTIVE'`
	} else {
		ids = validIDs(ids)
		query += ` and id in ` + store.In(3, len(ids))
		args = append(args, anys(ids)...)
	}
	var found []Instance
	err := tx.Each(query+` order by registered, id`, args, func(rows *sql.Rows) error {
		i, err := scanInstance(rows)
		i.Account = account
		found = append(found, i)
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found, readHeld(tx, account, found, ids)
}

func scanInstance(rows *sql.Rows) (i Instance, err error) {
	var registered, changed, seen, loadCPU, loadMemory, loadAt, troubleAt int64
	var ports, attributes, session string
	err = rows.Scan(&i.ID, &i.Cluster, &i.Status, &registered, &i.Version, &i.Engine, &i.CPU, &i.Memory, &ports, &attributes, &i.Joins, &session, &changed, &seen, &loadCPU, &loadMemory, &loadAt, &i.Trouble, &troubleAt, &i.Disk)
	if err != nil {
		return i, err
	}
	i.Registered, i.Changed, i.Connected = store.Time(registered), store.Time(changed), session != ""
	i.Seen, i.TroubleAt, i.Load = store.Time(seen), store.Time(troubleAt), loadOf(loadCPU, loadMemory, loadAt)
	if err := json.Unmarshal([]byte(ports), &i.Ports); err != nil {
		return i, fmt.Errorf("ports of instance %s: %w", i.ID, err)
	}
	if err := json.Unmarshal([]byte(attributes), &i.Attributes); err != nil {
		return i, fmt.Errorf("attributes of instance %s: %w", i.ID, err)
	}
	return i, nil
}

// readHeld fills in what was said of the given nodes, and what tasks and sandboxes hold of them, those with the given ids; nil is all of the account.
func readHeld(tx *store.Tx, account string, instances []Instance, ids []string) error {
	byID := make(map[string]*Instance, len(instances))
	for i := range instances {
		byID[instances[i].ID] = &instances[i]
	}
	if err := readAttributes(tx, account, byID, ids); err != nil {
		return err
	}
	err := ofNodes(ids, "node", func(also string, args []any) error {
		return tx.Each(`select node, cluster, status, count(*), cast(sum(cpu) as bigint), cast(sum(memory) as bigint) from tasks where account = $1 and status < 8`+also+` group by node, cluster, status`,
			append([]any{account}, args...), func(rows *sql.Rows) error {
				var node string
				var h Held
				err := rows.Scan(&node, &h.Cluster, &h.Status, &h.Tasks, &h.CPU, &h.Memory)
				if i := byID[node]; i != nil {
					i.Held = append(i.Held, h)
				}
				return err
			})
	})
	if err != nil {
		return err
	}
	err = heldBySandboxes(tx, account, ids, func(node string, h Held) {
		if i := byID[node]; i != nil {
			i.Sandboxes = h
		}
	})
	if err != nil {
		return err
	}
	return readTaken(tx, account, ids, func(node string, ports []placement.Port) {
		if i := byID[node]; i != nil {
			i.Taken = append(i.Taken, ports...)
		}
	})
}

// readTaken tells of the host ports that tasks have, those of the given nodes; nil is all of the account.
func readTaken(tx *store.Tx, account string, ids []string, taken func(node string, ports []placement.Port)) error {
	return ofNodes(ids, "node", func(also string, args []any) error {
		return tx.Each(`select node, ports, bound from tasks where account = $1 and status < 8 and (ports <> '' or bound <> '')`+also, append([]any{account}, args...), func(rows *sql.Rows) error {
			var node, asked, bound string
			err := rows.Scan(&node, &asked, &bound)
			taken(node, readPorts(asked+" "+bound))
			return err
		})
	})
}

func instanceIDs(tx *store.Tx, account, cluster, status, after string, limit int) (ids []string, err error) {
	err = tx.Each(`select id from instances where account = $1 and cluster in ($2, '') and (status = $3 or $3 = '' and status <> 'INACTIVE') and id > $4 order by id limit $5`,
		[]any{account, cluster, status, after, limit}, intoStrings(&ids))
	return ids, err
}

// writePorts is how ports stand in a column: "80/tcp 53/udp".
func writePorts(ports []placement.Port) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = strconv.Itoa(p.Number) + "/" + p.Protocol
	}
	return strings.Join(words, " ")
}

func readPorts(column string) (ports []placement.Port) {
	for _, word := range strings.Fields(column) {
		number, protocol, _ := strings.Cut(word, "/")
		n, _ := strconv.Atoi(number)
		ports = append(ports, placement.Port{Number: n, Protocol: protocol})
	}
	return ports
}

// validIDs leaves out what cannot be the id of a task or a node, and so need not be looked for. It never returns nil.
func validIDs(ids []string) []string {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if idPattern.MatchString(id) {
			valid = append(valid, id)
		}
	}
	return valid
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}
