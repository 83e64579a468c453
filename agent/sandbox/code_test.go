package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// store has archives, and counts how often each was asked for.
type store struct {
	testing.TB
	*plane
	dir   string
	limit int64
	cache *cache
	open  func(nodeapi.CodeRequest) (io.ReadCloser, error) // nil: the plane's
}

func newStore(t testing.TB, limit int64) *store {
	s := &store{TB: t, plane: newPlane(), dir: t.TempDir(), limit: limit}
	s.again()
	return s
}

// again is another life with the same folder.
func (s *store) again() {
	s.Helper()
	c, err := newCache(s.dir, s.limit, func(ctx context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error) {
		if s.open != nil {
			return s.open(r)
		}
		return s.plane.Code(ctx, r)
	})
	if err != nil {
		s.Fatal(err)
	}
	s.cache = c
}

func (s *store) get(c nodeapi.Code) (folder string, release func(), err error) {
	return s.cache.get(s.Context(), nodeapi.CodeRequest{Node: "node", Account: "123456789012", Digest: c.Digest}, c.Size)
}

// has wants code to be there, with a file of a text.
func (s *store) has(c nodeapi.Code, file, text string) {
	s.Helper()
	folder, release, err := s.get(c)
	if err != nil {
		s.Fatal(err)
	}
	defer release()
	if got, err := os.ReadFile(filepath.Join(folder, file)); err != nil || string(got) != text {
		s.Errorf("%s is %q, %v; want %q", file, got, err, text)
	}
}

// asks wants the plane to have been asked so often.
func (s *store) asks(n int) {
	s.Helper()
	s.plane.mu.Lock()
	defer s.plane.mu.Unlock()
	if s.plane.asked != n {
		s.Errorf("code was asked for %d times, want %d", s.plane.asked, n)
	}
}

func TestCodeIsFetchedOnce(t *testing.T) {
	s := newStore(t, 1<<20)
	code := s.keep(zipped(t, map[string]string{"folder/file": "text", "bootstrap*": "program"}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { s.has(code, "folder/file", "text") })
	}
	all.Wait()
	s.asks(1)
	s.again()
	s.has(code, "bootstrap", "program")
	s.asks(1)
	if info, err := os.Stat(filepath.Join(s.cache.path(code.Digest, ""), "bootstrap")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program: %v, %v", info.Mode(), err)
	}
}

func TestCodeThatIsNotWhatItWasIsFetchedAnew(t *testing.T) {
	for name, spoil := range map[string]func(folder string) error{
		"written to": func(f string) error { return os.WriteFile(filepath.Join(f, "bootstrap"), []byte("pwogram"), 0o755) },
		"removed":    func(f string) error { return os.Remove(filepath.Join(f, "bootstrap")) },
		"more":       func(f string) error { return os.WriteFile(filepath.Join(f, "more"), nil, 0o644) },
		"mode":       func(f string) error { return os.Chmod(filepath.Join(f, "bootstrap"), 0o644) },
		"no folder":  os.RemoveAll,
		"no list":    func(f string) error { return os.Remove(f + listMark) },
		"bad list":   func(f string) error { return os.WriteFile(f+listMark, []byte("{"), 0o600) },
	} {
		for _, life := range []string{"this", "the next"} {
			t.Run(name+" in "+life+" life", func(t *testing.T) {
				if life == "this" && strings.HasSuffix(name, " list") {
					return // which is for the next one alone
				}
				s := newStore(t, 1<<20)
				code := s.keep(zipped(t, map[string]string{"bootstrap*": "program"}))
				s.has(code, "bootstrap", "program")
				if err := spoil(s.cache.path(code.Digest, "")); err != nil {
					t.Fatal(err)
				}
				if life == "the next" {
					s.again()
				}
				s.has(code, "bootstrap", "program")
				s.asks(2)
			})
		}
	}
}

// What is shown in a sandbox stays as it is there when it is fetched anew.
func TestSpoiledCodeInUseStays(t *testing.T) {
	s := newStore(t, 1<<20)
	code := s.keep(zipped(t, map[string]string{"bootstrap*": "program", "file": "text"}))
	folder, release, err := s.get(code)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	shown, err := os.OpenRoot(folder) // as a mount has it
	if err != nil {
		t.Fatal(err)
	}
	defer shown.Close()
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte("tixt"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.has(code, "file", "text")
	if f, err := shown.Open("bootstrap"); err != nil {
		t.Errorf("what is shown: %v", err)
	} else {
		f.Close()
	}
}

func TestCodeThatDoesNotCome(t *testing.T) {
	s := newStore(t, 1<<20)
	good := zipped(t, map[string]string{"bootstrap*": "program"})
	code := s.keep(good)
	for name, row := range map[string]struct {
		open func(nodeapi.CodeRequest) (io.ReadCloser, error)
		want error
		kind errs.Kind
	}{
		"other bytes": {func(nodeapi.CodeRequest) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("x"), len(good)))), nil
		}, ErrCode, errs.Unavailable},
		"too few": {func(nodeapi.CodeRequest) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(good[:10])), nil }, ErrCode, errs.Unavailable},
		"too many": {func(nodeapi.CodeRequest) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(good), strings.NewReader("x"))), nil
		}, ErrCode, errs.Unavailable},
		"a broken line": {func(nodeapi.CodeRequest) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(good[:5]), broken{})), nil
		}, ErrCode, errs.Unavailable},
		"no line at all": {func(nodeapi.CodeRequest) (io.ReadCloser, error) { return nil, errors.New("refused") }, ErrCode, errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s.open = row.open
			_, _, err := s.get(code)
			if !errors.Is(err, row.want) || errs.KindOf(err) != row.kind {
				t.Errorf("it came: %v", err)
			}
			left, err := os.ReadDir(s.dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	s.open = nil
	s.has(code, "bootstrap", "program")
	bad := s.keep([]byte("this is no zip"))
	if _, _, err := s.get(bad); !errors.Is(err, ErrBadCode) || errs.KindOf(err) != errs.Invalid {
		t.Errorf("what is no zip: %v", err)
	}
	if _, _, err := s.get(nodeapi.Code{Digest: "sha256:../../etc"}); !errors.Is(err, ErrBadCode) {
		t.Errorf("what is no digest: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The oldest goes first, but nothing that is in use.
func TestTheCacheIsBounded(t *testing.T) {
	s := newStore(t, 3000)
	var code []nodeapi.Code
	for n := range 4 {
		code = append(code, s.keep(zipped(t, map[string]string{"file": fmt.Sprintf("%01000d", n)})))
	}
	_, release, err := s.get(code[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 4; n++ {
		s.has(code[n], "file", fmt.Sprintf("%01000d", n))
	}
	s.asks(4)
	s.has(code[0], "file", fmt.Sprintf("%01000d", 0))
	s.has(code[3], "file", fmt.Sprintf("%01000d", 3))
	s.asks(4)
	s.has(code[1], "file", fmt.Sprintf("%01000d", 1)) // which was the oldest that nobody used
	s.asks(5)
	release()
	s.has(code[2], "file", fmt.Sprintf("%01000d", 2))
	if left, err := filepath.Glob(filepath.Join(s.dir, "*"+listMark)); err != nil || len(left) != 3 {
		t.Errorf("there are %d, %v", len(left), err)
	}
}

// A fetch goes on as long as anybody waits for it, and no longer.
func TestFetchesThatAreGivenUp(t *testing.T) {
	s := newStore(t, 1<<20)
	data := zipped(t, map[string]string{"bootstrap*": "program"})
	code := s.keep(data)
	begun, given := make(chan struct{}), make(chan struct{})
	s.open = func(nodeapi.CodeRequest) (io.ReadCloser, error) {
		close(begun)
		<-given
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	first, giveUp := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, _, err := s.cache.get(first, nodeapi.CodeRequest{Digest: code.Digest}, code.Size)
		failed <- err
	}()
	<-begun
	came := make(chan error)
	go func() {
		_, release, err := s.get(code)
		if err == nil {
			release()
		}
		came <- err
	}()
	for waiting := 0; waiting < 2; {
		s.cache.mu.Lock()
		if f := s.cache.entries[code.Digest].flight; f != nil {
			waiting = f.waiting
		}
		s.cache.mu.Unlock()
		runtime.Gosched()
	}
	giveUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(given)
	if err := <-came; err != nil {
		t.Errorf("who waited: %v", err)
	}
}
