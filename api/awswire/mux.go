package awswire

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"slipway/internal/condition"
	"slipway/internal/ids"
	"slipway/internal/sigv4"
)

// Config is what the server gives its doors. Region, Keys and Access are required.
type Config struct {
	Region  string // the region that signatures must name
	Keys    Authenticator
	Access  Authorizer
	Log     *slog.Logger // nil: slog.Default()
	MaxBody int64        // bytes of a request; 0: 32 MiB, room for a 20 MiB layer part in base64

	// Limit says how long a caller must wait before this call; 0: not at all. nil: nobody waits.
	Limit func(who Caller, service, operation string) time.Duration
	// Ready says why an operation cannot be done now, before anything is done. nil: all can.
	Ready func(operation string) error
	// Record writes down a call that names an access key, before its answer goes out; when it
	// fails, the caller learns so instead of the answer. nil: nothing is written down.
	Record func(context.Context, *Call) error
	// Observe is called once per request after its answer. nil: nobody counts.
	Observe func(*Call)
}

const defaultMaxBody = 32 << 20

// Call is one request as metrics and the audit see it.
type Call struct {
	Service   string // "ecs"; "" if the request named none
	Operation string // "RunTask"; "" if the request named none that the service has
	Status    int
	Time      time.Time // when it came
	Duration  time.Duration

	Who           Caller // the zero Caller unless the signature was good
	Claimed       string // the access key id that the request names, whoever sent it; "": none
	RequestID     string
	Asked         []Asked // what the caller had to be allowed, up to the first denial
	SourceAddress string  // "192.0.2.7", without a port
	UserAgent     string  // as the client says it, whatever that may be
	Fault         *Fault  // nil: the call was done
}

// Asked is one action on one resource that a call needed.
type Asked struct{ Action, Resource string }

// Mux is one http.Handler for all services, told apart by what clients send, not by host or port.
type Mux struct {
	config     Config
	byName     map[string]*Service // signing name
	byTarget   map[string]*Service // X-Amz-Target prefix, and rpc-v2-cbor's service name
	signatures sigv4.Verifier
	large      chan struct{} // one for each large body of a caller who is not proven yet
	huge       chan struct{} // and for each that only a service takes which takes more than others
}

// NewMux puts services behind one handler.
func NewMux(config Config, services ...*Service) *Mux {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Observe == nil {
		config.Observe = func(*Call) {}
	}
	if config.Record == nil {
		config.Record = func(context.Context, *Call) error { return nil }
	}
	if config.Ready == nil {
		config.Ready = func(string) error { return nil }
	}
	if config.Limit == nil {
		config.Limit = func(Caller, string, string) time.Duration { return 0 }
	}
	if config.MaxBody == 0 {
		config.MaxBody = defaultMaxBody
	}
	m := &Mux{config: config, byName: map[string]*Service{}, byTarget: map[string]*Service{}, large: make(chan struct{}, maxLarge), huge: make(chan struct{}, maxHuge)}
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

// Knows reports whether a request is for one of the services by more than its signature: by its protocol, or by where the
// paths of a service that speaks RestJSON begin.
func (m *Mux) Knows(r *http.Request) bool {
	if protocolOf(r) != RestJSON {
		return true
	}
	path := segments(r.URL.EscapedPath())
	if len(path) == 0 {
		return false
	}
	for _, s := range m.byName {
		if s.routes.root.literals[path[0]] != nil {
			return true
		}
	}
	return false
}

func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{mux: m, r: r, w: w, id: ids.UUID(), protocol: protocolOf(r), start: time.Now(), control: http.NewResponseController(w)}
	// Where deadlines are not served, the server's own timeouts have to do.
	_ = x.control.SetReadDeadline(x.start.Add(bodyTime))
	a, call := x.answer()
	if a != nil {
		a.send(w, x.id)
	}
	call.Duration = time.Since(x.start)
	m.config.Observe(call)
}

// exchange is one request on its way to an answer.
type exchange struct {
	mux       *Mux
	r         *http.Request
	w         http.ResponseWriter
	control   *http.ResponseController
	id        string
	start     time.Time
	claimed   string // the access key id that the request names; "": none, or not known yet
	protocol  Protocol
	service   *Service      // nil until it is known
	operation string        // "" until it is known that the service has it
	binding   *Binding      // nil until it is known that the door has it
	who       Caller        // zero until the signature was found good
	input     reflect.Value // invalid until the call is authorized
	asked     []Asked
	header    http.Header // of the answer, beside what its model says
	streamed  *stream     // nil until an answer has begun that is a stream
}

// answer does the call and writes it down, in this order: what is written down is the outcome. The
// answer is nil if it was a stream, which is written down when it begins.
func (x *exchange) answer() (*answer, *Call) {
	a, err := x.serve()
	call := x.call()
	if err != nil {
		call.Fault = x.faultOf(err)
	}
	if s := x.streamed; s != nil {
		call.Status = s.status
		s.over(call.Fault)
		return nil, call
	}
	if err := x.record(call); err != nil {
		call.Fault = x.faultOf(err)
	}
	if call.Fault != nil {
		a = x.refuse(call.Fault)
	}
	maps.Copy(a.header, x.header)
	call.Status = a.status
	return a, call
}

func (x *exchange) call() *Call {
	operation := x.operation
	if _, said := x.target(); operation == "" && x.service != nil && x.service.api.has(said) {
		operation = said // refused before it was looked at
	}
	return &Call{
		Service: x.service.name(), Operation: operation, Time: x.start, Who: x.who, Claimed: x.claimed, RequestID: x.id,
		Asked: x.asked, SourceAddress: condition.SourceAddress(x.r), UserAgent: x.r.UserAgent(),
	}
}

// serve goes the way of one request. Nothing of the body is read for a caller whose key is unknown.
func (x *exchange) serve() (*answer, error) {
	claim, err := x.claim()
	if err != nil {
		return nil, err
	}
	x.claimed = claim.AccessKeyID
	secret, who, err := x.mux.config.Keys.Lookup(x.r.Context(), claim.AccessKeyID, claim.SessionToken)
	if err != nil {
		return nil, err
	}
	body, err := x.readBody(func(sent []byte) error { return x.mux.signatures.Verify(claim, x.r, sent, secret) })
	if err != nil {
		return nil, err
	}
	x.who = who
	call, err := x.route(body)
	if err != nil {
		return nil, err
	}
	x.binding = call.binding
	if wait := x.mux.config.Limit(who, x.service.api.Name, x.operation); wait > 0 {
		return nil, x.service.api.throttled(wait)
	}
	in, err := x.decode(call)
	if err != nil {
		return nil, err
	}
	out, err := x.do(call.binding, in)
	if err != nil {
		return nil, err
	}
	if _, streamed := out.(*stream); streamed {
		return nil, nil
	}
	return x.accept(call.binding, out), nil
}

// globalRegion is where the services that AWS has once for all regions are signed for.
const globalRegion = "us-east-1"

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
	region := x.mux.config.Region
	if x.service.api.Global && claim.Region == globalRegion {
		region = globalRegion
	}
	if err := claim.CheckScope(region, x.service.api.Name); err != nil {
		return nil, err
	}
	return claim, claim.CheckTime(time.Now())
}

// do authorizes the call and makes it. A panic is a fault of this call only.
func (x *exchange) do(b *Binding, in any) (out any, err error) {
	ctx := context.WithValue(x.r.Context(), identityKey{}, &identity{x.who, x.id, x.r.Host, x})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := x.authorize(ctx, b, in); err != nil {
		return nil, err
	}
	if err := x.mux.config.Ready(b.name); err != nil {
		return nil, err
	}
	return b.do(ctx, in)
}
