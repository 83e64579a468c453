package ingress

import (
	"slices"
	"strings"
	"time"

	"slipway/ingress/route"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Rule says what a listener does with the requests that meet its conditions. The lowest priority is asked first.
type Rule struct {
	ARN      string            `json:"-"`
	Account  string            `json:"-"`
	Listener string            `json:"-"` // ARN
	Priority int               `json:"-"` // 0: the default rule, which is its listener's
	Tags     map[string]string `json:"-"`
	Created  time.Time         `json:"-"`

	Conditions []route.Spec `json:"conditions"`
	Actions    []Action     `json:"actions"`
}

func ruleOf(r row) (u Rule, err error) {
	err = r.read(&u)
	u.ARN, u.Account, u.Listener, u.Priority, u.Tags, u.Created = r.arn, r.account, r.text, int(r.number), r.tagged(), store.Time(r.created)
	return u, err
}

// defaultRule is the rule that a listener has by itself.
func (c *Control) defaultRule(l Listener) Rule {
	return Rule{ARN: defaultRuleARN(l.ARN), Account: l.Account, Listener: l.ARN, Actions: l.Actions, Conditions: []route.Spec{}}
}

// defaultRuleARN is that of a listener's ARN with the listener's id once more at its end.
func defaultRuleARN(listener string) string {
	id := listener[strings.LastIndexByte(listener, '/')+1:]
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + id
}

// maxValues is how many values all conditions of a rule can have. Source: "Quotas for your Application Load
// Balancers".
const maxValues = 5

func (u *Rule) check(tx *store.Tx, l Listener) error {
	if l.Protocol == TCP {
		return errs.Say(ErrConfiguration, "Rules cannot be created for listeners of protocol TCP")
	}
	if len(u.Conditions) == 0 {
		return errs.Say(ErrInput, "A rule must have at least one condition")
	}
	n := 0
	for _, s := range u.Conditions {
		n += len(s.Values) + len(s.Pairs)
	}
	if n > maxValues {
		return errs.Say(ErrInput, "A rule can have up to %d condition values, and has %d", maxValues, n)
	}
	if _, err := route.Compile(u.Conditions); err != nil {
		return errs.Say(ErrInput, "%s", err)
	}
	return checkActions(tx, u.Account, l.Protocol, u.Actions)
}

func checkPriority(tx *store.Tx, u Rule) error {
	if u.Priority < 1 || u.Priority > 50000 {
		return errs.Say(ErrInput, "Priority '%d' must be between 1 and 50000", u.Priority)
	}
	n, err := rules.count(tx, `listener = $1 and priority = $2 and arn <> $3`, u.Listener, u.Priority, u.ARN)
	if err == nil && n > 0 {
		err = errs.Say(ErrPriority, "Priority '%d' is currently in use", u.Priority)
	}
	return err
}

// CreateRule makes a rule. It fails with ErrNoListener, ErrNoGroup, ErrPriority, ErrInput, ErrAction,
// ErrIncompatible, ErrConfiguration or ErrTooManyRules.
func (c *Control) CreateRule(ctx ctx, u Rule) (Rule, error) {
	if err := checkTags(u.Tags); err != nil {
		return Rule{}, err
	}
	u.ARN = c.arn(u.Account, "listener-rule/"+below(u.Listener)+"/"+ids.Hex(8))
	err := c.change(ctx, func(tx *store.Tx) error {
		l, err := readListener(tx, u.Account, u.Listener)
		if err == nil {
			err = u.check(tx, l)
		}
		if err == nil {
			err = checkPriority(tx, u)
		}
		if err != nil {
			return err
		}
		if n, err := rules.count(tx, `listener = $1`, u.Listener); err != nil || n >= MaxRules {
			return limit(err, ErrTooManyRules, "rules of a listener", MaxRules)
		}
		u.Created = tx.Now
		_, err = tx.Exec(`insert into ingress_rules (arn, account, listener, priority, body, tags, created) values ($1, $2, $3, $4, $5, $6, $7)`,
			u.ARN, u.Account, u.Listener, u.Priority, text(u), text(u.Tags), store.Micros(tx.Now))
		return err
	})
	return u, err
}

func readListener(tx *store.Tx, account, name string) (l Listener, err error) {
	r, err := listeners.one(tx, account, name)
	if err == nil {
		l, err = listenerOf(r)
	}
	return l, err
}

// Rules lists rules in the order in which they are asked, the default one last: those of a listener (Find.Of), or
// those with the given ARNs.
func (c *Control) Rules(ctx ctx, account string, f Find) (list []Rule, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		if f.Of != "" {
			l, err := readListener(tx, account, f.Of)
			if err != nil {
				return err
			}
			list, err = c.rulesOf(tx, l)
			return err
		}
		for _, name := range f.ARNs {
			u, err := c.readRule(tx, account, name)
			if err != nil {
				return err
			}
			list = append(list, u)
		}
		return nil
	})
	return list, err
}

func (c *Control) rulesOf(tx *store.Tx, l Listener) (list []Rule, err error) {
	found, err := rules.find(tx, `listener = $1 order by priority, arn`, l.ARN)
	for _, r := range found {
		u, failed := ruleOf(r)
		if failed != nil {
			return nil, failed
		}
		list = append(list, u)
	}
	return append(list, c.defaultRule(l)), err
}

// readRule reads a rule, which may be the default one of a listener.
func (c *Control) readRule(tx *store.Tx, account, name string) (Rule, error) {
	r, err := rules.one(tx, account, name)
	if err == nil {
		return ruleOf(r)
	}
	i := strings.LastIndexByte(name, '/')
	if i < 0 || errs.KindOf(err) != errs.NotFound {
		return Rule{}, err
	}
	l, failed := readListener(tx, account, strings.Replace(name[:i], ":listener-rule/", ":listener/", 1))
	if failed != nil || defaultRuleARN(l.ARN) != name {
		return Rule{}, err
	}
	return c.defaultRule(l), nil
}

// ModifyRule changes a rule's conditions or actions.
func (c *Control) ModifyRule(ctx ctx, account, name string, edit func(*Rule)) (u Rule, err error) {
	err = c.change(ctx, func(tx *store.Tx) error {
		u, err = c.readRule(tx, account, name)
		if err != nil {
			return err
		}
		if u.Priority == 0 {
			return errs.Say(ErrNotPermitted, "Default rule '%s' cannot be modified", name)
		}
		edit(&u)
		l, err := readListener(tx, account, u.Listener)
		if err == nil {
			err = u.check(tx, l)
		}
		if err == nil {
			err = rules.save(tx, name, u)
		}
		return err
	})
	return u, err
}

// SetPriorities gives rules other priorities, all at once. It fails with ErrNoRule, ErrPriority or ErrNotPermitted.
func (c *Control) SetPriorities(ctx ctx, account string, priorities map[string]int) (list []Rule, err error) {
	err = c.change(ctx, func(tx *store.Tx) error {
		list = nil
		for name, priority := range priorities {
			u, err := c.readRule(tx, account, name)
			if err == nil && u.Priority == 0 {
				err = errs.Say(ErrNotPermitted, "The priority of default rule '%s' cannot be set", name)
			}
			if err == nil {
				_, err = tx.Exec(`update ingress_rules set priority = $1 where arn = $2`, priority, name)
			}
			if err != nil {
				return err
			}
			u.Priority = priority
			list = append(list, u)
		}
		for _, u := range list {
			if err := checkPriority(tx, u); err != nil {
				return err
			}
		}
		slices.SortFunc(list, func(a, b Rule) int { return a.Priority - b.Priority })
		return nil
	})
	return list, err
}

// DeleteRule deletes a rule.
func (c *Control) DeleteRule(ctx ctx, account, name string) error {
	return c.change(ctx, func(tx *store.Tx) error {
		u, err := c.readRule(tx, account, name)
		if err == nil && u.Priority == 0 {
			err = errs.Say(ErrNotPermitted, "Default rule '%s' cannot be deleted", name)
		}
		if err == nil {
			_, err = tx.Exec(`delete from ingress_rules where arn = $1`, name)
		}
		return err
	})
}
