package registry

import (
	"bytes"
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
	Layers        descriptors       `json:"layers"`
	Manifests     descriptors       `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	FSLayers      json.RawMessage   `json:"fsLayers"` // of schema 1
	Annotations   map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType string          `json:"mediaType"`
	Digest    Digest          `json:"digest"`
	Size      int64           `json:"size"`
	URLs      json.RawMessage `json:"urls"`
}

// descriptors are read up to as many as one manifest may name, so that a list of millions costs little
// more than its bytes.
type descriptors []descriptor

// UnmarshalJSON reads a list. Two of one name would be understood in two ways.
func (ds *descriptors) UnmarshalJSON(raw []byte) error {
	if *ds != nil {
		return fmt.Errorf("layers or manifests are given twice")
	}
	list := json.NewDecoder(bytes.NewReader(raw))
	switch start, err := list.Token(); {
	case err != nil || start == nil:
		return err
	case start != json.Delim('['):
		return fmt.Errorf("layers and manifests are lists, not %v", start)
	}
	*ds = descriptors{}
	for list.More() {
		if len(*ds) == maxNamed {
			return fmt.Errorf("it names more than %d layers or manifests", maxNamed)
		}
		var d descriptor
		if err := list.Decode(&d); err != nil {
			return err
		}
		*ds = append(*ds, d)
	}
	return nil
}

// elsewhere reports whether the bytes are to be fetched from somewhere else, and need not be here.
func (d descriptor) elsewhere() bool {
	linked := len(bytes.Trim(d.URLs, "[] \t\r\n")) > 0
	return linked && (strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign."))
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
	if len(d.URLs) > 0 && d.URLs[0] != '[' && string(d.URLs) != "null" {
		return fmt.Errorf("%s: %s has urls that are no list", where, d.Digest)
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
