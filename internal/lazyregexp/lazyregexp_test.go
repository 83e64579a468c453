package lazyregexp_test

import (
	"os"
	"slices"
	"sync"
	"testing"

	"slipway/internal/lazyregexp"
)

func TestRegexpIsThatOfPackageRegexp(t *testing.T) {
	r := lazyregexp.New(`^([a-z]+)-([0-9]+)$`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if !r.MatchString("pier-7") || r.MatchString("pier") {
				t.Error(`want it to match "pier-7" and not "pier"`)
			}
		})
	}
	all.Wait()
	if got, want := r.FindStringSubmatch("pier-7"), []string{"pier-7", "pier", "7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrongExpression(t *testing.T) {
	if !panics(func() { lazyregexp.New(`(`) }) {
		t.Error("a wrong expression is taken in a test")
	}
	name := os.Args[0]
	defer func() { os.Args[0] = name }()
	os.Args[0] = "slipway"
	r := lazyregexp.New(`(`)
	if !panics(func() { r.MatchString("") }) {
		t.Error("a wrong expression matches")
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
