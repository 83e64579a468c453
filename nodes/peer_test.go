package nodes

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"slipway/nodeapi"
)

const (
	carl = "00000000000000000000000000000001"
	dora = "00000000000000000000000000000002"
)

// meets tells whether somebody who dials as config says gets by to a server, and what they are told otherwise.
func (w *world) meets(at *Control, server string, config *tls.Config) error {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := tls.NewListener(l, at.PeerTLS(server)).Accept()
		if err == nil {
			io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", l.Addr().String(), config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len("hello"))); err != nil {
		return err
	}
	return nil
}

// Servers over one database know one another, and nobody is taken for one that is none.
func TestServersKnowOneAnother(t *testing.T) {
	each(t, func(w *world) {
		if err := w.meets(w.c, carl, w.c.DialPeerTLS(dora, carl)); err != nil {
			w.Errorf("a server is refused: %v", err)
		}
		if err := w.meets(w.c, carl, w.c.DialPeerTLS(dora, dora)); !errors.Is(err, ErrPeer) {
			w.Errorf("another server than was meant: %v", err)
		}
		nobody := w.c.DialPeerTLS(dora, carl)
		nobody.GetClientCertificate = nil
		if w.meets(w.c, carl, nobody) == nil {
			w.Error("somebody without a certificate is let in")
		}
		if err := w.meets(w.c, carl, &tls.Config{RootCAs: w.c.authority.pool, ServerName: nodeapi.ServerName}); err == nil {
			w.Error("a server shows nodes what it shows servers")
		}
	})
}

// A node is no server, neither in what it shows nor where servers look for one; and a server is no node.
func TestANodeIsNoServer(t *testing.T) {
	each(t, func(w *world) {
		w.mustJoin(w.invite(Invitation{Account: account, Uses: 1}, time.Hour), ann)
		key, err := w.c.authority.own(&ours{}, certificateOfNode(ann))
		if err != nil {
			w.Fatal(err)
		}
		posing := w.c.DialPeerTLS(dora, carl)
		posing.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return key, nil }
		if w.meets(w.c, carl, posing) == nil {
			w.Error("a node is let in as a server")
		}
		shown, err := w.c.peerCertificate(carl)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.c.Identify(w.Context(), leafOf(w.T, shown)); !errors.Is(err, ErrNotANode) {
			w.Errorf("a server is taken for a node: %v", err)
		}
	})
}

// certificateOfNode says what that of a node does.
func certificateOfNode(id string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: id}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func leafOf(t *testing.T, c *tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
