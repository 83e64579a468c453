package nodes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"slipway/nodeapi"
	"slipway/seal"
	"slipway/store"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	// nodeLife is how long a node's certificate is good. A node renews it when a third of it has
	// passed, so one may be away for twenty days and come back.
	nodeLife = 30 * 24 * time.Hour
	// serverLife is that of the control plane's own, which is made in memory when it is wanted.
	serverLife = 7 * 24 * time.Hour
	// skew is how much before their making certificates are good, for machines whose clock is late.
	skew = 24 * time.Hour
)

// authority certifies.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pool        *x509.CertPool

	mu     sync.Mutex
	server ours // towards nodes
	peer   ours // towards other servers
}

// openAuthority reads the authority, or makes it.
func openAuthority(ctx context.Context, db *store.DB, keys *seal.Keys) (*authority, error) {
	column, err := keys.Column(ctx, "nodes_authority", "id", "sealed")
	if err != nil {
		return nil, err
	}
	der, key, err := newAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	const only = "authority"
	var certificate, sealed []byte
	err = db.Update(ctx, func(tx *store.Tx) error {
		err := tx.Row(`select certificate, sealed from nodes_authority where id = $1`, only).Scan(&certificate, &sealed)
		if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		certificate = der
		if sealed, err = column.Seal(tx, key, only); err != nil {
			return err
		}
		_, err = tx.Exec(`insert into nodes_authority (id, certificate, sealed, created) values ($1, $2, $3, $4)`, only, der, sealed, store.Micros(tx.Now))
		return err
	})
	if err != nil {
		return nil, err
	}
	if key, err = column.Open(ctx, sealed, only); err != nil {
		return nil, fmt.Errorf("the key of the nodes' authority: %w", err)
	}
	return readAuthority(certificate, key)
}

func newAuthority(now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: "Slipway nodes"},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	if certificate, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	return certificate, key, err
}

func readAuthority(certificate, key []byte) (*authority, error) {
	c, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("the certificate of the nodes' authority: %w", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("the key of the nodes' authority: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key of the nodes' authority cannot sign")
	}
	a := &authority{certificate: c, key: signer, pool: x509.NewCertPool()}
	a.pool.AddCert(c)
	return a, nil
}

// certify makes the certificate of a node.
func (a *authority) certify(node string, key any, now time.Time) (der []byte, serial string, expires time.Time, err error) {
	template := &x509.Certificate{
		SerialNumber: serialNumber(),
		Subject:      pkix.Name{CommonName: node},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(nodeLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err = x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
	return der, template.SerialNumber.Text(16), template.NotAfter, err
}

// serverCertificate is the control plane's own, with its authority, which a node that joins knows
// by its token alone.
func (a *authority) serverCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.own(&a.server, x509.Certificate{
		Subject:     pkix.Name{CommonName: nodeapi.ServerName},
		DNSNames:    []string{nodeapi.ServerName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// ours is a certificate of this process, whose key is nowhere else.
type ours struct {
	certificate *tls.Certificate
	until       time.Time // when it is made anew
}

// own makes a certificate of this process, or has the one that it made before.
func (a *authority) own(o *ours, template x509.Certificate) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if o.certificate != nil && now.Before(o.until) {
		return o.certificate, nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serialNumber()
	template.NotBefore, template.NotAfter = now.Add(-skew), now.Add(serverLife+skew)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, &template, a.certificate, private.Public(), a.key)
	if err != nil {
		return nil, err
	}
	o.certificate = &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: private}
	o.until = now.Add(serverLife)
	return o.certificate, nil
}

// serialNumber is random, of 127 bits. Source: RFC 5280, 4.1.2.2.
func serialNumber() *big.Int {
	raw := make([]byte, 16)
	rand.Read(raw)
	raw[0] = raw[0]&0x3f | 0x40
	return new(big.Int).SetBytes(raw)
}
