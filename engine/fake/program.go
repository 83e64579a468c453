package fake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/engine"
)

// Program is what a container runs. Its result is the exit code. It returns when ctx ends,
// which is how SIGKILL comes; the exit code is 137 then whatever it says.
type Program func(ctx context.Context, p *Process) int

// Process is a running program's view of its container.
type Process struct {
	Spec    engine.Spec
	Args    []string // entrypoint and command of the Spec, or what Exec was told
	Env     []string // the Spec's, and what Exec added
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Resize  <-chan engine.Size // of the terminal that Exec asked for; nil: never
	Signals chan string        // "SIGTERM" and such, but SIGKILL; a program that does not look is one that ignores them
	// Dial connects to a port of engine.HostAddress; there is nothing else to connect to.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	outOfMemory bool
}

// OutOfMemory marks the process as killed for want of memory and gives the exit code of that.
func (p *Process) OutOfMemory() int {
	p.outOfMemory = true
	return killed
}

// deliver never blocks: signals that pile up are one signal, as in a kernel.
func (p *Process) deliver(signal string) {
	select {
	case p.Signals <- signal:
	default:
	}
}

// Script does what its arguments say, as the test program of enginetest does on real engines:
// steps parted by "then", each one of
//
//	print LINE...      flood BYTES     exit CODE
//	sleep DURATION     eat MIB         wait [CODE]: until a signal other than SIGKILL comes
//	stubborn: until SIGKILL             get URL: print what it answers; $NAME stands for a variable
//	warn LINE: on standard error       cat: print standard input
//	env NAME: print a variable
//
// A first argument that is none of these is skipped as the name of the program. Whoever runs out
// of steps exits with 0.
func Script(ctx context.Context, p *Process) int {
	args := p.Args
	if len(args) > 0 && steps[args[0]] == nil {
		args = args[1:]
	}
	for len(args) > 0 {
		step := args
		if end := slices.Index(args, "then"); end >= 0 {
			step, args = args[:end], args[end+1:]
		} else {
			args = nil
		}
		if code, done := runStep(ctx, p, step); done {
			return code
		}
	}
	return 0
}

func runStep(ctx context.Context, p *Process, step []string) (code int, done bool) {
	if len(step) == 0 {
		return 0, false
	}
	run := steps[step[0]]
	if run == nil {
		fmt.Fprintf(p.Stdout, "unknown step %q\n", step[0])
		return 2, true
	}
	return run(ctx, p, step[1:])
}

// steps are the words of Script: each gives an exit code and whether the program is over.
var steps = map[string]func(ctx context.Context, p *Process, args []string) (code int, done bool){
	"print": func(_ context.Context, p *Process, args []string) (int, bool) {
		for _, line := range args {
			fmt.Fprintln(p.Stdout, line)
		}
		return 0, false
	},
	"warn": func(_ context.Context, p *Process, args []string) (int, bool) {
		fmt.Fprintln(p.Stderr, strings.Join(args, "\n"))
		return 0, false
	},
	"cat": func(_ context.Context, p *Process, _ []string) (int, bool) {
		io.Copy(p.Stdout, p.Stdin)
		return 0, false
	},
	"env": func(_ context.Context, p *Process, args []string) (int, bool) {
		fmt.Fprintln(p.Stdout, p.variable(args[0]))
		return 0, false
	},
	"flood": func(_ context.Context, p *Process, args []string) (int, bool) {
		p.Stdout.Write(append(bytes.Repeat([]byte{'x'}, number(args, 0)), "\nend\n"...))
		return 0, false
	},
	"exit": func(_ context.Context, _ *Process, args []string) (int, bool) {
		return number(args, 0), true
	},
	"sleep": func(ctx context.Context, _ *Process, args []string) (int, bool) {
		d, _ := time.ParseDuration(args[0])
		select {
		case <-ctx.Done():
			return killed, true
		case <-time.After(d):
			return 0, false
		}
	},
	"wait": func(ctx context.Context, p *Process, args []string) (int, bool) {
		fmt.Fprintln(p.Stdout, "waiting")
		select {
		case <-ctx.Done():
			return killed, true
		case signal := <-p.Signals:
			fmt.Fprintln(p.Stdout, "got", signal)
			return number(args, 0), true
		}
	},
	"stubborn": func(ctx context.Context, p *Process, _ []string) (int, bool) {
		fmt.Fprintln(p.Stdout, "waiting")
		<-ctx.Done()
		return killed, true
	},
	"get": func(ctx context.Context, p *Process, args []string) (int, bool) {
		fmt.Fprintln(p.Stdout, p.get(ctx, os.Expand(args[0], p.variable)))
		return 0, false
	},
	"eat": func(_ context.Context, p *Process, args []string) (int, bool) {
		if limit := p.Spec.MemoryLimit; limit > 0 && int64(number(args, 0))<<20 > limit {
			return p.OutOfMemory(), true
		}
		return 0, false
	},
}

func (p *Process) get(ctx context.Context, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	client := http.Client{Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// variable is the value of a variable of the container's environment, the last that is given.
func (p *Process) variable(name string) (value string) {
	for _, v := range p.Env {
		if rest, is := strings.CutPrefix(v, name+"="); is {
			value = rest
		}
	}
	return value
}

func number(args []string, otherwise int) int {
	if len(args) == 0 {
		return otherwise
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return otherwise
	}
	return n
}
