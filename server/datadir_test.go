package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataFolderIsForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	lock, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
}

func TestDataFolderIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	lock, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(dir); !errors.Is(err, ErrDataInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second one gets %v, want %v that names %s", err, ErrDataInUse, dir)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestSecretIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	made := 0
	secret := func() []byte { made++; return []byte{byte(made)} }
	for range 3 {
		got, err := secretFile(dir, "key", secret)
		if err != nil || len(got) != 1 || got[0] != 1 {
			t.Errorf("got %v, %v, want the first", got, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A secret that cannot be read is not replaced: what it opens would be lost.
func TestUnreadableSecretIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "key"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := secretFile(dir, "key", func() []byte { t.Error("a new one was made"); return nil })
	if err == nil {
		t.Error("a folder was read as a secret")
	}
}

func TestPrivateFileIsReplacedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"a long first text", "short"} {
		if err := writePrivate(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read %q, %v, want %q", got, err, text)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

func TestReadCredentials(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadCredentials(dir); err == nil || err.Error() != "the data folder "+dir+" holds no credentials" {
		t.Errorf("none: %v", err)
	}
	path := filepath.Join(dir, credentialsFile)
	if err := os.WriteFile(path, []byte(`{"endpoint": `), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentials(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("torn: %v, want the name of the file", err)
	}
}
