package server

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"slipway/cluster"
	"slipway/ingress"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// openIngress makes the room of load balancers. No target may be one of the control plane's own ports but where
// its APIs answer: what listens there trusts whoever reaches it.
func (s *Server) openIngress(ctx context.Context) (err error) {
	var own []int
	for _, l := range []net.Listener{s.api, s.admin, s.wire} {
		if l != nil {
			own = append(own, l.Addr().(*net.TCPAddr).Port)
		}
	}
	s.ingress, err = ingress.New(ctx, s.db, ingress.Config{
		Region: s.config.Region,
		Bind:   s.config.Ingress,
		Machine: func(ctx context.Context, account, id string) (string, error) {
			return s.cluster.Address(ctx, account, id)
		},
		Refuses: func(ip netip.Addr, port int) bool { return slices.Contains(own, port) && isHere(ip) },
	})
	return err
}

// isHere tells whether an address is one of this machine's.
func isHere(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	all, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(all, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip.AsSlice())
	})
}

// balancer lets services give the ports of their tasks to target groups.
type balancer struct{ s *Server }

// Has satisfies cluster.Balancer.
func (b balancer) Has(ctx context.Context, account, group string) (bool, error) {
	_, err := b.s.ingress.Groups(ctx, account, ingress.Find{ARNs: []string{group}})
	if errors.Is(err, ingress.ErrNoGroup) {
		return false, nil
	}
	return err == nil, err
}

// Attach satisfies cluster.Balancer.
func (b balancer) Attach(ctx context.Context, account, group string, t cluster.Target) error {
	err := b.attach(ctx, account, group, t)
	if errors.Is(err, ingress.ErrNoGroup) {
		return errs.Say(cluster.ErrNoTargetGroup, "%s", err)
	}
	return err
}

func (b balancer) attach(ctx context.Context, account, group string, t cluster.Target) error {
	target := ingress.Target{ID: t.Host, Host: t.Host, Port: t.Port, Owner: t.ID}
	if t.Host == "" {
		host, err := b.s.cluster.Address(ctx, account, t.Node)
		if err != nil {
			return err
		}
		target.Host = host
		if target.ID, err = b.s.ingress.NameOf(ctx, account, group, host, t.Node); err != nil {
			return err
		}
	}
	return b.s.ingress.Attach(ctx, account, group, target)
}

// Detach satisfies cluster.Balancer.
func (b balancer) Detach(ctx context.Context, account, group string, t cluster.Target) error {
	return b.s.ingress.Detach(ctx, account, group, t.ID)
}

// Healthy satisfies cluster.Balancer.
func (b balancer) Healthy(ctx context.Context, account, group string) (map[string]cluster.TargetHealth, error) {
	owned, err := b.s.ingress.Owned(ctx, account, group)
	found := map[string]cluster.TargetHealth{}
	for task, h := range owned {
		found[task] = cluster.TargetHealth{State: h.State, Reason: h.Text}
	}
	return found, err
}

// remoteKey is where the context of a node's call has the address that it came from.
type remoteKey struct{}

// fromWhere lets what a node's call is passed on to know where it came from.
func fromWhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), remoteKey{}, r.RemoteAddr)))
	})
}

// located is the control plane as nodes reach it by a wire: a machine that does not say where it is reached is
// where its session comes from.
type located struct {
	nodeapi.ControlPlane
	nodeapi.FunctionPlane
}

// Session satisfies nodeapi.ControlPlane.
func (l located) Session(ctx context.Context, hello nodeapi.Hello, send func(nodeapi.Frame) error) error {
	remote, _ := ctx.Value(remoteKey{}).(string)
	if host, _, err := net.SplitHostPort(remote); err == nil {
		hello.Attributes = withAddress(hello.Attributes, host)
	}
	return l.ControlPlane.Session(ctx, hello, send)
}

// withAddress adds where a machine is reached, unless it says so itself.
func withAddress(attributes map[string]string, host string) map[string]string {
	if attributes[cluster.AttributeAddress] != "" {
		return attributes
	}
	all := maps.Clone(attributes)
	if all == nil {
		all = map[string]string{}
	}
	all[cluster.AttributeAddress] = host
	return all
}
