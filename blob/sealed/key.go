package sealed

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"slipway/blob"
	"slipway/internal/errs"
)

// KeySize is how many bytes a key has.
const KeySize = 32

// ErrKey says that something cannot be a key.
var ErrKey = errs.New(errs.Invalid, "not a key to seal blobs with")

// Key seals blobs. However it is printed, it shows nothing of itself.
type Key struct{ secret [KeySize]byte }

// NewKey takes the bytes of a key, or returns ErrKey.
func NewKey(raw []byte) (Key, error) {
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("%w: it has %d bytes, want %d", ErrKey, len(raw), KeySize)
	}
	return Key{[KeySize]byte(raw)}, nil
}

// RandomKey returns the bytes of a new key.
func RandomKey() []byte {
	raw := make([]byte, KeySize)
	rand.Read(raw)
	return raw
}

// Format satisfies fmt.Formatter: no verb shows the key.
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, "a key to seal blobs with") }

// Name is what the blob of a digest is called where it is kept. It tells nothing of the digest to who
// has not the key, and no other key gives it.
func (k Key) Name(d blob.Digest) (blob.Digest, error) {
	key, err := k.derive(nil, "names")
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(d))
	return blob.Sum("sha256", mac.Sum(nil)), nil
}

// derive makes the key for one purpose.
func (k Key) derive(salt []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, k.secret[:], salt, "slipway sealed blobs: "+purpose, KeySize)
}
