package nodeapi

import (
	"errors"
	"strings"
	"testing"
)

func TestLocations(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for image, want := range map[string]struct {
		location Location
		name     string
	}{
		"https://store.example/app.tar":                       {Location{URL: "https://store.example/app.tar"}, "https://store.example/app.tar"},
		"http://192.0.2.1:8080/a@b/app.tar.zst":               {Location{URL: "http://192.0.2.1:8080/a@b/app.tar.zst"}, "http://192.0.2.1:8080/a@b/app.tar.zst"},
		"https://store.example/app.tar?sign=secret#" + digest: {Location{"https://store.example/app.tar?sign=secret", digest}, "https://store.example/app.tar#" + digest},
	} {
		got, err := ParseLocation(image)
		if err != nil || got != want.location || got.Name() != want.name || got.String() != image || !IsLocation(image) {
			t.Errorf("%s is %+v, named %s, whole %s (%v)", image, got, got.Name(), got, err)
		}
	}
	for _, image := range []string{
		"file:///etc/passwd", "ftp://store.example/app.tar", "https://", "https://store.example", "https://store.example/", "https:///app.tar",
		"https://ann:word@store.example/app.tar", "https://store.example/app.tar#sha256:12", "https://store.example/app.tar#", "https://store.example/a b",
		"https://store.example/\n", "https://store.example/%zz", "https://store.example/" + strings.Repeat("a", maxLocation), "://", "https://store.example/ä",
	} {
		if got, err := ParseLocation(image); !errors.Is(err, ErrLocation) || strings.Contains(err.Error(), "word@") {
			t.Errorf("%q is %+v (%v)", image, got, err)
		}
	}
	for _, image := range []string{"store.example/app:v1", "app", "store.example:5000/a/b@" + digest} {
		if IsLocation(image) {
			t.Errorf("%s is no URL", image)
		}
	}
}

// FuzzLocation: what is read is written as it was, and its name holds nothing of what may be secret.
func FuzzLocation(f *testing.F) {
	f.Add("https://store.example/app.tar?sign=secret#sha256:" + strings.Repeat("ab", 32))
	f.Add("http://[::1]:80/a?b?c")
	f.Add("https://ann@store.example/a")
	f.Fuzz(func(t *testing.T, image string) {
		l, err := ParseLocation(image)
		if err != nil {
			return
		}
		if l.String() != image || strings.Contains(l.Name(), "?") || !IsLocation(image) {
			t.Errorf("%q is %+v, named %q, whole %q", image, l, l.Name(), l)
		}
		if again, err := ParseLocation(l.Name()); err != nil || again.Name() != l.Name() {
			t.Errorf("the name of %q is not one itself: %+v (%v)", image, again, err)
		}
	})
}
