package schedulers

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"slipway/cluster"
	"slipway/internal/errs"
	"slipway/schedulers/wire"
)

// How long a scheduler may take to take a message, and to send an answer.
const (
	takeLimit   = 10 * time.Second
	answerLimit = 10 * time.Second
)

// Path is below what Lines answers.
const Path = "/_slipway/schedulers/"

type lines struct {
	ctx     context.Context
	control *cluster.Control
}

// Lines returns what schedulers speak once ConnectScheduler has admitted them. The streams end with ctx.
func Lines(ctx context.Context, c *cluster.Control) http.Handler {
	l := &lines{ctx, c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.StreamPath, l.stream)
	mux.HandleFunc("POST "+wire.AnswerPath+"{question}", l.answer)
	return mux
}

// token is what the request shows; "" is none.
func token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// stream writes a message on each line until the line ends.
func (l *lines) stream(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	control := http.NewResponseController(w)
	defer control.SetWriteDeadline(time.Time{}) // the connection may be used again
	begun := false
	err := l.control.SchedulerStream(ctx, token(r), func(m wire.Message) error {
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no") // a proxy that waits for more would hold up the questions
		}
		// Where deadlines are not served, a scheduler that takes nothing is missed when its connection is.
		_ = control.SetWriteDeadline(time.Now().Add(takeLimit))
		if _, err := w.Write(append(text, '\n')); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil && !begun {
		refuse(w, err)
	}
}

// answer takes the answer to the question that the path names.
func (l *lines) answer(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(answerLimit)) // as in stream
	if err := l.control.SchedulerAnswer(token(r), r.PathValue("question"), r.Body); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refuse says what is wrong with a request, and nothing internal.
func refuse(w http.ResponseWriter, err error) {
	status, text := http.StatusInternalServerError, "internal error"
	switch errs.KindOf(err) {
	case errs.Denied:
		status, text = http.StatusUnauthorized, err.Error()
	case errs.NotFound:
		status, text = http.StatusNotFound, err.Error()
	case errs.Invalid:
		status, text = http.StatusBadRequest, err.Error()
	default:
		slog.Error("a scheduler's request failed", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": text}) // whoever is gone reads nothing
}
