// Command timings runs "go test" with its own arguments, prints what that prints, and in the end which packages and
// tests took longest.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
)

func main() {
	code, err := run(os.Stdout, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "timings:", err)
	}
	os.Exit(code)
}

// run runs the tests and returns go's exit code.
func run(w io.Writer, args []string) (int, error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	r := newReport(w)
	read := r.read(out)
	io.Copy(io.Discard, out) // what is left when it could not be read, so that go ends
	err = cmd.Wait()
	r.slowest()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode(), read
	}
	if err := errors.Join(err, read); err != nil {
		return 1, err
	}
	return 0, nil
}

// read prints a stream of events as it comes.
func (r *report) read(stream io.Reader) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.add(e)
			} else { // go itself says something
				r.w.Write(line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// slowest prints what took longest.
func (r *report) slowest() {
	for _, list := range []struct {
		title string
		all   []timing
	}{{"packages", r.packages}, {"tests", r.tests}} {
		slices.SortFunc(list.all, func(a, b timing) int { return cmp.Compare(b.seconds, a.seconds) })
		fmt.Fprintf(r.w, "\nThe slowest %s:\n", list.title)
		for _, t := range list.all[:min(10, len(list.all))] {
			fmt.Fprintf(r.w, "%8.1f s  %s\n", t.seconds, t.name)
		}
	}
}
