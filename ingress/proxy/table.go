package proxy

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"slipway/ingress/route"
)

// table is a Plan that is ready to be asked. It is never changed, only replaced.
type table struct{ ports map[int]*entry }

// entry is what listens on one port.
type entry struct {
	tcp    bool
	first  *listener
	byHost map[string]*listener
}

type listener struct {
	Listener
	port  string
	rules []rule
	def   action
}

type rule struct {
	match  route.Matcher
	action action
}

// action is an Action whose groups are found.
type action struct {
	pools    []*pool
	weights  []int
	total    int
	redirect *route.Redirect
	fixed    *Fixed
}

// newTable makes the table of a plan, with the pools of its groups.
func newTable(plan *Plan, pools map[string]*pool) *table {
	t := &table{ports: map[int]*entry{}}
	for i := range plan.Listeners {
		l := &listener{Listener: plan.Listeners[i], port: strconv.Itoa(plan.Listeners[i].Port)}
		l.def = newAction(l.Default, pools)
		for _, r := range l.Rules {
			l.rules = append(l.rules, rule{r.Match, newAction(r.Action, pools)})
		}
		e := t.ports[l.Port]
		if e == nil {
			e = &entry{tcp: l.TCP, first: l, byHost: map[string]*listener{}}
			t.ports[l.Port] = e
		}
		if _, taken := e.byHost[l.Host]; !taken && e.tcp == l.TCP {
			e.byHost[l.Host] = l
		}
	}
	return t
}

func newAction(a Action, pools map[string]*pool) action {
	made := action{redirect: a.Redirect, fixed: a.Fixed}
	for _, share := range a.Forward {
		if p := pools[share.Group]; p != nil && share.Weight > 0 {
			made.pools = append(made.pools, p)
			made.weights = append(made.weights, share.Weight)
			made.total += share.Weight
		}
	}
	return made
}

// usedBy are the groups that listeners forward to.
func usedBy(plan *Plan) map[string]bool {
	used := map[string]bool{}
	note := func(a Action) {
		for _, share := range a.Forward {
			used[share.Group] = true
		}
	}
	for _, l := range plan.Listeners {
		note(l.Default)
		for _, r := range l.Rules {
			note(r.Action)
		}
	}
	return used
}

// pool draws one of the groups by their weights; nil: there is none with any weight.
func (a *action) pool() *pool {
	if len(a.pools) <= 1 {
		if len(a.pools) == 0 {
			return nil
		}
		return a.pools[0]
	}
	n := rand.IntN(a.total)
	for i, weight := range a.weights {
		if n -= weight; n < 0 {
			return a.pools[i]
		}
	}
	return nil
}

// listener is who answers requests to a host on a port.
func (t *table) listener(port int, host string) *listener {
	e := t.ports[port]
	if e == nil || e.tcp {
		return nil
	}
	if len(e.byHost) > 1 {
		if l := e.byHost[strings.ToLower(route.Host(host))]; l != nil {
			return l
		}
	}
	return e.first
}

// decide finds what to do with a request.
func (v *visit) decide() *action {
	for i := range v.l.rules {
		if r := &v.l.rules[i]; r.match.Match(v.r, addressOf(v.ip)) {
			return &r.action
		}
	}
	return &v.l.def
}

func (v *visit) answerFixed(f *Fixed) {
	header := v.w.Header()
	header.Set("Server", "awselb/2.0")
	if f.Type != "" {
		header.Set("Content-Type", f.Type+"; charset=utf-8")
	}
	header.Set("Content-Length", strconv.Itoa(len(f.Body)))
	v.w.WriteHeader(f.Status)
	if v.r.Method != http.MethodHead {
		v.w.Write([]byte(f.Body))
	}
}

func (v *visit) answerRedirect(d *route.Redirect) {
	header := v.w.Header()
	header.Set("Server", "awselb/2.0")
	header.Set("Content-Length", "0")
	header.Set("Location", d.Location(v.r, v.l.Port))
	v.w.WriteHeader(d.Status)
}
