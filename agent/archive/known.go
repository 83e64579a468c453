package archive

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

const maxKnown = 1000

// known is what was found at locations: what it was there for whoever reads it, by the server's tag of its content.
type known struct {
	mu    sync.Mutex
	found map[string]found // by location
}

type found struct{ tag, what string }

// Keep notes what the file turned out to be: a digest, say.
func (s *Source) Keep(location string, f *File, what string) {
	if f == nil || f.tag == "" {
		return
	}
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	if s.known.found == nil || len(s.known.found) >= maxKnown {
		s.known.found = map[string]found{}
	}
	s.known.found[location] = found{f.tag, what}
}

// Unchanged is what was kept of a location, if its server says that the same lies there still; "" if it does not.
func (s *Source) Unchanged(ctx context.Context, location string, login Login) string {
	s.known.mu.Lock()
	last := s.known.found[location]
	s.known.mu.Unlock()
	if last.tag == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, maxSilence)
	defer cancel()
	resp, err := s.ask(ctx, location, login, last.tag)
	if err != nil {
		return "" // whoever reads it is told why
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotModified {
		return ""
	}
	return last.what
}

// tagOf is the server's name for these very bytes; "" where it has none.
func tagOf(resp *http.Response) string {
	if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return ""
}
