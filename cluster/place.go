package cluster

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"slipway/cluster/placement"
	"slipway/store"
)

// order is a bid for tasks: of RunTask, of StartTask, of a service or of a move.
type order struct {
	run    Run                   // how many, or where
	model  Task                  // what each is a copy of
	guard  func(*store.Tx) error // asked in the commit, when no other guarded order of the group is under way there: its error ends the order, with nothing placed. It must not write.
	avoid  []string              // nodes that are not to be used
	prefer []string              // what a scheduler from outside wants: placement.Request.Prefer
	each   bool                  // placement.Request.Each

	instead []placement.Strategy // of the run's strategies, once its scheduler was asked; nil: those
}

// bid is an order with all that is known of it before its turn comes.
type bid struct {
	order   order
	model   taskModel
	request placement.Request
	ports   string    // as the column has them
	fact    [2]string // the JSON of the event that it was placed, before and after the node
	alike   string    // bids in which this is the same differ only in how many they want
	digest  string    // of the request, where it has a token

	started Started
	err     error
}

// place chooses nodes for an order's tasks and writes them down. What is answered is committed. Where fewer are
// placed than wanted, it tells why the nodes took no more. It fails with ErrBusy where too many wait already.
func (c *Control) place(ctx context.Context, o order) (Started, error) {
	o, err := c.consult(ctx, o)
	if err != nil {
		return Started{}, err
	}
	bid, err := newBid(o)
	if err != nil {
		return Started{}, err
	}
	w := newWork()
	w.bid = bid
	if err := c.do(ctx, w); err != nil {
		return Started{}, err
	}
	return bid.started, bid.err
}

func newBid(o order) (w *bid, err error) {
	w = &bid{order: o, request: o.request()}
	w.ports = writePorts(w.request.Need.Ports)
	if w.model, err = modelOf(o.model); err != nil {
		return nil, err
	}
	if o.run.Token != "" {
		w.digest = o.run.digest()
	}
	if w.fact, err = placedFact(o.model); err != nil {
		return nil, err
	}
	if o.run.Nodes == nil {
		one := w.request
		one.Count = 0
		text, err := json.Marshal(struct {
			Account, Cluster string
			Avoid            []string
			Request          placement.Request
		}{o.model.Account, o.model.Cluster, o.avoid, one})
		if err != nil {
			return nil, err
		}
		w.alike = string(text)
	}
	return w, nil
}

// request is the order in the words of placement.
func (o order) request() placement.Request {
	r := placement.Request{Need: o.model.Spec.Need(), Count: o.run.Count, On: o.run.Nodes, Group: o.model.Group,
		Constraints: o.constraints(), Strategies: o.strategies(), Prefer: o.prefer, Each: o.each}
	if len(o.model.Tags) > 0 {
		r.Tags = make(map[string]string, len(o.model.Tags))
		for _, t := range o.model.Tags {
			r.Tags[t.Key] = t.Value
		}
	}
	return r
}

func (o order) strategies() []placement.Strategy {
	if o.instead != nil {
		return o.instead
	}
	return o.run.Strategies
}

func (w *bid) count() int { return max(w.order.run.Count, len(w.order.run.Nodes)) }

// countKeys are the keys of tags by which the request has tasks counted.
func (w *bid) countKeys() (keys []string) {
	for _, c := range w.request.Constraints {
		if c.Type == placement.Together {
			keys = append(keys, c.Expression)
		}
	}
	for _, s := range w.request.Strategies {
		if key, ok := strings.CutPrefix(s.Field, "tag:"); ok && s.Type == placement.Together {
			keys = append(keys, key)
		}
	}
	return keys
}

func (w *bid) has(strategy string) bool {
	return slices.ContainsFunc(w.request.Strategies, func(s placement.Strategy) bool { return s.Type == strategy })
}

// placedFact is what the event of a placed task says, cut where its node belongs.
func placedFact(t Task) (fact [2]string, err error) {
	t.Seen.Status = newTaskStatus
	text, err := json.Marshal(taskFact(t))
	const node = `"node":"` // it comes before any text that others choose but the cluster's name, which holds no quotes
	before, after, _ := strings.Cut(string(text), node)
	return [2]string{before + node, after}, err
}
