package ingress

import (
	"slices"
	"strings"
	"time"

	"slipway/ingress/proxy"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// What a target group speaks, and by what its targets are named.
const (
	HTTP  = "HTTP"
	HTTPS = "HTTPS"
	TCP   = "TCP"

	HTTP1 = "HTTP1"
	HTTP2 = "HTTP2"
	GRPC  = "GRPC"

	ByIP       = "ip"
	ByInstance = "instance"
)

// Group is a target group.
type Group struct {
	ARN       string            `json:"-"`
	Account   string            `json:"-"`
	Name      string            `json:"-"`
	Tags      map[string]string `json:"-"`
	Created   time.Time         `json:"-"`
	Balancers []string          `json:"-"` // ARNs of the load balancers that forward to it

	Protocol   string            `json:"protocol"`
	Version    string            `json:"version,omitempty"` // of HTTP; "" for TCP
	Port       int               `json:"port"`
	By         string            `json:"by"`
	VPC        string            `json:"vpc,omitempty"` // kept and shown
	Check      Check             `json:"check"`
	Attributes map[string]string `json:"attributes,omitempty"` // that were set
}

// Check is how the health of targets is found out. Times are seconds.
type Check struct {
	Off       bool   `json:"off,omitempty"`
	Protocol  string `json:"protocol"`
	Port      int    `json:"port,omitempty"` // 0: the one that takes traffic
	Path      string `json:"path,omitempty"`
	Codes     string `json:"codes,omitempty"` // of HTTP or, in a group of GRPC, of gRPC
	Interval  int    `json:"interval"`
	Timeout   int    `json:"timeout"`
	Healthy   int    `json:"healthy"`
	Unhealthy int    `json:"unhealthy"`
}

func (g *Group) attributes() attributes {
	if g.Protocol == TCP {
		return tcpGroupAttributes
	}
	return httpGroupAttributes
}

func groupOf(r row) (g Group, err error) {
	err = r.read(&g)
	g.ARN, g.Account, g.Name, g.Tags, g.Created = r.arn, r.account, r.text, r.tagged(), store.Time(r.created)
	return g, err
}

// DefaultCheck is how health is found out where nothing is said. Source: API Reference, "CreateTargetGroup".
func DefaultCheck(protocol, version string) Check {
	c := Check{Protocol: HTTP, Path: "/", Codes: "200", Interval: 30, Timeout: 5, Healthy: 5, Unhealthy: 2}
	switch {
	case protocol == TCP:
		c.Protocol, c.Path, c.Codes, c.Timeout = TCP, "", "", 10
	case version == GRPC:
		c.Path, c.Codes = "/AWS.ALB/healthcheck", "12"
	}
	return c
}

// check refuses what cannot be served.
func (g *Group) check() error {
	c := g.Check
	bad := func(format string, args ...any) error { return errs.Say(ErrInput, format, args...) }
	switch {
	case !slices.Contains([]string{HTTP, HTTPS, TCP}, g.Protocol):
		return errs.Say(ErrProtocol, "Target groups of protocol '%s' are not supported by Slipway: want HTTP, HTTPS or TCP", g.Protocol)
	case g.By != ByIP && g.By != ByInstance:
		return errs.Say(ErrConfiguration, "Target type '%s' is not supported by Slipway: want ip or instance", g.By)
	case g.Port < 1 || g.Port > 65535:
		return bad("A port must be specified")
	case g.Protocol == TCP && g.Version != "":
		return bad("Protocol version cannot be specified for target groups of protocol TCP")
	case g.Protocol != TCP && !slices.Contains([]string{HTTP1, HTTP2, GRPC}, g.Version):
		return bad("Protocol version '%s' is not one of [GRPC, HTTP1, HTTP2]", g.Version)
	case g.Protocol != TCP && c.Protocol == TCP:
		return bad("Health check protocol 'TCP' is not supported for target groups with protocol '%s'", g.Protocol)
	case !slices.Contains([]string{HTTP, HTTPS, TCP}, c.Protocol):
		return errs.Say(ErrProtocol, "Health check protocol '%s' is not supported by Slipway: want HTTP, HTTPS or TCP", c.Protocol)
	case c.Interval < 5 || c.Interval > 300:
		return bad("Health check interval '%d' must be between 5 and 300 seconds", c.Interval)
	case c.Timeout < 2 || c.Timeout > 120:
		return bad("Health check timeout '%d' must be between 2 and 120 seconds", c.Timeout)
	case c.Timeout > c.Interval || c.Timeout == c.Interval && g.Protocol != TCP:
		return bad("Health check interval must be greater than the timeout")
	case c.Healthy < 2 || c.Healthy > 10 || c.Unhealthy < 2 || c.Unhealthy > 10:
		return bad("Health check thresholds must be between 2 and 10")
	case c.Protocol != TCP && (!strings.HasPrefix(c.Path, "/") || len(c.Path) > 1024):
		return bad("Health check path '%s' must begin with a '/' character, and can have up to 1024 characters", c.Path)
	}
	if _, err := g.codes(); err != nil {
		return bad("Health check matcher: %s", err)
	}
	return checkName("target group", g.Name)
}

// codes are those of healthy targets.
func (g *Group) codes() (proxy.Codes, error) {
	switch {
	case g.Check.Protocol == TCP:
		return nil, nil
	case g.Version == GRPC:
		return proxy.ParseCodes(g.Check.Codes, 0, 99)
	}
	return proxy.ParseCodes(g.Check.Codes, 200, 599)
}

// CreateGroup makes a target group, or returns the one that is the same already. It fails with ErrInput,
// ErrProtocol, ErrConfiguration, ErrGroupThere or ErrTooManyGroups.
func (c *Control) CreateGroup(ctx ctx, g Group) (Group, error) {
	if err := g.check(); err != nil {
		return Group{}, err
	}
	if err := checkTags(g.Tags); err != nil {
		return Group{}, err
	}
	g.ARN = c.arn(g.Account, "targetgroup/"+g.Name+"/"+ids.Hex(8))
	err := c.change(ctx, func(tx *store.Tx) error {
		found, err := groups.find(tx, `account = $1 and name = $2`, g.Account, g.Name)
		if err != nil {
			return err
		}
		if len(found) == 1 {
			there, err := groupOf(found[0])
			if err == nil && (there.Protocol != g.Protocol || there.Version != g.Version || there.Port != g.Port || there.By != g.By || there.VPC != g.VPC || there.Check != g.Check) {
				err = errs.Say(ErrGroupThere, "A target group with the same name '%s' exists, but with different settings", g.Name)
			}
			g = there
			return err
		}
		if n, err := groups.count(tx, `account = $1`, g.Account); err != nil || n >= MaxGroups {
			return limit(err, ErrTooManyGroups, "target groups", MaxGroups)
		}
		g.Created = tx.Now
		_, err = tx.Exec(`insert into ingress_groups (arn, account, name, body, tags, created) values ($1, $2, $3, $4, $5, $6)`,
			g.ARN, g.Account, g.Name, text(g), text(g.Tags), store.Micros(tx.Now))
		return err
	})
	return g, err
}

// Groups lists an account's target groups by their ARNs: with Find.Of, those of a load balancer. What is named and
// not there is ErrNoGroup.
func (c *Control) Groups(ctx ctx, account string, f Find) (list []Group, err error) {
	of := f.Of
	f.Of = ""
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		if of != "" {
			if _, err := balancers.one(tx, account, of); err != nil {
				return err
			}
		}
		users, err := usersOfGroups(tx, account)
		if err != nil {
			return err
		}
		found, err := groups.listed(tx, account, f)
		for _, r := range found {
			g, failed := groupOf(r)
			if failed != nil {
				return failed
			}
			g.Balancers = users[g.ARN]
			if of == "" || slices.Contains(g.Balancers, of) {
				list = append(list, g)
			}
		}
		return err
	})
	return list, err
}

// usersOfGroups are the load balancers that forward to each target group of an account.
func usersOfGroups(tx *store.Tx, account string) (map[string][]string, error) {
	users := map[string][]string{}
	note := func(balancer string, actions []Action) {
		for _, name := range groupsOf(actions) {
			if !slices.Contains(users[name], balancer) {
				users[name] = append(users[name], balancer)
			}
		}
	}
	ports, err := listeners.find(tx, `account = $1 order by arn`, account)
	if err != nil {
		return nil, err
	}
	balancerOf := map[string]string{}
	for _, r := range ports {
		l, err := listenerOf(r)
		if err != nil {
			return nil, err
		}
		balancerOf[l.ARN] = l.Balancer
		note(l.Balancer, l.Actions)
	}
	found, err := rules.find(tx, `account = $1 order by arn`, account)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		rule, err := ruleOf(r)
		if err != nil {
			return nil, err
		}
		note(balancerOf[rule.Listener], rule.Actions)
	}
	return users, nil
}

// ModifyGroup changes how the health of a group's targets is found out.
func (c *Control) ModifyGroup(ctx ctx, account, name string, edit func(*Check)) (Group, error) {
	g, err := c.editGroup(ctx, account, name, true, func(g *Group) error {
		edit(&g.Check)
		return g.check()
	})
	if err != nil {
		return g, err
	}
	list, err := c.Groups(ctx, account, Find{ARNs: []string{name}})
	if err != nil {
		return g, err
	}
	return list[0], nil
}

// GroupAttributes reads all attributes of a target group.
func (c *Control) GroupAttributes(ctx ctx, account, name string) (map[string]string, error) {
	return c.SetGroupAttributes(ctx, account, name, nil)
}

// SetGroupAttributes sets some attributes of a target group and returns all. It fails with ErrNoGroup or
// ErrConfiguration.
func (c *Control) SetGroupAttributes(ctx ctx, account, name string, values map[string]string) (all map[string]string, err error) {
	_, err = c.editGroup(ctx, account, name, len(values) > 0, func(g *Group) error {
		g.Attributes, err = g.attributes().merge(g.Attributes, values)
		all = g.attributes().all(g.Attributes)
		return err
	})
	return all, err
}

func (c *Control) editGroup(ctx ctx, account, name string, writes bool, edit func(*Group) error) (g Group, err error) {
	run := c.db.View
	if writes {
		run = c.change
	}
	err = run(ctx, func(tx *store.Tx) error {
		r, err := groups.one(tx, account, name)
		if err == nil {
			g, err = groupOf(r)
		}
		if err == nil {
			err = edit(&g)
		}
		if err == nil && writes {
			err = groups.save(tx, name, g)
		}
		return err
	})
	return g, err
}

// DeleteGroup deletes a target group with its targets. One that is not there is left alone, as on AWS. It fails
// with ErrInUse for one that is forwarded to.
func (c *Control) DeleteGroup(ctx ctx, account, name string) error {
	return c.change(ctx, func(tx *store.Tx) error {
		users, err := usersOfGroups(tx, account)
		if err == nil && len(users[name]) > 0 {
			err = errs.Say(ErrInUse, "Target group '%s' is currently in use by a listener or a rule", name)
		}
		if err == nil {
			_, err = tx.Exec(`delete from ingress_groups where account = $1 and arn = $2`, account, name)
		}
		return err
	})
}
