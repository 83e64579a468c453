package blob_test

import (
	"errors"
	"strings"
	"testing"

	"slipway/blob"
)

func TestDigestsThatAreTaken(t *testing.T) {
	for _, s := range []string{
		"sha256:" + strings.Repeat("0a", 32),
		"sha512:" + strings.Repeat("f9", 64),
	} {
		d, err := blob.ParseDigest(s)
		if err != nil || string(d) != s || d.Algorithm()+":"+d.Hex() != s {
			t.Errorf("%s: %s (%s and %s), error %v", s, d, d.Algorithm(), d.Hex(), err)
		}
	}
}

func TestDigestsThatAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "sha256", "sha256:", ":00", "latest",
		"sha256:" + strings.Repeat("0a", 31),
		"sha256:" + strings.Repeat("0A", 32),
		"sha256:" + strings.Repeat("0g", 32),
		"sha256:../../" + strings.Repeat("0a", 29),
		"sha512:" + strings.Repeat("0a", 32),
		"md5:" + strings.Repeat("0a", 16),
		"sha256+b64:" + strings.Repeat("0a", 32),
	} {
		if d, err := blob.ParseDigest(s); !errors.Is(err, blob.ErrDigest) || !strings.Contains(err.Error(), s) {
			t.Errorf("%q: %q, error %v, want %v that names the value", s, d, err, blob.ErrDigest)
		}
	}
}

func TestMatches(t *testing.T) {
	d := blob.DigestOf([]byte("hello"))
	if d != "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("the digest of hello is %s", d)
	}
	if !d.Matches([]byte("hello")) || d.Matches([]byte("hallo")) || blob.Digest("md5:00").Matches(nil) {
		t.Error("Matches is wrong")
	}
}
