package nodes

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	account = "111122223333"
	other   = "444455556666"
	ann     = "0123456789abcdef0123456789abcdef"
	bob     = "fedcba9876543210fedcba9876543210"
)

// world is a control plane with nothing but its gate.
type world struct {
	*testing.T
	db   *store.DB
	c    *Control
	url  string
	dirs map[*nodeapi.Identity]string
}

func each(t *testing.T, tell func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, err := New(t.Context(), db, sealtest.Keys(t, db))
		if err != nil {
			t.Fatal(err)
		}
		tell(gate(t, db, c))
	})
}

// gate is where nodes come to a control plane.
func gate(t *testing.T, db *store.DB, c *Control) *world {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/node/v1/", nodeapi.NewHandler(plane{}, c))
	mux.Handle("/door", nodeapi.Guard(c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "open") })))
	server := &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go server.Serve(tls.NewListener(l, c.TLS()))
	t.Cleanup(func() { server.Close() })
	return &world{t, db, c, "https://" + l.Addr().String(), map[*nodeapi.Identity]string{}}
}

// plane is a control plane to which nodes report, and which nobody else needs.
type plane struct{ nodeapi.ControlPlane }

func (plane) Report(context.Context, nodeapi.Report) (nodeapi.ReportAck, error) {
	return nodeapi.ReportAck{Unknown: []string{"heard"}}, nil
}

func (plane) Session(ctx context.Context, h nodeapi.Hello, send func(nodeapi.Frame) error) error {
	err := send(nodeapi.Frame{Welcome: &nodeapi.Welcome{Account: h.Account, Region: h.Cluster}})
	if err == nil {
		<-ctx.Done()
	}
	return err
}

func (w *world) invite(i Invitation, life time.Duration) nodeapi.Token {
	w.Helper()
	_, text, err := w.c.Invite(w.Context(), i, life)
	if err != nil {
		w.Fatal(err)
	}
	token, err := nodeapi.ParseToken(text)
	if err != nil {
		w.Fatal(err)
	}
	return token
}

func (w *world) join(t nodeapi.Token, node, dir string) (*nodeapi.Identity, error) {
	return nodeapi.Join(w.Context(), w.url, t, node, dir)
}

func (w *world) mustJoin(t nodeapi.Token, node string) *nodeapi.Identity {
	w.Helper()
	dir := w.TempDir()
	i, err := w.join(t, node, dir)
	if err != nil {
		w.Fatal(err)
	}
	w.dirs[i] = dir
	return i
}

// renew gives what a node has after it has renewed its certificate. The node itself does not hear of it.
func (w *world) renew(i *nodeapi.Identity) *nodeapi.Identity {
	w.Helper()
	dir := w.TempDir()
	text, err := os.ReadFile(filepath.Join(w.dirs[i], "identity.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "identity.json"), text, 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
	next, err := nodeapi.OpenIdentity(dir)
	if err == nil {
		err = next.Renew(w.Context())
	}
	if err != nil {
		w.Fatal(err)
	}
	w.dirs[next] = dir
	return next
}

// heard tells whether the control plane listens to a node.
func (w *world) heard(i *nodeapi.Identity, node string) error {
	_, err := i.Client().Report(w.Context(), nodeapi.Report{Node: node})
	return err
}

func (w *world) denied(what string, err error) {
	w.Helper()
	if errs.KindOf(err) != errs.Denied {
		w.Errorf("%s: %v, want it denied", what, err)
	}
}

func TestAMachineJoins(t *testing.T) {
	each(t, func(w *world) {
		dir := w.TempDir()
		i, err := w.join(w.invite(Invitation{Account: account, Cluster: "web"}, 0), ann, dir)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.heard(i, ann); err != nil {
			w.Error(err)
		}
		w.denied("a report of another node", w.heard(i, bob))
		again, err := nodeapi.OpenIdentity(dir)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.heard(again, ann); err != nil {
			w.Errorf("after a start anew: %v", err)
		}
		if _, m := again.Membership(); m.Account != account || m.Cluster != "web" {
			w.Errorf("it is a member of %q, %q", m.Account, m.Cluster)
		}
		w.welcomed(i)
		w.door(i)
		w.private(dir)
	})
}

// welcomed: whose a node is, is what its certificate says.
func (w *world) welcomed(i *nodeapi.Identity) {
	w.Helper()
	ctx, stop := context.WithCancel(w.Context())
	defer stop()
	i.Client().Session(ctx, nodeapi.Hello{Node: ann, Account: other, Cluster: "db"}, func(f nodeapi.Frame) error {
		if f.Welcome.Account != account || f.Welcome.Region != "web" {
			w.Errorf("it is welcomed as of %+v", f.Welcome)
		}
		stop()
		return nil
	})
}

// door: the line of a node leads to all doors, and nobody else's does.
func (w *world) door(i *nodeapi.Identity) {
	w.Helper()
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	refused, err := stranger.Get(w.url + "/door")
	if err != nil {
		w.Fatal(err)
	}
	defer refused.Body.Close()
	if refused.StatusCode != http.StatusForbidden {
		w.Errorf("a stranger is answered %s", refused.Status)
	}
	resp, err := (&http.Client{Transport: i}).Get(w.url + "/door")
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != "open" {
		w.Errorf("the door answers %q", text)
	}
}

// private: nobody but the owner may read what a node proves itself by.
func (w *world) private(dir string) {
	w.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		w.Fatalf("its folder holds %q, %v, want the identity alone", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		w.Errorf("%s: %v, %v, want mode 0600", files[0], info.Mode(), err)
	}
}

func TestATokenAdmitsAsManyAsItSays(t *testing.T) {
	each(t, func(w *world) {
		once, twice := w.invite(Invitation{Account: account}, 0), w.invite(Invitation{Account: account, Uses: 2}, 0)
		dir := w.TempDir()
		if _, err := w.join(once, ann, dir); err != nil {
			w.Fatal(err)
		}
		_, err := w.join(once, bob, w.TempDir())
		w.denied("a stolen token, used a second time", err)
		_, err = w.join(once, ann, w.TempDir())
		w.denied("a stolen token, used with the id of who used it first", err)
		w.mustJoin(twice, ann)
		w.mustJoin(twice, bob)
		_, err = w.join(twice, strings.Repeat("a", 32), w.TempDir())
		w.denied("a third use of two", err)
	})
}

// Many machines try to come by a token for one at the same time.
func TestOneUseIsOne(t *testing.T) {
	each(t, func(w *world) {
		token := w.invite(Invitation{Account: account}, 0)
		var trying sync.WaitGroup
		var mu sync.Mutex
		admitted := 0
		for n := range 8 {
			dir := w.TempDir()
			trying.Go(func() {
				_, err := w.join(token, strings.Repeat(string(rune('a'+n%6)), 31)+string(rune('0'+n)), dir)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					admitted++
				} else if errs.KindOf(err) != errs.Denied {
					w.Errorf("%v, want it admitted or denied", err)
				}
			})
		}
		trying.Wait()
		if admitted != 1 {
			w.Errorf("%d came in, want 1", admitted)
		}
	})
}

// The answer was lost, or the machine crashed before it wrote it down: the same machine asks again.
func TestAnAnswerThatWasLostIsGivenAgain(t *testing.T) {
	each(t, func(w *world) {
		token, dir := w.invite(Invitation{Account: account}, 0), w.TempDir()
		if _, err := w.join(token, ann, dir); err != nil {
			w.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(dir, "identity.json"))
		if err != nil {
			w.Fatal(err)
		}
		key := strings.Split(strings.Split(string(kept), `"key":"`)[1], `"`)[0]
		raw, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			w.Fatal(err)
		}
		crashed := w.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, "joining.key"), raw, 0o600); err != nil {
			w.Fatal(err)
		}
		i, err := w.join(token, ann, crashed)
		if err != nil {
			w.Fatalf("asked again with the same key: %v", err)
		}
		if err := w.heard(i, ann); err != nil {
			w.Error(err)
		}
	})
}

func TestWrongTokens(t *testing.T) {
	each(t, func(w *world) {
		good := w.invite(Invitation{Account: account}, 0)
		altered := good
		altered.Secret = make([]byte, sha256.Size)
		_, err := w.join(altered, ann, w.TempDir())
		w.denied("a wrong secret", err)
		foreign := good
		foreign.ID = "0000000000000000"
		_, err = w.join(foreign, ann, w.TempDir())
		w.denied("an unknown token", err)
		impostor := good
		impostor.Authority = make([]byte, sha256.Size)
		_, err = w.join(impostor, ann, w.TempDir())
		w.denied("a control plane that the token is not for", err)
		if err := w.c.Withdraw(w.Context(), good.ID); err != nil {
			w.Fatal(err)
		}
		_, err = w.join(good, ann, w.TempDir())
		w.denied("a withdrawn token", err)
		for _, text := range []string{"", "a.b.c", "0000000000000000.AAAA.AAAA", good.Text() + "x", strings.Repeat("a.", 1000)} {
			if _, err := nodeapi.ParseToken(text); !errors.Is(err, nodeapi.ErrToken) {
				w.Errorf("token %.30q: %v", text, err)
			}
		}
		for _, node := range []string{"", "x", strings.Repeat("A", 32), "' or 1=1 --"} {
			if _, err := w.join(w.invite(Invitation{Account: account}, 0), node, w.TempDir()); errs.KindOf(err) != errs.Invalid {
				w.Errorf("node %q: %v, want it invalid", node, err)
			}
		}
	})
}

func TestInvitationsAreOverInTime(t *testing.T) {
	each(t, func(w *world) {
		token := w.invite(Invitation{Account: account}, 0)
		w.age("nodes_invitations", "expires", token.ID, 2*time.Hour)
		_, err := w.join(token, ann, w.TempDir())
		w.denied("an expired token", err)
		if err := w.c.forgetInvitations(w.Context()); err != nil {
			w.Fatal(err)
		}
		open, err := w.c.Invitations(w.Context())
		if err != nil || len(open) != 0 {
			w.Errorf("%+v, %v, want none open", open, err)
		}
		for _, bad := range []struct {
			i    Invitation
			life time.Duration
		}{
			{Invitation{Account: "1"}, 0}, {Invitation{Account: account, Cluster: "a b"}, 0},
			{Invitation{Account: account, Uses: MaxUses + 1}, 0}, {Invitation{Account: account}, time.Second}, {Invitation{Account: account}, MaxLife + 1},
		} {
			if _, _, err := w.c.Invite(w.Context(), bad.i, bad.life); !errors.Is(err, ErrInvitation) {
				w.Errorf("%+v for %v: %v, want %v", bad.i, bad.life, err, ErrInvitation)
			}
		}
	})
}

// age makes a time in a row earlier.
func (w *world) age(table, column, id string, by time.Duration) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update `+table+` set `+column+` = `+column+` - $2 where id = $1`, id, by.Microseconds())
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestARemovedNodeIsRefused(t *testing.T) {
	each(t, func(w *world) {
		i := w.mustJoin(w.invite(Invitation{Account: account}, 0), ann)
		second, err := New(w.Context(), w.db, sealtest.Keys(w.T, w.db)) // another server, which learns of it by the rows
		if err != nil {
			w.Fatal(err)
		}
		if err := w.heard(i, ann); err != nil {
			w.Fatal(err)
		}
		if err := second.Remove(w.Context(), ann); err != nil {
			w.Fatal(err)
		}
		w.c.forgetKnown(w.Context()) // as Run does when it is woken
		w.denied("a removed node", w.heard(i, ann))
		if err := second.Remove(w.Context(), ann); !errors.Is(err, ErrNoNode) {
			w.Errorf("%v, want %v", err, ErrNoNode)
		}
		back := w.mustJoin(w.invite(Invitation{Account: account}, 0), ann)
		if err := w.heard(back, ann); err != nil {
			w.Errorf("after it has joined anew: %v", err)
		}
		w.denied("its former certificate", w.heard(i, ann))
	})
}

func TestANodeOfOneAccountIsNoOthers(t *testing.T) {
	each(t, func(w *world) {
		i := w.mustJoin(w.invite(Invitation{Account: account}, 0), ann)
		_, err := w.join(w.invite(Invitation{Account: other}, 0), ann, w.TempDir())
		w.denied("another account's node by the same id", err)
		if err := w.heard(i, ann); err != nil {
			w.Error(err)
		}
		left := w.invite(Invitation{Account: account, Uses: 5}, 0)
		if err := w.c.WithdrawAccount(w.Context(), account); err != nil {
			w.Fatal(err)
		}
		_, err = w.join(left, bob, w.TempDir())
		w.denied("a token of a closed account", err)
	})
}

// A certificate is renewed by what it certifies; the one before stays good, the one before that does not.
func TestACertificateIsRenewed(t *testing.T) {
	each(t, func(w *world) {
		first := w.mustJoin(w.invite(Invitation{Account: account}, 0), ann)
		lost, second := w.renew(first), w.renew(first) // the first answer was not heard
		for name, i := range map[string]*nodeapi.Identity{"the first": first, "the second": second} {
			if err := w.heard(i, ann); err != nil {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.denied("one that was given and not heard of", w.heard(lost, ann))
		third := w.renew(second)
		if err := errors.Join(w.heard(second, ann), w.heard(third, ann)); err != nil {
			w.Error(err)
		}
		w.denied("the one before the one before", w.heard(first, ann))
	})
}

// A control plane that starts anew is known to its nodes, and knows them.
func TestTheAuthorityStays(t *testing.T) {
	each(t, func(w *world) {
		again, err := New(w.Context(), w.db, sealtest.Keys(w.T, w.db))
		if err != nil {
			w.Fatal(err)
		}
		if !again.authority.certificate.Equal(w.c.authority.certificate) {
			w.Error("the second start has another authority")
		}
	})
}
