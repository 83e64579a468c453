package ingress

import (
	"database/sql"
	"fmt"
	"time"

	"slipway/ingress/proxy"
	"slipway/internal/errs"
	"slipway/store"
)

// Target is something that requests go to.
type Target struct {
	ID    string // an IP address or, in a group of instances, the id of a machine
	Host  string // where it is
	Port  int    // 0: the group's
	Owner string // the task that it is a port of; "": somebody registered it
	Until time.Time
}

// TargetHealth is how a target is, as this server sees it.
type TargetHealth struct {
	Target
	State   string // proxy.Healthy, ...
	Reason  string
	Text    string
	Check   int // the port that is checked
	Running int // requests and connections under way on this server
}

// RegisterTargets adds targets to a group, or keeps those that were to leave it. It fails with ErrNoGroup,
// ErrTarget or ErrTooManyTargets.
func (c *Control) RegisterTargets(ctx ctx, account, group string, targets []Target) error {
	return c.change(ctx, func(tx *store.Tx) error {
		g, err := readGroup(tx, account, group)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if t, err = c.located(ctx, g, t); err == nil {
				err = insertTarget(tx, group, t)
			}
			if err != nil {
				return err
			}
		}
		var n int
		err = tx.Row(`select count(*) from ingress_targets where grp = $1 and leaves = 0`, group).Scan(&n)
		if err == nil && n > MaxTargets {
			err = errs.Say(ErrTooManyTargets, "The maximum number of targets of a target group has been reached: %d", MaxTargets)
		}
		return err
	})
}

// Attach is RegisterTargets for a port of a task, whose place is known. A group that has it is left as it is.
func (c *Control) Attach(ctx ctx, account, group string, t Target) error {
	return c.RegisterTargets(ctx, account, group, []Target{t})
}

func readGroup(tx *store.Tx, account, name string) (g Group, err error) {
	r, err := groups.one(tx, account, name)
	if err == nil {
		g, err = groupOf(r)
	}
	return g, err
}

// located fills in where a target is.
func (c *Control) located(ctx ctx, g Group, t Target) (Target, error) {
	if t.Port == 0 {
		t.Port = g.Port
	}
	if t.Host == "" && g.By == ByIP {
		t.Host = t.ID
	}
	if t.Host == "" {
		if c.config.Machine == nil {
			return t, errs.Say(ErrTarget, "The instance ID '%s' is not valid", t.ID)
		}
		host, err := c.config.Machine(ctx, g.Account, t.ID)
		if err != nil {
			return t, errs.Say(ErrTarget, "The instance ID '%s' is not valid: %s", t.ID, err)
		}
		t.Host = host
	}
	return t, c.allowed(t.Host, t.Port)
}

func insertTarget(tx *store.Tx, group string, t Target) error {
	_, err := tx.Exec(`insert into ingress_targets (grp, id, host, port, owner, since, leaves) values ($1, $2, $3, $4, $5, $6, 0)
		on conflict (grp, id, host, port) do update set owner = excluded.owner, leaves = 0`, group, t.ID, t.Host, t.Port, t.Owner, store.Micros(tx.Now))
	return err
}

// DeregisterTargets has targets get nothing new. They are gone when the group's deregistration delay is over; what
// is under way then is cut. Without a port, all of a target's ports are meant.
func (c *Control) DeregisterTargets(ctx ctx, account, group string, targets []Target) error {
	return c.change(ctx, func(tx *store.Tx) error {
		g, err := readGroup(tx, account, group)
		if err != nil {
			return err
		}
		for _, t := range targets {
			n, err := leave(tx, g, `id = $3 and (cast($4 as bigint) = 0 or port = $4)`, t.ID, t.Port)
			if err == nil && n == 0 {
				err = errs.Say(ErrTarget, "The following targets are not registered to target group '%s': '%s'", group, t.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Detach is DeregisterTargets for the ports of a task. What is not there is left alone.
func (c *Control) Detach(ctx ctx, account, group, owner string) error {
	err := c.change(ctx, func(tx *store.Tx) error {
		g, err := readGroup(tx, account, group)
		if err == nil {
			_, err = leave(tx, g, `owner = $3`, owner)
		}
		return err
	})
	if errs.KindOf(err) == errs.NotFound {
		return nil
	}
	return err
}

// leave has targets go when the delay of their group is over. Those that go already go as they were to.
func leave(tx *store.Tx, g Group, which string, args ...any) (int, error) {
	delay := time.Duration(g.attributes().number(g.Attributes, "deregistration_delay.timeout_seconds")) * time.Second
	var n int
	args = append([]any{g.ARN, store.Micros(tx.Now.Add(delay))}, args...)
	if err := tx.Row(`select count(*) from ingress_targets where grp = $1 and cast($2 as bigint) > 0 and `+which, args...).Scan(&n); err != nil {
		return 0, err
	}
	_, err := tx.Exec(`update ingress_targets set leaves = $2 where grp = $1 and leaves = 0 and `+which, args...)
	return n, err
}

// sweep deletes the targets whose delay is over, and tells when the next one is.
func (c *Control) sweep(ctx ctx) (next time.Time, err error) {
	var first sql.NullInt64
	if err := c.db.Row(ctx, `select min(leaves) from ingress_targets where leaves > 0`).Scan(&first); err != nil || !first.Valid {
		return next, err
	}
	if next = store.Time(first.Int64); time.Until(next) > 0 {
		return next, nil
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		tx.Touch(topic)
		if _, err := tx.Exec(`delete from ingress_targets where leaves > 0 and leaves <= $1`, store.Micros(tx.Now)); err != nil {
			return err
		}
		return tx.Row(`select min(leaves) from ingress_targets where leaves > 0`).Scan(&first)
	})
	return store.Time(first.Int64), err
}

// readTargets reads the targets of groups.
func readTargets(tx *store.Tx, where string, args ...any) (map[string][]Target, error) {
	byGroup := map[string][]Target{}
	err := tx.Each(`select grp, id, host, port, owner, leaves from ingress_targets where `+where+` order by id, port, host`, args, func(rows *sql.Rows) error {
		var group string
		var t Target
		var leaves int64
		err := rows.Scan(&group, &t.ID, &t.Host, &t.Port, &t.Owner, &leaves)
		t.Until = store.Time(leaves)
		byGroup[group] = append(byGroup[group], t)
		return err
	})
	return byGroup, err
}

// Health tells how the targets of a group are.
func (c *Control) Health(ctx ctx, account, group string) (list []TargetHealth, err error) {
	var g Group
	var targets []Target
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if g, err = readGroup(tx, account, group); err != nil {
			return err
		}
		all, err := readTargets(tx, `grp = $1`, group)
		targets = all[group]
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[Target]proxy.State{}
	for _, s := range c.front.States(group) {
		seen[Target{ID: s.ID, Port: s.Port}] = s
	}
	for _, t := range targets {
		list = append(list, healthOf(g, t, seen[Target{ID: t.ID, Port: t.Port}]))
	}
	return list, nil
}

// healthOf joins what the tables say of a target and what the data path sees of it.
func healthOf(g Group, t Target, s proxy.State) TargetHealth {
	h := TargetHealth{Target: t, State: s.Health, Reason: s.Reason, Text: s.Text, Check: t.Port, Running: s.Running}
	if g.Check.Port != 0 {
		h.Check = g.Check.Port
	}
	switch {
	case !t.Until.IsZero():
		h.State, h.Reason, h.Text = proxy.Draining, proxy.ReasonLeaving, "Target deregistration is in progress"
	case s.Health == "":
		h.State, h.Reason, h.Text = proxy.Initial, proxy.ReasonRegistering, "Target registration is in progress"
	}
	return h
}

// plan reads all that is to be served.
func (c *Control) plan(ctx ctx) (*proxy.Plan, error) {
	plan := &proxy.Plan{}
	err := c.db.View(ctx, func(tx *store.Tx) error {
		*plan = proxy.Plan{}
		if err := c.planGroups(tx, plan); err != nil {
			return err
		}
		return c.planListeners(tx, plan)
	})
	if err != nil {
		return nil, fmt.Errorf("what load balancers serve: %w", err)
	}
	return plan, nil
}

// NameOf is the id of a task's port in a group: the address of its machine or, in a group of instances, the machine.
func (c *Control) NameOf(ctx ctx, account, group, host, machine string) (string, error) {
	g, err := c.editGroup(ctx, account, group, false, func(*Group) error { return nil })
	if g.By == ByInstance {
		return machine, err
	}
	return host, err
}

// Owned tells how the ports of tasks in a group are, by task. A group that is not there has none. A port that leaves
// is not among them any more once nothing is under way to it, where this server is the only one and can know.
func (c *Control) Owned(ctx ctx, account, group string) (map[string]TargetHealth, error) {
	list, err := c.Health(ctx, account, group)
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	alone := c.db.Dialect() == "sqlite"
	found := map[string]TargetHealth{}
	for _, h := range list {
		if h.Owner != "" && !(alone && h.State == proxy.Draining && h.Running == 0) {
			found[h.Owner] = h
		}
	}
	return found, err
}
