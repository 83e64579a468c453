package cluster

import (
	"database/sql"

	"slipway/cluster/placement"
	"slipway/store"
)

const holdColumns = `select id, account, node, cpu, memory, disk, created from holds `

func intoHolds(all *[]Hold) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var h Hold
		var created int64
		err := rows.Scan(&h.ID, &h.Account, &h.Node, &h.CPU, &h.Memory, &h.Disk, &created)
		h.Created = store.Time(created)
		*all = append(*all, h)
		return err
	}
}

// readHolds reads those of the ids that are there.
func readHolds(tx *store.Tx, ids []string) (found []Hold, err error) {
	err = inBatches(ids, 1, func(in string, args []any) error {
		return tx.Each(holdColumns+`where id in `+in, args, intoHolds(&found))
	})
	return found, err
}

func holdsOfServer(tx *store.Tx, server string) (all []Hold, err error) {
	err = tx.Each(holdColumns+`where server = $1 order by created, id`, []any{server}, intoHolds(&all))
	return all, err
}

func insertHolds(tx *store.Tx, held []Hold, server string) error {
	rows := make([][]any, len(held))
	for i, h := range held {
		rows[i] = []any{h.ID, h.Account, h.Node, server, store.Micros(h.Created), h.CPU, h.Memory, h.Disk}
	}
	_, err := tx.ExecRows(`insert into holds (id, account, node, server, created, cpu, memory, disk) values`, `(?, ?, ?, ?, ?, ?, ?, ?)`, ``, rows)
	return err
}

func resizeHold(tx *store.Tx, id string, cpu, memory int) error {
	_, err := tx.Exec(`update holds set cpu = $2, memory = $3 where id = $1`, id, cpu, memory)
	return err
}

func deleteHolds(tx *store.Tx, ids []string) error {
	return inBatches(ids, 1, func(in string, args []any) error {
		_, err := tx.Exec(`delete from holds where id in `+in, args...)
		return err
	})
}

// dropHolds ends what is held of a machine. Call it before machineChanged.
func dropHolds(tx *store.Tx, node string) error {
	var cpu, memory int64
	if err := tx.Row(`select coalesce(sum(cpu), 0), coalesce(sum(memory), 0) from holds where node = $1`, node).Scan(&cpu, &memory); err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from holds where node = $1`, node); err != nil {
		return err
	}
	_, err := tx.Exec(`update books set held_cpu = held_cpu - $2, held_memory = held_memory - $3 where node = $1`, node, cpu, memory)
	return err
}

// heldBySandboxes tells what sandboxes hold of machines, of those with the given ids; nil is all of the account.
func heldBySandboxes(tx *store.Tx, account string, ids []string, tell func(node string, h Held)) error {
	return ofNodes(ids, "node", func(also string, args []any) error {
		return tx.Each(`select node, count(*), cast(sum(cpu) as bigint), cast(sum(memory) as bigint), cast(sum(disk) as bigint) from holds where account = $1`+also+` group by node`,
			append([]any{account}, args...), func(rows *sql.Rows) error {
				var node string
				var h Held
				err := rows.Scan(&node, &h.Tasks, &h.CPU, &h.Memory, &h.Disk)
				tell(node, h)
				return err
			})
	})
}

// readHolds enters what sandboxes hold of machines, and how many there are.
func (l *ledger) readHolds(tx *store.Tx, machines map[string]*machine, ids []string) error {
	return heldBySandboxes(tx, l.account, ids, func(node string, h Held) {
		if m := machines[node]; m != nil {
			m.node.CPU, m.node.Memory = m.node.CPU-h.CPU, m.node.Memory-h.Memory
			m.holdDisk(h.Disk)
			m.count(everyCluster, h.Tasks, []string{"", placement.ByGroup(sandboxGroup)})
		}
	})
}
