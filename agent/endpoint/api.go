package endpoint

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
)

// nobody proves itself by a request to the API: it holds no id.
func nobody(*task) bool { return false }

// apiHandler leads to the control plane's API what comes from tasks with a role. All that is signed
// goes through as it came: method, path, query, host, headers and body.
func (s *Server) apiHandler() http.Handler {
	line := s.config.Line
	if line == nil {
		line = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: idleTime}
	}
	to := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = s.config.API.Scheme, s.config.API.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // the proxy drops what it cannot parse, but it is signed
			r.Out.Host = r.In.Host
		},
		Transport:     line,
		FlushInterval: -1, // logs are followed line by line
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			slog.Debug("a container's call does not reach the control plane", "error", err)
			refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "The control plane cannot be reached. Try again.")
		},
		ErrorLog: quiet,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch t := s.caller(w, r, nobody); {
		case t == nil:
		case !t.role, r.Method == http.MethodConnect, strings.HasPrefix(r.URL.Path, "/node/"): // which is between nodes and the control plane
			refuseStranger(w)
		default:
			to.ServeHTTP(w, r)
		}
	})
}
