package home

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

const account = "111122223333"

// server is one of several.
type server struct {
	*Homes
	t  *testing.T
	db *store.DB

	mu   sync.Mutex
	lost []string
}

func newServer(t *testing.T, db *store.DB, id string) *server {
	t.Helper()
	s := &server{t: t, db: db}
	var err error
	s.Homes, err = New(t.Context(), db, Config{Server: id, Address: id + ":1", Life: time.Hour, Lost: func(account string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lost = append(s.lost, account)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) finds(where string) *Home {
	s.t.Helper()
	at, err := s.Find(s.t.Context(), account)
	if err != nil {
		s.t.Fatal(err)
	}
	if at.Server != where || at.Address != where+":1" || at.Here != (where == s.config.Server) || !at.Certain() {
		s.t.Fatalf("server %s finds %+v, want %s", s.config.Server, at, where)
	}
	return at
}

// sleeps has the time of a server be over, as if it had stood still.
func (s *server) sleeps() {
	s.t.Helper()
	s.mu.Lock()
	at := s.known[account]
	s.mu.Unlock()
	at.certainFor(start, 0)
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update function_homes set until = 0 where owner = $1`, s.config.Server)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) losses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lost)
}

func (s *server) passes() {
	s.t.Helper()
	if err := s.pass(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestOneServerHasAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := newServer(t, db, "a"), newServer(t, db, "b")
		if a.At(account) != nil {
			t.Error("somebody has what nobody asked for")
		}
		mine := a.finds("a")
		theirs := b.finds("a")
		if a.At(account) != mine || b.At(account) != theirs || a.finds("a") != mine {
			t.Error("what is known is found anew")
		}
		a.passes()
		b.passes()
		if a.At(account) != mine || b.At(account) != theirs {
			t.Error("a look changes what has not changed")
		}
	})
}

// A server that stood still has what it had, unless another has taken it meanwhile.
func TestAServerThatStoodStill(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := newServer(t, db, "a"), newServer(t, db, "b")
		mine := a.finds("a")
		a.sleeps()
		if mine.Certain() || a.At(account) != nil {
			t.Error("it uses what may be another's")
		}
		if a.finds("a") != mine || len(a.losses()) > 0 {
			t.Error("nobody took it, and yet it is lost")
		}
		a.sleeps()
		b.finds("b")
		ctx, cancel := mine.With(t.Context())
		defer cancel()
		a.finds("b")
		<-mine.Moved()
		<-ctx.Done()
		if got := a.losses(); !slices.Equal(got, []string{account}) || mine.Certain() || !errors.Is(context.Cause(ctx), ErrMoved) {
			t.Errorf("it lost %v", got)
		}
	})
}

// Who passes on hears that an account has moved, whether it asks or not.
func TestAnAccountThatMoves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b, c := newServer(t, db, "a"), newServer(t, db, "b"), newServer(t, db, "c")
		a.finds("a")
		theirs := c.finds("a")
		a.sleeps()
		b.finds("b")
		c.passes()
		<-theirs.Moved()
		c.finds("b")
		a.passes()
		if len(a.losses()) != 1 {
			t.Errorf("it lost %v", a.losses())
		}
	})
}

// A server that ends gives back what it has, takes no more, and still knows where the rest is. One that starts anew begins
// with nothing.
func TestAServerThatEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := newServer(t, db, "a"), newServer(t, db, "b")
		mine := a.finds("a")
		a.Closing()
		if a.finds("a") != mine {
			t.Error("it has lost what it has before it left")
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at, err := a.Find(t.Context(), account); !errors.Is(err, ErrClosing) {
			t.Errorf("it takes %+v, %v", at, err)
		}
		b.finds("b")
		a.finds("b")
		newServer(t, db, "b").finds("b")
		newServer(t, db, "b")
		c := newServer(t, db, "c")
		c.finds("c")
	})
}

// What was taken though its taker heard nothing of it is used by it.
func TestATakingThatWasNotHeardOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newServer(t, db, "a")
		if _, err := a.Find(t.Context(), "444455556666"); err != nil {
			t.Fatal(err)
		}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := take(tx, account, a.config, false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		a.passes()
		if at := a.At(account); at == nil || !at.Here {
			t.Errorf("it knows %+v", at)
		}
	})
}

// A server that is alone has all there is, and asks nobody.
func TestAServerThatIsAlone(t *testing.T) {
	var h *Homes
	at, err := h.Find(t.Context(), account)
	if err != nil || !at.Here || !at.Certain() || h.At(account) != at {
		t.Errorf("found %+v, %v", at, err)
	}
	h.Run(t.Context())
	h.Closing()
	if err := h.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkFind(b *testing.B) {
	db := storetest.SQLite(b)
	h, err := New(b.Context(), db, Config{Server: "a", Address: "a:1", Life: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if at, err := h.Find(b.Context(), account); err != nil || !at.Here {
			b.Fatal(at, err)
		}
	}
}
