package containerd

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/internal/loop"
)

func (d folder) stdin() string { return d.path("files/stdin") }

// printing is there while what an attempt's terminal printed is on its way.
func (d folder) printing(key string) string { return d.path("files/" + printingPrefix + key) }

const printingPrefix = "printing-"

func (d folder) isPrinting() bool {
	files, _ := os.ReadDir(d.path("files"))
	return slices.ContainsFunc(files, func(f fs.DirEntry) bool { return strings.HasPrefix(f.Name(), printingPrefix) })
}

// connect says where the container's standard input comes from and its output goes.
func (d folder) connect(r *tasks.CreateTaskRequest, s engine.Spec) error {
	r.Stdout, r.Stderr = "file://"+d.output(), "file://"+d.output()
	if s.OpenStdin { // a pipe that its shim holds open, and to which nobody writes
		if err := unix.Mkfifo(d.stdin(), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "mkfifo", Path: d.stdin(), Err: err}
		}
		r.Stdin = d.stdin()
	}
	if !s.Terminal {
		return nil
	}
	// A shim gives what a terminal prints to a program, not to a file. That is a shell, which every
	// machine has: it reads 3, and to close 5 says that it has begun.
	script := "exec 5>&-; cat <&3 >>" + quoted(d.output()) + "; rm -f " + quoted(d.printing(r.ContainerID))
	r.Terminal, r.Stderr = true, ""
	r.Stdout = (&url.URL{Scheme: "binary", Path: "/bin/sh", RawQuery: url.Values{"-c": {script}}.Encode()}).String()
	return errors.Join(appendNothing(d.output()), appendNothing(d.printing(r.ContainerID)))
}

// disconnect is for an attempt that has failed: nothing prints.
func (d folder) disconnect(key string) error {
	if err := os.Remove(d.printing(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// appendNothing makes a file where there is none.
func appendNothing(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// awaitPrinted waits until all that a terminal printed is in the output. Its shim has ended, so that is at
// hand; a machine that went down in between has left the mark for ever.
func (d folder) awaitPrinted(ctx context.Context) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && ctx.Err() == nil; loop.Pause(ctx, 2*time.Millisecond) {
		if !d.isPrinting() {
			return
		}
	}
}
