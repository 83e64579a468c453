package server

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"slipway/functions"
	"slipway/runtimes"
)

// The image for programs that bring all they need is there when it is asked for, whoever asks, and is written once.
func TestRuntimeThatIsBuiltIn(t *testing.T) {
	s := open(t, nil)
	i := functionImages{s.clusterImages(), s.root.Owner.Account}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := i.Runtime(t.Context(), "210987654321", "provided.al2023", "x86_64"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	image, err := i.Runtime(t.Context(), "210987654321", "provided", "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := s.registry.Resolve(t.Context(), s.root.Owner.Account, runtimes.BaseRepository, runtimes.BaseTag("x86_64"))
	if err != nil || image.Digest != string(digest) || !strings.HasPrefix(image.Name, i.host+"/slipway/runtimes/built-in:") {
		t.Errorf("%+v, %s, %v", image, digest, err)
	}
	login, err := image.Login(t.Context())
	if err != nil || login == nil || login.Password == "" {
		t.Error(err)
	}
	other, err := i.Runtime(t.Context(), "210987654321", "provided.al2", "arm64")
	if err != nil || other.Digest == image.Digest {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestRuntimeThatIsNotThere(t *testing.T) {
	s := open(t, nil)
	i := functionImages{s.clusterImages(), s.root.Owner.Account}
	for runtime, want := range map[string]string{
		"nodejs99.x": "The runtime parameter of nodejs99.x is not supported. Slipway runs nodejs18.x, provided, provided.al2, provided.al2023, python3.11.",
		"python3.11": `The runtime parameter of python3.11 is not supported yet on x86_64: there is no image slipway/runtimes/python3.11:x86_64 in the registry. "make runtimes", in Slipway's source, makes it and pushes it there.`,
	} {
		_, err := i.Runtime(t.Context(), s.root.Owner.Account, runtime, "x86_64")
		if !errors.Is(err, functions.ErrRuntime) || err.Error() != want {
			t.Errorf("%s: %v", runtime, err)
		}
	}
}
