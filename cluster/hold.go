package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"slipway/cluster/placement"
	"slipway/internal/ids"
	"slipway/store"
)

// Hold is what a sandbox of functions has of a machine, in the same books as tasks. It is of no cluster.
type Hold struct {
	ID      string
	Account string
	Node    string
	CPU     int // units of 1/1024 of a core
	Memory  int // MiB
	Disk    int // MiB
	Created time.Time
}

// HoldRequest asks for room on a machine of an account, whichever cluster it serves. Machines on which the
// attribute AttributeFunctions is "false" give none.
type HoldRequest struct {
	Account string
	Memory  int      // MiB
	CPU     int      // units of 1/1024 of a core; less, where that is a greater part of the machine than Memory is
	Disk    int      // MiB that it may write, where machines know how much there is for that
	Node    string   // the machine that is best, if it has room; "": none is
	Only    bool     // and no other will do
	Avoid   []string // machines that are of no use
}

// AttributeFunctions is the attribute by which a machine is kept free of functions: "false".
const AttributeFunctions = "slipway.functions"

// everyCluster stands for all machines that take sandboxes where the name of a cluster would: it can be none.
const everyCluster = "*"

// sandboxGroup is the group by which sandboxes are counted and spread. No task is of it.
const sandboxGroup = "*sandboxes"

// Hold finds room for a sandbox and holds it until it is freed, or until the machine is a member no more. It fails
// with ErrNoRoom where all machines are full, with ErrNoMachine where none is there, and with ErrBusy.
func (c *Control) Hold(ctx context.Context, r HoldRequest) (Hold, error) {
	w := &roomWork{account: r.Account, ask: &r}
	if err := c.doRoom(ctx, w); err != nil {
		return Hold{}, err
	}
	return w.hold, w.err
}

// Grow has a hold be of that size from now on: more than it was, or less. Its cpu is bounded as that of a HoldRequest. It
// fails with ErrNoRoom where its machine has not as much, with ErrNoHold and with ErrBusy; then it stays as it was.
func (c *Control) Grow(ctx context.Context, id string, memory, cpu int) (Hold, error) {
	var held []Hold
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		held, err = readHolds(tx, []string{id})
		return err
	})
	if err == nil && len(held) == 0 {
		err = fmt.Errorf("%w: %s", ErrNoHold, id)
	}
	if err != nil {
		return Hold{}, err
	}
	w := &roomWork{account: held[0].Account, grow: &Hold{ID: id, CPU: cpu, Memory: memory}}
	if err := c.doRoom(ctx, w); err != nil {
		return Hold{}, err
	}
	return w.hold, w.err
}

// Free gives back what is held. What is not held, or not any more, is free.
func (c *Control) Free(ctx context.Context, ids ...string) error {
	for part := range slices.Chunk(ids, maxBatch/2) {
		if err := c.doRoom(ctx, &roomWork{free: part}); err != nil {
			return err
		}
	}
	return nil
}

// Holds lists what this server holds, and what it held before it was started anew: the oldest first.
func (c *Control) Holds(ctx context.Context) (all []Hold, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = holdsOfServer(tx, c.config.Server)
		return err
	})
	return all, err
}

func (m *machine) takesSandboxes() bool { return m.node.Attributes[AttributeFunctions] != "false" }

// roomWork is a call of Hold, Grow or Free on its way into a batch.
type roomWork struct {
	account string // of whose machines room is wanted; "": none is
	ask     *HoldRequest
	grow    *Hold // what is to be of it
	free    []string

	hold Hold // what is held now
	err  error
}

func (c *Control) doRoom(ctx context.Context, r *roomWork) error {
	w := newWork()
	w.room = r
	return c.do(ctx, w)
}

// freeAll gives back all that the batch is to give back.
func (b *batch) freeAll(tx *store.Tx) error {
	var ids []string
	for _, w := range b.works {
		if w.room != nil {
			ids = append(ids, w.room.free...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	freed, err := readHolds(tx, ids)
	if err != nil {
		return err
	}
	for _, h := range freed {
		b.change(h, -h.CPU, -h.Memory, -h.Disk, -1)
	}
	return deleteHolds(tx, ids)
}

// change enters that what is held of a machine is more or less than it was.
func (b *batch) change(h Hold, cpu, memory, disk, count int) {
	e := b.entry(h.Account, h.Node)
	e.cpu, e.memory = e.cpu+cpu, e.memory+memory
	e.room = e.room || cpu < 0 || memory < 0 || disk < 0
	if l := b.ledgers[h.Account]; l != nil && l.machines[h.Node] != nil {
		l.held(l.machines[h.Node], cpu, memory, disk, count)
	}
}

// held enters what sandboxes hold more of a machine, or less.
func (l *ledger) held(m *machine, cpu, memory, disk, count int) {
	m.node.CPU -= cpu
	m.node.Memory -= memory
	m.holdDisk(disk)
	m.count(everyCluster, count, []string{"", placement.ByGroup(sandboxGroup)})
	l.show(m)
}

// holdDisk enters what sandboxes may write more, or less. Placement has it in whole GiB of all of them together: so the last
// of a machine may not be given, and none is given twice.
func (m *machine) holdDisk(more int) {
	m.node.Disk += gibOf(m.tmp)
	m.tmp += more
	m.node.Disk -= gibOf(m.tmp)
}

func gibOf(mib int) int { return (mib + 1023) / 1024 }

// holdAll finds room for all that the batch is to hold, and writes it down.
func (b *batch) holdAll(tx *store.Tx) error {
	var held []Hold
	for _, w := range b.works {
		switch {
		case w.room == nil:
		case w.room.grow != nil:
			if err := b.grow(tx, w.room); err != nil {
				return err
			}
		case w.room.ask != nil:
			if b.find(tx.Now, w.room); w.room.err == nil {
				held = append(held, w.room.hold)
			}
		}
	}
	if len(held) == 0 {
		return nil
	}
	if err := b.c.renewLease(tx); err != nil {
		return err
	}
	return insertHolds(tx, held, b.c.config.Server)
}

// find holds room on the machine that is best. One whose cpu is taken by tasks is passed over.
func (b *batch) find(now time.Time, w *roomWork) {
	w.hold, w.err = Hold{}, nil
	l, r := b.ledgers[w.account], w.ask
	full := false
	for avoid := slices.Clone(r.Avoid); ; {
		if r.Only && slices.Contains(avoid, r.Node) {
			w.err = fmt.Errorf("%w: machine %s", ErrNoRoom, r.Node)
			return
		}
		fleet := order{avoid: avoid}.allowed(l.view(everyCluster), l.kept)
		answer := fleet.Plan(r.wanted())
		if len(answer.Chosen) == 0 {
			w.err = r.refused(fleet, answer, full)
			return
		}
		n := l.machines[answer.Chosen[0]].node
		if cpu := cpuOf(n, r.Memory, r.CPU); cpu <= n.CPU {
			w.hold = Hold{ID: ids.Hex(16), Account: r.Account, Node: n.ID, CPU: cpu, Memory: r.Memory, Disk: r.Disk, Created: now}
			b.change(w.hold, cpu, r.Memory, r.Disk, 1)
			return
		}
		full, avoid = true, append(avoid, n.ID)
	}
}

// cpuOf is how much of a machine's cpu goes with so much of its memory: no greater part, and no more than most.
func cpuOf(n placement.Node, memory, most int) int {
	return min(most, int(int64(memory)*int64(n.AllCPU)/int64(max(n.AllMemory, 1))))
}

// wanted is the request in the words of placement: the machine that is preferred, and otherwise where the fewest
// sandboxes are.
func (r *HoldRequest) wanted() placement.Request {
	wanted := placement.Request{Need: placement.Need{Memory: r.Memory, Disk: gibOf(r.Disk)}, Count: 1, Group: sandboxGroup, Brief: true,
		Strategies: []placement.Strategy{{Type: placement.Spread, Field: "instanceId"}}}
	switch {
	case r.Only:
		wanted.On = []string{r.Node}
	case r.Node != "":
		wanted.Prefer = []string{r.Node}
		wanted.Strategies = append([]placement.Strategy{{Type: placement.Scheduler, Field: "fleet"}}, wanted.Strategies...)
	}
	return wanted
}

// refused tells why no machine has room.
func (r *HoldRequest) refused(fleet *placement.Fleet, answer placement.Answer, full bool) error {
	if full {
		return fmt.Errorf("%w: tasks have the cpu of those that have the memory", ErrNoRoom)
	}
	for _, n := range fleet.Nodes() {
		if r.Only && n.ID != r.Node {
			continue
		}
		if n.Refusal == "" || n.Refusal == placement.Reserved {
			return fmt.Errorf("%w: %s", ErrNoRoom, lacks(answer))
		}
	}
	return ErrNoMachine
}

func lacks(answer placement.Answer) string {
	if sentences := placement.Advice(answer.Lacks); len(sentences) > 0 {
		return sentences[0]
	}
	return "all are full"
}

// grow has a hold be as large as is wanted, where its machine has room for it. One that is to be smaller always is.
func (b *batch) grow(tx *store.Tx, w *roomWork) error {
	w.hold, w.err = Hold{}, nil
	found, err := readHolds(tx, []string{w.grow.ID})
	if err != nil {
		return err
	}
	l := b.ledgers[w.account]
	if len(found) == 0 || l.machines[found[0].Node] == nil {
		w.err = fmt.Errorf("%w: %s", ErrNoHold, w.grow.ID)
		return nil
	}
	h := found[0]
	left := l.machines[h.Node].node
	w.grow.CPU = cpuOf(left, w.grow.Memory, w.grow.CPU)
	cpu, memory := w.grow.CPU-h.CPU, w.grow.Memory-h.Memory
	if cpu > max(left.CPU, 0) || memory > max(left.Memory, 0) {
		w.err = fmt.Errorf("%w: machine %s has cpu %d and memory %d left, and %d and %d more are wanted", ErrNoRoom, h.Node, left.CPU, left.Memory, cpu, memory)
		return nil
	}
	b.change(h, cpu, memory, 0, 0)
	w.hold = h
	w.hold.CPU, w.hold.Memory = w.grow.CPU, w.grow.Memory
	return resizeHold(tx, h.ID, w.grow.CPU, w.grow.Memory)
}
