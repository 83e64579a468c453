package endpoint

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
)

// nobody proves itself by a request to the API: it holds no id.
func nobody(*task) bool { return false }

// apiHandler leads to the control plane's API what comes from tasks with a role.
func (s *Server) apiHandler() http.Handler { return s.forTasks(s.toAPI()) }

// toAPI leads to the control plane's API. All that is signed
// goes through as it came: method, path, query, host, headers and body.
func (s *Server) toAPI() http.Handler {
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
		if r.Method == http.MethodConnect || strings.HasPrefix(r.URL.Path, "/node/") { // which is between nodes and the control plane
			refuseStranger(w)
			return
		}
		to.ServeHTTP(w, r)
	})
}

// forTasks lets those by that call from the address of a task with a role.
func (s *Server) forTasks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch t := s.caller(w, r, nobody); {
		case t == nil:
		case !t.role:
			refuseStranger(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// forLocal lets whoever is on the machine by while a task with a role is in its network, for nothing tells
// who calls there. What they say must be signed all the same.
func (s *Server) forLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.actsLocally() {
			refuseStranger(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) actsLocally() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.byID {
		if t.role && !t.address.IsValid() {
			return true
		}
	}
	return false
}
