// Package oci is the registry's door for container tools: it speaks the OCI Distribution
// API, version 1.1, as Amazon ECR does. It holds no state and makes no decision about
// what is kept; uploads, tags and manifests are the registry's.
//
// A client shows a login token of the registry, as the password of any user name or as a
// bearer token. The account is the token's, or the one that the host name says:
// 123456789012.dkr.ecr.us-east-1.example.com.
package oci

import (
	"context"
	"net/http"
	"time"

	"slipway/internal/ids"
	"slipway/registry"
)

// Config is what the server gives the door. Access is required.
type Config struct {
	Access Access

	// Limit says how long a caller must wait before this action; 0: not at all. nil: nobody waits.
	Limit func(who Caller, action string) time.Duration
	// Record writes down a call whose caller is proven, before its answer begins; when it fails, the
	// client learns so instead of the answer. nil: nothing is written down.
	Record func(context.Context, *Call) error
}

// New returns the handler of everything below /v2/.
func New(c *registry.Control, config Config) http.Handler {
	if config.Limit == nil {
		config.Limit = func(Caller, string) time.Duration { return 0 }
	}
	if config.Record == nil {
		config.Record = func(context.Context, *Call) error { return nil }
	}
	return &door{c, config}
}

type door struct {
	registry *registry.Control
	config   Config
}

// call is one request on its way through the door.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	id    string
	start time.Time
	route
	login   registry.Login
	who     Caller // zero until the token was found good
	account string // whose repository it is
	action  string // as policies name it; "" until it is known
	asked   []Asked
	problem *problem // what the call ends with; nil: it is done
}

// ServeHTTP answers one request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, id: ids.UUID(), start: time.Now()}
	c.w = &recorder{ResponseWriter: w, record: func(status int) error { return d.record(c, status) }}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Amzn-Requestid", c.id)
	if err := d.serve(c); err != nil {
		c.fail(err)
	}
}

// serve proves who calls before it looks at anything, and that they may before it says what is there.
func (d *door) serve(c *call) (err error) {
	if err := d.authenticate(c); err != nil {
		return err
	}
	var known bool
	if c.route, known = parseRoute(c.r.URL.Path); !known {
		return problemf(http.StatusNotFound, "UNSUPPORTED", "%s is not a path of the registry API", c.r.URL.Path)
	}
	if c.kind == base {
		return c.hello()
	}
	if err := registry.CheckName(c.name); err != nil {
		return err
	}
	op, ok := operations[c.kind][c.r.Method]
	if !ok {
		return problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not a method of %s", c.r.Method, c.r.URL.Path)
	}
	c.action = op.action
	if wait := d.config.Limit(c.who, c.action); wait > 0 {
		return tooFast(wait)
	}
	if err := d.authorize(c, op.permission, c.name); err != nil {
		return err
	}
	if err := op.do(d, c); err != nil {
		return d.otherwise(c, op, err)
	}
	return nil
}

// hello tells a client that it is logged in to a registry.
func (c *call) hello() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not a method of /v2/", c.r.Method)
	}
	return c.answerJSON(http.StatusOK, "application/json", struct{}{})
}
