package main

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var downloadSeconds = flag.Float64("download.seconds", 4, "how long the code of an update is on its way in TestCallsDoNotWaitForADownload")

// The code of an update takes its time to a machine. All the while the code before it answers there, and no call waits;
// then the newer code takes over.
func TestCallsDoNotWaitForADownload(t *testing.T) {
	needRoot(t)
	c := startServer(t)
	n := narrow(t, strings.TrimPrefix(c.nodes, "https://"))
	c.nodes = "https://" + n.address
	joinAgent(t, c)
	c.connected(true)
	f := newFunctions(t, c)
	f.create("far", nil)
	s := &swapped{functions: f, name: "far", policy: "allow-old"}
	s.update(0)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	const callers = 2
	for i := range callers {
		all.Go(func() { s.calls(ctx.Done(), i) })
	}
	answered := func(what string, since time.Time) {
		t.Helper()
		within(t, what, func() bool { return s.each(callers, 20, since) })
	}
	answered("answers of the first code", time.Now())

	code := padded(t, f.zip("1"), 8<<20)
	began := time.Now()
	n.slow(float64(len(code))/(*downloadSeconds), len(code)-1<<20)
	all.Go(func() { s.updateBy(1, code) })
	n.until(t, *downloadSeconds)
	slow := time.Since(began)
	answered("answers while the code of the update is on its way", began)
	opened := time.Now()
	n.open()
	within(t, "the update to be over", func() bool { return s.updates(1) })
	ready := time.Now()
	answered("answers of the newer code", ready)
	stop()
	all.Wait()

	s.check(t)
	for _, a := range s.answers {
		if a.ended.Before(opened) && a.mark != 0 {
			t.Errorf("update %d answered before its code was there", a.mark)
		}
	}
	t.Logf("before: %s; %s of download: %s; after: %s", s.took(time.Time{}, began), slow.Round(time.Millisecond), s.took(began, opened), s.took(ready, time.Now()))
}

// each reports whether so many callers have had so many answers each to calls since a time.
func (s *swapped) each(callers, n int, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := make([]int, callers)
	for _, a := range s.answers {
		if a.began.After(since) {
			count[a.caller]++
		}
	}
	return slices.Min(count) >= n
}

// updates reports whether an update is over.
func (s *swapped) updates(mark int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.changes, func(u swapUpdate) bool { return u.mark == mark })
}

// took tells how long calls took that began and ended between two times.
func (s *swapped) took(from, to time.Time) string {
	var all []time.Duration
	for _, a := range s.answers {
		if a.began.After(from) && a.ended.Before(to) {
			all = append(all, a.ended.Sub(a.began))
		}
	}
	if len(all) == 0 {
		return "no calls"
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d calls, p50 %s, p99 %s, the longest %s", len(all), at(0.5), at(0.99), at(1))
}

// padded is a zip with one file more, of bytes by chance.
func padded(t *testing.T, code []byte, size int) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range from.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: "padding", Method: zip.Store})
	if err == nil {
		_, err = io.CopyN(w, rand.NewChaCha8([32]byte{7}), int64(size))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// narrowed is the way from a control plane to machines: as wide as the machine's own until it is slowed down, and of
// what comes over one connection then it holds back the end until it is opened.
type narrowed struct {
	address string

	mu     sync.Mutex
	rate   float64 // bytes a second of each connection; 0: as many as come
	most   int     // bytes of each connection, until it is open
	held   chan struct{}
	once   sync.Once
	opened chan struct{}
}

// narrow listens for machines that are to reach a control plane at an address.
func narrow(t *testing.T, to string) *narrowed {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &narrowed{address: l.Addr().String(), held: make(chan struct{}), opened: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	var ways sync.WaitGroup
	ways.Go(func() {
		for {
			machine, err := l.Accept()
			if err != nil {
				return
			}
			ways.Go(func() { n.join(ctx, machine, to) })
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); ways.Wait() })
	return n
}

// join carries what a machine and the control plane tell each other, until one of them has gone.
func (n *narrowed) join(ctx context.Context, machine net.Conn, to string) {
	defer machine.Close()
	plane, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer plane.Close()
	defer context.AfterFunc(ctx, func() { machine.Close(); plane.Close() })()
	var up sync.WaitGroup
	up.Go(func() {
		io.Copy(plane, machine)
		plane.Close()
	})
	piece, passed := make([]byte, 16<<10), 0
	for {
		k, err := plane.Read(piece)
		if err != nil {
			break
		}
		if passed = n.pass(ctx, k, passed); ctx.Err() != nil {
			break
		}
		if _, err := machine.Write(piece[:k]); err != nil {
			break
		}
	}
	machine.Close()
	up.Wait()
}

// pass has some bytes wait until they may pass, and returns how many have passed on their connection since it is narrow.
func (n *narrowed) pass(ctx context.Context, k, passed int) int {
	n.mu.Lock()
	rate, most := n.rate, n.most
	n.mu.Unlock()
	if rate == 0 {
		return 0
	}
	select {
	case <-time.After(time.Duration(float64(k) / rate * float64(time.Second))):
	case <-ctx.Done():
	}
	if passed += k; passed > most {
		n.once.Do(func() { close(n.held) })
		select {
		case <-n.opened:
		case <-ctx.Done():
		}
	}
	return passed
}

// slow has each connection pass so many bytes a second from now on, and no more than most of them until it is opened.
func (n *narrowed) slow(rate float64, most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rate, n.most = rate, most
}

// until waits until a connection has passed as much as it may, which takes so long at least.
func (n *narrowed) until(t *testing.T, seconds float64) {
	t.Helper()
	select {
	case <-n.held:
	case <-time.After(2*time.Minute + time.Duration(seconds*float64(time.Second))):
		t.Fatal("nothing was downloaded")
	}
}

// open lets everything pass, at once.
func (n *narrowed) open() {
	n.slow(0, 0)
	close(n.opened)
}
