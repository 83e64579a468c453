package nodeapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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
	maxRequest = 16 << 10 // for credentials and certificates
	sendLimit  = 4 * KeepAlive
)

var (
	errNoCertificate = errs.New(errs.Denied, "no certificate of a node was shown")
	errAnother       = errs.New(errs.Denied, "the certificate is another node's")
	errMalformed     = errs.New(errs.Invalid, "malformed request")
	errTooLarge      = errs.New(errs.Invalid, "request too large")
)

// NewHandler serves cp to nodes under /node/v1/, on a listener that asks for their certificates, and as a FunctionPlane
// too where it is one. Who shows none can only join. What a node says it says of itself: it is refused where it names another.
func NewHandler(cp ControlPlane, a Admission) http.Handler {
	h := &handler{cp: cp, admission: a}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /node/v1/join", h.join)
	mux.HandleFunc("POST /node/v1/renew", h.renew)
	mux.HandleFunc("POST /node/v1/session", h.session)
	mux.HandleFunc("POST /node/v1/stream/{id}", h.stream)
	mux.HandleFunc("POST /node/v1/report", call(h, maxReport, func(r Report) string { return r.Node }, cp.Report))
	mux.HandleFunc("POST /node/v1/output", call(h, maxOutput, func(o outputRequest) string { return o.Node },
		func(ctx context.Context, o outputRequest) (OutputAck, error) { return cp.Output(ctx, o.Node, o.Output) }))
	mux.HandleFunc("POST /node/v1/credentials", call(h, maxRequest, CredentialsRequest.node, cp.Credentials))
	mux.HandleFunc("POST /node/v1/secrets", call(h, maxRequest, CredentialsRequest.node, cp.Secrets))
	if fp, ok := cp.(FunctionPlane); ok {
		h.handleFunctions(mux, fp)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hurry(w)
		mux.ServeHTTP(w, r)
	})
}

// Guard lets nobody but nodes by to next, and each only for as long as it may be one.
func Guard(a Admission, next http.Handler) http.Handler {
	h := &handler{admission: a}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := h.peer(r); err != nil {
			hurry(w)
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type handler struct {
	cp        ControlPlane
	admission Admission
}

// call reads what a node says, does it, and answers. The node must speak for itself.
func call[In, Out any](h *handler, limit int64, node func(In) string, do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		p, err := h.peer(r)
		if err == nil {
			err = read(w, r, limit, &in)
		}
		if err == nil {
			err = p.itself(node(in))
		}
		if err != nil {
			fail(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		out, err := do(r.Context(), in)
		answer(w, r, out, err)
	}
}

func (h *handler) peer(r *http.Request) (Peer, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Peer{}, errNoCertificate
	}
	return h.admission.Identify(r.Context(), r.TLS.VerifiedChains[0][0])
}

// itself fails where a node speaks for another.
func (p Peer) itself(node string) error {
	if node != p.Node {
		return fmt.Errorf("%w: it is of node %s", errAnother, p.Node)
	}
	return nil
}

func (h *handler) join(w http.ResponseWriter, r *http.Request) {
	var in JoinRequest
	if err := read(w, r, maxRequest, &in); err != nil {
		fail(w, r, err)
		return
	}
	given, err := h.admission.Join(r.Context(), in)
	answer(w, r, given, err)
}

// renewRequest asks for the next certificate.
type renewRequest struct {
	CSR []byte `json:"csr"`
}

func (h *handler) renew(w http.ResponseWriter, r *http.Request) {
	var in renewRequest
	p, err := h.peer(r)
	if err == nil {
		err = read(w, r, maxRequest, &in)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	given, err := h.admission.Renew(r.Context(), p, in.CSR)
	answer(w, r, given, err)
}

// outputRequest is Output on the wire: it says whose it is as well.
type outputRequest struct {
	Node string `json:"node"`
	Output
}

func (h *handler) session(w http.ResponseWriter, r *http.Request) {
	hello, err := h.hello(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	line := &line{w: w, out: http.NewResponseController(w)}
	var alive sync.WaitGroup
	alive.Go(func() {
		line.keepAlive(ctx, func() error { _, err := h.peer(r); return err })
		stop() // a line that takes no frame any more, or whose node may not join any more, ends the session
	})
	err = h.cp.Session(ctx, hello, func(f Frame) error { return line.send(frameLine{Frame: f}) })
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

// hello is what a node says of itself, with what its certificate says of it.
func (h *handler) hello(w http.ResponseWriter, r *http.Request) (hello Hello, err error) {
	p, err := h.peer(r)
	if err == nil {
		err = read(w, r, maxHello, &hello)
	}
	if err == nil {
		err = p.itself(hello.Node)
	}
	hello.Account, hello.Cluster, hello.Since = p.Account, cmp.Or(p.Cluster, hello.Cluster), p.Joined
	return hello, err
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

// keepAlive shows that the line is alive for as long as its node may be there.
func (l *line) keepAlive(ctx context.Context, check func() error) {
	tick := time.NewTicker(KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := check(); errs.KindOf(err) == errs.Denied || l.showAlive() != nil {
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
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // the limit is not one for what comes of it
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %s", errMalformed, err)
	}
	return nil
}

// hurry bounds how long a request may take to come, also one that is refused without being read.
func hurry(w http.ResponseWriter) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(callLimit))
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
