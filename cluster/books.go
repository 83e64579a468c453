package cluster

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/cluster/placement"
	"slipway/nodeapi"
	"slipway/store"
)

// books are what this server knows by heart of the machines, so that a placement need not read them all. They are a
// copy: before they are used they are brought up to what the database says, by the numbers of its changes, and what
// is decided by them is written down only where these numbers are still the same.
type books struct {
	mu      sync.Mutex // held by who reads in them and by who writes
	ledgers map[string]*ledger
}

// ledger has the machines of an account.
type ledger struct {
	account  string
	read     int64 // all changes up to here were read
	loads    time.Time
	machines map[string]*machine
	stale    map[string]bool             // what is known of these is not what is so
	views    map[string]*placement.Fleet // the machines that serve a cluster, in the order in which they were registered
	keys     map[string]bool             // of the tags by which tasks are counted
	kept     map[string]string           // machines that are kept free for the tasks of one group, by id
}

// machine is a node as the books have it.
type machine struct {
	node    placement.Node // without counts
	tmp     int            // MiB of disk that sandboxes hold
	cluster string         // "" serves every cluster of the account
	member  bool
	changes int64
	counts  map[string]map[string]int // placement.Node.Counts by cluster
}

// The bounds of what one ledger keeps beside the machines themselves.
const (
	maxViews     = 16
	maxCountKeys = 20
)

func newLedger(account string) *ledger {
	return &ledger{account: account, read: -1, machines: map[string]*machine{}, stale: map[string]bool{}, views: map[string]*placement.Fleet{}, keys: map[string]bool{}}
}

// put takes in what was read of a machine.
func (l *ledger) put(m *machine) {
	known := l.machines[m.node.ID]
	l.machines[m.node.ID] = m
	delete(l.stale, m.node.ID)
	if known == nil || !known.alike(m) {
		clear(l.views)
		return
	}
	l.show(m)
}

// show brings the views up to what the machine is now.
func (l *ledger) show(m *machine) {
	for cluster, v := range l.views {
		if m.serves(cluster) {
			v.Put(m.seenBy(cluster))
		}
	}
}

// alike tells whether two states of a machine are to be seen in the same views, at the same place.
func (m *machine) alike(other *machine) bool {
	return m.member == other.member && m.cluster == other.cluster && m.node.Since.Equal(other.node.Since) && m.takesSandboxes() == other.takesSandboxes()
}

func (m *machine) serves(cluster string) bool {
	if cluster == everyCluster {
		return m.member && m.takesSandboxes()
	}
	return m.member && (m.cluster == cluster || m.cluster == "")
}

func (m *machine) seenBy(cluster string) placement.Node {
	n := m.node
	n.Counts = m.counts[cluster]
	return n
}

// view returns the machines that serve a cluster.
func (l *ledger) view(cluster string) *placement.Fleet {
	if v := l.views[cluster]; v != nil {
		return v
	}
	if len(l.views) >= maxViews {
		clear(l.views)
	}
	var nodes []placement.Node
	for _, m := range l.machines {
		if m.serves(cluster) {
			n := m.seenBy(cluster)
			n.Counts = maps.Clone(n.Counts)
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b placement.Node) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	l.views[cluster] = placement.NewFleet(nodes)
	return l.views[cluster]
}

// take enters a new task of a request.
func (l *ledger) take(m *machine, t Task, r placement.Request) {
	m.node = m.node.Take(r.Need)
	m.count(t.Cluster, 1, l.counted(t.Seen.Status, t.Group, t.Tags))
	for cluster, v := range l.views {
		switch {
		case cluster == t.Cluster:
			v.Take(m.node.ID, r)
		case m.serves(cluster):
			v.Put(m.seenBy(cluster))
		}
	}
}

// give enters that a task has gone which held no ports.
func (l *ledger) give(m *machine, t Task, status nodeapi.Status) {
	m.node.CPU += t.CPU
	m.node.Memory += t.Memory
	m.node.Disk += t.Spec.Disk
	m.count(t.Cluster, -1, l.counted(status, t.Group, nil))
	l.show(m)
}

func (m *machine) count(cluster string, n int, keys []string) {
	counts := m.counts[cluster]
	if counts == nil {
		counts = map[string]int{}
		m.counts[cluster] = counts
	}
	for _, key := range keys {
		if counts[key] += n; counts[key] == 0 {
			delete(counts, key)
		}
	}
}

// counted are the keys under which a task of such a state is counted. Tags are counted where somebody asks for them.
func (l *ledger) counted(status nodeapi.Status, group string, tags []Tag) []string {
	keys := []string{"", placement.ByGroup(group)}
	if key := stateKey(status); key != "" {
		keys = append(keys, key)
	}
	for _, t := range tags {
		if l.keys[t.Key] {
			keys = append(keys, placement.ByTag(t.Key, t.Value))
		}
	}
	return keys
}

func stateKey(status nodeapi.Status) string {
	switch {
	case status < nodeapi.Running:
		return placement.Pending
	case status == nodeapi.Running:
		return placement.Running
	}
	return ""
}

// forget has a machine read anew before the books are used again.
func (l *ledger) forget(id string) {
	if m := l.machines[id]; m != nil {
		m.changes = -1
		l.stale[id] = true
	}
}

// countBy has tasks counted by tags, all that a batch counts by. Where they were not, all is to be read anew. What
// batches before counted by stays as long as it is not too much.
func (l *ledger) countBy(keys map[string]bool) {
	more := maps.Clone(keys)
	maps.DeleteFunc(more, func(key string, _ bool) bool { return l.keys[key] })
	if len(more) == 0 {
		return
	}
	if len(l.keys)+len(more) > maxCountKeys {
		clear(l.keys)
		more = keys
	}
	maps.Copy(l.keys, more)
	l.read = -1
	for id := range l.machines {
		l.forget(id)
	}
}

// of returns the ledger of an account. Where it is new, it is filled without standing in anybody's way.
func (b *books) of(ctx context.Context, db *store.DB, account string) (*ledger, error) {
	if l := b.ledgers[account]; l != nil {
		return l, nil
	}
	l := newLedger(account)
	if err := db.View(ctx, l.refresh); err != nil {
		return nil, err
	}
	if b.ledgers == nil {
		b.ledgers = map[string]*ledger{}
	}
	b.ledgers[account] = l
	return l, nil
}

// roomTopic is touched when machines of an account have more room, have come, or are other than they were. That of the
// account "" is touched for all accounts.
func roomTopic(account string) string { return "room:" + account }

// room returns a channel that receives when machines of an account have more room, have come, or are other than they
// were, here or on another server, and what ends that. The account "" is all of them.
func (c *Control) room(account string) (wake <-chan struct{}, stop func()) {
	return c.db.Watch(roomTopic(account))
}

func touchRoom(tx *store.Tx, account string) {
	tx.Touch(roomTopic(account))
	tx.Touch(roomTopic(""))
}
