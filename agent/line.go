package agent

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"slipway/internal/errs"
)

// errRegistryAway is temporary: the control plane will be back, and its registry with it.
var errRegistryAway = errs.New(errs.Unavailable, "the control plane's registry cannot be reached")

// toRegistry carries a pull of one of the control plane's own images: by the node's line where there is one.
func (a *Agent) toRegistry(ref string) http.RoundTripper {
	host, _, _ := strings.Cut(ref, "/")
	if w := a.welcome.Load(); a.config.Line == nil || w == nil || host != w.Registry {
		return nil
	}
	return line{a.config.Line, a.config.API, host}
}

// line brings to the control plane what is for its registry, under whatever name that goes, and sends
// everything else where it wants to go: the registry may lead to a store elsewhere.
type line struct {
	next     http.RoundTripper
	to       *url.URL
	registry string
}

// RoundTrip satisfies http.RoundTripper.
func (l line) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != l.registry {
		return http.DefaultTransport.RoundTrip(r)
	}
	led := r.Clone(r.Context())
	led.Host = l.registry
	led.URL.Scheme, led.URL.Host = l.to.Scheme, l.to.Host
	resp, err := l.next.RoundTrip(led)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRegistryAway, err)
	}
	resp.Request = r // by which the caller knows whom it asked
	return resp, nil
}
