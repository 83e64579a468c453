package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Front is the data path of one server. It is safe for use by many goroutines.
type Front struct {
	host  string // that listeners bind to
	table atomic.Pointer[table]

	mu       sync.Mutex
	pools    map[string]*pool
	bindings map[int]*binding
	failed   map[int]error // ports that cannot be listened on, and why
	running  sync.WaitGroup
	closed   bool
}

// New returns a front whose listeners bind to a host: an IP address, or a name of this machine.
func New(host string) *Front {
	f := &Front{host: host, pools: map[string]*pool{}, bindings: map[int]*binding{}, failed: map[int]error{}}
	f.table.Store(&table{})
	return f
}

// Set makes the front serve a plan from now on. Requests that are under way end as they began. What stands in the
// way of a port is told by Failed, and tried again by the next Set.
func (f *Front) Set(plan *Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	used, kept := usedBy(plan), map[string]bool{}
	for i := range plan.Groups {
		g := &plan.Groups[i]
		kept[g.ID] = true
		if f.pools[g.ID] == nil {
			f.pools[g.ID] = newPool()
		}
		f.pools[g.ID].set(g, used[g.ID])
	}
	t := newTable(plan, f.pools)
	f.table.Store(t)
	for id, p := range f.pools {
		if !kept[id] {
			p.end()
			delete(f.pools, id)
		}
	}
	f.bind(t)
}

// bind listens on the ports of a table, and on no others.
func (f *Front) bind(t *table) {
	for port, b := range f.bindings {
		if e := t.ports[port]; e == nil || e.tcp != b.tcp {
			b.close()
			delete(f.bindings, port)
		}
	}
	clear(f.failed)
	for port, e := range t.ports {
		if f.bindings[port] != nil {
			continue
		}
		l, err := listen(f.host, port)
		if err != nil {
			f.failed[port] = err
			slog.Warn("a listener cannot be opened", "port", port, "error", err)
			continue
		}
		f.bindings[port] = f.serve(l, port, e.tcp)
	}
}

// Listening tells whether the front listens on a port.
func (f *Front) Listening(port int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bindings[port] != nil
}

// Try tells what stands in the way of listening on a port, which need not be one of the plan's.
func (f *Front) Try(port int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bindings[port] != nil {
		return nil
	}
	l, err := listen(f.host, port)
	if err != nil {
		return err
	}
	return l.Close()
}

// Failed tells why a port is not listened on; nil: it is, or is not to be.
func (f *Front) Failed(port int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed[port]
}

// States are how the targets of a group are.
func (f *Front) States(group string) []State {
	f.mu.Lock()
	p := f.pools[group]
	f.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.states()
}

// Run keeps the front in order until ctx ends. Then nothing new is taken, what runs may end for so long, and when
// Run returns all is still.
func (f *Front) Run(ctx context.Context, drain time.Duration) {
	tick := time.NewTicker(idleLife / 3)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			f.closeIdle()
		}
	}
	f.close(drain)
}

func (f *Front) closeIdle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pools {
		p.closeIdle(time.Now().Add(-idleLife))
	}
}

func (f *Front) close(drain time.Duration) {
	f.mu.Lock()
	f.closed = true
	var still sync.WaitGroup
	for _, b := range f.bindings {
		still.Go(func() { b.end(drain) })
	}
	f.mu.Unlock()
	still.Wait()
	f.mu.Lock()
	for _, p := range f.pools {
		p.end()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// silent is how long the other end of a line may leave unacknowledged what it is sent, or take nothing of it.
const silent = time.Minute

func listen(host string, port int) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { // what is accepted inherits it
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silent.Milliseconds()))
		})
		return errors.Join(err, failed)
	}}
	return lc.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// binding is a port that is listened on.
type binding struct {
	front *Front
	port  int
	tcp   bool
	l     *limited
	http  *http.Server

	handed  *handover
	closing atomic.Bool // what is answered now is the last of its connection

	mu    sync.Mutex
	lines map[net.Conn]*client // those of TCP have nil; those that net/http has are not here
	ended bool                 // there are to be no more
}

// Bounds of what strangers send.
const (
	headerTime = 20 * time.Second
	maxHeader  = 64 << 10
	maxLines   = 20_000 // of one port
)

func (f *Front) serve(l net.Listener, port int, tcp bool) *binding {
	b := &binding{front: f, port: port, tcp: tcp, l: &limited{Listener: l, room: make(chan struct{}, maxLines), closed: make(chan struct{})}, lines: map[net.Conn]*client{}}
	if tcp {
		f.running.Go(b.accept)
		return b
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	b.http = &http.Server{
		Handler: b, Protocols: protocols, ReadHeaderTimeout: headerTime, IdleTimeout: silent, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug), DisableGeneralOptionsHandler: true,
		ConnContext: withHanded,
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				c.(*handed).drop()
				b.l.release()
			}
		},
	}
	b.handed = newHandover(l)
	f.running.Go(func() { b.http.Serve(b.handed) })
	f.running.Go(b.accept)
	return b
}

// close takes nothing new; what runs ends by itself.
func (b *binding) close() {
	b.l.Close()
	if b.http == nil {
		return
	}
	b.front.running.Go(func() { b.end(silent) })
}

// end takes nothing new, and cuts what has not ended after a while.
func (b *binding) end(drain time.Duration) {
	b.l.Close()
	if b.http == nil {
		b.cutLines()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	b.closing.Store(true)
	b.http.SetKeepAlivesEnabled(false)
	b.endClients(ctx) // some of them may want to be handed over to the last
	if b.http.Shutdown(ctx) != nil {
		b.http.Close()
	}
}

// ServeHTTP answers a request by what the table says now.
func (b *binding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := b.front.table.Load().listener(b.port, r.Host)
	v := visit{w: w, r: r, l: l, begun: begunOf(r)}
	if v.begun != nil {
		v.goOn()
		return
	}
	if l == nil {
		v.fail(http.StatusServiceUnavailable)
		return
	}
	if len(r.Header["Connection"]) > 0 {
		v.named, v.upgrade = namedBy(r.Header["Connection"]), upgradeOf(r)
	}
	v.ip, v.port = splitAddress(r.RemoteAddr)
	a := v.decide()
	switch {
	case a.redirect != nil:
		v.answerRedirect(a.redirect)
	case a.fixed != nil:
		v.answerFixed(a.fixed)
	default:
		if p := a.pool(); p != nil {
			v.forward(p)
		} else {
			v.fail(http.StatusServiceUnavailable)
		}
	}
}

// goOn has a request answered that a target was sent already, whatever the table says now.
func (v *visit) goOn() {
	v.l = v.begun.l
	v.ip, v.port = splitAddress(v.r.RemoteAddr)
	io.Copy(io.Discard, v.r.Body) // it was read, and it was sent
	v.forward(v.begun.p)
}

func splitAddress(a string) (ip, port string) {
	i := strings.LastIndexByte(a, ':')
	if i < 0 {
		return a, ""
	}
	return strings.Trim(a[:i], "[]"), a[i+1:]
}

func addressOf(ip string) netip.Addr {
	a, _ := netip.ParseAddr(ip)
	return a.Unmap()
}

func hasToken(list, token string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(one), token) {
			return true
		}
	}
	return false
}

// limited accepts no more lines than it has room for.
type limited struct {
	net.Listener
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.release()
	}
	return c, err
}

func (l *limited) release() { <-l.room }

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
