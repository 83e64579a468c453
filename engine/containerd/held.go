package containerd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/engine/containerd/hold"
	"slipway/internal/ids"
	"slipway/internal/loop"
)

// A held container is made by runc alone: without containerd's record and shim, which a container needs that is to
// outlive us, and without a snapshot, it takes half the time. Its first process is hold, which ends when we do.
// What it has on the machine is found by its id:
//
//	<data>/held/<id>/output   what its programs print; the folder is there before all else, and goes last
//	<data>/held/<id>/aside    what those print that print aside
//	<data>/held/<id>/scratch  the file system of its /tmp
//	<run>/held/<id>/          its network namespace, the mount of /tmp, runc's configuration, and the socket of hold
//	<run>/held-runc/<id>/     runc's state
//	slipway-<name>/<id>/.held its cgroup

// heldGroup is the cgroup of its processes. No container's key begins with a dot.
const heldGroup = ".held"

// holdFolder is where a held container finds hold and its socket.
const holdFolder = "/dev/slipway"

// holdPatience is how long hold may take to connect once runc has started it.
const holdPatience = 30 * time.Second

// held is an engine.Held.
type held struct {
	e       *Engine
	id      string
	image   *image
	release func() // lets go of the image
	address netip.Addr
	cable   string

	pid   int // of hold, on the machine
	pidfd int
	line  *net.UnixConn

	running  sync.Mutex             // one command at a time
	asked    atomic.Pointer[errand] // the last
	started  chan int
	ended    chan engine.ProgramEnd
	finished chan struct{} // all is read that hold has told

	ending sync.Mutex
	gone   bool
}

var _ engine.Holder = (*Engine)(nil)

func (e *Engine) heldData() string { return filepath.Join(e.options.Data, "held") }
func (e *Engine) heldRuns() string { return filepath.Join(e.run, "held") }
func (e *Engine) heldRunc() string { return filepath.Join(e.run, "held-runc") }

func (h *held) data(name string) string { return filepath.Join(h.e.heldData(), h.id, name) }
func (h *held) run(name string) string  { return filepath.Join(h.e.heldRuns(), h.id, name) }
func (h *held) namespace() string       { return h.run("ns") }
func (h *held) port() string            { return h.cable }

// Hold makes its network, its scratch space and its process.
func (e *Engine) Hold(ctx context.Context, s engine.HeldSpec) (engine.Held, error) {
	if err := checkTask(s.ID); err != nil {
		return nil, err
	}
	ctx = e.context(ctx)
	img, err := e.imageOf(ctx, s.Image)
	if err != nil {
		return nil, told("hold "+s.ID, err)
	}
	h := &held{
		e: e, id: s.ID, image: img, release: e.images.holds.hold(s.Image.Digest), cable: "sh" + ids.Hex(6), pidfd: -1,
		started: make(chan int, 1), ended: make(chan engine.ProgramEnd, mostPrograms), finished: make(chan struct{}),
	}
	none := &errand{}
	h.asked.Store(none)
	e.used(s.Image.Digest)
	e.held.Store(h, true)
	if err := h.make(ctx, s); err != nil {
		err = errors.Join(err, h.End(context.WithoutCancel(ctx)))
		if ctx.Err() != nil {
			return nil, told("hold "+s.ID, err)
		}
		return nil, fmt.Errorf("%w %s of image %s: %w", engine.ErrCreate, s.ID, s.Image.Ref, err)
	}
	go h.listen(none)
	return h, nil
}

func (h *held) make(ctx context.Context, s engine.HeldSpec) error {
	for _, dir := range []string{h.data(""), h.run("dev")} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	if err := h.e.cgroups.limit(s.ID, s.Limits); err != nil {
		return err
	}
	if err := makeNamespace(h.namespace()); err != nil {
		return err
	}
	network := make(chan error, 1)
	go func() { network <- h.e.plugHeld(ctx, h) }()
	err := h.start(ctx, s)
	return errors.Join(err, <-network)
}

// start makes what runc needs, and runs it.
func (h *held) start(ctx context.Context, s engine.HeldSpec) error {
	root, err := h.e.heldRoot(ctx, h.image)
	if err != nil {
		return err
	}
	var parts errgroup.Group
	if s.Scratch > 0 && h.e.scratches() {
		parts.Go(func() error { return h.e.makeScratch(ctx, h.data("scratch"), h.run("tmp"), s.Scratch) })
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.run("dev/socket"), Net: "unix"})
	if err != nil {
		return err
	}
	defer listener.Close()
	parts.Go(func() error { return h.writeBundle(ctx, s, root) })
	if err := parts.Wait(); err != nil {
		return err
	}
	if err := h.runc(ctx); err != nil {
		return err
	}
	return h.meet(listener)
}

// writeBundle writes what runc reads.
func (h *held) writeBundle(ctx context.Context, s engine.HeldSpec, root string) error {
	program, err := hold.Program(holdFolder + "/socket")
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.run("dev/hold"), program, 0o755); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(h.run("dev/hold"), 0o755), os.Chmod(h.run("dev/socket"), 0o777), os.Chmod(h.run("dev"), 0o755)); err != nil { // whatever the umask is
		return err
	}
	spec, err := h.spec(ctx, s)
	if err != nil {
		return err
	}
	spec.Root = &specs.Root{Path: root, Readonly: true}
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(h.run("config.json"), data, 0o600)
}

// spec is that of a container which can do next to nothing.
func (h *held) spec(ctx context.Context, s engine.HeldSpec) (*specs.Spec, error) {
	asked := engine.Spec{
		ID: h.id, Task: h.id, Name: "held", Image: s.Image, Hostname: s.Hostname, ExtraHosts: s.ExtraHosts, Namespace: h.namespace(),
		Entrypoint: []string{holdFolder + "/hold"}, WorkingDir: "/", User: s.User,
		ReadonlyRoot: true, CapDrop: []string{everything}, NoNewPrivs: true, PidsLimit: s.Pids, CPUShares: 1024,
	}
	spec, err := h.e.ociSpec(ctx, asked, h.image)
	if err != nil {
		return nil, err
	}
	if spec.Process.User.UID == 0 {
		return nil, fmt.Errorf("user %q is root", s.User)
	}
	dropOldABIs(spec.Linux.Seccomp)
	spec.Linux.CgroupsPath = h.e.cgroups.path(h.id, heldGroup)
	spec.Process.Env = nil
	for _, unneeded := range []string{"/dev/shm", "/dev/mqueue", "/sys/fs/cgroup"} { // the first two could be written to; the third is slow to mount
		dropMount(spec, unneeded)
	}
	files, err := h.files(asked)
	if err != nil {
		return nil, err
	}
	spec.Mounts = append(append(spec.Mounts, files...), h.scratchMount(s),
		specs.Mount{Destination: holdFolder, Source: h.run("dev"), Type: "bind", Options: []string{"bind", "rprivate", "ro", "nosuid", "nodev"}})
	return spec, nil
}

// dropOldABIs leaves the machine's own ABI alone: programs of older ones do not run, and runc has less to compile.
func dropOldABIs(profile *specs.LinuxSeccomp) {
	own := map[string]specs.Arch{"amd64": specs.ArchX86_64, "arm64": specs.ArchAARCH64}[runtime.GOARCH]
	if slices.Contains(profile.Architectures, own) {
		profile.Architectures = []specs.Arch{own}
	}
}

func (h *held) scratchMount(s engine.HeldSpec) specs.Mount {
	if s.Scratch > 0 && h.e.scratches() {
		return specs.Mount{Destination: "/tmp", Source: h.run("tmp"), Type: "bind", Options: []string{"bind", "rprivate", "rw", "nosuid", "nodev"}}
	}
	size := fmt.Sprintf("size=%d", max(s.Scratch, 4096))
	return specs.Mount{Destination: "/tmp", Source: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "nodev", "rw", "mode=1777", size}}
}

// files are those that every container finds. Nobody can write to them.
func (h *held) files(asked engine.Spec) (mounts []specs.Mount, err error) {
	self := about{Hostname: hostnameOf(asked), Hosts: asked.ExtraHosts}
	for path, data := range map[string][]byte{
		"/etc/hosts": hostsText(self, engine.Bridge, ""), "/etc/hostname": []byte(self.Hostname + "\n"), "/etc/resolv.conf": resolvText(asked),
	} {
		source := h.run(filepath.Base(path))
		if err := replaceFile(source, data, 0o644); err != nil {
			return nil, err
		}
		mounts = append(mounts, specs.Mount{Destination: path, Source: source, Type: "bind", Options: []string{"bind", "rprivate", "ro"}})
	}
	return mounts, nil
}

// runc starts hold.
func (h *held) runc(ctx context.Context) error {
	program, err := findProgram("runc")
	if err != nil {
		return err
	}
	output, err := os.OpenFile(h.Output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	aside, err := os.OpenFile(h.Aside(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer aside.Close()
	log := h.run("log")
	cmd := exec.CommandContext(ctx, program, "--root", h.e.heldRunc(), "--log", log, "--log-format", "json", "run", "--detach", "--preserve-fds", "1", "--bundle", h.run(""), h.id)
	cmd.Env = []string{"PATH=" + searchPath()}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{aside} // of the container, too: hold.Main, hold.Aside
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("runc run: %w: %s", err, lastOfLog(log))
	}
	return nil
}

// lastOfLog is what runc says of its failure.
func lastOfLog(file string) string {
	text, _ := os.ReadFile(file)
	last := ""
	for line := range strings.Lines(string(text)) {
		var entry struct{ Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil {
			last = cmp.Or(entry.Msg, last)
		}
	}
	return last
}

// meet takes hold's connection, and no other.
func (h *held) meet(listener *net.UnixListener) error {
	if err := listener.SetDeadline(time.Now().Add(holdPatience)); err != nil {
		return err
	}
	line, err := listener.AcceptUnix()
	if err != nil {
		return fmt.Errorf("its first process does not connect: %w", err)
	}
	h.line = line
	socket, err := line.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var peerErr error
	err = socket.Control(func(fd uintptr) { peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, peerErr); err != nil {
		return err
	}
	h.pid = int(peer.Pid)
	h.pidfd, err = unix.PidfdOpen(h.pid, 0)
	return err
}

// listen takes what hold tells until it has ended. begun is the errand of which the start was told last.
func (h *held) listen(begun *errand) {
	defer close(h.finished)
	defer close(h.ended)
	defer close(h.started)
	n := news{h, begun, map[int]*errand{}, map[int]error{}, map[int]hold.Event{}}
	for line := bufio.NewReader(h.line); ; {
		var b [hold.EventSize]byte
		if _, err := io.ReadFull(line, b[:]); err != nil {
			return
		}
		switch e := hold.ReadEvent(b[:]); e.Kind {
		case hold.Started:
			n.started(e)
		case hold.Failed, hold.NoFolder:
			n.fails(e)
		case hold.Ended:
			n.ends(e)
		}
	}
}

// news is what hold has told. Any of it may be forged, and who is told of a start may be told of the end before.
type news struct {
	*held
	begun  *errand // of which the start was told last
	known  map[int]*errand
	failed map[int]error
	early  map[int]hold.Event // ends that came before their start
}

func (n *news) started(e hold.Event) {
	asked := n.asked.Load() // before Run goes on, and another is
	select {
	case n.held.started <- e.Pid:
	default: // forged
		return
	}
	n.known[e.Pid], n.begun = asked, asked
	if end, over := n.early[e.Pid]; over {
		n.ends(end)
	}
	clear(n.early)
}

func (n *news) fails(e hold.Event) {
	if len(n.failed) < mostPrograms {
		n.failed[e.Pid] = cmp.Or(n.known[e.Pid], n.asked.Load()).failure(e)
	}
}

func (n *news) ends(e hold.Event) {
	switch {
	case n.known[e.Pid] != nil:
		n.tell(endOf(e, n.failed[e.Pid]))
	case n.asked.Load() != n.begun && len(n.early) < mostPrograms:
		n.early[e.Pid] = e
		return
	} // else a program has left it behind
	delete(n.failed, e.Pid)
	delete(n.known, e.Pid)
}

// errand is what hold is to execute.
type errand struct{ path, dir string }

// failure is why that cannot be, in the words of package os.
func (a *errand) failure(e hold.Event) error {
	why := syscall.Errno(e.Status)
	switch {
	case e.Kind == hold.NoFolder:
		return fmt.Errorf("%w: %w", engine.ErrStart, &fs.PathError{Op: "chdir", Path: a.dir, Err: why})
	case why == syscall.ENOENT && !strings.Contains(a.path, "/"): // it was looked for
		return fmt.Errorf("%w: %w", engine.ErrStart, &exec.Error{Name: a.path, Err: exec.ErrNotFound})
	}
	return fmt.Errorf("%w: %w", engine.ErrStart, &fs.PathError{Op: "fork/exec", Path: a.path, Err: why})
}

// mostPrograms run in a held container at a time.
const mostPrograms = 64

// tell drops what nobody takes: forged news alone come in such numbers.
func (h *held) tell(end engine.ProgramEnd) {
	select {
	case h.ended <- end:
	default:
	}
}

// endOf reads a status as wait(2) has it.
func endOf(e hold.Event, failed error) engine.ProgramEnd {
	status := syscall.WaitStatus(e.Status)
	end := engine.ProgramEnd{Pid: e.Pid, Code: status.ExitStatus(), Err: failed}
	if status.Signaled() {
		end.Code, end.Signal = 128+int(status.Signal()), status.Signal().String()
	}
	return end
}

// End kills hold, and with it all that is in its namespace. What cannot be taken away now is when it is called again,
// or by DropHeld.
func (h *held) End(ctx context.Context) error {
	h.ending.Lock()
	defer h.ending.Unlock()
	if h.gone {
		return nil
	}
	if h.line != nil {
		h.line.Close()
	}
	if h.pidfd >= 0 {
		_ = unix.PidfdSendSignal(h.pidfd, unix.SIGKILL, nil, 0) // it may have ended
		if ended, err := waitPidfd(h.pidfd, 10_000); !ended {
			return fmt.Errorf("held container %s does not end: %v", h.id, err)
		}
		unix.Close(h.pidfd)
		h.pidfd = -1
	}
	if err := h.e.dropHeld(h.id, h.cable, h.address); err != nil {
		return fmt.Errorf("end held container %s: %w", h.id, err)
	}
	h.gone = true
	h.e.held.Delete(h)
	h.release()
	return nil
}

// heldGrace is how long whoever holds containers may take to end them, once we end: their processes may have
// something to do before.
const heldGrace = 3 * time.Second

// endHeld ends all that are held still: nothing of them is to outlive us.
func (e *Engine) endHeld(ctx context.Context) (failed error) {
	for late := time.Now().Add(heldGrace); e.holds() && time.Now().Before(late); {
		loop.Pause(ctx, 10*time.Millisecond)
	}
	for h := range e.held.Range {
		failed = errors.Join(failed, h.(*held).End(ctx))
	}
	return failed
}

// holds says that there is a held container.
func (e *Engine) holds() (any bool) {
	for range e.held.Range {
		any = true
	}
	return any
}

// dropHeld takes away all that a held container has on the machine, as far as it is there.
func (e *Engine) dropHeld(id, cable string, address netip.Addr) error {
	h := &held{e: e, id: id}
	if err := e.cgroups.remove(id); err != nil { // which kills what may still run
		return err
	}
	err := errors.Join(e.heldNets.unplug(cable, address), unmount(h.namespace()), dropScratch(h.data("scratch"), h.run("tmp")))
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(filepath.Join(e.heldRunc(), id)), os.RemoveAll(h.run("")), os.RemoveAll(h.data("")))
}

// DropHeld takes away what a former process has left.
func (e *Engine) DropHeld(_ context.Context) error {
	var failed error
	for _, dir := range []string{e.heldData(), e.heldRuns()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
		for _, entry := range entries {
			failed = errors.Join(failed, e.dropHeld(entry.Name(), "", netip.Addr{}))
		}
	}
	return failed
}
