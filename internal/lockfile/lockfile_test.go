package lockfile_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slipway/internal/lockfile"
)

func TestOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lockfile.Hold(path, "first")
	if err != nil {
		t.Fatal(err)
	}
	var held *lockfile.HeldError
	if _, err := lockfile.Hold(path, "second"); !errors.As(err, &held) || held.Holder != "first" {
		t.Errorf("error %v, want one that names the holder", err)
	}
	first.Close()
	second, err := lockfile.Hold(path, "2nd")
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

func TestWaitsForALockThatIsAboutToGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	dying, err := lockfile.Hold(path, "dying")
	if err != nil {
		t.Fatal(err)
	}
	var closed sync.WaitGroup
	closed.Go(func() { time.Sleep(50 * time.Millisecond); dying.Close() })
	defer closed.Wait()
	f, err := lockfile.Hold(path, "next")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
