package route

import (
	"net/http"
	"strconv"
	"strings"
)

// Redirect sends a client elsewhere. Its parts may hold #{protocol}, #{host}, #{port}, #{path} and #{query},
// which are those of the request. Source: API Reference, "RedirectActionConfig".
type Redirect struct {
	Protocol string `json:"protocol"` // "HTTP", "HTTPS" or "#{protocol}"
	Host     string `json:"host"`
	Port     string `json:"port"`
	Path     string `json:"path"` // with its leading slash
	Query    string `json:"query"`
	Status   int    `json:"status"` // 301 or 302
}

// Location is where a request that came by plain HTTP to a port is sent.
func (d Redirect) Location(r *http.Request, port int) string {
	fill := strings.NewReplacer(
		"#{protocol}", "http", "#{host}", Host(r.Host), "#{port}", strconv.Itoa(port),
		"#{path}", strings.TrimPrefix(r.URL.EscapedPath(), "/"), "#{query}", r.URL.RawQuery,
	).Replace
	scheme, at := strings.ToLower(fill(d.Protocol)), fill(d.Port)
	location := scheme + "://" + fill(d.Host)
	if !(scheme == "http" && at == "80" || scheme == "https" && at == "443") {
		location += ":" + at
	}
	location += fill(d.Path)
	if query := fill(d.Query); query != "" {
		location += "?" + query
	}
	return location
}
