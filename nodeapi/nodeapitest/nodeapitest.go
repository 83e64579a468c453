// Package nodeapitest is the wire without its certificates, for tests of what goes over it.
package nodeapitest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"slipway/nodeapi"
)

// Handler takes whoever comes for the node of that id.
func Handler(cp nodeapi.ControlPlane, node string) http.Handler {
	h := nodeapi.NewHandler(cp, known(node))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
		h.ServeHTTP(w, r)
	})
}

// Serve is a server of Handler until the test ends.
func Serve(t testing.TB, cp nodeapi.ControlPlane, node string) *httptest.Server {
	s := httptest.NewServer(Handler(cp, node))
	t.Cleanup(s.Close)
	return s
}

// known takes everybody for one node.
type known string

func (k known) Identify(context.Context, *x509.Certificate) (nodeapi.Peer, error) {
	return nodeapi.Peer{Node: string(k)}, nil
}

func (known) Join(context.Context, nodeapi.JoinRequest) (nodeapi.Membership, error) {
	return nodeapi.Membership{}, errors.New("nobody joins here")
}

func (known) Renew(context.Context, nodeapi.Peer, []byte) (nodeapi.Membership, error) {
	return nodeapi.Membership{}, errors.New("nobody renews here")
}
