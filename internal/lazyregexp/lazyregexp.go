// Package lazyregexp has regular expressions that are compiled when they are first asked: one process of many kinds
// needs few of those that are in its program, and some take hundreds of kilobytes.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regular expression for a variable of a package. Many may ask it at a time.
type Regexp struct{ compiled func() *regexp.Regexp }

// New has the syntax of package regexp. A wrong one panics when it is first asked, and at once in tests.
func New(expression string) Regexp {
	r := Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
	if strings.HasSuffix(os.Args[0], ".test") {
		r.compiled()
	}
	return r
}

// MatchString is that of package regexp.
func (r Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindStringSubmatch is that of package regexp.
func (r Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }
