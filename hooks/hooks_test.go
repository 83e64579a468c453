package hooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/events"
	"slipway/hooks"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	account = "123456789012"
	other   = "210987654321"
)

// world is a room with hooks, and who is called by them.
type world struct {
	*testing.T
	db    *store.DB
	hooks *hooks.Control
	stop  func()

	mu     sync.Mutex
	got    []letter
	answer func(letter) int // status; nil: 200
	news   chan struct{}
	url    string
}

type letter struct {
	path, signature, kind, id string
	body                      []byte
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{T: t, db: db, news: make(chan struct{}, 1000)}
	w.check(events.Migrate(t.Context(), db))
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	w.url = s.URL
	w.start()
	return w
}

// start opens the room and runs it, as after a restart, with settings of its own.
func (w *world) start(settings ...func(*hooks.Control)) {
	w.Helper()
	c, err := hooks.New(w.Context(), w.db, sealtest.Keys(w, w.db))
	w.check(err)
	hooks.Hurry(c)
	for _, set := range settings {
		set(c)
	}
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	w.hooks = c
	w.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.Cleanup(w.stop)
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// ServeHTTP is called by hooks.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	l := letter{r.URL.Path, r.Header.Get(hooks.HeaderSignature), r.Header.Get(hooks.HeaderEvent), r.Header.Get(hooks.HeaderID), text}
	w.mu.Lock()
	status := http.StatusOK
	if w.answer != nil {
		status = w.answer(l)
	}
	w.got = append(w.got, l)
	w.mu.Unlock()
	if status == http.StatusFound {
		rw.Header().Set("Location", "/elsewhere")
	}
	rw.WriteHeader(status)
	w.news <- struct{}{}
}

func (w *world) answers(f func(letter) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// await returns the letters once there are so many.
func (w *world) await(n int) []letter {
	w.Helper()
	for {
		w.mu.Lock()
		got := slices.Clone(w.got)
		w.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-w.news:
		case <-time.After(30 * time.Second):
			w.Fatalf("%d letters came, want %d", len(got), n)
		}
	}
}

// awaitDead returns the dead letters of a hook once there are any.
func (w *world) awaitDead(hook string) []hooks.Letter {
	w.Helper()
	for {
		dead, err := w.hooks.Dead(w.Context(), hook, 10)
		w.check(err)
		if len(dead) > 0 {
			return dead
		}
		time.Sleep(time.Millisecond) // between two looks; the test's own deadline ends them
	}
}

// happen writes events of an account about a repository, all at once.
func (w *world) happen(account, repository string, kinds ...string) {
	w.Helper()
	w.check(w.db.Update(w.Context(), func(tx *store.Tx) error {
		for _, kind := range kinds {
			subject := "arn:aws:ecr:us-east-1:" + account + ":repository/" + repository
			if err := events.Append(tx, account, kind, subject, map[string]string{"repository": repository}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (w *world) add(h hooks.Hook) (hooks.Hook, string) {
	w.Helper()
	h.URL, h.Local = w.url+h.URL, true
	made, secret, err := w.hooks.Add(w.Context(), h)
	w.check(err)
	return made, secret
}

func each(t *testing.T, story func(w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { story(newWorld(t, db)) })
}

func TestLetterIsSignedAndSaysWhatHappened(t *testing.T) {
	each(t, func(w *world) {
		w.happen(account, "web/app", "image.pushed") // before there is a hook
		_, secret := w.add(hooks.Hook{URL: "/in"})
		w.happen(account, "web/app", "image.deleted")

		l := w.await(1)[0]
		var said struct {
			ID, Kind, Account, Subject string
			Time                       time.Time
			Data                       map[string]string
		}
		w.check(json.Unmarshal(l.body, &said))
		if l.path != "/in" || said.Kind != "image.deleted" || l.kind != said.Kind || said.ID != l.id || said.Account != account ||
			said.Subject != "arn:aws:ecr:us-east-1:"+account+":repository/web/app" || said.Data["repository"] != "web/app" || said.Time.IsZero() {
			w.Errorf("the letter is %s %s, with %+v", l.path, l.body, l)
		}
		seconds, _, _ := strings.Cut(strings.TrimPrefix(l.signature, "t="), ",")
		unix, err := strconv.ParseInt(seconds, 10, 64)
		if want := hooks.Sign(secret, time.Unix(unix, 0), l.body); err != nil || l.signature != want {
			w.Errorf("signature %q, want %q", l.signature, want)
		}
		if l.signature == hooks.Sign("another secret", time.Unix(unix, 0), l.body) {
			w.Error("another secret makes the same signature")
		}
	})
}

func TestFilters(t *testing.T) {
	tests := []struct {
		hook hooks.Hook
		want string // kinds of letters, those of the other account in brackets
	}{
		{hooks.Hook{}, "image.pushed image.deleted repository.created image.pushed [image.pushed]"},
		{hooks.Hook{Account: account}, "image.pushed image.deleted repository.created image.pushed"},
		{hooks.Hook{Account: other}, "[image.pushed]"},
		{hooks.Hook{Account: account, Kinds: []string{"image.pushed"}}, "image.pushed image.pushed"},
		{hooks.Hook{Account: account, Kinds: []string{"*"}}, "image.pushed image.deleted repository.created image.pushed task.running"},
		{hooks.Hook{Account: account, Repositories: []string{"web/*"}}, "image.pushed image.deleted"},
		{hooks.Hook{Account: account, Repositories: []string{"web"}}, ""},
		{hooks.Hook{Account: account, Repositories: []string{"web/app", "d*b"}, Kinds: []string{"*.pushed", "*.created"}}, "image.pushed repository.created image.pushed"},
	}
	each(t, func(w *world) {
		for i, test := range tests {
			test.hook.URL = fmt.Sprint("/", i)
			w.add(test.hook)
		}
		w.add(hooks.Hook{URL: "/end", Kinds: []string{"end"}})
		w.happen(account, "web/app", "image.pushed", "image.deleted")
		w.happen(account, "db", "repository.created", "image.pushed")
		w.happen(account, "", "task.running")
		w.happen(other, "web/app", "image.pushed")
		total := 0
		for _, test := range tests {
			total += len(strings.Fields(test.want))
		}
		got := w.await(total)
		for i, test := range tests {
			var kinds []string
			for _, l := range got {
				if l.path == fmt.Sprint("/", i) && strings.Contains(string(l.body), other) {
					kinds = append(kinds, "["+l.kind+"]")
				} else if l.path == fmt.Sprint("/", i) {
					kinds = append(kinds, l.kind)
				}
			}
			if s := strings.Join(kinds, " "); s != test.want {
				w.Errorf("%+v is told of %q, want %q", test.hook, s, test.want)
			}
		}
	})
}

func TestLetterIsTriedUntilItIsTaken(t *testing.T) {
	each(t, func(w *world) {
		w.add(hooks.Hook{})
		tries := 0
		w.answers(func(letter) int {
			tries++
			return []int{500, 302, 404, 204}[min(tries, 4)-1]
		})
		w.happen(account, "web/app", "image.pushed")
		got := w.await(4)
		for _, l := range got {
			if l.id != got[0].id || string(l.body) != string(got[0].body) || l.path == "/elsewhere" {
				w.Errorf("a try was %+v, the first %+v", l, got[0])
			}
		}
		w.happen(account, "web/app", "image.deleted")
		if got := w.await(5); len(got) != 5 || got[4].kind != "image.deleted" {
			w.Errorf("after it was taken came %+v", got[4:])
		}
		if dead, err := w.hooks.Dead(w.Context(), "", 10); err != nil || len(dead) != 0 {
			w.Errorf("dead letters %+v, error %v", dead, err)
		}
	})
}

// A hook that takes nothing holds up no other, and what it was to be told stays to be looked at.
func TestDeadLetters(t *testing.T) {
	each(t, func(w *world) {
		bad, _ := w.add(hooks.Hook{URL: "/bad"})
		w.add(hooks.Hook{URL: "/good"})
		w.answers(func(l letter) int {
			if l.path == "/bad" {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		w.happen(account, "web/app", "image.pushed")
		w.await(hooks.MaxTries + 1)
		dead := w.awaitDead(bad.ID)
		if len(dead) != 1 || dead[0].Kind != "image.pushed" || dead[0].Tries != hooks.MaxTries ||
			!strings.Contains(dead[0].Failure, "503") || !json.Valid(dead[0].Body) || dead[0].Dead.IsZero() {
			w.Fatalf("dead letters %+v", dead)
		}
		w.check(w.hooks.Remove(w.Context(), bad.ID))
		if dead, err := w.hooks.Dead(w.Context(), "", 10); err != nil || len(dead) != 0 {
			w.Errorf("after its hook went: %+v, error %v", dead, err)
		}
	})
}

func TestNothingIsLostOverAStop(t *testing.T) {
	each(t, func(w *world) {
		w.add(hooks.Hook{})
		w.stop()
		w.happen(account, "web/app", "image.pushed", "image.pushed", "image.deleted")
		w.start()
		var kinds []string
		for _, l := range w.await(3) {
			kinds = append(kinds, l.kind)
		}
		if want := []string{"image.pushed", "image.pushed", "image.deleted"}; !slices.Equal(kinds, want) {
			w.Errorf("came %v, want %v", kinds, want)
		}
	})
}

// A hook that is not made for it calls no address of this machine, not even by a name.
func TestOwnAddressesAreNotCalled(t *testing.T) {
	each(t, func(w *world) {
		for _, url := range []string{w.url, "http://[::1]/", "http://169.254.169.254/latest/meta-data", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/"} {
			if _, _, err := w.hooks.Add(w.Context(), hooks.Hook{URL: url}); !errors.Is(err, hooks.ErrAddress) {
				w.Errorf("%s: error %v", url, err)
			}
		}
		named := strings.Replace(w.url, "127.0.0.1", "localhost", 1)
		_, _, err := w.hooks.Add(w.Context(), hooks.Hook{URL: named + "/token-in-a-path"})
		w.check(err)
		w.add(hooks.Hook{URL: "/allowed"})
		w.happen(account, "web/app", "image.pushed")
		w.await(1)
		dead := w.awaitDead("")
		if !strings.Contains(dead[0].Failure, hooks.ErrAddress.Error()) || strings.Contains(dead[0].Failure, "token") {
			w.Errorf("it failed with %q", dead[0].Failure)
		}
		if got := w.await(1); len(got) != 1 || got[0].path != "/allowed" {
			w.Errorf("called: %+v", got)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(w *world) {
		for _, h := range []hooks.Hook{
			{URL: ""}, {URL: "example.com/x"}, {URL: "ftp://example.com/"}, {URL: "https://user:password@example.com/"},
			{URL: "https://example.com/", Account: "12"}, {URL: "https://example.com/", Kinds: []string{""}},
			{URL: "https://example.com/", Repositories: []string{"******"}}, {URL: "https://example.com/", Kinds: make([]string, 21)},
		} {
			if _, _, err := w.hooks.Add(w.Context(), h); !errors.Is(err, hooks.ErrHook) || strings.Contains(err.Error(), "password") {
				w.Errorf("%+v: error %v", h, err)
			}
		}
		if err := w.hooks.Remove(w.Context(), "no-such"); !errors.Is(err, hooks.ErrNoHook) {
			w.Errorf("remove: error %v", err)
		}
		made, _ := w.add(hooks.Hook{})
		all, err := w.hooks.Hooks(w.Context())
		if err != nil || len(all) != 1 || all[0].ID != made.ID || all[0].URL != made.URL || !slices.Equal(all[0].Kinds, hooks.DefaultKinds) {
			w.Errorf("hooks %+v, error %v", all, err)
		}
	})
}
