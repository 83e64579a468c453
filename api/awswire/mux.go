package awswire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"slipway/internal/ids"
	"slipway/internal/sigv4"
)

// Config is what the server gives its doors. Region, Keys and Access are required.
type Config struct {
	Region  string // the region that signatures must name
	Keys    Authenticator
	Access  Authorizer
	Log     *slog.Logger // nil: slog.Default()
	Observe func(Call)   // called once per request after its answer; nil: nobody counts
	MaxBody int64        // bytes of a request; 0: 32 MiB, room for a 20 MiB layer part in base64
}

const defaultMaxBody = 32 << 20

// Call is one request as metrics see it.
type Call struct {
	Service   string // "ecs"; "" if the request named none
	Operation string // "RunTask"; "" if the request named none that the service has
	Status    int
	Duration  time.Duration
}

// Mux is one http.Handler for all services, told apart by what clients send, not by host or port.
type Mux struct {
	config     Config
	byName     map[string]*Service // signing name
	byTarget   map[string]*Service // X-Amz-Target prefix, and rpc-v2-cbor's service name
	signatures sigv4.Verifier
}

// NewMux puts services behind one handler.
func NewMux(config Config, services ...*Service) *Mux {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Observe == nil {
		config.Observe = func(Call) {}
	}
	if config.MaxBody == 0 {
		config.MaxBody = defaultMaxBody
	}
	m := &Mux{config: config, byName: map[string]*Service{}, byTarget: map[string]*Service{}}
	for _, s := range services {
		m.byName[s.api.Name] = s
		if s.api.Target != "" {
			m.byTarget[s.api.Target] = s
		}
	}
	return m
}

// names lists the services, for messages.
func (m *Mux) names() string { return strings.Join(slices.Sorted(maps.Keys(m.byName)), ", ") }

func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{mux: m, r: r, id: ids.UUID(), protocol: protocolOf(r)}
	a := x.answer()
	a.send(w, x.id)
	m.config.Observe(Call{Service: x.service.name(), Operation: x.operation, Status: a.status, Duration: time.Since(start)})
}

// exchange is one request on its way to an answer.
type exchange struct {
	mux       *Mux
	r         *http.Request
	id        string
	protocol  Protocol
	service   *Service // nil until it is known
	operation string   // "" until it is known that the service has it
	who       Caller
}

func (x *exchange) answer() *answer {
	a, err := x.serve()
	if err != nil {
		a = x.refuse(x.faultOf(err))
	}
	return a
}

// serve goes the way of one request. Nothing of the body is read for a caller whose key is unknown.
func (x *exchange) serve() (*answer, error) {
	claim, err := x.claim()
	if err != nil {
		return nil, err
	}
	secret, who, err := x.mux.config.Keys.Lookup(x.r.Context(), claim.AccessKeyID, claim.SessionToken)
	if err != nil {
		return nil, err
	}
	x.who = who
	body, err := x.readBody(func(sent []byte) error { return x.mux.signatures.Verify(claim, x.r, sent, secret) })
	if err != nil {
		return nil, err
	}
	call, err := x.route(body)
	if err != nil {
		return nil, err
	}
	in, err := x.decode(call)
	if err != nil {
		return nil, err
	}
	out, err := x.do(call.binding, in)
	if err != nil {
		return nil, err
	}
	return x.accept(call.binding, out), nil
}

// claim reads who says to have signed the request, and finds the service that it is for.
func (x *exchange) claim() (*sigv4.Claim, error) {
	x.service = x.serviceByTarget()
	claim, err := sigv4.Parse(x.r)
	if err != nil {
		return nil, err
	}
	if x.service == nil {
		x.service = x.mux.byName[claim.Service]
	}
	if x.service == nil {
		return nil, notSupported.Newf("The service '%s' is not supported by Slipway, which serves %s.", claim.Service, x.mux.names())
	}
	if !x.service.speaks(x.protocol) {
		x.protocol = x.service.api.Protocols[0]
	}
	if err := claim.CheckScope(x.mux.config.Region, x.service.api.Name); err != nil {
		return nil, err
	}
	return claim, claim.CheckTime(time.Now())
}

// do authorizes the call and makes it. A panic is a fault of this call only.
func (x *exchange) do(b *Binding, in any) (out any, err error) {
	ctx := context.WithValue(x.r.Context(), identityKey{}, &identity{x.who, x.id, x.r.Host})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := x.authorize(ctx, b, in); err != nil {
		return nil, err
	}
	return b.do(ctx, in)
}

func (x *exchange) authorize(ctx context.Context, b *Binding, in any) error {
	if b.on == nil {
		return nil
	}
	resources := b.on(ctx, in)
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	action := b.api.Name + ":" + b.name
	for _, resource := range resources {
		err := x.mux.config.Access.Authorize(ctx, x.who, action, resource)
		if errors.Is(err, ErrDenied) {
			return denied.Newf("User: %s is not authorized to perform: %s on resource: %s", x.who.ARN, action, resource)
		}
		if err != nil {
			return fmt.Errorf("authorize %s on %s: %w", action, resource, err)
		}
	}
	return nil
}
