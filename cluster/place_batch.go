package cluster

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"slipway/cluster/placement"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
	"slipway/store"
)

// newTaskStatus is that of a task of which its node has said nothing yet.
const newTaskStatus = nodeapi.Pending

// batch is the work of many calls on its way into one transaction.
type batch struct {
	c       *Control
	works   []*work
	ledgers map[string]*ledger // by account

	// What one run of the transaction makes. The database may have it run anew.
	placed  []placed
	facts   []events.Fact
	entries map[string]*entry // by node
	number  int64             // of the changes
}

// placed is a task that was given a node, and who wanted it.
type placed struct {
	task Task
	bid  *bid
}

// entry is what the batch changes in the books of a node.
type entry struct {
	account     string
	cpu, memory int
	room        bool // something is given back
	anew        bool // not all of it was entered in the books: they are to be read anew
}

// open has the books ready of all accounts that want room.
func (b *batch) open(ctx context.Context) error {
	b.ledgers = map[string]*ledger{}
	keys := map[string]map[string]bool{} // of tags by which tasks are counted, by account
	for _, w := range b.works {
		account := w.wants()
		if account == "" {
			continue
		}
		l, err := b.c.books.of(ctx, b.c.db, account)
		if err != nil {
			return err
		}
		if b.ledgers[account] = l; keys[account] == nil {
			keys[account] = map[string]bool{}
		}
		if w.bid == nil {
			continue
		}
		for _, key := range w.bid.countKeys() {
			keys[account][key] = true
		}
	}
	for account, l := range b.c.books.ledgers {
		if l.countBy(keys[account]); b.ledgers[account] == nil && b.reportsFrom(l) {
			b.ledgers[account] = l
		}
	}
	return nil
}

// reportsFrom tells whether a node of the ledger has sent a report.
func (b *batch) reportsFrom(l *ledger) bool {
	return slices.ContainsFunc(b.works, func(w *work) bool { return w.report != nil && l.machines[w.report.node] != nil })
}

// close enters into the books what was committed. Where it was not, what was entered is read anew.
func (b *batch) close(committed bool) {
	for node, h := range b.entries {
		l := b.ledgers[h.account]
		if l == nil || l.machines[node] == nil {
			continue
		}
		if l.machines[node].changes = b.number; !committed || h.anew {
			l.forget(node)
		}
	}
}

// run is the transaction: what has ended makes room for what is placed, and the events come last.
func (b *batch) run(tx *store.Tx) error {
	b.close(false) // of the run before
	b.placed, b.facts, b.entries = nil, nil, map[string]*entry{}
	for _, l := range b.ledgers {
		if err := l.refresh(tx); err != nil {
			return err
		}
	}
	if err := b.observeAll(tx); err != nil {
		return err
	}
	if err := b.freeAll(tx); err != nil {
		return err
	}
	bids, err := b.admit(tx)
	if err != nil {
		return err
	}
	if err := b.plan(tx, bids); err != nil {
		return err
	}
	if err := b.holdAll(tx); err != nil {
		return err
	}
	if err := b.write(tx, bids); err != nil {
		return err
	}
	return b.writeBooks(tx)
}

// admit returns the bids that may be placed, and answers the others.
func (b *batch) admit(tx *store.Tx) (admitted []*bid, err error) {
	known, err := redeemAll(tx, b.works)
	if err != nil {
		return nil, err
	}
	active := map[string]error{}
	for _, work := range b.works {
		w := work.bid
		if w == nil {
			continue
		}
		w.started, w.err = Started{}, nil
		if earlier, ok := known[w]; ok {
			w.started, w.err, err = earlier.answer(tx, w.order.model.Account, w.order.run.Cluster, w.digest)
		} else if w.err, err = b.refuses(tx, w, active); w.err == nil && err == nil {
			admitted = append(admitted, w)
		}
		if err != nil {
			return nil, err
		}
	}
	return admitted, nil
}

// refuses tells why an order cannot be carried out by now, apart from err, which is nobody's fault.
func (b *batch) refuses(tx *store.Tx, w *bid, active map[string]error) (refusal, err error) {
	m := w.order.model
	key := m.Account + " " + m.Cluster + " " + m.Ref.String() + " " + strconv.FormatBool(m.ofService())
	refusal, known := active[key]
	if !known {
		if refusal = needCluster(tx, m.Account, m.Cluster); refusal == nil && !m.ofService() { // a service keeps its definition
			refusal = stillActive(tx, m.Account, m.Ref)
		}
		active[key] = refusal
	}
	if refusal == nil && w.order.guard != nil {
		refusal = w.order.guard(tx)
	}
	if refusal != nil && errs.KindOf(refusal) == errs.Internal {
		return nil, refusal
	}
	return refusal, nil
}

// plan gives the bids their nodes. Those that are alike are one request, whose nodes go to them in their order.
func (b *batch) plan(tx *store.Tx, bids []*bid) error {
	alike := map[string][]*bid{}
	for _, w := range bids {
		alike[w.alike] = append(alike[w.alike], w)
	}
	for _, w := range bids {
		group := []*bid{w}
		if w.alike != "" {
			group = alike[w.alike]
			delete(alike, w.alike)
		}
		if len(group) == 0 {
			continue // it went with one before
		}
		if err := b.planAlike(tx, group); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) planAlike(tx *store.Tx, bids []*bid) error {
	first := bids[0]
	l, r := b.ledgers[first.order.model.Account], first.request
	r.Count = 0
	for _, w := range bids {
		r.Count += w.request.Count
	}
	if first.has(placement.LeastLoaded) {
		if err := l.refreshLoads(tx); err != nil {
			return err
		}
	}
	r.Seed = uint64(time.Now().UnixNano())
	round := first.has(placement.RoundRobin)
	if round {
		if err := lastTurn(tx, first, &r.After); err != nil {
			return err
		}
	}
	fleet := first.order.allowed(l.view(first.order.model.Cluster), l.kept)
	if fleet.Len() == 0 && r.On == nil {
		for _, w := range bids {
			w.err = ErrNoInstances
		}
		return nil
	}
	answer := fleet.Plan(r)
	if round && answer.After != "" {
		if err := keepTurn(tx, first, answer.After); err != nil {
			return err
		}
	}
	b.give(tx.Now, l, bids, answer)
	return nil
}

// allowed leaves out the nodes that are not to be used, and has those refuse that are kept for others; whoever names a
// machine gets it all the same.
func (o order) allowed(fleet *placement.Fleet, kept map[string]string) *placement.Fleet {
	if len(o.avoid) == 0 && (len(kept) == 0 || o.run.Nodes != nil) {
		return fleet
	}
	nodes := slices.DeleteFunc(slices.Clone(fleet.Nodes()), func(n placement.Node) bool { return slices.Contains(o.avoid, n.ID) })
	for i := range nodes {
		if group := kept[nodes[i].ID]; group != "" && group != o.model.Group && o.run.Nodes == nil && nodes[i].Refusal == "" {
			nodes[i].Refusal = placement.Reserved
		}
	}
	return placement.NewFleet(nodes)
}

// give divides the chosen nodes among equal bids.
func (b *batch) give(now time.Time, l *ledger, bids []*bid, answer placement.Answer) {
	chosen := answer.Chosen
	for _, w := range bids {
		n := min(w.count(), len(chosen))
		for _, node := range chosen[:n] {
			b.take(now, l, w, node)
		}
		if chosen = chosen[n:]; n < w.count() {
			w.started.Refused = answer.Refused
		}
	}
}

// take makes a task of a bid on a node.
func (b *batch) take(now time.Time, l *ledger, w *bid, node string) {
	t := w.order.model
	t.ID, t.Node, t.Created = taskID(now), node, now
	t.Seen = nodeapi.TaskReport{ID: t.ID, Status: newTaskStatus}
	t.Connected = true
	w.started.Tasks = append(w.started.Tasks, t)
	b.placed = append(b.placed, placed{t, w})
	l.take(l.machines[node], t, w.request)
	h := b.entry(t.Account, node)
	h.cpu, h.memory = h.cpu+t.CPU, h.memory+t.Memory
}

func (b *batch) entry(account, node string) *entry {
	h := b.entries[node]
	if h == nil {
		h = &entry{account: account}
		b.entries[node] = h
	}
	return h
}

// taskID is of the form of ECS. It begins with the time in milliseconds, so that the tasks of a moment lie side by
// side in the indexes of the database, and goes on with 80 random bits.
func taskID(now time.Time) string {
	millis := uint64(now.UnixMilli())
	var stamp [6]byte
	for i := range stamp {
		stamp[i] = byte(millis >> (8 * (5 - i)))
	}
	return hex.EncodeToString(stamp[:]) + ids.Hex(10)
}

// write writes down the tasks with all that goes with them, but for the books.
func (b *batch) write(tx *store.Tx, bids []*bid) error {
	models := map[string]taskModel{}
	var tags [][]any
	for _, p := range b.placed {
		t := p.task
		models[p.bid.model.id] = p.bid.model
		for _, tag := range t.Tags {
			tags = append(tags, []any{t.Account, "task/" + t.ID, tag.Key, tag.Value})
		}
		data := json.RawMessage(p.bid.fact[0] + t.Node + p.bid.fact[1])
		b.facts = append(b.facts, events.Fact{Account: t.Account, Type: "task.pending", Subject: b.c.taskARN(t), Data: data})
		tx.Touch(nodeTopic(t.Node))
	}
	err1 := keepModels(tx, models)
	err2 := insertTasks(tx, b.placed)
	_, err3 := tx.ExecRows(`insert into tags (account, resource, key, value) values`, `(?, ?, ?, ?)`, ``, tags)
	err4 := keepTokens(tx, bids)
	err5 := keepRefused(tx, bids)
	return errors.Join(err1, err2, err3, err4, err5)
}

// errMoved says that the books of a node are not what they were when it was chosen. The transaction begins anew.
var errMoved = errs.New(errs.Unavailable, "the machines that were chosen have changed, again and again; try again")

// writeBooks enters what was placed and what has ended, where nobody else did since it was read, and then the events.
func (b *batch) writeBooks(tx *store.Tx) error {
	if len(b.entries) == 0 {
		return events.AppendAll(tx, b.facts)
	}
	number, err := changeNumber(tx)
	if err != nil {
		return err
	}
	b.number = number
	rows := make([][]any, 0, len(b.entries))
	for node, h := range b.entries {
		seen := int64(-1)
		if l := b.ledgers[h.account]; l != nil && l.machines[node] != nil {
			seen = l.machines[node].changes
		}
		rows = append(rows, []any{node, seen, number, h.cpu, h.memory})
		if h.room {
			touchRoom(tx, h.account)
		}
	}
	const row = `(cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as bigint), cast(? as bigint))`
	changed, err := tx.ExecRows(`update books set changes = v.column3, held_cpu = held_cpu + v.column4, held_memory = held_memory + v.column5 from (values`, row,
		`) as v where node = v.column1 and (v.column2 < 0 or changes = v.column2)`, rows)
	if err == nil && changed != int64(len(rows)) {
		err = errMoved
	}
	if err != nil {
		return err
	}
	return events.AppendAll(tx, b.facts)
}
