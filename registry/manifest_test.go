package registry

import (
	"strings"
	"testing"
)

// Whatever parseManifest takes must be safe to store: known type, digests of their form, each named once.
func FuzzManifest(f *testing.F) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	layer := `{"mediaType":"x","digest":"` + digest + `","size":1}`
	f.Add([]byte(`{"schemaVersion":2,"config":`+layer+`,"layers":[`+layer+`,`+layer+`]}`), MediaTypeOCIManifest)
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"`+MediaTypeOCIIndex+`","manifests":[`+layer+`],"subject":`+layer+`}`), "")
	f.Add([]byte(`{"schemaVersion":2,"config":{},"manifests":[]}`), MediaTypeDockerManifest)
	f.Add([]byte(`{"schemaVersion":1,"fsLayers":[]}`), "")
	f.Add([]byte(`[[[[`), MediaTypeDockerList)
	f.Fuzz(func(t *testing.T, raw []byte, mediaType string) {
		p, err := parseManifest(raw, mediaType)
		if err != nil {
			return
		}
		if !isManifest(p.MediaType) || len(p.blobs)+len(p.children) > maxNamed+1 {
			t.Errorf("taken as %s with %d blobs and %d children", p.MediaType, len(p.blobs), len(p.children))
		}
		seen := map[Digest]bool{}
		for _, d := range append(p.blobs, p.children...) {
			if _, err := ParseDigest(string(d.Digest)); err != nil || seen[d.Digest] || d.Size < 0 {
				t.Errorf("takes %+v", d)
			}
			seen[d.Digest] = true
		}
	})
}
