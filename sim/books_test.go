package sim

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"slipway/cluster"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
)

// books reads along while things happen: what the machines have left, how far the tasks are, and the events.
type books struct {
	w        *world
	audited  int             // how often a machine's books were found right
	seen     map[string]bool // "<task> <status>", as it was read
	cursor   int64           // in the events
	followed []int64         // the numbers of all events, as a reader came by them
	told     int64           // the last line of the ledger that was read
	did      map[string]int  // what reconcilers did, by the ledger
}

// keep reads every few seconds until ctx ends.
func (b *books) keep(ctx context.Context) {
	for pause(ctx, 3*time.Second) {
		for _, read := range []func(context.Context, *server) error{b.audit, b.ports, b.statuses, b.follow, b.acts} {
			_, err := ask(b.w.plane, func(s *server) (struct{}, error) { return struct{}{}, read(ctx, s) })
			if err != nil && err != errAway && ctx.Err() == nil {
				b.w.fail(err)
			}
		}
	}
}

// held is what the rows say of a node's tasks. Tasks and Over only grow, so that two that are equal
// have nothing between them.
type held struct{ Tasks, Over, CPU, Memory int }

func holdings(ctx context.Context, s *server) (all map[string]held, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all = map[string]held{}
		return tx.Each(`select node, count(*), sum(case when status = 8 then 1 else 0 end),
			sum(case when status < 8 then cpu else 0 end), sum(case when status < 8 then memory else 0 end) from tasks group by node`, nil, func(rows *sql.Rows) error {
			var node string
			var h held
			err := rows.Scan(&node, &h.Tasks, &h.Over, &h.CPU, &h.Memory)
			all[node] = h
			return err
		})
	})
	return all, err
}

// audit compares what the control plane says is left of the machines with what the rows of their tasks say.
func (b *books) audit(ctx context.Context, s *server) error {
	before, err := holdings(ctx, s)
	if err != nil {
		return err
	}
	found, err := b.w.instances(ctx, s)
	if err != nil {
		return err
	}
	between, err := holdings(ctx, s)
	for _, i := range found {
		if h := before[i.ID]; h == between[i.ID] {
			b.balance(i, h)
		}
	}
	b.missed(s, found)
	return err
}

// How soon it is known of a machine that nobody reaches it: once its session is given up, or once a server
// that has just started finds that it was.
const missedAfter, serverSettled = 75 * time.Second, 20 * time.Second

// missed wants machines that nobody reaches to be known as such.
func (b *books) missed(s *server, found []cluster.Instance) {
	if time.Since(s.from) < serverSettled {
		return
	}
	connected := map[string]bool{}
	for _, i := range found {
		connected[i.ID] = i.Connected
	}
	for _, m := range b.w.nodes {
		if since := m.lost.Load(); since != 0 && time.Since(time.Unix(0, since)) > missedAfter && connected[m.node] {
			b.w.truth.fail("machine %s is connected, and nobody has reached it since %v", m.node, time.Unix(0, since))
		}
	}
}

// instances reads the machines of all accounts.
func (w *world) instances(ctx context.Context, s *server) (found []cluster.Instance, err error) {
	for _, account := range accounts {
		var ids []string
		for _, m := range w.nodes {
			if m.account == account {
				ids = append(ids, m.node)
			}
		}
		some, _, err := s.Instances(ctx, account, edge, ids)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (b *books) balance(i cluster.Instance, h held) {
	left := i.Remaining()
	if left.CPU != machineCPU-h.CPU || left.Memory != machineMemory-h.Memory || left.CPU < 0 || left.Memory < 0 {
		b.w.truth.fail("machine %s has cpu %d and memory %d left while its tasks hold %+v", i.ID, left.CPU, left.Memory, h)
	}
	b.audited++
}

// ports wants no port of a machine to be held by two tasks.
func (b *books) ports(ctx context.Context, s *server) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select node, count(*) from tasks where status < 8 and ports = '8080/tcp' group by node having count(*) > 1`, nil, func(rows *sql.Rows) error {
			var node string
			var tasks int
			err := rows.Scan(&node, &tasks)
			b.w.truth.fail("port 8080 of machine %s is held by %d tasks", node, tasks)
			return err
		})
	})
}

// statuses notes which states tasks are seen in: the events must tell of each.
func (b *books) statuses(ctx context.Context, s *server) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select id, status from tasks where status < 8`, nil, func(rows *sql.Rows) error {
			var id string
			var status nodeapi.Status
			err := rows.Scan(&id, &status)
			b.seen[id+" "+status.String()] = true
			return err
		})
	})
}

// follow reads the events that are new.
func (b *books) follow(ctx context.Context, s *server) error {
	for {
		var more []events.Event
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			more, err = events.Read(tx, b.cursor, 500)
			return err
		})
		if err != nil || len(more) == 0 {
			return err
		}
		for _, e := range more {
			b.cursor = e.Seq
			b.followed = append(b.followed, e.Seq)
		}
	}
}

// all reads everything there is.
func allEvents(ctx context.Context, s *server) (all []events.Event, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = events.Read(tx, 0, 1<<30)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there are no events")
	}
	return all, err
}
