// Package proxy is the data path of load balancers: it listens, picks a target for every request or connection,
// passes it on, and asks targets whether they are well. What it serves is a Plan, which it is given whole; the way
// of a request takes no lock but that of one target's idle connections, and reads no database.
package proxy

import (
	"time"

	"slipway/ingress/route"
)

// Plan is all that is to be served.
type Plan struct {
	Listeners []Listener // those of one port share it by their hosts; the first takes what names none of them
	Groups    []Group
}

// Listener is a port of a load balancer.
type Listener struct {
	ID         string
	Host       string // the DNS name of its load balancer
	Port       int
	TCP        bool          // passes on connections; otherwise HTTP
	Idle       time.Duration // how long a line may be silent
	Forwarded  string        // what becomes of X-Forwarded-For: "append", "preserve" or "remove"
	ClientPort bool          // X-Forwarded-For has the client's port as well
	Rules      []Rule        // the first that matches decides
	Default    Action
}

// Rule is what to do with the requests that match.
type Rule struct {
	Match  route.Matcher
	Action Action
}

// Action is what to do with a request: exactly one of its members is set.
type Action struct {
	Forward  []Share
	Redirect *route.Redirect
	Fixed    *Fixed
}

// Share is the weight that a group has among those that requests are forwarded to.
type Share struct {
	Group  string
	Weight int
}

// Fixed is an answer that no target gives.
type Fixed struct {
	Status     int
	Type, Body string
}

// Group is targets that are alike.
type Group struct {
	ID       string
	Secure   bool          // targets speak TLS; their certificates are not verified, as on AWS
	HTTP2    bool          // targets speak HTTP/2
	Least    bool          // the target with the fewest requests takes the next; otherwise they take turns
	Sticky   time.Duration // how long a cookie keeps a client with its target; 0: not at all
	BySource bool          // the client's address decides
	Check    Check
	Targets  []Target
}

// Target is where requests go.
type Target struct {
	ID    string
	Host  string // IP address, or a name that resolves to one
	Port  int
	Until time.Time // when what still runs is cut, for a target that takes nothing new; zero: it takes requests
}

// Check says how to find out whether a target is well.
type Check struct {
	Off                bool
	Protocol           string // "HTTP", "HTTPS" or "TCP"
	Port               int    // 0: the target's own
	Path               string
	GRPC               bool
	Codes              Codes // that mean well, of HTTP or of gRPC
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int // how many checks in a row decide
}

// How a target is. Source: Application Load Balancers, "Target health status".
const (
	Initial   = "initial"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Draining  = "draining"
	Unused    = "unused"
)

// Why a target is as it is, by AWS's codes.
const (
	ReasonRegistering = "Elb.RegistrationInProgress"
	ReasonFirstChecks = "Elb.InitialHealthChecking"
	ReasonMismatch    = "Target.ResponseCodeMismatch"
	ReasonTimeout     = "Target.Timeout"
	ReasonFailed      = "Target.FailedHealthChecks"
	ReasonNotUsed     = "Target.NotInUse"
	ReasonLeaving     = "Target.DeregistrationInProgress"
	ReasonChecksOff   = "Target.HealthCheckDisabled"
)

// State is how a target is now, as this server sees it.
type State struct {
	ID      string
	Port    int
	Health  string
	Reason  string // "" when it is well
	Text    string
	Running int // requests and connections that it has
}
