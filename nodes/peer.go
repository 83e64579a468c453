package nodes

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"

	"slipway/internal/errs"
)

// ErrPeer is somebody who is not the server that was expected, or none of ours.
var ErrPeer = errs.New(errs.Denied, "not the server that it should be")

// peerName is in the certificates of servers towards one another. No node has it: what certificates of nodes say is said
// by the authority, and they say their ids alone.
const peerName = "servers.slipway.internal"

// peerSubject names a server: no node's id is like that.
func peerSubject(server string) string { return "server " + server }

// PeerTLS is how a server meets the others over the same database, which have their certificates from the same authority.
// It proves that it is the server of that id, and lets nobody but servers come.
func (c *Control) PeerTLS(server string) *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		GetCertificate:   func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.peerCertificate(server) },
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        c.authority.pool,
		VerifyConnection: func(s tls.ConnectionState) error { return checkPeer(s, "") },
	}
}

// DialPeerTLS is how a server reaches another one, and no other than that.
func (c *Control) DialPeerTLS(server, other string) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		ServerName:           peerName,
		RootCAs:              c.authority.pool,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.peerCertificate(server) },
		VerifyConnection:     func(s tls.ConnectionState) error { return checkPeer(s, other) },
	}
}

// checkPeer refuses who is no server, or another than that one. TLS has found the certificate good already.
func checkPeer(s tls.ConnectionState, other string) error {
	if len(s.VerifiedChains) == 0 {
		return ErrPeer
	}
	shown := s.PeerCertificates[0]
	if err := shown.VerifyHostname(peerName); err != nil {
		return fmt.Errorf("%w: it is %s", ErrPeer, shown.Subject.CommonName)
	}
	if other != "" && shown.Subject.CommonName != peerSubject(other) {
		return fmt.Errorf("%w: it is %s, and should be %s", ErrPeer, shown.Subject.CommonName, peerSubject(other))
	}
	return nil
}

func (c *Control) peerCertificate(server string) (*tls.Certificate, error) {
	return c.authority.own(&c.authority.peer, x509.Certificate{
		Subject:     pkix.Name{CommonName: peerSubject(server)},
		DNSNames:    []string{peerName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}
