package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// result is what wrk tells of one measurement, in milliseconds, and which time of processors a call took, in
// microseconds: of who answers, of its function, and of wrk.
type result struct{ rate, p50, p99, p999, cpu, function, client float64 }

// script has wrk send a request again and again, and print what came of it: the number of answers, the microseconds that
// all took, those of the 50th, 99th and 99.9th percentile, and the number of failures. Source: wrk, SCRIPTING.
const script = `wrk.method = "POST"
wrk.body = %q
%sdone = function(summary, latency)
	local e = summary.errors
	print(string.format("told %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9), e.connect + e.read + e.write + e.status + e.timeout))
end
`

// writeScript writes how wrk asks as r does.
func writeScript(file string, r *http.Request) error {
	var headers strings.Builder
	for name, values := range r.Header {
		fmt.Fprintf(&headers, "wrk.headers[%q] = %q\n", name, values[0])
	}
	if r.Host != r.URL.Host {
		fmt.Fprintf(&headers, "wrk.headers[\"Host\"] = %q\n", r.Host)
	}
	return os.WriteFile(file, fmt.Appendf(nil, script, payload, headers.String()), 0o600)
}

// load has wrk ask with so many clients, each over a connection that it keeps.
func (w *way) load(ctx context.Context, dir string, clients int, d time.Duration) (result, error) {
	request, err := w.request()
	if err != nil {
		return result{}, err
	}
	file := filepath.Join(dir, "wrk.lua")
	if err := writeScript(file, request); err != nil {
		return result{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", fmt.Sprintf("-t%d", min(clients, 2)), fmt.Sprintf("-c%d", clients),
		fmt.Sprintf("-d%ds", max(1, int(d.Seconds()))), "--timeout", "30s", "-s", file, request.URL.String())
	before, err := w.spent()
	if err != nil {
		return result{}, err
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	after, err := w.spent()
	if err != nil {
		return result{}, err
	}
	return w.read(out, [...]time.Duration{after[0] - before[0], after[1] - before[1], cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()})
}

// spent is the time of processors that who answers has used so far, and that functions have.
func (w *way) spent() (all [2]time.Duration, err error) {
	if w.function != nil {
		all[1], err = w.function()
	}
	all[0] = spent(w.pid)
	return all, err
}

// read reads what the script has printed. used is the time of processors of who answers, of its function, and of wrk.
func (w *way) read(out []byte, used [3]time.Duration) (r result, err error) {
	var calls, micros, failed float64
	_, told, _ := bytes.Cut(out, []byte("told "))
	if _, err := fmt.Sscan(string(told), &calls, &micros, &r.p50, &r.p99, &r.p999, &failed); err != nil {
		return r, fmt.Errorf("wrk says what cannot be read: %w: %s", err, out)
	}
	if failed > 0 || calls == 0 {
		return r, fmt.Errorf("%s: %.0f of %.0f calls fail", w.name, failed, calls)
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / calls }
	r.rate, r.cpu, r.function, r.client = calls/micros*1e6, each(used[0]), each(used[1]), each(used[2])
	r.p50, r.p99, r.p999 = r.p50/1000, r.p99/1000, r.p999/1000
	return r, nil
}

// medians are those of each figure by itself.
func medians(all []result) (m result) {
	for _, of := range []func(*result) *float64{
		func(r *result) *float64 { return &r.rate }, func(r *result) *float64 { return &r.p50 }, func(r *result) *float64 { return &r.p99 },
		func(r *result) *float64 { return &r.p999 }, func(r *result) *float64 { return &r.cpu },
		func(r *result) *float64 { return &r.function }, func(r *result) *float64 { return &r.client },
	} {
		var values []float64
		for i := range all {
			values = append(values, *of(&all[i]))
		}
		slices.Sort(values)
		*of(&m) = values[len(values)/2]
	}
	return m
}
