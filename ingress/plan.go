package ingress

import (
	"time"

	"slipway/ingress/proxy"
	"slipway/ingress/route"
	"slipway/store"
)

func (c *Control) planGroups(tx *store.Tx, plan *proxy.Plan) error {
	targets, err := readTargets(tx, `0 = 0`)
	if err != nil {
		return err
	}
	found, err := groups.find(tx, `0 = 0 order by arn`)
	for _, r := range found {
		g, failed := groupOf(r)
		if failed != nil {
			return failed
		}
		made, failed := g.plan()
		if failed != nil {
			return failed
		}
		for _, t := range targets[g.ARN] {
			made.Targets = append(made.Targets, proxy.Target{ID: t.ID, Host: t.Host, Port: t.Port, Until: t.Until})
		}
		plan.Groups = append(plan.Groups, made)
	}
	return err
}

// plan is a group as the data path takes it.
func (g *Group) plan() (proxy.Group, error) {
	get := func(name string) string { return g.attributes().get(g.Attributes, name) }
	codes, err := g.codes()
	made := proxy.Group{
		ID: g.ARN, Secure: g.Protocol == HTTPS, HTTP2: g.Version == HTTP2 || g.Version == GRPC,
		Least: get("load_balancing.algorithm.type") == "least_outstanding_requests",
		Check: proxy.Check{
			Off: g.Check.Off, Protocol: g.Check.Protocol, Port: g.Check.Port, Path: g.Check.Path, GRPC: g.Version == GRPC, Codes: codes,
			Interval: seconds(g.Check.Interval), Timeout: seconds(g.Check.Timeout), Healthy: g.Check.Healthy, Unhealthy: g.Check.Unhealthy,
		},
	}
	if get("stickiness.enabled") == "true" {
		made.BySource = g.Protocol == TCP
		made.Sticky = seconds(g.attributes().number(g.Attributes, "stickiness.lb_cookie.duration_seconds"))
	}
	return made, err
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func (c *Control) planListeners(tx *store.Tx, plan *proxy.Plan) error {
	known := map[string]Balancer{}
	found, err := balancers.find(tx, `0 = 0`)
	if err != nil {
		return err
	}
	for _, r := range found {
		if known[r.arn], err = balancerOf(r); err != nil {
			return err
		}
	}
	byListener, err := c.planRules(tx)
	if err != nil {
		return err
	}
	ports, err := listeners.find(tx, `0 = 0 order by created, arn`)
	for _, r := range ports {
		l, failed := listenerOf(r)
		if failed != nil {
			return failed
		}
		made := l.plan(known[l.Balancer])
		made.Rules = byListener[l.ARN]
		plan.Listeners = append(plan.Listeners, made)
	}
	return err
}

// plan is a listener of a load balancer as the data path takes it.
func (l *Listener) plan(b Balancer) proxy.Listener {
	get := func(name string) string { return b.attributes().get(b.Attributes, name) }
	made := proxy.Listener{ID: l.ARN, Host: b.DNSName, Port: l.Port, TCP: l.Protocol == TCP, Default: l.Actions[0].plan()}
	if made.TCP {
		made.Idle = seconds(l.attributes().number(l.Attributes, "tcp.idle_timeout.seconds"))
		return made
	}
	made.Idle = seconds(b.attributes().number(b.Attributes, "idle_timeout.timeout_seconds"))
	made.Forwarded, made.ClientPort = get("routing.http.xff_header_processing.mode"), get("routing.http.xff_client_port.enabled") == "true"
	return made
}

// planRules are the rules of each listener, in the order in which they are asked.
func (c *Control) planRules(tx *store.Tx) (map[string][]proxy.Rule, error) {
	byListener := map[string][]proxy.Rule{}
	found, err := rules.find(tx, `0 = 0 order by listener, priority, arn`)
	for _, r := range found {
		u, err := ruleOf(r)
		if err != nil {
			return nil, err
		}
		match, err := route.Compile(u.Conditions)
		if err != nil {
			return nil, err
		}
		byListener[u.Listener] = append(byListener[u.Listener], proxy.Rule{Match: match, Action: u.Actions[0].plan()})
	}
	return byListener, err
}
