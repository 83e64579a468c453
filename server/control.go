package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"slipway/internal/errs"
	"slipway/seal"
)

// ErrNotRunning says that no server answers on the data folder.
var ErrNotRunning = errs.New(errs.Unavailable, "no slipway runs on the data folder")

// controlSocket is where a server can be told what only the owner of its data folder may tell it. It
// speaks plain HTTP and JSON, and trusts whoever the kernel lets open it.
const controlSocket = "control.sock"

// listenControl makes the socket. It is made where nobody else can look and then put in its place,
// so that at no instant it can be opened by another user; one that a crash left there is replaced:
// whoever has the lock on the folder is its only server.
func listenControl(dir string) (net.Listener, error) {
	left, _ := filepath.Glob(filepath.Join(dir, controlSocket+".*")) // by a crash; the pattern is good
	for _, name := range left {
		os.RemoveAll(name)
	}
	tmp, err := os.MkdirTemp(dir, controlSocket+".*") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	name, closeName, err := shortName(tmp, "sock")
	if err != nil {
		return nil, err
	}
	defer closeName()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it will not be there but in its place
	err = os.Chmod(filepath.Join(tmp, "sock"), 0o600)
	if err == nil {
		err = os.Rename(filepath.Join(tmp, "sock"), filepath.Join(dir, controlSocket))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &control{Listener: l, path: filepath.Join(dir, controlSocket)}, nil
}

// control takes its socket away when it is closed.
type control struct {
	net.Listener
	path string
	once sync.Once
}

func (c *control) Close() error {
	c.once.Do(func() { os.Remove(c.path) })
	return c.Listener.Close()
}

// socketName is how long the name of a socket may be (unix(7)).
const socketName = 107

// shortName names a file in a folder whose own name is too long for a socket by way of an open
// folder. The name is good until it is closed.
func shortName(dir, file string) (name string, closeName func() error, err error) {
	if name = filepath.Join(dir, file); len(name) <= socketName {
		return name, func() error { return nil }, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), file), f.Close, nil
}

// openControl makes the control socket. A server whose folder can hold none runs without.
func (s *Server) openControl(context.Context) (err error) {
	if s.control, err = listenControl(s.config.Data); err != nil {
		slog.Warn("no control socket: keys and audit commands find no server", "error", err)
	}
	return nil
}

// controlHandler answers on the control socket. What is begun ends with the server's ctx, not with
// the one who asked.
func (s *Server) controlHandler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		report, err := s.keys.List(r.Context())
		sendJSON(w, report, err)
	})
	mux.HandleFunc("GET /audit", func(w http.ResponseWriter, r *http.Request) {
		chains, err := s.verifyAudit(r.Context())
		sendJSON(w, chains, err)
	})
	s.handleHooks(mux)
	s.handleNodes(mux)
	s.handleEvents(ctx, mux)
	s.handleRegistry(mux)
	s.handleLogins(mux)
	mux.HandleFunc("POST /keys/rotate", func(w http.ResponseWriter, r *http.Request) {
		rotation, err := readRotation(http.MaxBytesReader(w, r.Body, 4<<10))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		say := func(line rotationLine) {
			json.NewEncoder(w).Encode(line)
			http.NewResponseController(w).Flush()
		}
		err = s.rotate(ctx, rotation, func(text string) {
			slog.Info("rotation of keys: " + text)
			say(rotationLine{Say: text})
		})
		say(lastLine(err))
	})
	return mux
}

// sendJSON sends what was asked for, or that the server failed at it.
func sendJSON(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// failure is the part of an answer that tells what the one who asked did wrong.
type failure struct {
	Failed string `json:"failed,omitempty"`
}

func (f *failure) told() *string { return &f.Failed }

// answerer is a pointer to an answer that can tell a failure.
type answerer[A any] interface {
	*A
	told() *string
}

// answer serves what do answers. What the one who asked did wrong is told in the answer; any other error is
// the server's, and goes to the log.
func answer[A any, P answerer[A]](do func(*http.Request) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := do(r)
		switch errs.KindOf(err) {
		case errs.Invalid, errs.NotFound, errs.Conflict, errs.Denied:
			a = *new(A)
			*P(&a).told() = err.Error()
			err = nil
		}
		if err != nil {
			slog.Error("control socket", "asked", r.Pattern, "error", err)
		}
		sendJSON(w, a, err)
	}
}

// rotationRequest is a seal.Rotation on its way through the socket.
type rotationRequest struct {
	NewKey string `json:"newKey,omitempty"` // base64
	Finish bool   `json:"finish,omitempty"`
}

// rotationLine is one line of the answer: what was done, or that it is done, or what is wrong.
type rotationLine struct {
	Say    string         `json:"say,omitempty"`
	Done   bool           `json:"done,omitempty"`
	Failed *RotationError `json:"failed,omitempty"`
}

func lastLine(err error) rotationLine {
	var told *RotationError
	switch {
	case err == nil:
		return rotationLine{Done: true}
	case errors.As(err, &told):
		return rotationLine{Failed: told}
	}
	return rotationLine{Failed: &RotationError{Text: err.Error()}}
}

func readRotation(body io.Reader) (r seal.Rotation, err error) {
	var request rotationRequest
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		return r, fmt.Errorf("not a rotation: %w", err)
	}
	r.Finish = request.Finish
	if request.NewKey == "" {
		return r, nil
	}
	master, err := seal.ParseMaster(request.NewKey)
	r.New = &master
	return r, err
}

// Control speaks to the server that runs on a data folder, as its owner.
type Control struct {
	dir  string
	http *http.Client
}

// NewControl is the control of the server on a data folder.
func NewControl(dir string) *Control {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		name, closeName, err := shortName(dir, controlSocket)
		if err != nil {
			return nil, err
		}
		defer closeName()
		var d net.Dialer
		return d.DialContext(ctx, "unix", name)
	}
	return &Control{dir, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Keys returns what there is to see of the server's keys. It returns ErrNotRunning.
func (c *Control) Keys(ctx context.Context) (seal.Report, error) {
	return read[seal.Report](c.call(ctx, http.MethodGet, "/keys", nil))
}

// Rotate has the server rotate its keys, and passes on what it says. It returns ErrNotRunning, or a
// RotationError. If ctx ends, or the line breaks, the rotation goes on.
func (c *Control) Rotate(ctx context.Context, r seal.Rotation, say func(string)) error {
	request := rotationRequest{Finish: r.Finish}
	if r.New != nil {
		request.NewKey = r.New.Text()
	}
	body, err := c.call(ctx, http.MethodPost, "/keys/rotate", request)
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(bufio.NewReader(body)); ; {
		var line rotationLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return fmt.Errorf("the server ended before the rotation did: %w", err)
		case line.Failed != nil:
			return line.Failed
		case line.Done:
			return nil
		}
		say(line.Say)
	}
}

func (c *Control) call(ctx context.Context, method, path string, request any) (io.ReadCloser, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	req, err := http.NewRequestWithContext(ctx, method, "http://slipway"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), endedWhileAsked(err):
		return nil, fmt.Errorf("%w %s", ErrNotRunning, c.dir)
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return nil, errors.Join(fmt.Errorf("the server on %s answers %s: %s", c.dir, resp.Status, text), resp.Body.Close())
	}
	return resp.Body, nil
}

// read reads one answer of the server, unless the call failed.
func read[A any](body io.ReadCloser, err error) (a A, _ error) {
	if err != nil {
		return a, err
	}
	defer body.Close()
	err = json.NewDecoder(body).Decode(&a)
	return a, err
}

// ask makes a call whose answer can tell what the caller did wrong, which is then the error.
func ask[A any, P answerer[A]](ctx context.Context, c *Control, method, path string, request any) (A, error) {
	a, err := read[A](c.call(ctx, method, path, request))
	if failed := *P(&a).told(); err == nil && failed != "" {
		err = errors.New(failed)
	}
	return a, err
}

// endedWhileAsked tells whether a line to the server broke because the server ended.
func endedWhileAsked(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
