package registry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/blob"
	"slipway/events"
	"slipway/internal/lazyregexp"
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
	Pulled       time.Time // when its manifest was last read, to a minute; zero: never
	Archived     time.Time // when it went to the archive; zero: it is not there
	Activated    time.Time // when it last came back from the archive; zero: never
	Tags         []string  // sorted; only where a method says so

	untagged time.Time // when it lost its last tag, or was last pushed without one; zero: it has a tag
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

var tagForm = lazyregexp.New(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

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
// ErrManifestTooLarge, ErrMediaType, ErrManifest, ErrMismatch, ErrMarked with the blobs that are marked,
// ErrMissingBlobs or ErrMissingManifests with the digests that are missing, ErrTagImmutable, ErrQuota, or
// ErrKeyDisabled, ErrKeyPending or ErrNoKey.
// An image that was in the archive comes back from there.
func (c *Control) PutManifest(ctx context.Context, account, repository string, push Push) (made Image, changed bool, err error) {
	defer c.noteRefused(account, repository, push.Tag, push.Digest, &err)
	p, digest, err := checkPush(push)
	if err != nil {
		return Image{}, false, about(err, Error{Account: account, Repository: repository, Tag: push.Tag, Digest: push.Digest})
	}
	if made, same, err := c.isPushed(ctx, account, repository, push.Tag, digest); err != nil || same {
		return made, false, err
	}
	if err := c.checkImages(ctx, account, repository, digest); err != nil {
		return Image{}, false, err
	}
	err = c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		stored, err := c.storeManifest(tx, repo, p, digest, push.Raw)
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
		restored := !made.Archived.IsZero()
		if restored {
			if made, err = setArchived(tx, repo.id, made, false); err != nil {
				return err
			}
		}
		if changed = stored || moved || restored; !changed {
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
func (c *Control) storeManifest(tx *store.Tx, repo Repository, p parsed, digest Digest, raw []byte) (bool, error) {
	if err := c.checkKey(tx, repo); err != nil {
		return false, err
	}
	if err := checkMarks(tx, repo, digestsOf(p.blobs), digestsOf(p.children)); err != nil {
		return false, err
	}
	known, err := hasManifest(tx, repo.id, digest)
	if err != nil {
		return false, err
	}
	if known {
		return false, c.keepUntagged(tx, repo.id, digest)
	}
	blobs, err := linkedSizes(tx, repo, digestsOf(p.blobs))
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
	if err := insertNeeds(tx, repo, digest, p); err != nil {
		return false, err
	}
	return true, addUsage(tx, repo.Account, Usage{Images: 1})
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
	if err := upsertTag(tx, repo.id, tag, digest); err != nil || now == "" {
		return true, err
	}
	return true, noteUntagged(tx, repo.id, now)
}

type imageEvent struct {
	Repository string `json:"repository"`
	Digest     Digest `json:"digest"`
	Tag        string `json:"tag,omitempty"`
	MediaType  string `json:"mediaType"`
	ImageSize  int64  `json:"imageSize"`
	By         string `json:"by,omitempty"` // what did it, where no client did: "sweep", "lifecycle"
}

func (c *Control) tell(tx *store.Tx, kind string, repo Repository, i Image, tag string) error {
	return c.tellBy(tx, kind, repo, i, tag, "")
}

func (c *Control) tellBy(tx *store.Tx, kind string, repo Repository, i Image, tag, by string) error {
	return events.Append(tx, repo.Account, kind, c.ARN(repo.Account, repo.Name),
		imageEvent{repo.Name, i.Digest, tag, i.MediaType, i.ImageSize, by})
}

// Manifest reads one manifest, for a pull. It returns ErrNoRepository, ErrNoImage, ErrTagMismatch,
// ErrMarked with the blobs that are marked, ErrArchived, or ErrKeyDisabled, ErrKeyPending or ErrNoKey: what
// cannot be read any more is not pulled half.
func (c *Control) Manifest(ctx context.Context, account, repository string, id ImageID) (m Manifest, err error) {
	var of Repository
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		of = repo
		m, err = c.pulledManifest(tx, repo, id)
		return err
	})
	if err != nil {
		return Manifest{}, err
	}
	return m, c.notePull(ctx, of, m.Image)
}

// pulledManifest reads a manifest that may be pulled.
func (c *Control) pulledManifest(tx *store.Tx, repo Repository, id ImageID) (Manifest, error) {
	if err := c.checkKey(tx, repo); err != nil {
		return Manifest{}, err
	}
	m, err := findManifest(tx, repo, id)
	if err != nil {
		return Manifest{}, err
	}
	if !m.Archived.IsZero() {
		return Manifest{}, &Error{Cause: ErrArchived, Account: repo.Account, Repository: repo.Name, Tag: id.Tag, Digest: m.Digest}
	}
	return m, checkMarks(tx, repo, nil, []Digest{m.Digest})
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
