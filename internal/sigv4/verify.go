package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Verifier compares signatures. It remembers derived keys, and only those under which a signature
// was good, so that nobody without a secret can fill or probe its memory. Its zero value is ready;
// it may be used by many goroutines at once.
type Verifier struct {
	mu   sync.RWMutex
	keys map[keyID]derivedKey
}

// maxKeys bounds the remembered keys. A day's keys of a large installation fit; when they do
// not, all are forgotten and derived again, four hashes each.
const maxKeys = 4096

type keyID struct{ accessKeyID, date, region, service string }

type derivedKey struct {
	secret string // from which it was derived: a key id may be given a new one
	key    [sha256.Size]byte
}

// Verify returns nil if c's signature is that of r with this body under secret. The body is the
// bytes as they were sent, before any Content-Encoding is undone.
func (v *Verifier) Verify(c *Claim, r *http.Request, body []byte, secret string) error {
	if err := c.checkHeaders(r); err != nil {
		return err
	}
	bodyHash, err := c.checkBody(r, body)
	if err != nil {
		return err
	}
	return v.verify(c, r, bodyHash, secret)
}

// verify compares c's signature with that of r, whose body has the hash, or is said to have it.
func (v *Verifier) verify(c *Claim, r *http.Request, bodyHash, secret string) error {
	key, known := v.key(c, secret)
	var room [canonicalSize]byte
	var canonical, text []byte
	for _, path := range paths(r, c.Service) {
		canonical = appendCanonical(room[:0], r, path, c.headers, bodyHash)
		text = stringToSign(c, canonical)
		if want := mac(key[:], text); hmac.Equal(want[:], c.signature) {
			if !known {
				v.remember(c, derivedKey{secret, key})
			}
			return nil
		}
	}
	return refuse(Mismatch, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
		"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", string(canonical), text)
}

// checkHeaders insists that what decides a request's meaning is signed.
func (c *Claim) checkHeaders(r *http.Request) error {
	if !slices.Contains(c.headers, "host") {
		return refuse(Mismatch, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for _, name := range []string{"X-Amz-Target", "X-Amz-Security-Token", "X-Amz-Content-Sha256"} {
		if r.Header.Get(name) != "" && !slices.Contains(c.headers, strings.ToLower(name)) {
			return refuse(Mismatch, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

// checkBody returns the body's hash as the signature covers it.
func (c *Claim) checkBody(r *http.Request, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	actual := hex.EncodeToString(sum[:])
	declared := c.bodyHash
	if declared == "" {
		declared = r.Header.Get("X-Amz-Content-Sha256")
	}
	switch {
	case declared == "" || declared == actual:
		return actual, nil
	case declared == unsigned || strings.HasPrefix(declared, "STREAMING-"):
		return "", refuse(Unsupported, "The payload option '%s' is not supported by Slipway: sign the whole body's SHA-256", declared)
	}
	return "", refuse(Mismatch, "The provided 'x-amz-content-sha256' header does not match what was computed: '%s', and the body's is '%s'.", declared, actual)
}

// key returns the derived key of c's scope, and whether a signature was good under it before.
func (v *Verifier) key(c *Claim, secret string) (key [sha256.Size]byte, known bool) {
	v.mu.RLock()
	k, ok := v.keys[c.keyID()]
	v.mu.RUnlock()
	if ok && subtle.ConstantTimeCompare([]byte(k.secret), []byte(secret)) == 1 {
		return k.key, true
	}
	return derive(secret, c), false
}

func (v *Verifier) remember(c *Claim, k derivedKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil || len(v.keys) >= maxKeys {
		v.keys = map[keyID]derivedKey{}
	}
	id := c.keyID()
	v.keys[keyID{strings.Clone(id.accessKeyID), strings.Clone(id.date), strings.Clone(id.region), strings.Clone(id.service)}] = k
}

func (c *Claim) keyID() keyID { return keyID{c.AccessKeyID, c.Date, c.Region, c.Service} }
