package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

func quiet(string) {}

// Signed calls, with keys that are known and keys that are made just now, are answered while all
// keys are replaced again and again.
func TestCallsGoOnWhileKeysRotate(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	var calls, made atomic.Int64
	for range 2 {
		caller := client(t, s)
		workers.Go(func() {
			for ctx.Err() == nil {
				if _, err := caller.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
					t.Errorf("a call while keys rotate: %v", err)
					return
				}
				calls.Add(1)
			}
		})
	}
	workers.Go(func() {
		for ctx.Err() == nil {
			team, err := s.accounts.CreateAccount(t.Context(), "team")
			if err != nil {
				t.Error(err)
				return
			}
			key, err := s.accounts.CreateKey(t.Context(), team.ID)
			if err != nil {
				t.Errorf("a key made while keys rotate: %v", err)
				return
			}
			if got, err := s.accounts.Key(t.Context(), key.ID); err != nil || got.Secret != key.Secret {
				t.Errorf("the key is %v, %v", got.ID, err)
				return
			}
			made.Add(1)
		}
	})
	control := NewControl(s.config.Data)
	before, err := control.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := control.Rotate(t.Context(), seal.Rotation{}, quiet); err != nil {
			t.Error(err)
		}
	}
	stop()
	workers.Wait()
	t.Logf("%d calls and %d new keys during 5 rotations", calls.Load(), made.Load())
	if calls.Load() == 0 || made.Load() == 0 {
		t.Error("nothing was done meanwhile: the test shows nothing")
	}
	after, err := control.Keys(t.Context())
	if err != nil || len(after.Masters) != 1 || after.Mark == before.Mark {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
}

func TestRotationIsTold(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	var said []string
	if err := NewControl(s.config.Data).Rotate(t.Context(), seal.Rotation{}, func(text string) { said = append(said, text) }); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(said, "\n")
	report, err := NewControl(s.config.Data).Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"master key " + report.Mark, "secrets of access_keys sealed anew", "old data keys dropped"} {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in what was said:\n%s", word, text)
		}
	}
	raw, err := os.ReadFile(filepath.Join(s.config.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if master, err := seal.NewMaster(raw); err != nil || master.Mark() != report.Mark {
		t.Errorf("the file has %v, %v, the server %s", master, err, report.Mark)
	}
}

func TestControlSocketIsForTheOwnerAlone(t *testing.T) {
	s := open(t, nil)
	path := filepath.Join(s.config.Data, controlSocket)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there after the end: %v", err)
	}
	if _, err := NewControl(s.config.Data).Keys(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("error %v", err)
	}
}

// What a crash has left is replaced.
func TestStaleControlSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, controlSocket), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if _, err := NewControl(dir).Keys(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("nobody listens: error %v", err)
	}
	s := open(t, func(c *Config) { c.Data = dir })
	run(t, s)
	if _, err := NewControl(dir).Keys(t.Context()); err != nil {
		t.Error(err)
	}
}

// The name of a socket may have 107 bytes, that of a folder more.
func TestControlSocketInADeepFolder(t *testing.T) {
	s := open(t, func(c *Config) { c.Data = filepath.Join(c.Data, strings.Repeat("deep/", 40)) })
	run(t, s)
	if _, err := NewControl(s.config.Data).Keys(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestControlRefusesWhatIsNoRotation(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	c := NewControl(s.config.Data)
	for _, body := range []string{"", "rotate", `{"newKey": "c2hvcnQ="}`, `{"newKey": "` + strings.Repeat("A", 5000) + `"}`} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://slipway/keys/rotate", strings.NewReader(body))
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q is answered %d", body, resp.StatusCode)
		}
	}
	if report, err := c.Keys(t.Context()); err != nil || len(report.Keys) != 1 {
		t.Errorf("keys %+v, %v", report, err)
	}
}

func TestMasterKeyFileThatOthersCanRead(t *testing.T) {
	s := open(t, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.config.Data, "master.key")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s.config); !errors.Is(err, seal.ErrSource) || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("error %v", err)
	}
}

func TestMasterKeyComesFromOnePlace(t *testing.T) {
	if source, err := MasterKey(""); source != nil || err != nil {
		t.Errorf("nothing given: %v, %v", source, err)
	}
	if source, err := MasterKey("pass show slipway"); err != nil || source.String() != "command pass" {
		t.Errorf("a command: %v, %v", source, err)
	}
	t.Setenv(seal.EnvName, sealtest.Master('e').Text())
	if _, err := MasterKey("pass show slipway"); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("both: %v", err)
	}
}

// A key from the environment is on no disk, and is replaced in three steps.
func TestMasterKeyFromTheEnvironment(t *testing.T) {
	first, second := sealtest.Master('1'), sealtest.Master('2')
	from := func(m seal.Master) seal.Source {
		t.Setenv(seal.EnvName, m.Text())
		source, err := MasterKey("")
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	s := open(t, func(c *Config) { c.MasterKey = from(first) })
	stop := start(t, s)
	control := NewControl(s.config.Data)
	var told *RotationError
	if err := control.Rotate(t.Context(), seal.Rotation{}, quiet); !errors.As(err, &told) || !strings.Contains(told.Hint, "--new-key-env") {
		t.Errorf("no new key: %+v", err)
	}
	if err := control.Rotate(t.Context(), seal.Rotation{New: &second}, quiet); !errors.As(err, &told) || !strings.Contains(told.Hint, seal.EnvName) {
		t.Errorf("a new key: %+v", err)
	}
	if _, err := client(t, s).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Error(err)
	}
	stop()

	config := s.config
	config.MasterKey = from(second)
	again, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	stop = start(t, again)
	if err := control.Rotate(t.Context(), seal.Rotation{Finish: true}, quiet); err != nil {
		t.Error(err)
	}
	stop()
	if files, err := filepath.Glob(filepath.Join(config.Data, "master.key*")); err != nil || len(files) > 0 {
		t.Errorf("on disk: %v, %v", files, err)
	}
	config.MasterKey = from(first)
	_, err = Open(t.Context(), config)
	if !errors.Is(err, seal.ErrMasterKey) || !strings.Contains(err.Error(), first.Mark()) || !strings.Contains(err.Error(), second.Mark()) {
		t.Errorf("under the old key: %v", err)
	}
}

// start has a server answer until the returned function is called.
func start(t *testing.T, s *Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	}
}

// Two servers over one database: what is sealed by one opens at the other, before, while and after
// keys are rotated.
func TestTwoServersRotate(t *testing.T) {
	url := storetest.PostgresURL(t)
	one := open(t, func(c *Config) { c.Store = url })
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Data: other, Listen: "127.0.0.1:0", Admin: "off", Region: "us-east-1", Store: url}); !errors.Is(err, seal.ErrMasterKey) {
		t.Errorf("without the master key: %v", err)
	}
	give := func() {
		key, err := os.ReadFile(filepath.Join(one.config.Data, "master.key"))
		if err == nil {
			err = os.WriteFile(filepath.Join(other, "master.key"), key, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	give()
	two := open(t, func(c *Config) { c.Store, c.Data = url, other })
	run(t, one)
	run(t, two)
	works := func() {
		t.Helper()
		for _, s := range []*Server{one, two} {
			key, err := s.accounts.CreateKey(t.Context(), s.root.Owner.Account)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []*Server{one, two} {
				if got, err := s.accounts.Key(t.Context(), key.ID); err != nil || got.Secret != key.Secret {
					t.Errorf("key %s: %v", key.ID, err)
				}
			}
			if err := s.accounts.DeleteKey(t.Context(), s.root.Owner.Account, key.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	works()
	var told *RotationError
	err := NewControl(one.config.Data).Rotate(t.Context(), seal.Rotation{}, quiet)
	if !errors.As(err, &told) || !strings.Contains(told.Text, other) || !strings.Contains(told.Hint, "master.key") {
		t.Errorf("with another server: %+v", err)
	}
	works()
	give()
	for deadline := time.Now().Add(time.Minute); ; {
		err := NewControl(two.config.Data).Rotate(t.Context(), seal.Rotation{Finish: true}, quiet)
		if err == nil || time.Now().After(deadline) {
			if err != nil {
				t.Error(err)
			}
			break
		}
	}
	works()
}

// Nothing that a tenant or a node proves itself by lies in the database or in the log as it is.
func TestNoSecretLiesPlain(t *testing.T) {
	s := open(t, nil)
	key, err := s.accounts.CreateKey(t.Context(), s.root.Owner.Account)
	if err != nil {
		t.Fatal(err)
	}
	db := s.db
	secrets := map[string]string{"root's secret": s.root.Secret, "a key's secret": key.Secret}
	for _, table := range tables(t, db) {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Each("select * from "+table, nil, func(r *sql.Rows) error {
				columns, err := r.Columns()
				if err != nil {
					return err
				}
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				if err := r.Scan(values...); err != nil {
					return err
				}
				for i, v := range values {
					text := fmt.Sprintf("%s", *v.(*any))
					for name, secret := range secrets {
						if strings.Contains(text, secret) {
							t.Errorf("%s is in %s.%s", name, table, columns[i])
						}
					}
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func tables(t *testing.T, db *store.DB) (names []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		return tx.Each(`select name from sqlite_master where type = 'table'`, nil, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("tables %v, %v", names, err)
	}
	return names
}

func TestControlTellsWhetherTheAuditIsAsItWasWritten(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	for range 3 {
		if _, err := sts.NewFromConfig(s.asRoot()).GetCallerIdentity(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() AuditChain {
		t.Helper()
		for { // records come into the database within a second
			chains, err := NewControl(s.config.Data).VerifyAudit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(chains) > 0 && chains[0].Records > 0 || len(chains) > 0 && chains[0].Broken != "" {
				return chains[0]
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if c := verify(); c.Account != s.root.Owner.Account || c.Broken != "" || c.Tip == "" || c.First.IsZero() {
		t.Errorf("as it was written: %+v", c)
	}
	must(t, s.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update audit_chunks set last_time = last_time - 1`)
		return err
	}))
	if c := verify(); c.Broken == "" {
		t.Errorf("altered: %+v", c)
	}
}
