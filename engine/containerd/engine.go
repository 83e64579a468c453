// Package containerd is the engine over containerd and runc. It starts and keeps a
// containerd of its own, or uses one that is there.
//
// Everything it must know after a crash is kept where a crash leaves it: containers and
// images in containerd, with labels; network namespaces, addresses and ports in the run
// folder, which does not outlive the machine's boot; output and the files given to
// containers in the data folder. What is in memory is only ever a cache.
//
// It decides nothing: which containers should run, and what an exit means, is its caller's.
package containerd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"slipway/engine"
	"slipway/internal/loop"
)

// Options of an engine. Only Data is needed. Engines on one machine differ in Data, Bridge and
// Subnet, and in Namespace where they share a containerd.
type Options struct {
	Data string // folder of images, output and containerd's own state; made when missing

	// Socket is that of a containerd to use. "": one of our own is started and kept.
	Socket    string
	Namespace string       // containerd's; default "slipway"
	Bridge    string       // name of the bridge; default "slipway0"
	Subnet    string       // of the tasks; default "10.87.0.0/16"
	CNI       []string     // folders of CNI plugins; default /usr/lib/cni, /opt/cni/bin, /usr/libexec/cni
	Log       *slog.Logger `json:"-"`
}

var pluginDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

func (o Options) withDefaults() (Options, error) {
	if o.Data == "" {
		return o, fmt.Errorf("containerd: Options.Data names no folder")
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return o, err
	}
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return o, err
	}
	if o.Data, err = filepath.EvalSymlinks(data); err != nil { // one folder has one name
		return o, err
	}
	orDefault(&o.Namespace, "slipway")
	orDefault(&o.Bridge, "slipway0")
	orDefault(&o.Subnet, "10.87.0.0/16")
	if o.CNI == nil {
		o.CNI = pluginDirs
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, nil
}

func orDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// Engine is an engine.Engine. Its calls may come before Run, and wait until containerd serves.
type Engine struct {
	options Options
	name    string // tells this engine's folders and cgroups from those of others on the machine
	run     string // folder of what ends with the boot of the machine; short, for sockets are in it
	log     *slog.Logger
	socket  string // containerd's
	release func() // gives up the locks
	born    time.Time

	client     *client.Client
	daemon     *daemon // nil where containerd is not ours
	space      space
	images     images
	network    *network
	cgroups    cgroups
	listeners  listeners
	volumes    volumes
	heldNets   heldNets
	scratches  func() bool // scratch space of held containers is on disk; else it is memory
	held       sync.Map    // *held, until it is gone
	containers keyedLock   // by key
	attempts   keyedLock   // by that of the attempt
	made       sync.Map    // container id to the latest attempt of this engine
}

var (
	_ engine.Engine = (*Engine)(nil)
	_ engine.Loader = (*Engine)(nil)
)

// runRoot is where engines have what lasts until the machine starts anew.
const runRoot = "/run/slipway"

// New takes hold of the data folder and returns at once; Run brings the engine to life. It fails
// where another engine has the folder or the bridge.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	name := nameOf(o.Data)
	e := &Engine{options: o, name: name, run: filepath.Join(runRoot, name), log: o.Log, born: time.Now()}
	if e.release, err = holdLocks(o, e.run); err != nil {
		return nil, err
	}
	if err := e.open(); err != nil {
		e.release()
		return nil, err
	}
	return e, nil
}

// nameOf derives a short name from the data folder: socket paths must stay below 108 bytes.
func nameOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:6])
}

func (e *Engine) open() (err error) {
	if err := forgetFormerBoot(e.run); err != nil {
		return err
	}
	for _, dir := range []string{e.run, e.tasksDir(), e.containersDir(), e.heldData(), e.heldRuns()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	if err := errors.Join(e.dropLooks(), e.unmountRoots()); err != nil {
		return err
	}
	e.socket = e.options.Socket
	if e.socket == "" {
		e.daemon = newDaemon(e.options, e.run)
		e.socket = e.daemon.socket
	}
	if e.client, err = connect(e.socket, e.options.Namespace); err != nil {
		return err
	}
	e.volumes = volumes{root: filepath.Join(e.options.Data, "volumes"), locks: &keyedLock{}}
	e.space = space{e.options.Data, freeAboveReserve}
	e.cgroups = findCgroups(cgroupRoot, "slipway-"+e.name)
	if e.network, err = newNetwork(e.options, e.run, e.tasksDir(), e.cgroups); err != nil {
		return err
	}
	e.heldNets = newHeldNets(e.network.cni, netip.MustParsePrefix(e.options.Subnet))
	e.scratches = sync.OnceValue(func() bool {
		err := tryLoop(e.run)
		if err != nil {
			e.log.Warn("/tmp of functions is memory of theirs on this machine, for it cannot be on disk", "error", err, "hint", "it takes mkfs.ext4, mount and loop devices: modprobe loop")
		}
		return err == nil
	})
	return nil
}

func (e *Engine) tasksDir() string      { return filepath.Join(e.run, "tasks") }
func (e *Engine) containersDir() string { return filepath.Join(e.options.Data, "containers") }
func (e *Engine) runcDir() string       { return filepath.Join(e.run, "runc", e.options.Namespace) }

// connect makes a client that connects when it is first used, waits while containerd starts, and
// connects again whenever it has gone.
func connect(socket, namespace string) (*client.Client, error) {
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket) // fails at once, where the client's own waits for the socket
	}
	patient := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
		MinConnectTimeout: 5 * time.Second,
	}
	return client.New(socket,
		client.WithDefaultNamespace(namespace),
		client.WithDefaultRuntime("io.containerd.runc.v2"),
		client.WithExtraDialOpts([]grpc.DialOption{grpc.WithConnectParams(patient), grpc.WithContextDialer(dial)}),
		client.WithCallOpts([]grpc.CallOption{grpc.WaitForReady(true)}),
	)
}

// Run keeps containerd and follows its events until ctx ends. It returns when all is still:
// a containerd of our own has ended then, its containers go on. Where there are none, nothing
// of ours is left on the machine but the data folder. Call it once.
func (e *Engine) Run(ctx context.Context) error {
	defer e.release()
	defer e.client.Close()
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	background, live := errgroup.WithContext(live)
	background.Go(func() error { e.followEvents(live); return nil })
	background.Go(func() error { e.keepSpare(live); return nil })
	background.Go(func() error { e.keepSwept(live); return nil })
	if e.daemon != nil {
		background.Go(func() error { return e.daemon.run(live) })
	}
	<-ctx.Done()
	ended := e.endHeld(live)
	unused := e.unused(live)
	end()
	err := errors.Join(ended, background.Wait(), e.network.dropSpares(context.WithoutCancel(ctx)), e.unmountRoots())
	if unused && err == nil {
		err = e.tidy(live)
	}
	return err
}

// unused says that there is no container and no task. When containerd does not tell, there may be.
func (e *Engine) unused(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if tasks, err := e.Tasks(ctx); err == nil {
			e.log.Info("engine stops", "tasks", len(tasks))
			return len(tasks) == 0
		}
		loop.Pause(ctx, 50*time.Millisecond) // it may just be starting again
	}
	return false
}

// tidy takes away what tasks had in common, and what was cut off in the making.
func (e *Engine) tidy(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	return errors.Join(
		e.endShims(),
		e.network.rules.remove(ctx),
		removeBridge(e.options.Bridge),
		e.cgroups.remove(),
		os.RemoveAll(e.run),
	)
}

// Info asks containerd for its version. It waits for one of our own that starts for the first time,
// and for no other.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	ctx, cancel := context.WithTimeout(e.context(ctx), 5*time.Second)
	defer cancel()
	starting := e.daemon != nil && e.daemon.trouble() == nil
	version, err := e.client.VersionService().Version(ctx, nothing, grpc.WaitForReady(starting))
	if err == nil {
		return engine.Info{Name: "containerd", Version: version.Version, DiskLimits: disksBound(), Disk: e.diskRoom()}, nil
	}
	if e.daemon != nil && e.daemon.trouble() != nil {
		err = e.daemon.trouble()
	}
	return engine.Info{}, fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
}

// context is ctx for calls of containerd's client: in our namespace, and without its chatter.
func (e *Engine) context(ctx context.Context) context.Context {
	return log.WithLogger(namespaces.WithNamespace(ctx, e.options.Namespace), quiet)
}

var quiet = func() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}()

var plainName = regexp.MustCompile(`^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$`)

const mostKey = 76 // characters: containerd's own limit

// keyOf turns an id into a name that containerd, the kernel and file systems take.
func keyOf(id string) string {
	if len(id) <= mostKey && plainName.MatchString(id) {
		return id
	}
	return hashOf(id)
}

func hashOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "h" + hex.EncodeToString(sum[:16])
}
