// Command registry measures pushes and pulls of layers, small requests and pushes of what is there
// already, beside Debian's docker-registry. Both are processes of their own, take turns, and keep
// what they have on the same disk. Two floors are measured with them: a file server that does
// nothing but http.ServeContent, and SHA-256 on one core.
//
//	go run ./bench/registry
//	go run ./bench/registry -sizes 1MiB,1GiB -clients 1,8 -rounds 5
//
// The client is the same for all and as light as can be, so that what differs is the server. Digests
// are computed before the clock starts, and pulled bytes are thrown away. It judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == fileServer {
		fmt.Fprintln(os.Stderr, serveFiles(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/registry:", err)
		os.Exit(1)
	}
}

// plan is what to measure.
type plan struct {
	slipway    string // program; "": built from this tree
	dir        string // where everything is kept meanwhile
	sizes      []int
	clients    []int
	largeAlone bool // layers from 1 GiB on are pushed and pulled by one client
	rounds     int
	seconds    time.Duration // of small requests
	requests   string        // which of those; "": all
}

const large = 1 << 30

func readPlan() (p plan, err error) {
	sizes := flag.String("sizes", "1MiB,100MiB,1GiB", "sizes of layers; none for no layers")
	clients := flag.String("clients", "1,8,32", "how many clients push and pull at once")
	flag.BoolVar(&p.largeAlone, "large-alone", true, "push and pull layers of 1 GiB and more with one client only")
	flag.IntVar(&p.rounds, "rounds", 0, "rounds of each row; 0: as many as its size asks for")
	flag.DurationVar(&p.seconds, "seconds", 2*time.Second, "how long small requests are made; 0 for none")
	flag.StringVar(&p.requests, "requests", "", "make those small requests only whose names contain this")
	flag.StringVar(&p.slipway, "slipway", "", "program to measure (default: built from this tree)")
	flag.StringVar(&p.dir, "dir", os.TempDir(), "folder on the disk to measure on")
	flag.Parse()
	if *sizes != "none" {
		if p.sizes, err = list(*sizes, parseSize); err != nil {
			return p, err
		}
	}
	p.clients, err = list(*clients, strconv.Atoi)
	return p, err
}

func list(text string, parse func(string) (int, error)) (all []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := parse(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q of %q: %w", part, text, errors.Join(err, errors.New("want numbers from 1 on")))
		}
		all = append(all, n)
	}
	return all, nil
}

var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func parseSize(text string) (int, error) {
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			n, err := strconv.Atoi(number)
			return n * u.bytes, err
		}
	}
	return strconv.Atoi(text)
}

func showSize(n int) string {
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprint(n)
}

func run(ctx context.Context, out io.Writer) (err error) {
	p, err := readPlan()
	if err != nil {
		return err
	}
	if p.dir, err = os.MkdirTemp(p.dir, "slipway-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	if p.slipway == "" {
		if p.slipway, err = build(ctx, p.dir); err != nil {
			return err
		}
	}
	describe(out)
	if err := compareLayers(ctx, out, p); err != nil || p.seconds == 0 {
		return err
	}
	return compareRequests(ctx, out, p)
}

// describe prints what the figures are to be read beside.
func describe(out io.Writer) {
	fmt.Fprintf(out, "command:          go run ./bench/registry %s\n", strings.Join(os.Args[1:], " "))
	fmt.Fprintf(out, "date:             %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:          %s, %d cores, load %s\n", fact("/proc/cpuinfo", "model name"), runtime.NumCPU(), fact("/proc/loadavg", ""))
	fmt.Fprintf(out, "memory:           %s\n", fact("/proc/meminfo", "MemTotal"))
	fmt.Fprintf(out, "kernel:           %s\n", fact("/proc/sys/kernel/osrelease", ""))
	version, err := exec.Command("docker-registry", "--version").Output()
	if err != nil {
		version = []byte(err.Error())
	}
	fmt.Fprintf(out, "docker-registry:  %s\n", strings.TrimSpace(string(version)))
	fmt.Fprintf(out, "SHA-256:          %.0f MB/s on one core\n\n", hashRate())
}

// fact is what a file of /proc says after a key, or all that it says.
func fact(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, key) {
			_, value, found := strings.Cut(line, ":")
			if key == "" || !found {
				value = line
			}
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
