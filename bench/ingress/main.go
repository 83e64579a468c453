// Ingress measures requests through a load balancer of Slipway beside nginx as a reverse proxy to the same target,
// and beside going straight to it. The target is an nginx that sends files; wrk asks over keep-alive connections.
// CPU is what the way itself uses for a request, which says more than the rate where the machine does other things.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	seconds     = flag.Int("seconds", 5, "of each measurement")
	connections = flag.Int("connections", 64, "that are kept open")
	rounds      = flag.Int("rounds", 3, "of which the median counts")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/ingress:", err)
		os.Exit(1)
	}
}

// way is one way to the target.
type way struct {
	name, address string
	pid           int // of who is measured
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-ingress-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	target, peer, own := freePort(), freePort(), freePort()
	targetPID, stopTarget, err := startNginx(filepath.Join(dir, "target"), asTarget, target, peer, target)
	if err != nil {
		return err
	}
	defer stopTarget()
	peerPID, stopPeer, err := startNginx(filepath.Join(dir, "peer"), asPeer, target, peer, peer)
	if err != nil {
		return err
	}
	defer stopPeer()
	stop, err := startSlipway(ctx, filepath.Join(dir, "data"), own, target)
	if err != nil {
		return err
	}
	defer stop()
	ways := []way{{"straight", at(target), targetPID}, {"nginx", at(peer), peerPID}, {"slipway", at(own), os.Getpid()}}
	fmt.Printf("%d connections, %d s, median of %d rounds\n\n", *connections, *seconds, *rounds)
	fmt.Printf("%-8s %-9s %12s %10s %10s %10s %10s\n", "body", "way", "requests/s", "p50 ms", "p99 ms", "CPU us", "to nginx")
	for _, body := range []string{"1KiB", "1MiB"} {
		if err := compare(ctx, body, ways); err != nil {
			return err
		}
	}
	return nil
}

// compare measures all ways in turns, so that what else the machine does meets all alike.
func compare(ctx context.Context, body string, ways []way) error {
	results := map[string][]result{}
	for range *rounds {
		for _, w := range ways {
			before := spent(w.pid)
			r, err := wrk(ctx, "http://"+w.address+"/"+body)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			r.cpu = float64((spent(w.pid) - before).Microseconds()) / r.requests
			results[w.name] = append(results[w.name], r)
		}
	}
	base := median(results["nginx"])
	for _, w := range ways {
		m := median(results[w.name])
		fmt.Printf("%-8s %-9s %12.0f %10.2f %10.2f %10.1f %10.2f\n", body, w.name, m.rate, m.p50, m.p99, m.cpu, m.rate/base.rate)
	}
	return nil
}

type result struct{ rate, p50, p99, requests, cpu float64 }

var (
	countLine = regexp.MustCompile(`(\d+) requests in`)
	rateLine  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	shareLine = regexp.MustCompile(`(?m)^\s+(50|99)%\s+(\S+)`)
	errorLine = regexp.MustCompile(`(?m)^\s+(Socket errors|Non-2xx).*$`)
)

func wrk(ctx context.Context, url string) (r result, err error) {
	cmd := exec.CommandContext(ctx, "wrk", "-t2", fmt.Sprintf("-c%d", *connections), fmt.Sprintf("-d%ds", *seconds), "--latency", url)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w\n%s", err, &out)
	}
	if bad := errorLine.FindString(out.String()); bad != "" {
		return r, fmt.Errorf("requests failed: %s", strings.TrimSpace(bad))
	}
	if _, err := fmt.Sscan(rateLine.FindStringSubmatch(out.String())[1], &r.rate); err != nil {
		return r, err
	}
	if _, err := fmt.Sscan(countLine.FindStringSubmatch(out.String())[1], &r.requests); err != nil {
		return r, err
	}
	for _, m := range shareLine.FindAllStringSubmatch(out.String(), -1) {
		d, err := time.ParseDuration(m[2])
		if err != nil {
			return r, err
		}
		ms := float64(d) / float64(time.Millisecond)
		if m[1] == "50" {
			r.p50 = ms
		} else {
			r.p99 = ms
		}
	}
	return r, nil
}
