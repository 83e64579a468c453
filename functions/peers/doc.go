// Package peers is what servers over one database say to one another of functions: a call that came to one of them is
// made by the one where the fleet of its account is, and its answer comes back as it is written.
//
// It is HTTP/2 between servers that know one another by certificates. Who is let by to the handler is believed: whoever
// took a call in has found out who makes it and whether they may.
package peers

import (
	"errors"
	"net/http"
	"time"
)

// Paths.
const (
	invokePath   = "/functions/v1/invoke"
	retirePath   = "/functions/v1/retire"
	progressPath = "/functions/v1/progress"
)

// Bounds of what is sent, in bytes, and of how long the other side may take to accept what it is sent.
const (
	maxHead   = 64 << 10
	maxFrame  = 16 << 20 // an answer of 6 MiB, or what a function says of its failure, of which JSON may make more
	sendLimit = 20 * time.Second
)

// pings has both ends find out about a dead line, and lets many calls be under way on it.
func pings() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: 1 << 16, StrictMaxConcurrentRequests: true,
		MaxReadFrameSize: 1 << 20, MaxReceiveBufferPerConnection: 4<<20 - 1, MaxReceiveBufferPerStream: 4<<20 - 1,
		SendPingTimeout: 5 * time.Second, PingTimeout: 10 * time.Second, WriteByteTimeout: sendLimit,
	}
}

// Protocols has a server speak HTTP/2 for calls, and HTTP/1.1 for the lines of nodes that are passed on.
func Protocols(s *http.Server) {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	s.Protocols, s.HTTP2 = p, pings()
}

var errFrame = errors.New("malformed answer of another server")
