package functions

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/events"
	"slipway/functions/fleet"
	"slipway/nodeapi"
	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	owner   = "123456789012"
	another = "999999999999"
)

// bench is a room beside whose functions things are set, with a fleet of which the test says how far it is.
type bench struct {
	testing.TB
	*Control
	fleet *shelf
}

// shelf is a fleet that has nothing but what is provisioned.
type shelf struct {
	*fleet.Fleet
	mu   sync.Mutex
	has  map[string]int // by version
	says fleet.Provisioned
}

func (s *shelf) Provision(r *fleet.Release, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has[r.Version] = n
}

func (s *shelf) Provisioned(*fleet.Release) fleet.Provisioned {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.says
}

func (s *shelf) tells(p fleet.Provisioned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = p
}

func (s *shelf) of(version string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has[version]
}

// easy is images and roles that are there.
type easy struct{}

func (easy) Runtime(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{Name: "runtime", Digest: "sha256:" + strings.Repeat("a", 64)}, nil
}

func (easy) Find(context.Context, string, string, string) (fleet.Image, error) {
	return fleet.Image{}, ErrImage
}

func (easy) Login(context.Context, string, fleet.Image) (*nodeapi.Login, error) { return nil, nil }
func (easy) Check(context.Context, string, string) error                        { return nil }
func (easy) Issue(context.Context, string, string, string, time.Duration) (nodeapi.Credentials, error) {
	return nodeapi.Credentials{}, nil
}

func newBench(t testing.TB, db *store.DB) *bench {
	t.Helper()
	check(t, events.Migrate(t.Context(), db))
	blobs, err := disk.Open(t.TempDir())
	check(t, err)
	return anotherBench(t, db, sealtest.Keys(t, db), blobs)
}

// anotherBench is a room over the tables of others.
func anotherBench(t testing.TB, db *store.DB, keys *seal.Keys, blobs blob.Store) *bench {
	t.Helper()
	s := &shelf{Fleet: fleet.New(fleet.Config{}), has: map[string]int{}}
	readable := func(text string) error {
		if strings.Contains(text, "unreadable") {
			return errors.New("it is unreadable")
		}
		return nil
	}
	c, err := New(t.Context(), db, keys, blobs, Config{
		Region: "us-east-1", Images: easy{}, Roles: easy{}, Fleet: s, CheckPolicy: readable, Advertise: "10.0.0.1:4600",
	})
	check(t, err)
	return &bench{t, c, s}
}

// run lets the room do what it does beside calls, until the test ends.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-ended })
}

func onBench(t *testing.T, test func(*bench)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newBench(t, db)) })
}

func benchOf(t testing.TB) *bench { return newBench(t, storetest.SQLite(t)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says checks that an error has a cause and a sentence.
func says(t testing.TB, err, cause error, sentence string) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), sentence) {
		t.Errorf("told %v\nwant %v: %s", err, cause, sentence)
	}
}

// packed is a zip with one file.
func packed(t testing.TB, name, says string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	check(t, err)
	_, err = w.Write([]byte(says))
	check(t, err)
	check(t, z.Close())
	return b.Bytes()
}

// function makes a function with versions, which are all that an alias "live" may stand for.
func (b *bench) function(name string, versions int) Ref {
	b.Helper()
	r := Ref{Account: owner, Name: name}
	_, err := b.CreateFunction(b.Context(), NewFunction{
		Account: owner, Name: name, Settings: Settings{Role: "arn:aws:iam::123456789012:role/r", Runtime: "provided.al2023", Handler: "bootstrap"},
		Code: Code{Zip: packed(b, "bootstrap", name)},
	})
	check(b, err)
	b.settle()
	for i := range versions {
		_, err := b.UpdateCode(b.Context(), r, NewCode{Code: Code{Zip: packed(b, "bootstrap", strings.Repeat("x", i))}}, Precondition{})
		check(b, err)
		b.settle()
		_, err = b.Publish(b.Context(), r, nil, Precondition{})
		check(b, err)
		b.settle()
	}
	return r
}

// settle has all ready that is to be made ready.
func (b *bench) settle() {
	b.Helper()
	check(b, b.readying.pass(b.Context()))
	b.readying.running.Wait()
}

func (r Ref) at(qualifier string) Ref {
	r.Qualifier = qualifier
	return r
}

func (b *bench) alias(r Ref, name, version string) Ref {
	b.Helper()
	_, err := b.CreateAlias(b.Context(), r.at(name), NewAlias{Version: &version})
	check(b, err)
	return r.at(name)
}
