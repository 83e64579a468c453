package functions_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/events"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/nodeapi"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	here = "us-east-1"
	ours = "123456789012"
	role = "arn:aws:iam::123456789012:role/acts"
)

// shop is a room with a fleet that only says what it is told to do.
type shop struct {
	*functions.Control
	t      testing.TB
	db     *store.DB
	blobs  blob.Store
	fleet  *crew
	images *pictures
}

func inShop(t *testing.T, test func(*shop)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newShop(t, db)
		s.run(s.Control)
		test(s)
	})
}

func newShop(t testing.TB, db *store.DB) *shop {
	t.Helper()
	s := &shop{t: t, db: db, fleet: newCrew(), images: &pictures{}}
	s.ok(events.Migrate(t.Context(), db))
	var err error
	s.blobs, err = disk.Open(t.TempDir())
	s.ok(err)
	s.Control = s.server()
	return s
}

// server opens the room once more, as another server over the same database does.
func (s *shop) server() *functions.Control {
	s.t.Helper()
	c, err := functions.New(s.t.Context(), s.db, sealtest.Keys(s.t, s.db), s.blobs, functions.Config{
		Region: here, Images: s.images, Roles: guild{}, Fleet: s.fleet, Advertise: "slipway.test:4600",
	})
	s.ok(err)
	return c
}

// run does what a room does beside calls until the test ends, or stop is called.
func (s *shop) run(c *functions.Control) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	s.t.Cleanup(stop)
	return stop
}

func (s *shop) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// is checks an error: its cause, and its sentence.
func (s *shop) is(err, cause error, sentence string) {
	s.t.Helper()
	if !errors.Is(err, cause) || err.Error() != sentence {
		s.t.Errorf("error: %v\nwant %v: %s", err, cause, sentence)
	}
}

// until waits for a condition.
func (s *shop) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func ref(name, qualifier string) functions.Ref {
	return functions.Ref{Account: ours, Name: name, Qualifier: qualifier}
}

// of is a new function that is all right.
func of(name string, zip []byte) functions.NewFunction {
	return functions.NewFunction{
		Account: ours, Name: name, Code: functions.Code{Zip: zip},
		Settings: functions.Settings{Role: role, Runtime: "provided.al2023", Handler: "bootstrap"},
	}
}

// create makes a function and waits until it is active.
func (s *shop) create(n functions.NewFunction) functions.Version {
	s.t.Helper()
	v, err := s.CreateFunction(s.t.Context(), n)
	s.ok(err)
	s.settled(n.Name)
	return v
}

func (s *shop) get(name, qualifier string) functions.Version {
	s.t.Helper()
	v, err := s.Version(s.t.Context(), ref(name, qualifier))
	s.ok(err)
	return v
}

// settled waits until it is known what became of the last change, and returns what is there then.
func (s *shop) settled(name string) (v functions.Version) {
	s.t.Helper()
	s.until(name+" is settled", func() bool {
		v = s.get(name, "")
		return v.State.State != functions.Pending && v.Update.State != functions.InProgress
	})
	return v
}

// update gives a function other code.
func (s *shop) update(name, says string) (functions.Version, error) {
	return s.UpdateCode(s.t.Context(), ref(name, ""), functions.NewCode{Code: functions.Code{Zip: program(s.t, says)}}, functions.Precondition{})
}

// resolves finds what a call runs.
func (s *shop) resolves(name, qualifier string) *functions.Target {
	s.t.Helper()
	t, err := s.Resolve(s.t.Context(), ours, name, qualifier)
	s.ok(err)
	return t
}

// program is a zip with a bootstrap.
func program(t testing.TB, says string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(fs.FileMode(0o755))
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = fmt.Fprint(w, says)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// crew is a fleet of which a test says what it finds.
type crew struct {
	*fleet.Fleet
	mu       sync.Mutex
	cond     *sync.Cond
	hold     bool             // Prepare waits
	fails    map[string]error // by release, or by "" for all
	prepared []string         // line and release
	retired  []string
}

func newCrew() *crew {
	c := &crew{Fleet: fleet.New(fleet.Config{}), fails: map[string]error{}}
	c.cond = sync.NewCond(&c.mu)
	return c
}

func (c *crew) Prepare(ctx context.Context, line string, r *fleet.Release, since time.Time, moves []time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer context.AfterFunc(ctx, c.cond.Broadcast)()
	c.prepared = append(c.prepared, line+" "+r.ID)
	for c.hold && ctx.Err() == nil {
		c.cond.Wait()
	}
	return errors.Join(c.fails[r.ID], c.fails[""], ctx.Err())
}

func (c *crew) Retire(account, function, release string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retired = append(c.retired, account+" "+function+" "+release)
}

// set changes how the fleet fares.
func (c *crew) set(change func(*crew)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
	c.cond.Broadcast()
}

// asked is what the fleet was to have ready, and to end.
func (c *crew) asked() (prepared, retired []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.prepared...), append([]string(nil), c.retired...)
}

// pictures is a registry: it has one runtime, until that is gone, and one image for x86_64.
type pictures struct{ gone atomic.Bool }

const imageDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func (p *pictures) Runtime(_ context.Context, _, runtime, architecture string) (fleet.Image, error) {
	if p.gone.Load() || runtime != "provided.al2023" || architecture != "x86_64" {
		return fleet.Image{}, fmt.Errorf("%w: %s on %s", functions.ErrRuntime, runtime, architecture)
	}
	return fleet.Image{Name: "registry/runtimes/provided.al2023", Digest: imageDigest}, nil
}

func (*pictures) Find(_ context.Context, _, name, architecture string) (fleet.Image, error) {
	if name != "registry/app:v1" || architecture != "x86_64" {
		return fleet.Image{}, fmt.Errorf("%w: %s on %s", functions.ErrImage, name, architecture)
	}
	return fleet.Image{Name: "registry/app", Digest: imageDigest}, nil
}

func (*pictures) Login(context.Context, string, fleet.Image) (*nodeapi.Login, error) {
	return &nodeapi.Login{Username: "AWS"}, nil
}

// guild knows one role.
type guild struct{}

func (guild) Check(_ context.Context, account, name string) error {
	if account != ours || name != role {
		return functions.ErrRole
	}
	return nil
}

func (guild) Issue(_ context.Context, account, role, session string, life time.Duration) (nodeapi.Credentials, error) {
	return nodeapi.Credentials{Role: role, AccessKeyID: "ASIA" + account, SecretAccessKey: "hush", SessionToken: "token"}, nil
}
