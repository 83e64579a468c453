package lambda

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"slipway/functions"
)

// isPreflight reports whether a browser asks what a page of another origin may do. Source: Fetch standard, "CORS-preflight
// request".
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers for the function. A page that may not is told nothing, which is how browsers know.
func preflight(w http.ResponseWriter, r *http.Request, c *functions.CORS) {
	method, headers := r.Header.Get("Access-Control-Request-Method"), r.Header.Get("Access-Control-Request-Headers")
	h := w.Header()
	if allows(c.Methods, method) && allowOrigin(h, r, c) {
		h.Set("Access-Control-Allow-Methods", shown(c, c.Methods, method))
		if len(c.Headers) > 0 {
			h.Set("Access-Control-Allow-Headers", shown(c, c.Headers, headers))
		}
		if c.MaxAge != nil {
			h.Set("Access-Control-Max-Age", strconv.Itoa(*c.MaxAge))
		}
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// shown is a list as browsers read it. To them, "*" is all only where no credentials are sent: what was asked for is
// named then.
func shown(c *functions.CORS, list []string, asked string) string {
	if credentials(c) && slices.Contains(list, "*") {
		return asked
	}
	return strings.Join(list, ",")
}

func credentials(c *functions.CORS) bool { return c.Credentials != nil && *c.Credentials }

// allows reports whether a method is in a list. Pages may always send those that need no asking.
func allows(list []string, method string) bool {
	simple := method == http.MethodGet || method == http.MethodHead || method == http.MethodPost
	return simple && len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, method)
}

// allowOrigin tells the page that calls whether it may read the answer, and reports it.
func allowOrigin(h http.Header, r *http.Request, c *functions.CORS) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.ContainsFunc(c.Origins, func(pattern string) bool { return matchesOrigin(pattern, origin) }) {
		return false
	}
	if slices.Contains(c.Origins, "*") && !credentials(c) {
		origin = "*"
	} else {
		h.Add("Vary", "Origin")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if credentials(c) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// matchesOrigin compares an origin with one that is allowed, which may have a "*" for any label of its host.
func matchesOrigin(pattern, origin string) bool {
	before, after, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == origin
	}
	return len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
}

// allowOrigin tells the page that calls whether it may read this answer. What the URL says goes before what its
// function says.
func (o *reply) allowOrigin() {
	c := &o.url.Settings.CORS
	if c.Empty() {
		return
	}
	h := o.w.Header()
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"} {
		h.Del(name)
	}
	if allowOrigin(h, o.r, c) && len(c.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Expose, ","))
	}
}
