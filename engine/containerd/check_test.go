package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckTellsWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	former := pluginDirs
	pluginDirs = []string{t.TempDir()}
	defer func() { pluginDirs = former }()
	missing := false
	for _, item := range Check() {
		if item.Name == "" || item.Detail == "" || item.Hint == "" && !item.OK {
			t.Errorf("a requirement is silent: %+v", item)
		}
		if item.Name == "CNI plugin bridge" {
			missing = !item.OK && strings.Contains(item.Detail, pluginDirs[0]) && strings.Contains(item.Hint, "containernetworking-plugins")
		}
	}
	if !missing {
		t.Error("a missing plugin is not told")
	}
}

func TestProgramsAreFoundBesideABarePath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program := filepath.Join(dir, "slipway-test-program")
	if err := os.WriteFile(program, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := findProgram("slipway-test-program"); err == nil {
		t.Error("a file that cannot be executed is no program")
	}
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	if found, err := findProgram("slipway-test-program"); err != nil || found != program {
		t.Errorf("found %q (%v), want %q", found, err, program)
	}
	if found, err := findProgram("ls"); err != nil {
		t.Errorf("ls is found nowhere: %q (%v)", found, err)
	}
}
