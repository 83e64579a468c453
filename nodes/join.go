package nodes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"slipway/internal/lazyregexp"
	"slipway/nodeapi"
	"slipway/store"
)

var _ nodeapi.Admission = (*Control)(nil)

var (
	nodePattern       = lazyregexp.New(`^[0-9a-f]{32}$`)
	invitationPattern = lazyregexp.New(`^[0-9a-f]{16}$`)
)

// Join makes the machine that shows a token a node, and gives it its first certificate. A node that did
// not hear the answer may ask again with the same key; who else shows a used token is refused. A node
// that is known may come again by a new invitation that reaches as far as the one it came by. It returns ErrToken, ErrTaken or ErrRequest.
func (c *Control) Join(ctx context.Context, r nodeapi.JoinRequest) (nodeapi.Membership, error) {
	key, err := readRequest(r.Node, r.CSR)
	if err == nil { // a stranger's token costs those who are at work no turn at writing
		err = c.db.View(ctx, func(tx *store.Tx) error { _, err := invitation(tx, r.Token); return err })
	}
	if err != nil {
		return nodeapi.Membership{}, err
	}
	var given nodeapi.Membership
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		i, err := admit(tx, r, key.sum)
		if err != nil {
			return err
		}
		given, err = c.certify(tx, nodeapi.Peer{Node: r.Node, Account: i.Account, Cluster: i.Cluster}, key, i.ID)
		return err
	})
	if err != nil {
		return nodeapi.Membership{}, err
	}
	return given, c.forgetKnown(ctx)
}

// invitation finds what a token is for.
func invitation(tx *store.Tx, t nodeapi.Token) (Invitation, error) {
	i := Invitation{ID: t.ID}
	if !invitationPattern.MatchString(t.ID) { // PostgreSQL fails at a NUL byte
		return i, ErrToken
	}
	var secret []byte
	var expires int64
	err := tx.Row(`select account, cluster, secret, uses, expires from nodes_invitations where id = $1`, t.ID).Scan(&i.Account, &i.Cluster, &secret, &i.Uses, &expires)
	sum := sha256.Sum256(t.Secret)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return i, ErrToken
	case err != nil:
		return i, err
	case subtle.ConstantTimeCompare(sum[:], secret) != 1, expires <= store.Micros(tx.Now):
		return i, ErrToken
	}
	return i, nil
}

// admit uses an invitation up by one, unless this very node has come by it. Who is a node of one cluster
// does not become one of another by the way: what runs on it may not be meant for whoever invites there.
func admit(tx *store.Tx, r nodeapi.JoinRequest, key []byte) (Invitation, error) {
	i, err := invitation(tx, r.Token)
	if err != nil {
		return i, err
	}
	var account, cluster, by string
	var had []byte
	err = tx.Row(`select account, cluster, invitation, key from nodes_nodes where id = $1`, r.Node).Scan(&account, &cluster, &by, &had)
	switch {
	case err != nil && !errors.Is(err, store.ErrNoRows):
		return i, err
	case err == nil && by == i.ID && subtle.ConstantTimeCompare(had, key) == 1:
		return i, nil
	case i.Uses < 1:
		return i, ErrToken
	case err == nil && (account != i.Account || i.Cluster != "" && cluster != i.Cluster):
		return i, fmt.Errorf("%w: %s", ErrTaken, r.Node)
	}
	_, err = tx.Exec(`update nodes_invitations set uses = uses - 1 where id = $1`, i.ID)
	return i, err
}

// Renew gives a node its next certificate. The present one stays good beside it, for lines that were
// opened with it and for a node that does not hear the answer. It returns ErrRequest or ErrNotANode.
func (c *Control) Renew(ctx context.Context, p nodeapi.Peer, csr []byte) (nodeapi.Membership, error) {
	key, err := readRequest(p.Node, csr)
	if err != nil {
		return nodeapi.Membership{}, err
	}
	var given nodeapi.Membership
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		var by string
		err := tx.Row(`select invitation, account, cluster from nodes_nodes where id = $1 and $2 <> '' and $2 in (serial, former)`, p.Node, p.Serial).Scan(&by, &p.Account, &p.Cluster)
		if errors.Is(err, store.ErrNoRows) { // what this server remembers of it is over
			return ErrNotANode
		}
		if err != nil {
			return err
		}
		given, err = c.certify(tx, p, key, by)
		return err
	})
	if err != nil {
		return nodeapi.Membership{}, err
	}
	return given, c.forgetKnown(ctx)
}

// certify writes a node's next certificate down, and gives it.
func (c *Control) certify(tx *store.Tx, p nodeapi.Peer, key publicKey, invitation string) (nodeapi.Membership, error) {
	der, serial, expires, err := c.authority.certify(p.Node, key.key, tx.Now)
	if err != nil {
		return nodeapi.Membership{}, err
	}
	tx.Touch(topic)
	_, err = tx.Exec(`insert into nodes_nodes (id, account, cluster, invitation, key, serial, former, joined, certified, expires)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
		on conflict (id) do update set account = excluded.account, cluster = excluded.cluster, invitation = excluded.invitation, key = excluded.key,
			former = excluded.former, serial = excluded.serial,
			joined = case when excluded.former = '' then excluded.joined else nodes_nodes.joined end, certified = excluded.certified, expires = excluded.expires`,
		p.Node, p.Account, p.Cluster, invitation, key.sum, serial, p.Serial, store.Micros(tx.Now), store.Micros(expires))
	return nodeapi.Membership{Certificate: der, Authority: c.authority.certificate.Raw, Account: p.Account, Cluster: p.Cluster, Expires: expires}, err
}

// Identify tells whose certificate it is. It was found good for TLS already; here is found out
// whether it is the node's newest, or the one that it was renewed with. It returns ErrNotANode.
func (c *Control) Identify(ctx context.Context, certificate *x509.Certificate) (nodeapi.Peer, error) {
	serial := certificate.SerialNumber.Text(16)
	m, err := c.member(ctx, certificate.Subject.CommonName)
	if err == nil && !m.has(serial) { // another server may have given it
		m, err = c.readMember(ctx, certificate.Subject.CommonName)
	}
	switch {
	case err != nil:
		return nodeapi.Peer{}, err
	case !m.has(serial), time.Now().After(certificate.NotAfter):
		return nodeapi.Peer{}, ErrNotANode
	}
	m.peer.Serial = serial
	return m.peer, nil
}

// publicKey is one with its digest.
type publicKey struct {
	key *ecdsa.PublicKey
	sum []byte
}

// readRequest checks that who asks has the key, and that it is of the kind that we certify.
func readRequest(node string, csr []byte) (publicKey, error) {
	if !nodePattern.MatchString(node) {
		return publicKey{}, fmt.Errorf("%w: id %q is not of 32 hexadecimal digits", ErrRequest, node)
	}
	r, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return publicKey{}, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	key, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() { // others may take long to check
		return publicKey{}, fmt.Errorf("%w: its key is not of ECDSA with P-256", ErrRequest)
	}
	if err := r.CheckSignature(); err != nil {
		return publicKey{}, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	sum := sha256.Sum256(r.RawSubjectPublicKeyInfo)
	return publicKey{key, sum[:]}, nil
}
