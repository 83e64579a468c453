package nodeapi

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"slipway/internal/errs"
)

// ServerName is the name in the control plane's certificate towards nodes. Nodes know it by its
// authority, not by where it is.
const ServerName = "nodes.slipway.internal"

// ErrToken is a token that is not of the form that the control plane gives.
var ErrToken = errs.New(errs.Invalid, "not a token that admits a node")

// Peer is who speaks on a line, by its certificate.
type Peer struct {
	Node    string
	Account string
	Cluster string // that it serves; "": every cluster of its account
	Serial  string // of the certificate
	Joined  time.Time
}

// Admission decides who may be a node. Its errors of kind errs.Denied are final.
type Admission interface {
	// Join makes a machine a node by its token.
	Join(ctx context.Context, r JoinRequest) (Membership, error)
	// Renew gives a node its next certificate.
	Renew(ctx context.Context, p Peer, csr []byte) (Membership, error)
	// Identify tells whose a certificate is that the authority gave.
	Identify(ctx context.Context, certificate *x509.Certificate) (Peer, error)
}

// JoinRequest asks to be made a node.
type JoinRequest struct {
	Token Token  `json:"token"`
	Node  string `json:"node"` // the id that it will have
	CSR   []byte `json:"csr"`  // PKCS #10, DER: proves that it has the key to be certified
}

// Membership is what a node is given to show from then on.
type Membership struct {
	Certificate []byte    `json:"certificate"` // DER
	Authority   []byte    `json:"authority"`   // DER; of who certified it, and certifies the control plane
	Account     string    `json:"account"`
	Cluster     string    `json:"cluster,omitempty"`
	Expires     time.Time `json:"expires"`
}

// Token admits a node, and tells it how to know the control plane. However it is printed, but for
// String, it shows nothing of its secret.
type Token struct {
	ID        string `json:"id"`
	Secret    []byte `json:"secret"`
	Authority []byte `json:"-"` // the fingerprint of the control plane's authority
}

// Fingerprint is that of an authority's public key.
func Fingerprint(authority *x509.Certificate) []byte {
	sum := sha256.Sum256(authority.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Text is the token as it is handed to who will join: ID.SECRET.FINGERPRINT.
func (t Token) Text() string {
	return t.ID + "." + base64.RawURLEncoding.EncodeToString(t.Secret) + "." + base64.RawURLEncoding.EncodeToString(t.Authority)
}

// String names the token without its secret.
func (t Token) String() string { return "token " + t.ID }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// ParseToken reads what Text wrote, or returns ErrToken.
func ParseToken(text string) (Token, error) {
	f := strings.Split(strings.TrimSpace(text), ".")
	if len(f) != 3 {
		return Token{}, fmt.Errorf("%w: it has %d parts, want 3", ErrToken, len(f))
	}
	id, err1 := hex.DecodeString(f[0])
	secret, err2 := base64.RawURLEncoding.Strict().DecodeString(f[1])
	authority, err3 := base64.RawURLEncoding.Strict().DecodeString(f[2])
	if err1 != nil || err2 != nil || err3 != nil || len(id) == 0 || len(secret) != 32 || len(authority) != sha256.Size {
		return Token{}, fmt.Errorf("%w: a part of it was lost or altered", ErrToken)
	}
	return Token{ID: f[0], Secret: secret, Authority: authority}, nil
}
