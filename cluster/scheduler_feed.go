package cluster

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"slipway/events"
	"slipway/schedulers/wire"
	"slipway/store"
)

// How a scheduler is told what is so.
const (
	feedPause  = 50 * time.Millisecond // between two looks at what has changed
	feedPeriod = 2 * time.Second       // at the latest
	feedChunk  = 1000                  // nodes or tasks of one message
	feedEvents = 5000                  // what more has happened since the last look is told by a new snapshot
)

// nodeVersion is what shows that a node has changed since it was told.
type nodeVersion struct {
	changes, changed int64
	status           string
	connected        bool
}

// SchedulerStream opens the line of an admitted scheduler: it tells what is so, then what changes, and asks,
// until ctx ends or the line does. It fails with ErrNoSchedulerLine, and with what send fails with.
func (c *Control) SchedulerStream(ctx context.Context, token string, send func(wire.Message) error) error {
	line, err := c.schedulers.redeem(token, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.schedulers.life)
	defer cancel()
	f := &feed{c: c, line: line, send: send}
	wake, stop := c.db.Watch(events.Topic, schedulerTopic, roomTopic(line.key.account)) // before the first look, so that no wake is missed
	defer stop()
	if err := f.begin(ctx); err != nil {
		return ended(ctx, err)
	}
	defer c.schedulers.joined(line)()
	return f.run(ctx, wake)
}

// feed tells one scheduler what is so in its cluster.
type feed struct {
	c      *Control
	line   *schedulerLine
	cursor int64                  // the last event that it was told of
	seq    int64                  // of the state that it was told
	knows  map[string]nodeVersion // the machines that it was told of

	sending sync.Mutex
	send    func(wire.Message) error
}

func (f *feed) say(m wire.Message) error {
	f.sending.Lock()
	defer f.sending.Unlock()
	return f.send(m)
}

// begin says whom the line is for, and all that is so.
func (f *feed) begin(ctx context.Context) error {
	var s Scheduler
	err := f.c.db.View(ctx, func(tx *store.Tx) (err error) {
		s, err = needScheduler(tx, f.line.key)
		return err
	})
	if err != nil {
		return err
	}
	hello := wire.Hello{Account: s.Account, Cluster: s.Cluster, Scheduler: s.Name, Deadline: int(s.Deadline.Milliseconds())}
	if err := f.say(wire.Message{Type: wire.TypeHello, Hello: &hello}); err != nil {
		return err
	}
	return f.snapshot(ctx)
}

// run tells and asks until one of both fails or the line ends.
func (f *feed) run(ctx context.Context, wake <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asking sync.WaitGroup
	var failed error
	asking.Go(func() {
		defer cancel()
		failed = f.askAll(ctx)
	})
	err := f.follow(ctx, wake)
	cancel()
	asking.Wait()
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return f.say(wire.Message{Type: wire.TypeEnd, Reason: cmp.Or(f.line.whyEnded(), "open it again")})
}

// askAll sends the questions as they come.
func (f *feed) askAll(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.line.over:
			return nil
		case q := <-f.line.asks:
			if err := f.say(wire.Message{Type: wire.TypeQuestion, Question: &q}); err != nil {
				return err
			}
		}
	}
}

// follow tells what changes.
func (f *feed) follow(ctx context.Context, wake <-chan struct{}) error {
	period := time.NewTicker(feedPeriod)
	defer period.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.line.over:
			return nil
		case <-wake:
		case <-period.C:
			if err := f.say(wire.Message{Type: wire.TypeAlive}); err != nil {
				return err
			}
		}
		if err := f.changes(ctx); err != nil {
			return ended(ctx, err)
		}
		select { // what happens meanwhile is told together
		case <-ctx.Done():
		case <-f.line.over:
		case <-time.After(feedPause):
		}
	}
}

// snapshot tells all that is so.
func (f *feed) snapshot(ctx context.Context) error {
	var nodes []wire.Node
	var tasks []wire.Task
	k := f.line.key
	err := f.c.db.View(ctx, func(tx *store.Tx) (err error) {
		if err := tx.Row(`select coalesce(max(seq), 0) from events`).Scan(&f.cursor); err != nil {
			return err
		}
		if f.knows, err = nodeVersions(tx, k); err != nil {
			return err
		}
		if nodes, err = wireNodes(tx, k, nil); err != nil {
			return err
		}
		tasks, err = wireTasks(tx, k)
		return err
	})
	if err != nil {
		return err
	}
	f.seq++
	f.line.told(f.seq, f.knows)
	for {
		m := wire.Message{Type: wire.TypeSnapshot, Seq: f.seq, Nodes: nodes[:min(feedChunk, len(nodes))], Tasks: tasks[:min(feedChunk, len(tasks))]}
		nodes, tasks = nodes[len(m.Nodes):], tasks[len(m.Tasks):]
		m.More = len(nodes)+len(tasks) > 0
		if err := f.say(m); err != nil || !m.More {
			return err
		}
	}
}

// changed is what is otherwise than it was told.
type changed struct {
	cursor    int64
	knows     map[string]nodeVersion
	message   wire.Message
	overtaken bool // more has happened than is told one by one
}

// changes tells what is otherwise than it was told.
func (f *feed) changes(ctx context.Context) error {
	var new changed
	err := f.c.db.View(ctx, func(tx *store.Tx) (err error) {
		new, err = f.look(tx)
		return err
	})
	if errors.Is(err, ErrNoScheduler) {
		f.line.end("the scheduler was deleted")
		return nil
	}
	if err != nil {
		return err
	}
	if new.overtaken {
		if err := f.say(wire.Message{Type: wire.TypeGap, Reason: "more has changed than is told one by one"}); err != nil {
			return err
		}
		return f.snapshot(ctx)
	}
	f.cursor, f.knows = new.cursor, new.knows
	m := new.message
	if len(m.Nodes)+len(m.Tasks)+len(m.GoneNodes)+len(m.GoneTasks) == 0 {
		return nil
	}
	f.seq++
	f.line.told(f.seq, f.knows)
	m.Type, m.Seq = wire.TypeChange, f.seq
	return f.say(m)
}

// look reads what has changed since the scheduler was told last.
func (f *feed) look(tx *store.Tx) (new changed, err error) {
	k := f.line.key
	if _, err := needScheduler(tx, k); err != nil {
		return new, err
	}
	happened, err := events.Read(tx, f.cursor, feedEvents)
	if err != nil {
		return new, err
	}
	if new.knows, err = nodeVersions(tx, k); err != nil {
		return new, err
	}
	touched := new.apply(happened, k)
	new.cursor = max(new.cursor, f.cursor)
	for id := range f.knows {
		if _, still := new.knows[id]; !still {
			new.message.GoneNodes = append(new.message.GoneNodes, id)
		}
	}
	again := f.otherwise(new.knows, touched)
	if new.overtaken = len(happened) == feedEvents || len(again) > feedChunk; new.overtaken || len(again) == 0 {
		return new, nil
	}
	new.message.Nodes, err = wireNodes(tx, k, again)
	return new, err
}

// otherwise names the members that are not as they were told, and those that something happened to.
func (f *feed) otherwise(now map[string]nodeVersion, touched map[string]bool) (ids []string) {
	for id, version := range now {
		if before, told := f.knows[id]; !told || before != version || touched[id] {
			ids = append(ids, id)
		}
	}
	return ids
}
