package blob

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest names bytes by their hash: "sha256:" and 64 hexadecimal digits, or "sha512:" and 128.
// A Digest that ParseDigest returned is safe as part of a file name.
type Digest string

type algorithm struct {
	name string
	size int // in bytes
	new  func() hash.Hash
}

var algorithms = []algorithm{
	{"sha256", sha256.Size, sha256.New},
	{"sha512", sha512.Size, sha512.New},
}

// ParseDigest checks s, or returns an ErrDigest that says what is wrong with it.
func ParseDigest(s string) (Digest, error) {
	name, digits, found := strings.Cut(s, ":")
	if !found {
		return "", fmt.Errorf("%w: %q is not of the form algorithm:digits", ErrDigest, s)
	}
	for _, a := range algorithms {
		if a.name == name {
			return checkDigits(s, digits, a)
		}
	}
	return "", fmt.Errorf("%w: %q has the algorithm %q, want sha256 or sha512", ErrDigest, s, name)
}

// CheckAlgorithm returns an ErrDigest for an algorithm that no digest here has.
func CheckAlgorithm(name string) error {
	if NewHash(name) == nil {
		return fmt.Errorf("%w: the algorithm is %q, want sha256 or sha512", ErrDigest, name)
	}
	return nil
}

func checkDigits(s, digits string, a algorithm) (Digest, error) {
	if len(digits) != 2*a.size || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: %q does not have %d lower-case hexadecimal digits after %s", ErrDigest, s, 2*a.size, a.name)
	}
	return Digest(s), nil
}

// DigestOf is the sha256 digest of b.
func DigestOf(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Sum("sha256", sum[:])
}

// Sum is the digest that has the given algorithm and hash value.
func Sum(algorithm string, sum []byte) Digest {
	return Digest(algorithm + ":" + hex.EncodeToString(sum))
}

// Algorithm is "sha256" or "sha512".
func (d Digest) Algorithm() string {
	name, _, _ := strings.Cut(string(d), ":")
	return name
}

// Hex is the part after the colon.
func (d Digest) Hex() string {
	_, digits, _ := strings.Cut(string(d), ":")
	return digits
}

// NewHash returns the hash function of the algorithm, or nil for one that is not known.
func NewHash(name string) hash.Hash {
	for _, a := range algorithms {
		if a.name == name {
			return a.new()
		}
	}
	return nil
}

// Matches reports whether b are the bytes that d names.
func (d Digest) Matches(b []byte) bool {
	h := NewHash(d.Algorithm())
	if h == nil {
		return false
	}
	h.Write(b)
	return Sum(d.Algorithm(), h.Sum(nil)) == d
}
