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
