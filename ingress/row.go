package ingress

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

type ctx = context.Context

// kind is a table of things that have an ARN, a body and tags.
type kind struct {
	table   string
	missing error
	noun    string
	more    string // columns beyond those that all have, which find reads as well
}

var (
	balancers = kind{"ingress_balancers", ErrNoBalancer, "Load balancer", "name, 0"}
	groups    = kind{"ingress_groups", ErrNoGroup, "Target group", "name, 0"}
	listeners = kind{"ingress_listeners", ErrNoListener, "Listener", "balancer, port"}
	rules     = kind{"ingress_rules", ErrNoRule, "Rule", "listener, priority"}
)

// row is one of a kind.
type row struct {
	arn, account string
	text         string // the name, or the ARN of what it belongs to
	number       int64  // the port or the priority
	body, tags   string
	created      int64
}

// find reads rows of a kind by a condition.
func (k kind) find(tx *store.Tx, where string, args ...any) (list []row, err error) {
	err = tx.Each(`select arn, account, `+k.more+`, body, tags, created from `+k.table+` where `+where, args, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.arn, &r.account, &r.text, &r.number, &r.body, &r.tags, &r.created)
		list = append(list, r)
		return err
	})
	return list, err
}

// one reads one of an account's by its ARN.
func (k kind) one(tx *store.Tx, account, name string) (row, error) {
	found, err := k.find(tx, `account = $1 and arn = $2`, account, name)
	if err == nil && len(found) == 0 {
		err = k.notFound(name)
	}
	if err != nil {
		return row{}, err
	}
	return found[0], nil
}

func (k kind) notFound(name string) error {
	return errs.Say(k.missing, "%s '%s' not found", k.noun, name)
}

// read decodes a body.
func (r row) read(body any) error {
	if err := json.Unmarshal([]byte(r.body), body); err != nil {
		return fmt.Errorf("%s: %w", r.arn, err)
	}
	return nil
}

func (r row) tagged() (tags map[string]string) {
	json.Unmarshal([]byte(r.tags), &tags) // what was written can be read
	return tags
}

// text is a body as a column has it.
func text(body any) string {
	b, _ := json.Marshal(body) // of plain values, which can always be written
	return string(b)
}

// save writes a body anew.
func (k kind) save(tx *store.Tx, name string, body any) error {
	_, err := tx.Exec(`update `+k.table+` set body = $1 where arn = $2`, text(body), name)
	return err
}

func (k kind) count(tx *store.Tx, where string, args ...any) (n int, err error) {
	err = tx.Row(`select count(*) from `+k.table+` where `+where, args...).Scan(&n)
	return n, err
}

// kindOf is what an ARN names.
func kindOf(name string) kind {
	resource := name[strings.LastIndexByte(name, ':')+1:]
	switch {
	case strings.HasPrefix(resource, "targetgroup/"):
		return groups
	case strings.HasPrefix(resource, "listener/"):
		return listeners
	case strings.HasPrefix(resource, "listener-rule/"):
		return rules
	}
	return balancers
}

// maxTags is how many tags anything may have.
const maxTags = 50

// checkTags refuses too many.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return errs.Say(ErrTooManyTags, "The limit on the number of tags has been exceeded: %d are the most that a resource can have", maxTags)
	}
	return nil
}

// Tags reads the tags of an account's things by their ARNs.
func (c *Control) Tags(ctx ctx, account string, arns []string) (map[string]map[string]string, error) {
	found := map[string]map[string]string{}
	err := c.db.View(ctx, func(tx *store.Tx) error {
		for _, name := range arns {
			_, r, err := anyOf(tx, account, name)
			if err != nil {
				return err
			}
			found[name] = r.tagged()
		}
		return nil
	})
	return found, err
}

// Tag adds tags to things of an account's and takes others away.
func (c *Control) Tag(ctx ctx, account string, arns []string, add map[string]string, remove []string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, name := range arns {
			k, r, err := anyOf(tx, account, name)
			if err != nil {
				return err
			}
			tags := map[string]string{}
			maps.Copy(tags, r.tagged())
			maps.Copy(tags, add)
			for _, key := range remove {
				delete(tags, key)
			}
			err = checkTags(tags)
			if err == nil {
				_, err = tx.Exec(`update `+k.table+` set tags = $1 where arn = $2`, text(tags), name)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// anyOf finds something by its ARN, whatever it is.
func anyOf(tx *store.Tx, account, name string) (kind, row, error) {
	k := kindOf(name)
	r, err := k.one(tx, account, name)
	return k, r, err
}

// DecidingTags are the tags of what an ARN names, for who decides about it; none if it is not there.
func (c *Control) DecidingTags(ctx ctx, account, name string) (map[string]string, error) {
	tags, err := c.Tags(ctx, account, []string{name})
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	return tags[name], err
}
