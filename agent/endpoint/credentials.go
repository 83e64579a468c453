package endpoint

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// How long the control plane may take to make credentials: while a container waits for its first, and
// while it could be given those that are there. SDKs wait for two seconds and ask three times.
const (
	issueLimit = 5 * time.Second
	renewLimit = time.Second
)

// failureTime is how long a failure is the answer to whoever asks again, so that a container that
// asks all the time is the node's trouble and not the control plane's.
const failureTime = 500 * time.Millisecond

var errSlow = errs.New(errs.Unavailable, "the control plane is slow")

// held are the credentials of a task, once they have been asked for.
type held struct {
	turn chan struct{} // taken by who asks for new ones

	mu      sync.Mutex
	current *issued
	asked   bool  // for, since they came
	failed  error // the last attempt
	again   time.Time
}

// issued are credentials and when they came.
type issued struct {
	nodeapi.Credentials
	came time.Time
}

func newHeld() held { return held{turn: make(chan struct{}, 1)} }

// fresh tells that less than half of their life is over.
func (i *issued) fresh(now time.Time) bool {
	return i != nil && now.Before(i.came.Add(i.Expires.Sub(i.came)/2))
}

func (i *issued) good(now time.Time) bool { return i != nil && now.Before(i.Expires) }

func (h *held) get() *issued {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current
}

func (h *held) set(i *issued) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current, h.asked, h.failed = i, false, nil
}

// fail notes a failure. A final one ends what is there.
func (h *held) fail(err error, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed, h.again = err, now.Add(failureTime)
	if final(err) {
		h.current = nil
	}
}

// known is what needs no question to the control plane now: fresh credentials, or a failure. There may
// be neither.
func (h *held) known(now time.Time) (*issued, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.current.fresh(now):
		return h.current, nil
	case h.failed != nil && now.Before(h.again):
		return nil, h.failed
	}
	return nil, nil
}

func (h *held) ask() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = true
}

// due tells whether new credentials should be at hand: for who has asked will ask again.
func (h *held) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current != nil && h.asked && !h.current.fresh(now)
}

// forgetOver forgets credentials that are good for nothing.
func (h *held) forgetOver(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.current.good(now) {
		h.current = nil
	}
}

// obtain gives the credentials of a task: those that are there, renewed when half of their life is
// over if the control plane can be reached.
func (s *Server) obtain(ctx context.Context, t *task) (*issued, error) {
	limit := issueLimit
	if t.held.get().good(time.Now()) {
		limit = renewLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fresh, err := s.issue(ctx, t)
	if old := t.held.get(); err != nil && old.good(time.Now()) {
		fresh, err = old, nil
	}
	if err == nil {
		t.held.ask()
	}
	return fresh, err
}

// issue has the control plane make credentials, unless those that are there are fresh or it has just
// failed to. When it refuses them, those that are there are good no more.
func (s *Server) issue(ctx context.Context, t *task) (*issued, error) {
	select {
	case t.held.turn <- struct{}{}:
		defer func() { <-t.held.turn }()
	case <-ctx.Done():
		return nil, errSlow
	}
	if i, err := t.held.known(time.Now()); i != nil || err != nil {
		return i, err
	}
	given, err := s.config.Issue(ctx, t.id)
	if err != nil {
		slog.Warn("a task has no new credentials", "task", t.id, "error", err)
		t.held.fail(err, time.Now())
		return nil, err
	}
	i := &issued{given, time.Now()}
	t.held.set(i)
	return i, nil
}

// final tells of an error that it is an answer, and not the want of one.
func final(err error) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Internal, errs.Throttled:
		return false
	}
	return true
}

// renew has new credentials at hand for the tasks that will ask for them. It gives up at the first that
// the control plane does not answer to: it is away, or has too much to do.
func (s *Server) renew(ctx context.Context) error {
	for _, t := range s.tasks() {
		t.held.forgetOver(time.Now())
		if !t.held.due(time.Now()) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, issueLimit)
		_, err := s.issue(limited, t)
		cancel()
		if err != nil && !final(err) {
			return err
		}
	}
	return nil
}

func (s *Server) tasks() []*task {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*task, 0, len(s.byID))
	for _, t := range s.byID {
		all = append(all, t)
	}
	return all
}

// answer is what SDKs read. Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
type answer struct {
	RoleArn         string
	AccessKeyId     string
	SecretAccessKey string
	Token           string
	Expiration      string
}

// handler answers what containers ask of the node itself.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathPrefix, s.credentials)
	mux.HandleFunc("GET "+metadataPrefix+"{id}", s.metadata)
	mux.HandleFunc("GET "+metadataPrefix+"{id}/{what...}", s.metadata)
	return mux
}

func (s *Server) credentials(w http.ResponseWriter, r *http.Request) {
	t := s.caller(w, r, func(t *task) bool { return t.hasPath(r.URL.Path) })
	switch {
	case t == nil:
		return
	case !t.hasPath(r.URL.Path):
		refuseStranger(w)
		return
	}
	// What is made for a container that has gone meanwhile is there when it comes back.
	given, err := s.obtain(context.WithoutCancel(r.Context()), t)
	switch {
	case err == nil:
		w.Header().Set("Cache-Control", "no-store")
		write(w, http.StatusOK, answer{given.Role, given.AccessKeyID, given.SecretAccessKey, given.SessionToken, given.Expires.UTC().Format(time.RFC3339)})
	case final(err):
		refuse(w, http.StatusForbidden, "AccessDenied", err.Error())
	default:
		refuse(w, http.StatusServiceUnavailable, "Unavailable", "The control plane does not answer. Try again.")
	}
}

// refuse answers with an error as SDKs show it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]string{"code": code, "message": message})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who is gone needs no answer
}
