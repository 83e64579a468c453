package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"slipway/internal/loop"
)

// verdict is what checks say of a target.
type verdict struct{ health, reason, text string }

// report tells how a target is, to who asks.
func (t *target) report(used bool) State {
	s := State{ID: t.ID, Port: t.Port, Running: int(t.running.Load())}
	v := *t.health.Load()
	switch {
	case t.draining.Load():
		v = verdict{Draining, ReasonLeaving, "Target deregistration is in progress"}
	case !used:
		v = verdict{Unused, ReasonNotUsed, "Target group is not configured to receive traffic from the load balancer"}
	}
	s.Health, s.Reason, s.Text = v.health, v.reason, v.text
	return s
}

// check starts the checks of a target that is used, or ends those of one that is not.
func (p *pool) check(t *target, used, anew bool) {
	wanted := used && !t.draining.Load()
	if t.endChecks != nil && (!wanted || anew) {
		t.stopChecks()
	}
	if !wanted || t.endChecks != nil {
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	t.endChecks = cancel
	go p.runChecks(ctx, t, p.group.Load().Check)
}

func (t *target) stopChecks() {
	if t.endChecks != nil {
		t.endChecks()
		t.endChecks = nil
	}
}

// checking bounds how many checks run at once.
var checking = make(chan struct{}, 256)

// firstPause is how soon a target that has never been well is asked again. The pause grows up to the interval.
const firstPause = 250 * time.Millisecond

// runChecks asks a target again and again until ctx ends. Who is new is well after one good answer, and has as
// long as it takes to be called unhealthy to give it.
func (p *pool) runChecks(ctx context.Context, t *target, c Check) {
	if c.Off {
		p.decide(t, &verdict{Healthy, ReasonChecksOff, "Health checks are not enabled for this target"})
		return
	}
	a := asker{check: c, target: t, client: newAsker(c)}
	defer a.client.CloseIdleConnections()
	born, good, bad, pause := time.Now(), 0, 0, min(firstPause, c.Interval)
	for ctx.Err() == nil {
		failed := a.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		now := t.health.Load()
		if failed == nil {
			good, bad, pause = good+1, 0, c.Interval
			if now.health != Healthy && (now.health == Initial || good >= c.Healthy) {
				p.decide(t, &verdict{health: Healthy})
			}
		} else {
			good, bad = 0, bad+1
			p.failed(t, now, failed, bad >= c.Unhealthy, time.Since(born) >= time.Duration(c.Unhealthy)*c.Interval)
			if now.health != Initial {
				pause = c.Interval
			}
		}
		loop.Pause(ctx, pause-pause/10+rand.N(pause/5+1))
		pause = min(2*pause, c.Interval)
	}
}

// failed counts a bad answer: enough of them in a row, and for a new target enough time, make it unhealthy.
func (p *pool) failed(t *target, now, why *verdict, enough, late bool) {
	switch {
	case now.health == Initial && !late:
		t.health.Store(&verdict{Initial, ReasonFirstChecks, "Initial health checks in progress"})
	case now.health == Unhealthy || enough:
		p.decide(t, why)
	}
}

// decide notes how a target is, and whether it takes requests.
func (p *pool) decide(t *target, v *verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := t.health.Swap(v)
	if old.health != v.health {
		p.sort()
	}
}

// asker makes the checks of one target.
type asker struct {
	check  Check
	target *target
	client *http.Transport
}

func newAsker(c Check) *http.Transport {
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // as on AWS, certificates of targets are not verified
	if c.GRPC {
		tr = newH2(c.Protocol == "HTTPS")
	}
	return tr
}

// ask asks once, and returns what is wrong.
func (a asker) ask(ctx context.Context) *verdict {
	select {
	case checking <- struct{}{}:
		defer func() { <-checking }()
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.check.Timeout)
	defer cancel()
	port := a.check.Port
	if port == 0 {
		port = a.target.Port
	}
	address := net.JoinHostPort(a.target.Host, strconv.Itoa(port))
	if a.check.Protocol == "TCP" {
		return verdictOf(tryConnect(ctx, address))
	}
	return a.request(ctx, address)
}

func tryConnect(ctx context.Context, address string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

func verdictOf(err error) *verdict {
	switch {
	case err == nil:
		return nil
	case isTimeout(err):
		return &verdict{Unhealthy, ReasonTimeout, "Request timed out"}
	}
	return &verdict{Unhealthy, ReasonFailed, "Health checks failed"}
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && n.Timeout()
}

// maxChecked is how much of the answer to a check is read.
const maxChecked = 64 << 10

func (a asker) request(ctx context.Context, address string) *verdict {
	scheme := "http"
	if a.check.Protocol == "HTTPS" {
		scheme = "https"
	}
	method, body := http.MethodGet, io.Reader(nil)
	if a.check.GRPC {
		method, body = http.MethodPost, bytes.NewReader(make([]byte, 5)) // an empty message
	}
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+address+a.check.Path, body)
	if err != nil {
		return &verdict{Unhealthy, ReasonFailed, "Health checks failed"}
	}
	r.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	if a.check.GRPC {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
	}
	res, err := a.client.RoundTrip(r)
	if err != nil {
		return verdictOf(err)
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxChecked))
	if code := a.code(res); err == nil && !a.check.Codes.Has(code) {
		return &verdict{Unhealthy, ReasonMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", code)}
	}
	return verdictOf(err)
}

// code is what the answer says: the status of HTTP, or of gRPC, which is unknown (2) where it is not said.
func (a asker) code(res *http.Response) int {
	if !a.check.GRPC {
		return res.StatusCode
	}
	for _, h := range []http.Header{res.Header, res.Trailer} {
		if code, err := strconv.Atoi(h.Get("Grpc-Status")); err == nil {
			return code
		}
	}
	return 2
}
