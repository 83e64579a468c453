package containerd

import (
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"slipway/engine"
)

func TestWhatRuns(t *testing.T) {
	img := &image{config: ocispec.Image{Config: ocispec.ImageConfig{Entrypoint: []string{"entry"}, Cmd: []string{"cmd"}}}}
	for _, c := range []struct {
		spec engine.Spec
		want string
	}{
		{engine.Spec{}, "entry cmd"},
		{engine.Spec{Command: []string{"mine"}}, "entry mine"},
		{engine.Spec{Command: []string{}}, "entry"},
		{engine.Spec{Entrypoint: []string{"own"}}, "own"},
		{engine.Spec{Entrypoint: []string{"own"}, Command: []string{"mine"}}, "own mine"},
		{engine.Spec{Entrypoint: []string{}, Command: []string{"mine"}}, "mine"},
	} {
		args, err := argsOf(c.spec, img)
		if got := strings.Join(args, " "); err != nil || got != c.want {
			t.Errorf("%+v runs %q (%v), want %q", c.spec, got, err, c.want)
		}
	}
	if _, err := argsOf(engine.Spec{}, &image{}); err == nil {
		t.Error("nothing to run is no error")
	}
}

func TestEnvironment(t *testing.T) {
	img := &image{config: ocispec.Image{Config: ocispec.ImageConfig{Env: []string{"PATH=/image", "A=1", "B=1"}}}}
	got := envOf(engine.Spec{Task: "0123456789abcdef0123456789abcdef", Env: []string{"B=2", "C=3", "B=4"}}, img)
	want := []string{"PATH=/image", "HOSTNAME=0123456789abcdef", "A=1", "B=4", "C=3"}
	if !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

func TestNameServersThatOnlyTheMachineReachesAreLeftOut(t *testing.T) {
	text, servers := reachable("search example\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.2\noptions ndots:1\n")
	if want := "search example\nnameserver 10.0.0.2\noptions ndots:1\n"; text != want || servers != 1 {
		t.Errorf("%d servers in %q, want %q", servers, text, want)
	}
}

func TestKeysAreNamesThatContainerdTakes(t *testing.T) {
	for _, id := range []string{"", "a", strings.Repeat("a", 77), "a--b", "-a", "a/../b", "name_", "ö"} {
		if key := keyOf(id); len(key) > 76 || !plainName.MatchString(key) {
			t.Errorf("key of %q is %q", id, key)
		}
	}
	if keyOf("plain-name") != "plain-name" || keyOf("a--b") == keyOf("a--c") {
		t.Error("keys are not telling")
	}
}
