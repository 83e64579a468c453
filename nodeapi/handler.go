package nodeapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"slipway/internal/errs"
)

// KeepAlive is how often the handler sends a frame, if need be an empty one, so
// that a client can tell a quiet line from a dead one.
const KeepAlive = 5 * time.Second

// How large the body of each request may be, in bytes, and how long a client may
// take to accept a frame before its session is given up.
const (
	maxHello   = 64 << 10
	maxReport  = 4 << 20
	maxOutput  = 16 << 20 // a piece holds 1 MiB of text, of which JSON may make six times as much
	maxRequest = 4 << 10  // for credentials
	sendLimit  = 4 * KeepAlive
)

var (
	errNoToken   = errs.New(errs.Denied, "the bearer token is missing or wrong")
	errMalformed = errs.New(errs.Invalid, "malformed request")
	errTooLarge  = errs.New(errs.Invalid, "request too large")
)

// NewHandler serves cp to nodes under /node/v1/. A request must carry token as its
// bearer token; an empty token lets nobody in.
func NewHandler(cp ControlPlane, token string) http.Handler {
	h := &handler{cp: cp, token: sha256.Sum256([]byte(token)), closed: token == ""}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /node/v1/session", h.session)
	mux.HandleFunc("POST /node/v1/report", h.report)
	mux.HandleFunc("POST /node/v1/output", h.output)
	mux.HandleFunc("POST /node/v1/credentials", serve(h.cp.Credentials))
	mux.HandleFunc("POST /node/v1/secrets", serve(h.cp.Secrets))
	return h.admit(mux)
}

type handler struct {
	cp     ControlPlane
	token  [sha256.Size]byte // hashed, so that comparing tells nothing of its length
	closed bool
}

func (h *handler) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(token))
		if h.closed || !bearer || subtle.ConstantTimeCompare(sum[:], h.token[:]) != 1 {
			fail(w, r, errNoToken)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) report(w http.ResponseWriter, r *http.Request) {
	var in Report
	if err := read(w, r, maxReport, &in); err != nil {
		fail(w, r, err)
		return
	}
	ack, err := h.cp.Report(r.Context(), in)
	answer(w, r, ack, err)
}

// outputRequest is Output on the wire: it says whose it is as well.
type outputRequest struct {
	Node string `json:"node"`
	Output
}

func (h *handler) output(w http.ResponseWriter, r *http.Request) {
	var in outputRequest
	if err := read(w, r, maxOutput, &in); err != nil {
		fail(w, r, err)
		return
	}
	ack, err := h.cp.Output(r.Context(), in.Node, in.Output)
	answer(w, r, ack, err)
}

// serve answers with what is given to nobody but the node.
func serve[T any](give func(context.Context, CredentialsRequest) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in CredentialsRequest
		if err := read(w, r, maxRequest, &in); err != nil {
			fail(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		given, err := give(r.Context(), in)
		answer(w, r, given, err)
	}
}

func (h *handler) session(w http.ResponseWriter, r *http.Request) {
	var hello Hello
	if err := read(w, r, maxHello, &hello); err != nil {
		fail(w, r, err)
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	line := &line{w: w, out: http.NewResponseController(w)}
	line.out.SetReadDeadline(time.Time{}) // the server's limit for reading a request is not one for the session
	var alive sync.WaitGroup
	alive.Go(func() {
		line.keepAlive(ctx)
		stop() // a line that takes no frame any more ends the session
	})
	err := h.cp.Session(ctx, hello, func(f Frame) error { return line.send(frameLine{Frame: f}) })
	cut := ctx.Err() != nil
	stop()
	alive.Wait()
	switch {
	case cut: // nobody is left to tell
	case err == nil:
		line.send(frameLine{Error: &wireError{Kind: errs.Unavailable.String(), Message: "the control plane ends the session"}})
	case line.begun():
		line.send(frameLine{Error: toWire(r, err)})
	default:
		fail(w, r, err)
	}
}

// frameLine is one line of a session: a frame, or the error that ends it.
type frameLine struct {
	Frame
	Error *wireError `json:"error,omitempty"`
}

// line writes the frames of one session, each flushed at once.
type line struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	out  *http.ResponseController
	sent int
}

func (l *line) send(f frameLine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(f)
}

func (l *line) write(f frameLine) error {
	if l.sent == 0 {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
	}
	l.sent++
	if err := l.out.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := encode(l.w, f); err != nil {
		return err
	}
	return l.out.Flush()
}

func (l *line) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent > 0
}

func (l *line) keepAlive(ctx context.Context) {
	tick := time.NewTicker(KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if l.showAlive() != nil {
				return
			}
		}
	}
}

func (l *line) showAlive() error {
	if !l.mu.TryLock() {
		return nil // a frame is on its way, which shows as much
	}
	defer l.mu.Unlock()
	return l.write(frameLine{})
}

// read takes the one JSON value that is the request's body. Members it does not know are those of a newer node.
func read(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", errMalformed, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %s", errMalformed, err)
	}
	return nil
}

func answer(w http.ResponseWriter, r *http.Request, ack any, err error) {
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := encode(w, ack); err != nil {
		slog.Debug("node went away before its answer", "path", r.URL.Path, "error", err)
	}
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	e := toWire(r, err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf[errs.KindOf(err)])
	if err := encode(w, e); err != nil {
		slog.Debug("node went away before its answer", "path", r.URL.Path, "error", err)
	}
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
