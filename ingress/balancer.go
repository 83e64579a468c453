package ingress

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// The types of load balancers.
const (
	Application = "application"
	Network     = "network"
)

// Balancer is a load balancer. Where it is reached is the port of each of its listeners, on every server.
type Balancer struct {
	ARN     string            `json:"-"`
	Account string            `json:"-"`
	Name    string            `json:"-"`
	Tags    map[string]string `json:"-"`
	Created time.Time         `json:"-"`
	Broken  string            `json:"-"` // why this server cannot listen on a port of it; "": it can

	Type       string            `json:"type"`
	Scheme     string            `json:"scheme"` // kept and shown
	DNSName    string            `json:"dns"`
	Subnets    []string          `json:"subnets,omitempty"`        // kept and shown
	Security   []string          `json:"securityGroups,omitempty"` // kept and shown
	Attributes map[string]string `json:"attributes,omitempty"`     // that were set
}

func (b *Balancer) attributes() attributes {
	if b.Type == Network {
		return networkAttributes
	}
	return applicationAttributes
}

func balancerOf(r row) (b Balancer, err error) {
	err = r.read(&b)
	b.ARN, b.Account, b.Name, b.Tags, b.Created = r.arn, r.account, r.text, r.tagged(), store.Time(r.created)
	return b, err
}

// Source of the limits: "Quotas for your Application Load Balancers".
const (
	MaxBalancers = 50
	MaxGroups    = 3000
	MaxListeners = 50   // of a load balancer
	MaxRules     = 100  // of a listener, its default rule aside
	MaxTargets   = 1000 // of a target group
	MaxActions   = 5    // target groups of one action
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)

func checkName(noun, name string) error {
	if nameForm.MatchString(name) && !(noun == "load balancer" && strings.HasPrefix(name, "internal-")) {
		return nil
	}
	return errs.Say(ErrInput, "The %s name '%s' can have 1 to 32 letters, digits and hyphens, must not begin or end with a hyphen, and must not begin with 'internal-'", noun, name)
}

// CreateBalancer makes a load balancer, or returns the one that is the same already. It fails with ErrInput,
// ErrBalancerThere or ErrTooManyBalancers.
func (c *Control) CreateBalancer(ctx ctx, b Balancer) (Balancer, error) {
	if err := checkName("load balancer", b.Name); err != nil {
		return Balancer{}, err
	}
	if err := checkTags(b.Tags); err != nil {
		return Balancer{}, err
	}
	id := ids.Hex(8)
	b.ARN = c.arn(b.Account, "loadbalancer/"+short[b.Type]+"/"+b.Name+"/"+id)
	b.DNSName = strings.ToLower(b.Name) + "-" + id + ".elb.localhost"
	err := c.change(ctx, func(tx *store.Tx) error {
		found, err := balancers.find(tx, `account = $1 and name = $2`, b.Account, b.Name)
		if err != nil {
			return err
		}
		if len(found) == 1 {
			there, err := balancerOf(found[0])
			if err == nil && !b.same(there) {
				err = errs.Say(ErrBalancerThere, "A load balancer with the same name '%s' exists, but with different settings", b.Name)
			}
			b = there
			return err
		}
		if n, err := balancers.count(tx, `account = $1`, b.Account); err != nil || n >= MaxBalancers {
			return limit(err, ErrTooManyBalancers, "load balancers", MaxBalancers)
		}
		b.Created = tx.Now
		_, err = tx.Exec(`insert into ingress_balancers (arn, account, name, body, tags, created) values ($1, $2, $3, $4, $5, $6)`,
			b.ARN, b.Account, b.Name, text(b), text(b.Tags), store.Micros(tx.Now))
		return err
	})
	return b, err
}

// short names types in ARNs.
var short = map[string]string{Application: "app", Network: "net"}

func (b Balancer) same(o Balancer) bool {
	return b.Type == o.Type && b.Scheme == o.Scheme && slices.Equal(b.Subnets, o.Subnets) && slices.Equal(b.Security, o.Security)
}

// limit is the error of who has as many as there may be.
func limit(err, cause error, what string, most int) error {
	if err != nil {
		return err
	}
	return errs.Say(cause, "The maximum number of %s has been reached: %d", what, most)
}

// Find says what to list: those with one of the ARNs and one of the names; none given: all.
type Find struct {
	ARNs, Names []string
	Of          string // ARN of what they belong to; "": any
}

// Balancers lists an account's load balancers by their ARNs. What is named and not there is ErrNoBalancer.
func (c *Control) Balancers(ctx ctx, account string, f Find) (list []Balancer, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		found, err := balancers.listed(tx, account, f)
		for _, r := range found {
			b, failed := balancerOf(r)
			if failed == nil {
				b.Broken, failed = c.broken(tx, b.ARN)
			}
			if failed != nil {
				return failed
			}
			list = append(list, b)
		}
		return err
	})
	return list, err
}

// broken is why this server cannot listen for a load balancer.
func (c *Control) broken(tx *store.Tx, name string) (string, error) {
	ports, err := listeners.find(tx, `balancer = $1 order by port`, name)
	for _, r := range ports {
		if err := c.front.Failed(int(r.number)); err != nil {
			return err.Error(), nil
		}
	}
	return "", err
}

// listed reads what is to be listed, in order.
func (k kind) listed(tx *store.Tx, account string, f Find) ([]row, error) {
	found, err := k.find(tx, `account = $1 order by arn`, account)
	if err != nil {
		return nil, err
	}
	for _, name := range f.ARNs {
		if !slices.ContainsFunc(found, func(r row) bool { return r.arn == name }) {
			return nil, k.notFound(name)
		}
	}
	for _, name := range f.Names {
		if !slices.ContainsFunc(found, func(r row) bool { return r.text == name }) {
			return nil, errs.Say(k.missing, "%ss '[%s]' not found", k.noun, name)
		}
	}
	return slices.DeleteFunc(found, func(r row) bool {
		return len(f.ARNs) > 0 && !slices.Contains(f.ARNs, r.arn) || len(f.Names) > 0 && !slices.Contains(f.Names, r.text) || f.Of != "" && r.text != f.Of
	}), nil
}

// DeleteBalancer deletes a load balancer with its listeners and rules. One that is not there is left alone, as on
// AWS. It fails with ErrNotPermitted for one that is protected.
func (c *Control) DeleteBalancer(ctx ctx, account, name string) error {
	return c.change(ctx, func(tx *store.Tx) error {
		r, err := balancers.one(tx, account, name)
		if errs.KindOf(err) == errs.NotFound {
			return nil
		}
		var b Balancer
		if err == nil {
			b, err = balancerOf(r)
		}
		if err == nil && b.attributes().get(b.Attributes, "deletion_protection.enabled") == "true" {
			err = errs.Say(ErrNotPermitted, "Load balancer '%s' cannot be deleted because deletion protection is enabled", name)
		}
		if err == nil {
			_, err = tx.Exec(`delete from ingress_balancers where arn = $1`, name)
		}
		return err
	})
}

// BalancerAttributes reads all attributes of a load balancer.
func (c *Control) BalancerAttributes(ctx ctx, account, name string) (map[string]string, error) {
	return c.SetBalancerAttributes(ctx, account, name, nil)
}

// SetBalancerAttributes sets some attributes of a load balancer and returns all. It fails with ErrNoBalancer or
// ErrConfiguration.
func (c *Control) SetBalancerAttributes(ctx ctx, account, name string, values map[string]string) (all map[string]string, err error) {
	_, err = c.editBalancer(ctx, account, name, len(values) > 0, func(b *Balancer) error {
		b.Attributes, err = b.attributes().merge(b.Attributes, values)
		all = b.attributes().all(b.Attributes)
		return err
	})
	return all, err
}

// SetNetwork keeps other subnets or security groups of a load balancer; nil: those that it has.
func (c *Control) SetNetwork(ctx ctx, account, name string, subnets, security []string) (Balancer, error) {
	return c.editBalancer(ctx, account, name, true, func(b *Balancer) error {
		if subnets != nil {
			b.Subnets = subnets
		}
		if security != nil {
			b.Security = security
		}
		return nil
	})
}

func (c *Control) editBalancer(ctx ctx, account, name string, writes bool, edit func(*Balancer) error) (b Balancer, err error) {
	run := c.db.View
	if writes {
		run = c.change
	}
	err = run(ctx, func(tx *store.Tx) error {
		r, err := balancers.one(tx, account, name)
		if err == nil {
			b, err = balancerOf(r)
		}
		if err == nil {
			err = edit(&b)
		}
		if err == nil && writes {
			err = balancers.save(tx, name, b)
		}
		return err
	})
	return b, err
}

// allowed tells whether a target may be at an address.
func (c *Control) allowed(host string, port int) error {
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return errs.Say(ErrTarget, "The IP address '%s' is not valid", host)
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast(), c.config.Refuses != nil && c.config.Refuses(ip.Unmap(), port):
		return errs.Say(ErrTarget, "The IP address '%s' with port %d cannot be a target", host, port)
	}
	return nil
}
