package awswire

import (
	"hash/maphash"
	"regexp"
	"strings"
	"sync/atomic"
)

// Patterns take microseconds, and most values come again and again: names of functions, of clusters, of repositories.
// So some of those that matched are remembered, each at its place, which another takes over that has the same.
const (
	maxMatched     = 1024 // values
	maxMatchedText = 256  // bytes of one
)

// matched is a text that matches a pattern.
type matched struct {
	pattern *regexp.Regexp
	text    string
}

var (
	matchedBefore [maxMatched]atomic.Pointer[matched]
	matchedSeed   = maphash.MakeSeed()
)

// matches reports whether a text matches the check's pattern. Of what is sensitive nothing is remembered.
func (c *check) matches(text string) bool {
	if c.sensitive || len(text) > maxMatchedText {
		return c.pattern.MatchString(text)
	}
	place := &matchedBefore[maphash.String(matchedSeed, text)%maxMatched]
	if before := place.Load(); before != nil && before.pattern == c.pattern && before.text == text {
		return true
	}
	if !c.pattern.MatchString(text) {
		return false
	}
	place.Store(&matched{c.pattern, strings.Clone(text)})
	return true
}
