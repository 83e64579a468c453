package nodes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"slipway/nodeapi"
	"slipway/store"
)

// Node is a machine that may join.
type Node struct {
	ID         string    `json:"id"`
	Account    string    `json:"account"`
	Cluster    string    `json:"cluster,omitempty"` // "": every cluster of the account
	Invitation string    `json:"invitation"`        // by which it came last
	Joined     time.Time `json:"joined"`
	Certified  time.Time `json:"certified"` // when it was given its newest certificate
	Expires    time.Time `json:"expires"`   // when that one does
}

// Nodes lists the machines that may join, the first to come first.
func (c *Control) Nodes(ctx context.Context) (all []Node, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = []Node{}
		return tx.Each(`select id, account, cluster, invitation, joined, certified, expires from nodes_nodes order by joined, id`, nil, func(rows *sql.Rows) error {
			var n Node
			var joined, certified, expires int64
			err := rows.Scan(&n.ID, &n.Account, &n.Cluster, &n.Invitation, &joined, &certified, &expires)
			n.Joined, n.Certified, n.Expires = store.Time(joined), store.Time(certified), store.Time(expires)
			all = append(all, n)
			return err
		})
	})
	return all, err
}

// Remove takes a node's right to join away: its certificate is refused from now on, and a session
// that it has ends within seconds. Its containers are not touched. It returns ErrNoNode.
func (c *Control) Remove(ctx context.Context, id string) error {
	n, err := c.remove(ctx, id)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: %s", ErrNoNode, id)
	}
	return err
}

// Forget is Remove of a node that may have been removed already.
func (c *Control) Forget(ctx context.Context, id string) error {
	_, err := c.remove(ctx, id)
	return err
}

// WithdrawAccount ends all invitations of an account.
func (c *Control) WithdrawAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from nodes_invitations where account = $1`, account)
		return err
	})
}

// Joined tells whether any machine of an account may join.
func (c *Control) Joined(ctx context.Context, account string) (any bool, err error) {
	var n int
	err = c.db.Row(ctx, `select count(*) from nodes_nodes where account = $1`, account).Scan(&n)
	return n > 0, err
}

func (c *Control) remove(ctx context.Context, id string) (n int64, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		n, err = tx.Exec(`delete from nodes_nodes where id = $1`, id)
		tx.Touch(topic)
		return err
	})
	if err == nil {
		err = c.forgetKnown(ctx)
	}
	return n, err
}

// member is what is remembered of a node between two changes.
type member struct {
	peer           nodeapi.Peer
	serial, former string
}

// has tells whether a certificate is one of the member's. Nobody has none.
func (m member) has(serial string) bool {
	return m.serial != "" && (serial == m.serial || serial == m.former)
}

// forgetKnown has the nodes read anew.
func (c *Control) forgetKnown(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.age = nil, c.age+1
	return nil
}

// member finds a node, in memory if it can. Who is none is nobody's member.
func (c *Control) member(ctx context.Context, node string) (member, error) {
	c.mu.Lock()
	known, age := c.known, c.age
	c.mu.Unlock()
	if known == nil {
		var err error
		if known, err = c.readMembers(ctx); err != nil {
			return member{}, err
		}
		c.mu.Lock()
		if c.age == age { // nothing was changed meanwhile
			c.known = known
		}
		c.mu.Unlock()
	}
	return known[node], nil
}

// memberColumns are what scanMember reads.
const memberColumns = `select id, account, cluster, serial, former, joined from nodes_nodes`

func scanMember(row interface{ Scan(...any) error }) (m member, err error) {
	var joined int64
	err = row.Scan(&m.peer.Node, &m.peer.Account, &m.peer.Cluster, &m.serial, &m.former, &joined)
	m.peer.Joined = store.Time(joined)
	return m, err
}

// readMember looks for one node in the rows, so that who is none any more costs no more than that.
func (c *Control) readMember(ctx context.Context, node string) (member, error) {
	m, err := scanMember(c.db.Row(ctx, memberColumns+` where id = $1`, node))
	if errors.Is(err, store.ErrNoRows) {
		return member{}, nil
	}
	return m, err
}

func (c *Control) readMembers(ctx context.Context) (all map[string]member, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = map[string]member{}
		return tx.Each(memberColumns, nil, func(rows *sql.Rows) error {
			m, err := scanMember(rows)
			all[m.peer.Node] = m
			return err
		})
	})
	return all, err
}
