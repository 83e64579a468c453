package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is a line of "go test -json". Source: go doc test2json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// timing is how long a package or a test took.
type timing struct {
	name    string
	seconds float64
}

// report prints of events what "go test" prints without -v: of what passes a line for each package, of what fails all
// that it said.
type report struct {
	w               io.Writer
	packages, tests []timing
	said            map[string]map[string][]string // by package and test; "" is the package itself
}

func newReport(w io.Writer) *report {
	return &report{w: w, said: map[string]map[string][]string{}}
}

func (r *report) add(e event) {
	test, _, within := strings.Cut(e.Test, "/") // what a part of a test says is shown with the test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "output":
		r.hear(e.Package, test, e.Output)
	case "pass", "fail", "skip":
		switch {
		case within:
		case test != "":
			r.endTest(e)
		default:
			r.endPackage(e)
		}
	}
}

func (r *report) hear(pkg, test, text string) {
	if strings.HasPrefix(text, "=== ") { // of -v
		return
	}
	if r.said[pkg] == nil {
		r.said[pkg] = map[string][]string{}
	}
	r.said[pkg][test] = append(r.said[pkg][test], text)
}

func (r *report) endTest(e event) {
	r.tests = append(r.tests, timing{e.Package + " " + e.Test, e.Elapsed})
	if e.Action == "fail" {
		r.print(r.said[e.Package][e.Test])
	}
	delete(r.said[e.Package], e.Test)
}

// endPackage prints the line that is a package's result and, where it failed, what it said beside and what was said by
// tests that have not come to an end.
func (r *report) endPackage(e event) {
	r.packages = append(r.packages, timing{e.Package, e.Elapsed})
	said := r.said[e.Package]
	delete(r.said, e.Package)
	if e.Action != "fail" {
		r.print(slices.DeleteFunc(said[""], func(line string) bool { return !strings.HasPrefix(line, "ok ") && !strings.HasPrefix(line, "? ") }))
		return
	}
	for _, test := range slices.Sorted(maps.Keys(said)) {
		if test != "" {
			r.print(said[test])
		}
	}
	r.print(said[""])
}

func (r *report) print(lines []string) {
	for _, line := range lines {
		fmt.Fprint(r.w, line)
	}
}
