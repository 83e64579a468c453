package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"slipway/engine/fake"
)

var nodeID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func TestIdentityIsMadeOnceForTheOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	first, err := NodeID(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := NodeID(dir)
	if err != nil || second != first || !nodeID.MatchString(first) {
		t.Errorf("identity is %q, then %q (%v)", first, second, err)
	}
	info, err := os.Stat(filepath.Join(dir, "node-id"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v (%v), want it readable by its owner alone", info.Mode(), err)
	}
}

func TestTheNodesSecretIsMadeOnceForTheOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	first, err := nodeSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := nodeSecret(dir)
	if err != nil || len(first) != 32 || !bytes.Equal(first, second) {
		t.Errorf("made of %d bytes, the same the second time: %v (%v)", len(first), bytes.Equal(first, second), err)
	}
	path := filepath.Join(dir, "node-secret")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v (%v), want it readable by its owner alone", info.Mode(), err)
	}
	damaged := strings.Repeat("0", 63)
	if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := nodeSecret(dir); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), damaged) {
		t.Errorf("damaged: %v, want an error that names the file and not what it holds", err)
	}
}

func TestDamagedIdentityIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, damaged := range []string{"", "0123", strings.Repeat("G", 32), strings.Repeat("0", 33)} {
		if err := os.WriteFile(filepath.Join(dir, "node-id"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Config{Engine: fake.New(fake.Options{}), Dir: dir})
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("with id %q: %v, want an error that names the file", damaged, err)
		}
	}
}

func TestTheMachineIsOfferedLessAReserve(t *testing.T) {
	h, err := introduce(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if h.CPU < 1024 || h.CPU%1024 != 0 || h.Memory < 1 {
		t.Errorf("offers cpu %d, memory %d", h.CPU, h.Memory)
	}
}

func TestTheMachineSaysWhatItIs(t *testing.T) {
	h, err := introduce(Config{Dir: t.TempDir(), Attributes: map[string]string{"rack": "r3"}})
	if err != nil {
		t.Fatal(err)
	}
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if h.Attributes["ecs.cpu-architecture"] != architecture || h.Attributes["ecs.os-type"] != "linux" || h.Attributes["rack"] != "r3" {
		t.Errorf("it says %v", h.Attributes)
	}
}
