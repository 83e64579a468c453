package nodeapi

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"slipway/internal/durable"
	"slipway/internal/errs"
	"slipway/internal/loop"
)

// What an identity can lack.
var (
	ErrNotJoined = errs.New(errs.NotFound, "this machine has not joined a control plane")
	ErrExpired   = errs.New(errs.Denied, "the certificate of this node has expired")
	errAuthority = errs.New(errs.Denied, "this is not the control plane that the token is for")
	errDamaged   = errs.New(errs.Invalid, "the identity of this node is damaged")
)

// Files of a node's identity, in a folder of its own.
const (
	identityFile = "identity.json"
	joiningFile  = "joining.key" // from before it is certified, so that a crash does not cost the token
)

// Identity is how a node shows who it is, and knows the control plane: its key, certificate and authority,
// kept in a folder. It is safe for use by many goroutines.
type Identity struct {
	dir string

	mu   sync.Mutex
	kept kept
	live *http.Transport
}

// kept is what stands in the file.
type kept struct {
	URL string `json:"url"` // "https://10.0.0.1:4602"
	Key []byte `json:"key"` // PKCS #8
	By  string `json:"by"`  // the id of the token that it joined with
	Membership
}

// Join makes this machine the node of that id, by a token, and keeps its identity in dir. It may be tried
// again with the same token when no answer was heard.
func Join(ctx context.Context, url string, t Token, node, dir string) (*Identity, error) {
	key, err := joiningKey(dir)
	if err != nil {
		return nil, err
	}
	csr, err := request(key)
	if err != nil {
		return nil, err
	}
	client := NewClient(url, newTransport(&tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         ServerName,
		InsecureSkipVerify: true, // by names of hosts and authorities of the world: the token says whom to trust
		VerifyConnection:   func(c tls.ConnectionState) error { return verify(c, t.Authority) },
	}))
	var given Membership
	err = client.call(ctx, "join", JoinRequest{t, node, csr}, &given)
	if errors.Is(err, errAuthority) {
		err = errAuthority // it will not be another one at the next try
	}
	if err != nil {
		return nil, err
	}
	i := &Identity{dir: dir}
	if err := i.keep(kept{URL: url, By: t.ID, Membership: given}, key); err != nil {
		return nil, err
	}
	os.Remove(filepath.Join(dir, joiningFile))
	return i, nil
}

// verify has a chain end in the authority of that fingerprint.
func verify(c tls.ConnectionState, fingerprint []byte) error {
	for _, authority := range c.PeerCertificates[1:] {
		if !bytes.Equal(Fingerprint(authority), fingerprint) {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(authority)
		_, err := c.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: ServerName})
		return err
	}
	return errAuthority
}

// joiningKey reads the key that the node joins with, or makes it.
func joiningKey(dir string) (crypto.Signer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, joiningFile)
	text, err := os.ReadFile(file)
	if err == nil {
		return readKey(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if text, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	return key, durable.WriteFile(file, text)
}

func readKey(text []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: its key cannot sign", errDamaged)
	}
	return signer, nil
}

func request(key crypto.Signer) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
}

// OpenIdentity reads what Join kept. It returns ErrNotJoined or ErrExpired.
func OpenIdentity(dir string) (*Identity, error) {
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, err
	}
	i := &Identity{dir: dir}
	if err := json.Unmarshal(text, &i.kept); err != nil {
		return nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	if now := time.Now(); now.After(i.kept.Expires) {
		return nil, fmt.Errorf("%w, on %s; it is %s by this machine's clock", ErrExpired, i.kept.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return i, i.use(i.kept)
}

// keep writes an identity down, and uses it from then on.
func (i *Identity) keep(k kept, key crypto.Signer) (err error) {
	if k.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return err
	}
	if err := i.use(k); err != nil {
		return err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(i.dir, identityFile), text)
}

// use has new connections show this identity. Those that are open go on.
func (i *Identity) use(k kept) error {
	key, err := readKey(k.Key)
	if err != nil {
		return err
	}
	authority, err := x509.ParseCertificate(k.Authority)
	if err != nil {
		return fmt.Errorf("%w: %v", errDamaged, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.live
	i.kept, i.live = k, newTransport(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   ServerName,
		RootCAs:      roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{k.Certificate}, PrivateKey: key}},
	})
	if before != nil {
		before.CloseIdleConnections()
	}
	return nil
}

func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

// Membership is what the node was given last, and where the control plane is.
func (i *Identity) Membership() (url string, m Membership) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kept.URL, i.kept.Membership
}

// JoinedBy tells whether it was by this token that the node joined last.
func (i *Identity) JoinedBy(t Token) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kept.By == t.ID
}

// RoundTrip satisfies http.RoundTripper: it goes to the control plane, as this node.
func (i *Identity) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	live := i.live
	i.mu.Unlock()
	return live.RoundTrip(r)
}

// Move has the node look for the control plane elsewhere.
func (i *Identity) Move(url string) error {
	i.mu.Lock()
	k := i.kept
	i.mu.Unlock()
	if k.URL == url {
		return nil
	}
	key, err := readKey(k.Key)
	if err != nil {
		return err
	}
	k.URL = url
	return i.keep(k, key)
}

// Client is the control plane, as this node.
func (i *Identity) Client() *Client {
	url, _ := i.Membership()
	return NewClient(url, i)
}

// Run renews the certificate until ctx ends.
func (i *Identity) Run(ctx context.Context) error {
	loop.Run(ctx, "node certificate", time.Hour, nil, i.renew)
	return nil
}

// renew gets the next certificate when a third of the present one's life has passed.
func (i *Identity) renew(ctx context.Context) error {
	_, m := i.Membership()
	certificate, err := x509.ParseCertificate(m.Certificate)
	if err != nil {
		return fmt.Errorf("%w: %v", errDamaged, err)
	}
	if life := certificate.NotAfter.Sub(certificate.NotBefore); time.Now().Before(certificate.NotBefore.Add(life / 3)) {
		return nil
	}
	return i.Renew(ctx)
}

// Renew gets the next certificate, with a key of its own. When it fails the present one stays good.
func (i *Identity) Renew(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := request(key)
	if err != nil {
		return err
	}
	i.mu.Lock()
	next := i.kept
	i.mu.Unlock()
	if err := i.Client().call(ctx, "renew", renewRequest{csr}, &next.Membership); err != nil {
		return err
	}
	return i.keep(next, key)
}
