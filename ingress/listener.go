package ingress

import (
	"fmt"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Listener is a port of a load balancer, and what is done with what comes in where no rule says otherwise.
type Listener struct {
	ARN      string            `json:"-"`
	Account  string            `json:"-"`
	Balancer string            `json:"-"` // ARN
	Port     int               `json:"-"`
	Tags     map[string]string `json:"-"`
	Created  time.Time         `json:"-"`

	Protocol   string            `json:"protocol"` // HTTP or TCP
	Actions    []Action          `json:"actions"`
	Attributes map[string]string `json:"attributes,omitempty"` // that were set
}

func (l *Listener) attributes() attributes {
	if l.Protocol == TCP {
		return tcpListenerAttributes
	}
	return httpListenerAttributes
}

func listenerOf(r row) (l Listener, err error) {
	err = r.read(&l)
	l.ARN, l.Account, l.Balancer, l.Port, l.Tags, l.Created = r.arn, r.account, r.text, int(r.number), r.tagged(), store.Time(r.created)
	return l, err
}

// check refuses what cannot be served of a listener of a load balancer.
func (l *Listener) check(tx *store.Tx, b Balancer) error {
	wanted := HTTP
	if b.Type == Network {
		wanted = TCP
	}
	if l.Protocol != wanted {
		return errs.Say(ErrProtocol, "Listeners of protocol '%s' are not supported by Slipway for load balancers of type '%s': want %s", l.Protocol, b.Type, wanted)
	}
	if l.Port < 1 || l.Port > 65535 {
		return errs.Say(ErrInput, "The port %d must be between 1 and 65535", l.Port)
	}
	if err := l.checkPort(tx); err != nil {
		return err
	}
	return checkActions(tx, l.Account, l.Protocol, l.Actions)
}

// checkPort refuses a port that another listener has. Those of HTTP share ports, told apart by their hosts.
func (l *Listener) checkPort(tx *store.Tx) error {
	found, err := listeners.find(tx, `port = $1 and arn <> $2`, l.Port, l.ARN)
	for _, r := range found {
		other, err := listenerOf(r)
		switch {
		case err != nil:
			return err
		case other.Balancer == l.Balancer:
			return errs.Say(ErrListenerThere, "A listener already exists on this port for this load balancer '%s'", l.Balancer)
		case other.Protocol == TCP || l.Protocol == TCP:
			return errs.Say(ErrConfiguration, "Port %d is taken by a listener of another load balancer: only listeners of protocol HTTP can share a port", l.Port)
		}
	}
	return err
}

// tryPort refuses a port that this server cannot listen on.
func (c *Control) tryPort(port int) error {
	if err := c.front.Try(port); err != nil {
		return errs.Say(ErrConfiguration, "This server cannot listen on port %d: %s", port, err)
	}
	return nil
}

// CreateListener makes a listener. It fails with ErrNoBalancer, ErrNoGroup, ErrListenerThere, ErrProtocol,
// ErrIncompatible, ErrAction, ErrConfiguration, ErrInput or ErrTooManyListeners.
func (c *Control) CreateListener(ctx ctx, l Listener) (Listener, error) {
	if err := checkTags(l.Tags); err != nil {
		return Listener{}, err
	}
	if err := c.tryPort(l.Port); err != nil {
		return Listener{}, err
	}
	l.ARN = c.arn(l.Account, "listener/"+below(l.Balancer)+"/"+ids.Hex(8))
	err := c.change(ctx, func(tx *store.Tx) error {
		b, err := readBalancer(tx, l.Account, l.Balancer)
		if err == nil {
			err = l.check(tx, b)
		}
		if err != nil {
			return err
		}
		if n, err := listeners.count(tx, `balancer = $1`, l.Balancer); err != nil || n >= MaxListeners {
			return limit(err, ErrTooManyListeners, "listeners of a load balancer", MaxListeners)
		}
		l.Created = tx.Now
		_, err = tx.Exec(`insert into ingress_listeners (arn, account, balancer, port, body, tags, created) values ($1, $2, $3, $4, $5, $6, $7)`,
			l.ARN, l.Account, l.Balancer, l.Port, text(l), text(l.Tags), store.Micros(tx.Now))
		return err
	})
	return l, err
}

func readBalancer(tx *store.Tx, account, name string) (b Balancer, err error) {
	r, err := balancers.one(tx, account, name)
	if err == nil {
		b, err = balancerOf(r)
	}
	return b, err
}

// Listeners lists an account's listeners by their ARNs: with Find.Of, those of a load balancer.
func (c *Control) Listeners(ctx ctx, account string, f Find) (list []Listener, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		if f.Of != "" {
			if _, err := balancers.one(tx, account, f.Of); err != nil {
				return err
			}
		}
		found, err := listeners.listed(tx, account, f)
		for _, r := range found {
			l, failed := listenerOf(r)
			if failed != nil {
				return failed
			}
			list = append(list, l)
		}
		return err
	})
	return list, err
}

// ModifyListener changes a listener.
func (c *Control) ModifyListener(ctx ctx, account, name string, edit func(*Listener)) (Listener, error) {
	return c.editListener(ctx, account, name, true, func(tx *store.Tx, l *Listener) error {
		port := l.Port
		edit(l)
		if l.Port != port {
			if err := c.tryPort(l.Port); err != nil {
				return err
			}
		}
		b, err := readBalancer(tx, account, l.Balancer)
		if err == nil {
			err = l.check(tx, b)
		}
		return err
	})
}

// ListenerAttributes reads all attributes of a listener.
func (c *Control) ListenerAttributes(ctx ctx, account, name string) (map[string]string, error) {
	return c.SetListenerAttributes(ctx, account, name, nil)
}

// SetListenerAttributes sets some attributes of a listener and returns all.
func (c *Control) SetListenerAttributes(ctx ctx, account, name string, values map[string]string) (all map[string]string, err error) {
	_, err = c.editListener(ctx, account, name, len(values) > 0, func(_ *store.Tx, l *Listener) error {
		l.Attributes, err = l.attributes().merge(l.Attributes, values)
		all = l.attributes().all(l.Attributes)
		return err
	})
	return all, err
}

func (c *Control) editListener(ctx ctx, account, name string, writes bool, edit func(*store.Tx, *Listener) error) (l Listener, err error) {
	run := c.db.View
	if writes {
		run = c.change
	}
	err = run(ctx, func(tx *store.Tx) error {
		r, err := listeners.one(tx, account, name)
		if err == nil {
			l, err = listenerOf(r)
		}
		if err == nil {
			err = edit(tx, &l)
		}
		if err == nil && writes {
			_, err = tx.Exec(`update ingress_listeners set port = $1, body = $2 where arn = $3`, l.Port, text(l), name)
		}
		return err
	})
	return l, err
}

// DeleteListener deletes a listener with its rules.
func (c *Control) DeleteListener(ctx ctx, account, name string) error {
	return c.change(ctx, func(tx *store.Tx) error {
		if _, err := listeners.one(tx, account, name); err != nil {
			return err
		}
		if _, err := tx.Exec(`delete from ingress_listeners where arn = $1`, name); err != nil {
			return fmt.Errorf("listener %s: %w", name, err)
		}
		return nil
	})
}
