package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Attribute says something of a node. Source: Amazon ECS API Reference, Attribute.
type Attribute struct {
	Node  string // its id
	Name  string
	Value string
}

// AttributeFilter says which attributes to list. "" is any.
type AttributeFilter struct{ Name, Value string }

// maxAttributes is how many a node may be given. Source: Amazon ECS endpoints and quotas.
const maxAttributes = 10

var (
	attributeName  = lazyregexp.New(`^[a-zA-Z0-9_./\\-]{1,128}$`)
	attributeValue = lazyregexp.New(`^[a-zA-Z0-9_./\\:@ -]{0,128}$`)
)

func (a Attribute) check() error {
	switch {
	case !attributeName.MatchString(a.Name):
		return errs.Say(ErrInvalid, "attributes: %.140q is not a name of 1 to 128 letters, digits, hyphens, underscores, slashes, backslashes and periods.", a.Name)
	case strings.HasPrefix(a.Name, "ecs."):
		return errs.Say(ErrInvalid, "attributes: the name %q is reserved; only the node itself says what begins with ecs.", a.Name)
	case !attributeValue.MatchString(a.Value) || strings.TrimSpace(a.Value) != a.Value:
		return errs.Say(ErrInvalid, "attributes: the value %.140q of %s is not of up to 128 letters, digits, hyphens, underscores, slashes, backslashes, periods, at signs, colons and inner spaces.", a.Value, a.Name)
	}
	return nil
}

// PutAttributes says something of nodes, in place of what was said under the same names. It fails with
// ErrNoTarget or ErrTooManyAttributes, and then nothing is said.
func (c *Control) PutAttributes(ctx context.Context, account, cluster string, attributes []Attribute) error {
	for _, a := range attributes {
		if err := a.check(); err != nil {
			return err
		}
	}
	return c.onTargets(ctx, account, cluster, attributes, putAttribute)
}

// DeleteAttributes takes back what was said of nodes. What a node says of itself stays. With a value, an
// attribute that has another is left alone. It fails with ErrNoTarget.
func (c *Control) DeleteAttributes(ctx context.Context, account, cluster string, attributes []Attribute) error {
	return c.onTargets(ctx, account, cluster, attributes, func(tx *store.Tx, a Attribute) error {
		_, err := tx.Exec(`delete from instance_attributes where node = $1 and name = $2 and ($3 = '' or value = $3)`, a.Node, a.Name, a.Value)
		return err
	})
}

// onTargets does something with each attribute's node, once it is known to be one of the cluster's.
func (c *Control) onTargets(ctx context.Context, account, cluster string, attributes []Attribute, do func(*store.Tx, Attribute) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		for _, a := range attributes {
			err := hasMember(tx, account, cluster, a.Node)
			if err == nil {
				err = do(tx, a)
			}
			if err != nil {
				return err
			}
		}
		return machineChanged(tx, account, nodesOf(attributes)...)
	})
}

func nodesOf(attributes []Attribute) []string {
	nodes := map[string]bool{}
	for _, a := range attributes {
		nodes[a.Node] = true
	}
	return keysOf(nodes)
}

func hasMember(tx *store.Tx, account, cluster, node string) error {
	if !idPattern.MatchString(node) {
		return fmt.Errorf("%w: %.140s", ErrNoTarget, node)
	}
	var one int
	err := tx.Row(`select 1 from instances where account = $1 and cluster in ($2, '') and id = $3 and status <> 'INACTIVE'`, account, cluster, node).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		return fmt.Errorf("%w: %s", ErrNoTarget, node)
	}
	return err
}

// ListAttributes lists what is said of the nodes of a cluster, by their ids and then by name.
func (c *Control) ListAttributes(ctx context.Context, account, cluster string, f AttributeFilter, page Page) (found []Attribute, next string, err error) {
	name := fmt.Sprintf("attributes/%s/%s/%s/%s", account, cluster, f.Name, f.Value)
	key := func(a Attribute) string { return a.Node + " " + a.Name }
	return list(ctx, c.db, page, name, key, func(tx *store.Tx, after string, limit int) ([]Attribute, error) {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return nil, err
		}
		return attributesAfter(tx, account, cluster, f, after, limit)
	})
}

// attributesAfter finds the first attributes after a key in what is said of the nodes of a cluster.
func attributesAfter(tx *store.Tx, account, cluster string, f AttributeFilter, after string, limit int) ([]Attribute, error) {
	node, name, _ := strings.Cut(after, " ")
	var found []Attribute
	said, err := attributesOf(tx, account, cluster, node)
	for _, id := range slices.Sorted(maps.Keys(said)) {
		for _, n := range slices.Sorted(maps.Keys(said[id])) {
			a := Attribute{id, n, said[id][n]}
			if len(found) < limit && (id > node || n > name) && f.takes(a) {
				found = append(found, a)
			}
		}
	}
	return found, err
}

func (f AttributeFilter) takes(a Attribute) bool {
	return (f.Name == "" || f.Name == a.Name) && (f.Value == "" || f.Value == a.Value)
}

// attributesOf reads by node and name what is said of the nodes of a cluster, from one id on.
func attributesOf(tx *store.Tx, account, cluster, from string) (map[string]map[string]string, error) {
	said := map[string]map[string]string{}
	const members = `from instances where account = $1 and cluster in ($2, '') and status <> 'INACTIVE' and id >= $3`
	err := tx.Each(`select id, attributes `+members, []any{account, cluster, from}, func(rows *sql.Rows) error {
		var id, own string
		if err := rows.Scan(&id, &own); err != nil {
			return err
		}
		attributes := map[string]string{}
		err := json.Unmarshal([]byte(own), &attributes)
		if said[id] = attributes; attributes == nil {
			said[id] = map[string]string{}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = tx.Each(`select node, name, value from instance_attributes where node in (select id `+members+`)`, []any{account, cluster, from}, func(rows *sql.Rows) error {
		var node, name, value string
		err := rows.Scan(&node, &name, &value)
		if err == nil {
			said[node][name] = value
		}
		return err
	})
	return said, err
}

// readAttributes fills in what was said of nodes, over what they say of themselves: of those with the given ids;
// nil is all of the account.
func readAttributes(tx *store.Tx, account string, byID map[string]*Instance, ids []string) error {
	where, args := `(select id from instances where account = $1 and status <> 'INACTIVE')`, []any{account}
	if ids != nil {
		where, args = store.In(1, len(ids)), anys(ids)
	}
	return tx.Each(`select node, name, value from instance_attributes where node in `+where, args, func(rows *sql.Rows) error {
		var node, name, value string
		err := rows.Scan(&node, &name, &value)
		if i := byID[node]; i != nil && err == nil {
			if i.Attributes == nil {
				i.Attributes = map[string]string{}
			}
			i.Attributes[name] = value
		}
		return err
	})
}
