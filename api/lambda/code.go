package lambda

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"slipway/functions"
	"slipway/internal/errs"
)

// Code serves the zips that links of the room are for, below functions.CodePath, to whoever has a link.
func Code(room *functions.Control) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "code can be read, and nothing else", http.StatusMethodNotAllowed)
			return
		}
		zip, err := room.OpenLink(r.Context(), strings.TrimPrefix(r.URL.Path, functions.CodePath))
		if err != nil {
			refuseLink(w, r, err)
			return
		}
		defer zip.Close()
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Cache-Control", "private")
		http.ServeContent(w, r, "", time.Time{}, zip)
	})
}

func refuseLink(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, functions.ErrNoCode) {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	slog.ErrorContext(r.Context(), "code cannot be read", "error", err)
	status := http.StatusInternalServerError
	if errs.KindOf(err) == errs.Unavailable {
		status = http.StatusServiceUnavailable
	}
	http.Error(w, "the code cannot be read now", status)
}
