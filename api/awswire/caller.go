package awswire

import "context"

// Caller is who signed a request.
type Caller struct {
	Account     string // twelve digits
	ARN         string // arn:aws:iam::123456789012:root, arn:aws:iam::123456789012:user/ann, ...
	UserID      string // the account for root, AIDA... for a user, AROA...:session for a role
	AccessKeyID string

	// Principal is what the Authenticator knows of the caller beyond this. The Authorizer gets it back.
	Principal any
}

// Authenticator knows the access keys.
type Authenticator interface {
	// Lookup returns the secret of an access key and whom it belongs to.
	// The session token is "" for long-lived keys, and must be compared in constant time.
	// It returns ErrUnknownKey, ErrBadToken or ErrExpiredToken when the key may not be used.
	Lookup(ctx context.Context, accessKeyID, sessionToken string) (secret string, who Caller, err error)
}

type identityKey struct{}

// identity is what a handler can learn of the request that it serves.
type identity struct {
	who       Caller
	requestID string
	host      string
	x         *exchange
}

func identityOf(ctx context.Context) *identity {
	if id, ok := ctx.Value(identityKey{}).(*identity); ok {
		return id
	}
	return &identity{}
}

// CallerOf returns who signed the request that ctx belongs to; the zero Caller outside of requests.
func CallerOf(ctx context.Context) Caller { return identityOf(ctx).who }

// RequestID returns the id under which the answer goes out and faults are logged.
func RequestID(ctx context.Context) string { return identityOf(ctx).requestID }

// Host returns the host, with its port, that the client called; "" outside of requests. Signatures cover it.
func Host(ctx context.Context) string { return identityOf(ctx).host }

// Header returns a header of the request that ctx belongs to, or "".
func Header(ctx context.Context, name string) string {
	x := identityOf(ctx).x
	if x == nil {
		return ""
	}
	return x.r.Header.Get(name)
}
