package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"slipway/events"
	"slipway/internal/ids"
	"slipway/nodeapi"
	"slipway/store"
)

var _ nodeapi.ControlPlane = (*Control)(nil)

// nodeTopic is touched whenever something else is wanted of a node, or another session took it over.
func nodeTopic(node string) string { return "node:" + node }

// Session joins a node and tells it what is wanted of it, until ctx ends. It fails with
// ErrReplaced when the same node has joined anew, with ErrNode for a hello that makes no sense,
// with ErrNoCluster or ErrInactiveCluster when the node wants to serve such a cluster, with
// ErrDeregistered when it was deregistered since it joined, and with what send failed with.
func (c *Control) Session(ctx context.Context, hello nodeapi.Hello, send func(nodeapi.Frame) error) error {
	if err := checkHello(hello); err != nil {
		return err
	}
	wake, stop := c.db.Watch(nodeTopic(hello.Node)) // before the first look, so that no wake is missed
	defer stop()
	ahead, stopAhead := c.db.Watch(prefetchTopic(hello.Node))
	defer stopAhead()
	s := &session{c: c, node: hello.Node, account: hello.Account, id: ids.Hex(16), send: send, sent: map[string]bool{}, asks: make(chan nodeapi.Stream), over: make(chan struct{})}
	defer close(s.over)
	if err := c.join(ctx, hello, s.id); err != nil {
		return err
	}
	defer s.leave(ctx)
	defer c.streams.joined(s)()
	return s.run(ctx, wake, ahead)
}

func checkHello(h nodeapi.Hello) error {
	switch {
	case !idPattern.MatchString(h.Node):
		return fmt.Errorf("%w: id %q is not of 32 hexadecimal digits", ErrNode, h.Node)
	case h.Account == "":
		return fmt.Errorf("%w: %s is of no account", ErrNode, h.Node)
	case h.CPU <= 0 || h.Memory <= 0:
		return fmt.Errorf("%w: it offers cpu %d and memory %d, and both must be above 0", ErrNode, h.CPU, h.Memory)
	case !printable(h.Version + h.Engine):
		return fmt.Errorf("%w: version %q or engine %q is not printable", ErrNode, h.Version, h.Engine)
	}
	return nil
}

// join makes id the node's only session.
func (c *Control) join(ctx context.Context, hello nodeapi.Hello, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if hello.Cluster != "" {
			status, err := clusterStatus(tx, hello.Account, hello.Cluster)
			if err == nil && status == Inactive {
				err = ErrInactiveCluster
			}
			if err != nil {
				return fmt.Errorf("%w: %s", err, hello.Cluster)
			}
		}
		if err := refuseStranger(tx, hello); err != nil {
			return err
		}
		if err := upsertInstance(tx, hello, id); err != nil {
			return err
		}
		if err := noteServer(tx, hello.Node, c.config.Registry); err != nil {
			return err
		}
		if err := openBooks(tx, hello.Account, hello.Node); err != nil {
			return err
		}
		tx.Touch(nodeTopic(hello.Node)) // an older session finds out
		return c.tellInstance(tx, "instance.connected", hello.Node, hello.Account, hello.Cluster)
	})
}

// refuseStranger fails where a node comes to serve another cluster than those whose tasks it has: what those
// are given may not be meant for whoever invites there.
func refuseStranger(tx *store.Tx, h nodeapi.Hello) error {
	if h.Cluster == "" {
		return nil
	}
	busy, err := exists(tx, `select 1 from tasks where account = $1 and node = $2 and status < 8 and cluster <> $3`, h.Account, h.Node, h.Cluster)
	if err == nil && busy {
		err = fmt.Errorf("%w: %s has tasks of another cluster than %s, from which it must be deregistered first", ErrNode, h.Node, h.Cluster)
	}
	return err
}

func (c *Control) tellInstance(tx *store.Tx, kind, node, account, cluster string) error {
	return events.Append(tx, account, kind, node, map[string]string{"cluster": cluster})
}

// session is one long-lived line to a node.
type session struct {
	c       *Control
	node    string
	account string
	id      string
	send    func(nodeapi.Frame) error
	sent    map[string]bool // by task: whether it was told to stop
	asks    chan nodeapi.Stream
	over    chan struct{} // closed when it has ended
	aheadAt time.Time     // when it was told what to fetch ahead
	unready bool          // and it had not all of that yet
}

func (s *session) run(ctx context.Context, wake, ahead <-chan struct{}) error {
	if err := s.tell(ctx, true); err != nil {
		return ended(ctx, err)
	}
	if err := s.tellAhead(ctx, true); err != nil {
		return ended(ctx, err)
	}
	alive := time.NewTicker(s.c.config.KeepAlive)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			err = s.tell(ctx, false)
		case <-alive.C:
			err = s.beat(ctx)
		case <-ahead:
			err = s.tellAhead(ctx, false)
		case stream := <-s.asks:
			err = s.send(nodeapi.Frame{Streams: []nodeapi.Stream{stream}})
		}
		if err != nil {
			return ended(ctx, err)
		}
	}
}

// ended is the error a session ends with: none when its context did it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tell sends the tasks that are wanted otherwise than was said, or all of them.
func (s *session) tell(ctx context.Context, complete bool) error {
	tasks, err := s.changes(ctx)
	if err != nil {
		return err
	}
	frame := nodeapi.Frame{Complete: complete}
	if complete {
		frame.Welcome = &nodeapi.Welcome{Account: s.account, Region: s.c.config.Region, Registry: s.c.config.Registry, Session: s.id}
	}
	for _, t := range tasks {
		wanted, err := s.c.wanted(ctx, t)
		if err != nil {
			return err
		}
		frame.Tasks = append(frame.Tasks, wanted)
		s.sent[t.ID] = t.Wanted.Stop
	}
	if !complete && len(frame.Tasks) == 0 {
		return nil
	}
	return s.send(frame)
}

// changes returns the tasks of the node that have not stopped and of which something else is wanted than was said.
func (s *session) changes(ctx context.Context) (tasks []Task, err error) {
	err = s.c.db.View(ctx, func(tx *store.Tx) error {
		tasks = nil
		if err := s.check(tx); err != nil {
			return err
		}
		wanted, err := wantedOn(tx, s.account, s.node)
		if err != nil {
			return err
		}
		maps.DeleteFunc(s.sent, func(id string, _ bool) bool { _, still := wanted[id]; return !still })
		var changed []string
		for id, stop := range wanted {
			if said, ok := s.sent[id]; !ok || said != stop {
				changed = append(changed, id)
			}
		}
		if len(changed) > 0 {
			tasks, err = readTasks(tx, `t.id in `+store.In(1, len(changed)), anys(changed)...)
		}
		return err
	})
	return tasks, err
}

// check fails once the session is no longer the node's.
func (s *session) check(tx *store.Tx) error {
	var now, status string
	if err := tx.Row(`select session, status from instances where id = $1`, s.node).Scan(&now, &status); err != nil {
		return err
	}
	switch {
	case now == s.id:
		return nil
	case status == Inactive:
		return ErrDeregistered
	case now == "":
		return errSessionLost // it was taken for dead
	}
	return ErrReplaced
}

// beat shows the node and everybody else that the line is alive.
func (s *session) beat(ctx context.Context) error {
	err := s.c.db.Update(ctx, func(tx *store.Tx) error {
		if err := s.check(tx); err != nil {
			return err
		}
		return stillSeen(tx, s.node, s.id)
	})
	if err != nil {
		return err
	}
	if s.unready && time.Since(s.aheadAt) > aheadAgain {
		return s.tellAhead(ctx, false)
	}
	return s.send(nodeapi.Frame{})
}

// aheadAgain is how often a node is told again what to fetch ahead that it has not: with a new login.
const aheadAgain = 10 * time.Minute

// tellAhead tells the node which images to have ahead of tasks. At first it need not be told of none.
func (s *session) tellAhead(ctx context.Context, first bool) error {
	if first {
		if err := s.c.enlistNode(ctx, s.account, s.node); err != nil {
			return err
		}
	}
	all, done, err := s.c.ahead(ctx, s.account, s.node)
	if err != nil || first && len(all.Images) == 0 {
		return err
	}
	s.aheadAt, s.unready = time.Now(), !done
	return s.send(nodeapi.Frame{Prefetch: &all})
}

// leave marks the node disconnected, unless a newer session has it.
func (s *session) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.c.db.Update(ctx, func(tx *store.Tx) error { return s.c.drop(tx, map[string]string{s.node: s.id}) })
	if err != nil {
		slog.Warn("a node left and could not be marked as disconnected; it will be when its session is stale", "node", s.node, "error", err)
	}
}
