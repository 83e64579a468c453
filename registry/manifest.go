package registry

import (
	"encoding/json"
	"fmt"
	"strings"
)

// MaxManifest is how many bytes a manifest may have.
const MaxManifest = 4 << 20

// maxNamed is how many blobs and manifests one manifest may name.
const maxNamed = 4200

// The manifest types that are kept.
const (
	MediaTypeOCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeOCIIndex       = "application/vnd.oci.image.index.v1+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

func isIndex(mediaType string) bool {
	return mediaType == MediaTypeOCIIndex || mediaType == MediaTypeDockerList
}

func isManifest(mediaType string) bool {
	return mediaType == MediaTypeOCIManifest || mediaType == MediaTypeDockerManifest || isIndex(mediaType)
}

// document is what is read of the four manifest types.
// Source: OCI Image Specification 1.1, manifest.md and image-index.md; Docker Image Manifest V2, Schema 2.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	FSLayers      json.RawMessage   `json:"fsLayers"` // of schema 1
	Annotations   map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType string   `json:"mediaType"`
	Digest    Digest   `json:"digest"`
	Size      int64    `json:"size"`
	URLs      []string `json:"urls"`
}

// elsewhere reports whether the bytes are to be fetched from somewhere else, and need not be here.
func (d descriptor) elsewhere() bool {
	return len(d.URLs) > 0 && (strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign."))
}

// parsed is a manifest that is well formed: what it is, and what it needs.
type parsed struct {
	document
	blobs    []descriptor // each digest once
	children []descriptor // each digest once
}

// parseManifest checks everything about a manifest that can be checked without looking what is there.
// mediaType is what the client says that it is, or "". It returns ErrManifestTooLarge, ErrMediaType or ErrManifest.
func parseManifest(raw []byte, mediaType string) (parsed, error) {
	if len(raw) > MaxManifest {
		return parsed{}, fmt.Errorf("%w: %d bytes", ErrManifestTooLarge, len(raw))
	}
	var p parsed
	if err := json.Unmarshal(raw, &p.document); err != nil {
		return parsed{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if err := p.settleMediaType(mediaType); err != nil {
		return parsed{}, err
	}
	if err := p.checkShape(); err != nil {
		return parsed{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if err := p.collect(); err != nil {
		return parsed{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return p, nil
}

// settleMediaType decides what the manifest is: both the client and the manifest may say, and must agree.
func (p *parsed) settleMediaType(said string) error {
	if said != "" && p.MediaType != "" && said != p.MediaType {
		return fmt.Errorf("%w: it was sent as %s and says that it is %s", ErrManifest, said, p.MediaType)
	}
	if said != "" {
		p.MediaType = said
	}
	switch {
	case isManifest(p.MediaType):
		return nil
	case p.MediaType != "":
		return fmt.Errorf("%w: %s", ErrMediaType, p.MediaType)
	case p.FSLayers != nil:
		return fmt.Errorf("%w: image manifest schema 1; build the image again with a client of this decade", ErrMediaType)
	}
	return fmt.Errorf("%w: neither the request nor the manifest names one", ErrMediaType)
}

// checkShape refuses what two readers could understand in two ways (CVE-2021-41190).
func (p *parsed) checkShape() error {
	if p.SchemaVersion != 2 {
		return fmt.Errorf("schemaVersion is %d, want 2", p.SchemaVersion)
	}
	if isIndex(p.MediaType) {
		if p.Config != nil || p.Layers != nil {
			return fmt.Errorf("%s must not have config or layers", p.MediaType)
		}
		return nil
	}
	if p.Manifests != nil {
		return fmt.Errorf("%s must not have manifests", p.MediaType)
	}
	if p.Config == nil {
		return fmt.Errorf("config is missing")
	}
	return nil
}

// collect checks the descriptors and sorts them into blobs and children.
func (p *parsed) collect() error {
	if n := len(p.Layers) + len(p.Manifests); n > maxNamed {
		return fmt.Errorf("it names %d layers or manifests, at most %d are taken", n, maxNamed)
	}
	seen := map[Digest]descriptor{}
	if p.Config != nil {
		if err := p.add(seen, *p.Config, "config"); err != nil {
			return err
		}
	}
	for i, d := range p.Layers {
		if err := p.add(seen, d, fmt.Sprintf("layers[%d]", i)); err != nil {
			return err
		}
	}
	for i, d := range p.Manifests {
		if err := p.add(seen, d, fmt.Sprintf("manifests[%d]", i)); err != nil {
			return err
		}
	}
	if p.Subject != nil {
		return p.Subject.check("subject")
	}
	return nil
}

func (p *parsed) add(seen map[Digest]descriptor, d descriptor, where string) error {
	if err := d.check(where); err != nil {
		return err
	}
	if before, ok := seen[d.Digest]; ok {
		if before.Size != d.Size {
			return fmt.Errorf("%s: %s has %d bytes here and %d before", where, d.Digest, d.Size, before.Size)
		}
		return nil
	}
	seen[d.Digest] = d
	switch {
	case isIndex(p.MediaType) && isManifest(d.MediaType):
		p.children = append(p.children, d)
	case !d.elsewhere():
		p.blobs = append(p.blobs, d)
	}
	return nil
}

func (d descriptor) check(where string) error {
	if _, err := ParseDigest(string(d.Digest)); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if d.MediaType == "" {
		return fmt.Errorf("%s: %s has no mediaType", where, d.Digest)
	}
	if d.Size < 0 {
		return fmt.Errorf("%s: %s has the size %d", where, d.Digest, d.Size)
	}
	return nil
}

func (p *parsed) configType() string {
	if p.Config == nil {
		return ""
	}
	return p.Config.MediaType
}

func (p *parsed) subject() Digest {
	if p.Subject == nil {
		return ""
	}
	return p.Subject.Digest
}

func digestsOf(ds []descriptor) []Digest {
	found := make([]Digest, len(ds))
	for i, d := range ds {
		found[i] = d.Digest
	}
	return found
}
