package registry

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"slipway/blob"
	"slipway/events"
	"slipway/store"
)

// Image is what is known of a manifest without reading it.
type Image struct {
	Digest       Digest
	MediaType    string
	ArtifactType string // its own, or ""
	ConfigType   string // media type of its config, or ""
	Subject      Digest // what it is a referrer of, or ""
	Size         int64  // bytes of the manifest itself
	ImageSize    int64  // bytes of the blobs that it needs; of an index, of its largest child
	Pushed       time.Time
	Tags         []string // sorted; only where a method says so
}

// Manifest is an image with the bytes of its manifest.
type Manifest struct {
	Image
	Raw []byte
}

// ImageID names an image of a repository by its digest, by a tag, or by both, which must agree.
type ImageID struct {
	Digest Digest
	Tag    string
}

var tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// CheckTag returns an ErrTag if no image can have that tag.
func CheckTag(tag string) error {
	if !tagForm.MatchString(tag) {
		return fmt.Errorf("%w: %q, want 1 to 128 letters, digits and ._- that do not begin with . or -", ErrTag, tag)
	}
	return nil
}

// ParseReference reads what a client calls an image by: a digest if it has a colon, else a tag.
// It returns ErrDigest or ErrTag.
func ParseReference(s string) (ImageID, error) {
	if strings.Contains(s, ":") {
		d, err := ParseDigest(s)
		return ImageID{Digest: d}, err
	}
	return ImageID{Tag: s}, CheckTag(s)
}

// Push is a manifest on its way into a repository.
type Push struct {
	Raw       []byte
	MediaType string // as the client says; "" if only the manifest says
	Digest    Digest // what the bytes must have; "" for their sha256
	Tag       string // "" for none
}

// PutManifest stores a manifest, moves the tag to it, and reports whether anything changed by it. Everything
// that the manifest needs must be in the repository already. It returns ErrNoRepository, ErrTag,
// ErrManifestTooLarge, ErrMediaType, ErrManifest, ErrMismatch, ErrMissingBlobs or ErrMissingManifests with
// the digests that are missing, or ErrTagImmutable.
func (c *Control) PutManifest(ctx context.Context, account, repository string, push Push) (made Image, changed bool, err error) {
	p, digest, err := checkPush(push)
	if err != nil {
		return Image{}, false, about(err, Error{Account: account, Repository: repository, Tag: push.Tag, Digest: push.Digest})
	}
	err = c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		stored, err := storeManifest(tx, repo, p, digest, push.Raw)
		if err != nil {
			return err
		}
		moved, err := setTag(tx, repo, push.Tag, digest)
		if err != nil {
			return err
		}
		if made, err = findImage(tx, repo.id, digest); err != nil {
			return err
		}
		if changed = stored || moved; !changed {
			return nil
		}
		return c.tell(tx, "image.pushed", repo, made, push.Tag)
	})
	return made, changed, err
}

func checkPush(push Push) (parsed, Digest, error) {
	if push.Tag != "" {
		if err := CheckTag(push.Tag); err != nil {
			return parsed{}, "", err
		}
	}
	p, err := parseManifest(push.Raw, push.MediaType)
	if err != nil {
		return parsed{}, "", err
	}
	digest := push.Digest
	if digest == "" {
		digest = blob.DigestOf(push.Raw)
	}
	if !digest.Matches(push.Raw) {
		return parsed{}, "", fmt.Errorf("%w: the manifest has %s, not %s", ErrMismatch, blob.DigestOf(push.Raw), digest)
	}
	return p, digest, nil
}

// storeManifest writes a manifest that is not there yet, and reports whether it did.
func storeManifest(tx *store.Tx, repo Repository, p parsed, digest Digest, raw []byte) (bool, error) {
	known, err := hasManifest(tx, repo.id, digest)
	if err != nil || known {
		return false, err
	}
	blobs, err := linkedSizes(tx, repo.id, digestsOf(p.blobs))
	if err != nil {
		return false, err
	}
	children, err := manifestSizes(tx, repo.id, digestsOf(p.children))
	if err != nil {
		return false, err
	}
	if err := checkNeeds(repo, p.blobs, blobs, ErrMissingBlobs); err != nil {
		return false, err
	}
	if err := checkNeeds(repo, p.children, children, ErrMissingManifests); err != nil {
		return false, err
	}
	if err := insertManifest(tx, repo.id, p, digest, raw); err != nil {
		return false, err
	}
	return true, insertNeeds(tx, repo.id, digest, p)
}

// checkNeeds compares what a manifest says that it needs with what is there.
func checkNeeds(repo Repository, needs []descriptor, have map[Digest]int64, missing error) error {
	e := Error{Cause: missing, Account: repo.Account, Repository: repo.Name}
	for _, d := range needs {
		size, ok := have[d.Digest]
		if !ok {
			e.Digests = append(e.Digests, d.Digest)
			continue
		}
		if size != d.Size {
			e.Cause = fmt.Errorf("%w: it says that %s has %d bytes, which has %d", ErrManifest, d.Digest, d.Size, size)
			return &e
		}
	}
	if len(e.Digests) > 0 {
		return &e
	}
	return nil
}

// setTag makes a tag name the manifest, and reports whether it did not before.
func setTag(tx *store.Tx, repo Repository, tag string, digest Digest) (bool, error) {
	if tag == "" {
		return false, nil
	}
	now, err := tagged(tx, repo.id, tag)
	if err != nil || now == digest {
		return false, err
	}
	if now != "" && !repo.Mutability.Movable(tag) {
		return false, &Error{Cause: ErrTagImmutable, Account: repo.Account, Repository: repo.Name, Tag: tag, Digest: now}
	}
	return true, upsertTag(tx, repo.id, tag, digest)
}

type imageEvent struct {
	Repository string `json:"repository"`
	Digest     Digest `json:"digest"`
	Tag        string `json:"tag,omitempty"`
	MediaType  string `json:"mediaType"`
	ImageSize  int64  `json:"imageSize"`
}

func (c *Control) tell(tx *store.Tx, kind string, repo Repository, i Image, tag string) error {
	return events.Append(tx, repo.Account, kind, c.ARN(repo.Account, repo.Name),
		imageEvent{repo.Name, i.Digest, tag, i.MediaType, i.ImageSize})
}

// Manifest reads one manifest. It returns ErrNoRepository, ErrNoImage or ErrTagMismatch.
func (c *Control) Manifest(ctx context.Context, account, repository string, id ImageID) (m Manifest, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		m, err = findManifest(tx, repo, id)
		return err
	})
	return m, err
}

// Resolve tells what a tag, or a digest, names at this moment. It returns ErrNoRepository, ErrNoImage, ErrTag or ErrDigest.
func (c *Control) Resolve(ctx context.Context, account, repository, reference string) (digest Digest, mediaType string, err error) {
	id, err := ParseReference(reference)
	if err != nil {
		return "", "", err
	}
	images, err := c.ImagesByID(ctx, account, repository, []ImageID{id})
	if err != nil {
		return "", "", err
	}
	return images[0].Digest, images[0].MediaType, nil
}
