package nodeapi

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Location is where the archive of an image lies, for an image that is named by a URL, such as
// https://store.example/app.tar#sha256:0f1e...
type Location struct {
	URL    string // without the digest; what follows its path may be secret, as in a presigned one
	Digest string // of the image, "sha256:..."; "": whatever lies there
}

const maxLocation = 4096 // bytes

var locationDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// IsLocation tells whether an image is named by a URL. In the names that registries give there is no "://".
func IsLocation(image string) bool { return strings.Contains(image, "://") }

// ParseLocation reads the name of an image that IsLocation. It returns ErrLocation.
func ParseLocation(image string) (Location, error) {
	text, digest, pinned := strings.Cut(image, "#")
	u, err := url.Parse(text)
	switch {
	case err != nil || len(image) > maxLocation || strings.ContainsFunc(image, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Location{}, fmt.Errorf("%w: it is not a URL of at most %d ASCII characters", ErrLocation, maxLocation)
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return Location{}, fmt.Errorf("%w: want https://HOST/PATH or http://HOST/PATH", ErrLocation)
	case u.User != nil:
		return Location{}, fmt.Errorf("%w: it holds a password; name a secret in repositoryCredentials", ErrLocation)
	case pinned && !locationDigest.MatchString(digest):
		return Location{}, fmt.Errorf("%w: what follows # is not the digest of an image, sha256:...", ErrLocation)
	}
	return Location{URL: text, Digest: digest}, nil
}

// Name is the location without what may be secret in it, for people to read.
func (l Location) Name() string {
	name, _, _ := strings.Cut(l.URL, "?")
	if l.Digest != "" {
		name += "#" + l.Digest
	}
	return name
}

// String is as the image is named.
func (l Location) String() string {
	if l.Digest == "" {
		return l.URL
	}
	return l.URL + "#" + l.Digest
}
