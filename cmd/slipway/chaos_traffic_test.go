package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// traffic is clients that ask a URL over lines that are kept, and count what came of it. Only what was under way
// while the server was there all the time counts.
type traffic struct {
	t      testing.TB
	url    string
	client *http.Client

	mu      sync.Mutex
	here    bool
	outages int
	asked   int
	cut     int // by an outage
	slowest time.Duration
	failed  []string
}

func newTraffic(t testing.TB, url string) *traffic {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	return &traffic{t: t, url: url, client: client, here: true}
}

// down is said before the server ends, up once it is ready.
func (f *traffic) down() { f.set(false) }
func (f *traffic) up()   { f.set(true) }

func (f *traffic) set(here bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.here = here
	if !here {
		f.outages++
	}
}

// ask asks again and again.
func (f *traffic) ask(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Millisecond): // the machine is small
		}
		f.mu.Lock()
		here, outages := f.here, f.outages
		f.mu.Unlock()
		if here {
			began := time.Now()
			f.count(outages, f.one(), time.Since(began))
		}
	}
}

func (f *traffic) one() error {
	res, err := f.client.Get(f.url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.100s", res.Status, text)
	}
	return err
}

func (f *traffic) count(outages int, err error, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.outages != outages:
		f.cut++
		return
	case err != nil:
		f.failed = append(f.failed, fmt.Sprintf("%s after outage %d, after %s: %v", time.Now().Format("15:04:05.000"), outages, took.Round(time.Millisecond), err))
	}
	f.asked++
	f.slowest = max(f.slowest, took)
}

func (f *traffic) String() string {
	return fmt.Sprintf("%d requests, of which %d failed, the slowest after %s; %d more were under way when the control plane ended", f.asked, len(f.failed), f.slowest.Round(time.Millisecond), f.cut)
}

func (f *traffic) check() {
	if f.asked == 0 {
		f.t.Error("nothing was asked")
	}
	for _, text := range f.failed[:min(len(f.failed), 10)] {
		f.t.Errorf("a request failed at %s", text)
	}
}
