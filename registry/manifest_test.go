package registry

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What is made to be large is refused, or taken, at a cost that its size allows.
func TestManifestsThatAreMadeToBeLarge(t *testing.T) {
	fill := func(form, piece, end string) string {
		return form + strings.Repeat(piece, (MaxManifest-len(form)-len(end))/len(piece)) + end
	}
	keys := &strings.Builder{}
	for i := 0; keys.Len() < MaxManifest-1000; i++ {
		fmt.Fprintf(keys, `"%x":"",`, i)
	}
	for name, raw := range map[string]string{
		"children":        fill(`{"schemaVersion":2,"manifests":[{}`, ",{}", "]}"),
		"layers":          fill(`{"schemaVersion":2,"config":{},"layers":[{}`, ",{}", "]}"),
		"lists":           fill(`{"schemaVersion":2`, `,"layers":[{}]`, "}"),
		"depth":           fill(`{"schemaVersion":2,"x":`, "[", "}"),
		"unknown members": fill(`{"schemaVersion":2`, `,"x":{"y":[1]}`, "}"),
		"links":           fill(`{"schemaVersion":2,"config":{"urls":[""`, `,""`, "]}}"),
		"annotations":     `{"schemaVersion":2,"annotations":{` + keys.String() + `"":""}}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parseManifest([]byte(raw), MediaTypeOCIIndex)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 20*MaxManifest {
			t.Errorf("%s: %d MiB were taken to read %d", name, taken>>20, len(raw)>>20)
		}
		if refused := errors.Is(err, ErrManifest); refused == (name == "unknown members" || name == "annotations") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
