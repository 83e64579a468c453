package oci

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"slipway/internal/paced"
	"slipway/internal/paced/pacedtest"
)

// What is written down does not stand between a file and the connection.
func TestFileReachesTheConnectionOfARecordedCall(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/blob")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(3 << 20); err != nil {
		t.Fatal(err)
	}
	for name, failing := range map[string]error{"written down": nil, "not": errors.New("no space left on device")} {
		var statuses []int
		w := &pacedtest.Sink{ResponseRecorder: httptest.NewRecorder()}
		recorded := &recorder{ResponseWriter: w, record: func(status int) error { statuses = append(statuses, status); return failing }}
		http.ServeContent(paced.NewWriter(recorded), httptest.NewRequest("GET", "/", nil), "", time.Time{}, struct{ *os.File }{f})
		switch {
		case len(statuses) != 1 || statuses[0] != 200:
			t.Errorf("%s: recorded %v", name, statuses)
		case failing == nil && (w.Files != 3 || w.Body.Len() != 3<<20):
			t.Errorf("%s: %d bytes went out, in %d pieces of a file", name, w.Body.Len(), w.Files)
		case failing != nil && (w.Code != 500 || w.Body.String() != notRecorded || w.Header().Get("Content-Length") != ""):
			t.Errorf("%s: answered %d %s, headers %v", name, w.Code, w.Body, w.Header())
		}
	}
}

func TestABodyThatDoesNotComeIsTheClientsDoing(t *testing.T) {
	for cause, want := range map[error]int{os.ErrDeadlineExceeded: 408, io.ErrUnexpectedEOF: 400} {
		err := fmt.Errorf("upload: %w: %w", paced.ErrBody, cause)
		if p := problemOf(err); p == nil || p.Status != want || p.Code != "BLOB_UPLOAD_INVALID" {
			t.Errorf("%v is answered with %+v", err, p)
		}
	}
}
