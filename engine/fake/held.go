package fake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"slipway/engine"
)

// held is a container that runs what it is told to: the program of its image, with the arguments it is given.
type held struct {
	e       *Engine
	spec    engine.HeldSpec
	image   *image
	address netip.Addr
	ended   chan engine.ProgramEnd
	running sync.WaitGroup

	mu      sync.Mutex
	doors   map[int]*listener
	mounts  []engine.HeldMount
	limits  engine.Limits
	killers map[int]func(signal string)
	lastPid int
	ooms    int
	over    bool
}

var _ engine.Holder = (*Engine)(nil)

// Hold makes a container of an image that Pull has found. Its limits bind nothing but what a program says of them.
func (e *Engine) Hold(ctx context.Context, s engine.HeldSpec) (engine.Held, error) {
	if err := e.before(ctx, "Hold", s.ID); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	img := e.images[s.Image.Digest]
	if img == nil {
		return nil, fmt.Errorf("%w %s: image %s is not here; pull it first", engine.ErrCreate, s.ID, s.Image.Ref)
	}
	img.told.UsedAt = time.Now()
	e.lastHost++
	h := &held{
		e: e, spec: s, image: img, limits: s.Limits, ended: make(chan engine.ProgramEnd, 16), doors: map[int]*listener{}, killers: map[int]func(string){},
		address: netip.AddrFrom4([4]byte{10, 87, byte(192 + e.lastHost/250%60), byte(e.lastHost%250 + 2)}), lastPid: 2,
	}
	if err := os.MkdirAll(filepath.Dir(h.Output()), 0o700); err != nil {
		return nil, err
	}
	if err := errors.Join(os.WriteFile(h.Output(), nil, 0o600), os.WriteFile(h.Aside(), nil, 0o600)); err != nil {
		return nil, err
	}
	e.held[h] = true
	return h, nil
}

// DropHeld ends all of a former process.
func (e *Engine) DropHeld(ctx context.Context) error {
	if err := e.before(ctx, "DropHeld", ""); err != nil {
		return err
	}
	e.mu.Lock()
	all := slices.Collect(maps.Keys(e.held))
	e.mu.Unlock()
	for _, h := range all {
		if err := h.End(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Held names the containers that are held.
func (e *Engine) Held() (ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for h := range e.held {
		ids = append(ids, h.spec.ID)
	}
	slices.Sort(ids)
	return ids
}

func (h *held) Address() string { return h.address.String() }

func (h *held) Output() string { return filepath.Join(h.e.options.Dir+".held", h.spec.ID) }

func (h *held) Aside() string { return h.Output() + "-aside" }

func (h *held) Ended() <-chan engine.ProgramEnd { return h.ended }

func (h *held) Mount(ctx context.Context, m []engine.HeldMount) error {
	if err := h.e.before(ctx, "Mount", h.spec.ID); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mounts = append(h.mounts, m...)
	return nil
}

func (h *held) Limit(l engine.Limits) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limits = l
	return nil
}

// Executables looks into what is mounted; the image is no files.
func (h *held) Executables(dir string) (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.mounts {
		inside, is := strings.CutPrefix(dir+"/", m.Path+"/")
		if !is {
			continue
		}
		for _, source := range m.Sources {
			entries, _ := os.ReadDir(filepath.Join(source, inside))
			for _, entry := range entries {
				if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
					names = append(names, entry.Name())
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (h *held) Listen(ctx context.Context, port int) (net.Listener, error) {
	l := &listener{e: h.e, at: netip.AddrPortFrom(netip.MustParseAddr(localAddress), uint16(port)), coming: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doors[port] = l
	return l, nil
}

// Dial finds nobody: programs cannot listen.
func (h *held) Dial(context.Context, int) (net.Conn, error) {
	return nil, errRefused
}

// dial is the way of programs to the host, by their own 127.0.0.1 or engine.HostAddress.
func (h *held) dial(ctx context.Context, _, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	l := h.doors[int(to.Port())]
	h.mu.Unlock()
	from := netip.AddrPortFrom(to.Addr(), lastDynamicPort)
	if to.Addr().String() != localAddress {
		h.e.mu.Lock()
		l = h.e.doors[to]
		h.e.mu.Unlock()
		from = netip.AddrPortFrom(h.address, lastDynamicPort)
	}
	return l.dial(ctx, from)
}

// Run runs the image's program. A first argument below /missing/ is a file that is not there.
func (h *held) Run(ctx context.Context, p engine.Program) (pid int, err error) {
	if err := h.e.before(ctx, "Run", h.spec.ID); err != nil {
		return 0, err
	}
	file := h.Output()
	if p.Aside {
		file = h.Aside()
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	args := slices.Concat(p.Entrypoint, p.Command)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		out.Close()
		return 0, fmt.Errorf("%w: it has ended", engine.ErrNotFound)
	}
	h.lastPid++
	pid = h.lastPid
	if len(args) > 0 && strings.HasPrefix(args[0], "/missing/") {
		out.Close()
		h.ended <- engine.ProgramEnd{Pid: pid, Code: 127, Err: fmt.Errorf("%w: %w", engine.ErrStart, &fs.PathError{Op: "fork/exec", Path: args[0], Err: syscall.ENOENT})}
		return pid, nil
	}
	inner, cancel := context.WithCancel(context.Background())
	process := &Process{
		Spec: engine.Spec{ID: h.spec.ID, Image: h.spec.Image, MemoryLimit: h.limits.MemoryLimit}, Args: args, Env: p.Env,
		Stdin: strings.NewReader(""), Stdout: out, Stderr: out, Signals: make(chan string, 8), Dial: h.dial,
	}
	h.killers[pid] = func(signal string) {
		if signal == "SIGKILL" {
			cancel()
		} else {
			process.deliver(signal)
		}
	}
	h.running.Go(func() {
		defer out.Close()
		defer cancel()
		h.ends(pid, inner, process, h.image.program(inner, process))
	})
	return pid, nil
}

func (h *held) ends(pid int, ctx context.Context, p *Process, code int) {
	end := engine.ProgramEnd{Pid: pid, Code: code}
	if ctx.Err() != nil || p.outOfMemory {
		end.Code, end.Signal = killed, "killed"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.killers, pid)
	if p.outOfMemory {
		h.ooms++
	}
	if !h.over {
		h.ended <- end
	}
}

func (h *held) Signal(pid int, signal string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if tell := h.killers[pid]; tell != nil {
		tell(signal)
	}
	return nil
}

func (h *held) End(ctx context.Context) error {
	if err := h.e.before(ctx, "End", h.spec.ID); err != nil {
		return err
	}
	h.mu.Lock()
	first := !h.over
	h.over = true
	for _, tell := range h.killers {
		tell("SIGKILL")
	}
	h.mu.Unlock()
	h.running.Wait()
	if first {
		close(h.ended)
	}
	h.e.mu.Lock()
	delete(h.e.held, h)
	h.e.mu.Unlock()
	for _, file := range []string{h.Output(), h.Aside()} {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// Use counts nothing but the processes that ran out of memory.
func (h *held) Use() (engine.Use, error) { return uses{h}, nil }

type uses struct{ h *held }

func (uses) Read() engine.Used { return engine.Used{} }

func (u uses) OOMKills() int {
	u.h.mu.Lock()
	defer u.h.mu.Unlock()
	return u.h.ooms
}

func (uses) Close() {}
