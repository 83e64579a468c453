// Package engine says how a machine runs containers: the interface that the agent
// drives, with one body over containerd (engine/containerd) and a small working
// one for simulations (engine/fake). Both pass engine/enginetest.
//
// An engine knows containers, images and task networks. It knows nothing of task
// states, of the control plane or of why anything should run: the agent decides.
//
// Every call is idempotent: creating what is there, starting what runs, killing or
// deleting what is gone succeeds, so an agent that was killed half way simply says
// it all again.
package engine

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"slipway/internal/errs"
)

// What an engine can fail with. Anything else is the machine's own trouble.
var (
	ErrPull      = errs.New(errs.Invalid, "cannot pull image")       // unknown image, refused login, bad bytes, no platform
	ErrRegistry  = errs.New(errs.Internal, "cannot pull image")      // the registry does not answer, or is in trouble: another try may do
	ErrCreate    = errs.New(errs.Invalid, "cannot create container") // a user, folder or option that the image or kernel refuses
	ErrStart     = errs.New(errs.Invalid, "cannot start container")  // the process itself: no such file, not executable
	ErrPortInUse = errs.New(errs.Conflict, "host port in use")
	ErrNotFound  = errs.New(errs.NotFound, "container not found")
	ErrInUse     = errs.New(errs.Conflict, "in use")
	// ErrUnavailable is an engine that cannot serve now: it starts, or starts again. Try again.
	ErrUnavailable = errs.New(errs.Unavailable, "container engine unavailable")
)

// HostAddress is where containers reach what Listen opens. It is the address at which the SDKs look
// for the credentials of a task. Source: Amazon ECS Developer Guide, "Task IAM role".
const HostAddress = "169.254.170.2"

// Engine runs containers on this machine. Its methods may be called at the same time for different containers.
type Engine interface {
	// Info names the engine and its version, and fails while it cannot serve.
	Info(ctx context.Context) (Info, error)

	// Pull makes the image ready to run, fetching only what is missing. When ref names a
	// digest that is here already it touches no network.
	Pull(ctx context.Context, ref string, login Login) (Image, error)
	// Images tells all images that are here, in the order of their digests.
	Images(ctx context.Context) ([]StoredImage, error)
	// RemoveImage takes away an image by its digest, with all that no other image needs, and has freed its
	// room when it returns. It fails with ErrInUse where a container is of the image, however far it has
	// come, where the image is being pulled, and where it was used after since: so who has looked at
	// Images and passes what it told takes away nothing that somebody has asked for in between.
	RemoveImage(ctx context.Context, digest string, since time.Time) error

	// Prepare makes what the containers of a task share: a network namespace, whose path it returns,
	// a cgroup with the task's limits, and the further namespaces that g asks for. It is quick, and all
	// that Create needs, so Attach may run beside Create.
	Prepare(ctx context.Context, task string, g Group) (namespace string, err error)
	// Attach joins the task's network namespace to the bridge and maps its ports to the host,
	// preparing a task without limits where nobody has. A mapping with Host 0 is given a free port.
	// The first success stands: a later call tells it again. It survives the agent. A task in the host's
	// network, or in none, is joined to nothing: its ports are told as they were asked for.
	Attach(ctx context.Context, task string, ports []Port) (Network, error)
	// Detach takes away all that Prepare and Attach made. The task's containers are deleted first.
	Detach(ctx context.Context, task string) error
	// Tasks names every task that holds anything here: containers, or what Prepare or Attach made.
	Tasks(ctx context.Context) ([]string, error)

	// Listen opens a tcp port of HostAddress to the attached tasks of this engine: the connections of a
	// task, and no others, come from its Network.Address. Nobody outside of the machine reaches it. Who
	// opens a port that is open takes it over.
	Listen(ctx context.Context, port int) (net.Listener, error)
	// ListenLocal opens a tcp port of 127.0.0.1 to the tasks in the host's network, and to whatever else is on
	// the machine.
	ListenLocal(ctx context.Context, port int) (net.Listener, error)

	// Create makes a container with its process ready to start: all that can fail before
	// the process itself has failed by then, with ErrCreate, or ErrStart where the engine
	// finds out already that there is nothing to execute.
	Create(ctx context.Context, c Spec) error
	// Start runs the process of a created container. A process that has run is not run again.
	Start(ctx context.Context, id string) error
	// Signal sends a signal ("SIGTERM", "SIGKILL", ...) to the container's first process;
	// "" is the signal that the container wants to be stopped by.
	Signal(ctx context.Context, id, signal string) error
	// Delete ends a container and takes away its root file system and cgroup. Its output stays,
	// and is complete once Delete has returned.
	Delete(ctx context.Context, id string) error

	// Exec runs a program in a running container until it ends, and returns its exit code, which is
	// 128+n for an end by signal n. When ctx ends it is killed, with what it has started itself, and
	// the error is ctx's. It fails with ErrNotFound where the container does not run, and with ErrStart
	// where there is no such program. A Read of Stdin may be under way when it returns, but no Write.
	Exec(ctx context.Context, id string, x Exec) (exitCode int, err error)
	// Stats tells what a running container uses, or ErrNotFound.
	Stats(ctx context.Context, id string) (Stats, error)

	// List tells every container that carries Spec.Task, running or not, whoever created it.
	List(ctx context.Context) ([]Container, error)
	// Exits wakes whoever waits whenever a container may have ended: a hint to List again.
	// The channel closes when ctx ends.
	Exits(ctx context.Context) <-chan struct{}

	// Output is the file that holds what the container printed, standard output and error as they
	// came. It is only ever appended to, by one write at its end, so a reader may punch holes into
	// what it has read. The last bytes may come a moment after the exit is told, but before Delete
	// returns. It outlives the container until RemoveOutput.
	Output(id string) string
	RemoveOutput(id string) error
	// Outputs names every container whose output is here, so that none is forgotten.
	Outputs() ([]string, error)
}

// Info describes a running engine.
type Info struct {
	Name       string // "containerd"
	Version    string
	DiskLimits bool  // the machine can bind Spec.DiskLimit
	Disk       int64 // bytes that tasks with such a limit may have together; 0: not known
}

// Login is how to read a registry. The zero value is anonymous.
type Login struct {
	Username, Password string
	PlainHTTP          bool // speak http to it, not https
	// Transport carries what is said to the registry, and to where it leads; nil: as anybody reaches it.
	Transport http.RoundTripper
}

// WithProgress has pulls under ctx tell now and then how many bytes of an image's layers have come, of how many.
// An engine need not know.
func WithProgress(ctx context.Context, tell func(done, all int64)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

type progressKey struct{}

// Progress is what WithProgress was given, or nil.
func Progress(ctx context.Context) func(done, all int64) {
	tell, _ := ctx.Value(progressKey{}).(func(done, all int64))
	return tell
}

// Image is an image that is ready to run.
type Image struct {
	Ref      string // as it was asked for
	Digest   string // of the manifest (or index) it was pinned to: "sha256:..."
	Size     int64  // bytes of its compressed layers
	Platform string // "linux/amd64"
}

// StoredImage is an image that is here.
type StoredImage struct {
	Digest string
	Refs   []string  // by which it came here, each with the digest
	Size   int64     // bytes of its compressed layers; 0: not known, for its pull was cut off
	UsedAt time.Time // when it was last pulled, or a container of it made or deleted
	InUse  bool      // a container is of it, or it is being pulled
}

// Port maps a port of the task to one of the host.
type Port struct {
	Container int
	Host      int    // 0: any free one
	Protocol  string // "tcp" or "udp"
}

// Network is what a task got from Attach.
type Network struct {
	Namespace string // path of the network namespace
	Address   string // IPv4 address on the bridge
	Ports     []Port // with every Host filled in
}

// NetworkMode is which network a task is in.
type NetworkMode int

// The networks that a task can be in.
const (
	Bridge    NetworkMode = iota // an address of its own on the machine's bridge, and mapped ports
	HostNet                      // the machine's own network namespace
	NoNetwork                    // a namespace with loopback alone
)

// Sharing is whose namespace of a kind a container is in.
type Sharing int

// Whose namespace it is.
const (
	Private  Sharing = iota // the container's own
	TaskWide                // one for all containers of the task
	HostWide                // the machine's
)

// Group is what the containers of a task have together.
type Group struct {
	Limits  Limits
	Network NetworkMode
	PID     Sharing
	IPC     Sharing
}

// Limits bind all containers of a task together. Zero values bind nothing.
type Limits struct {
	CPUShares   uint64 // relative weight beside other tasks, 1024 a whole core
	CPUQuota    int64  // microseconds of cpu in 100 ms
	MemoryLimit int64  // bytes
}

// Spec is one container to run.
type Spec struct {
	ID        string // unique on the machine: "<task id>-<container name>"
	Task      string // task id, by which the containers of a task are told
	Name      string // container name in the task definition
	Hostname  string // "": the first 12 digits of the task
	Image     Image  // from Pull
	Namespace string // network namespace from Attach; "" gives it one of its own with loopback alone

	Entrypoint []string // nil: the image's
	Command    []string // nil: the image's
	Env        []string // added to the image's, "NAME=value"
	User       string   // "": the image's
	WorkingDir string   // "": the image's

	CPUShares   uint64 // relative weight, 1024 a whole core; 0: the least there is
	CPUQuota    int64  // microseconds of cpu in 100 ms; 0: no hard limit
	MemoryLimit int64  // bytes, enforced; 0: none
	MemorySoft  int64  // bytes reserved; 0: none
	PidsLimit   int64  // processes and threads; 0: the engine's default
	StopSignal  string // "": the image's, or SIGTERM
	Files       []File // small files mounted read-only into the container, such as /etc/resolv.conf

	Network      NetworkMode // as in the task's Group, as are PID and IPC
	PID          Sharing
	IPC          Sharing
	Mounts       []Mount
	ReadonlyRoot bool
	Privileged   bool
	CapAdd       []string // "SYS_PTRACE", "ALL"
	CapDrop      []string
	NoNewPrivs   bool
	Devices      []Device
	Ulimits      []Ulimit
	Sysctls      map[string]string
	Init         bool   // a small init is the first process: it reaps, and passes signals on
	ShmSize      int64  // bytes of /dev/shm; 0: 64 MiB
	SwapMax      *int64 // bytes of swap; nil: none
	Swappiness   *uint64
	DNS          []string // name servers; none: the machine's
	DNSSearch    []string
	ExtraHosts   []Host // lines of /etc/hosts
	Terminal     bool   // its process has a terminal
	OpenStdin    bool   // its standard input stays open
	DiskLimit    int64  // bytes that all containers of its task may write together, to their root file systems and the task's volumes; the first to be made tells. Where Info.DiskLimits says no, Create refuses it; 0: none
}

// MountKind is where what is mounted comes from.
type MountKind int

// Where a Mount comes from.
const (
	HostPath    MountKind = iota // Source is a path of the machine; it is made a folder if it is not there
	TaskVolume                   // Source names a volume that lives and dies with the task
	NamedVolume                  // Source names a volume that stays: whoever names it on this machine shares it
	Tmpfs                        // memory, of Size bytes
)

// Mount is something mounted into a container. A volume that is empty first gets what the image has at Path.
type Mount struct {
	Kind     MountKind
	Source   string
	Path     string // inside the container, absolute
	ReadOnly bool
	Size     int64    // of Tmpfs, bytes
	Options  []string // of Tmpfs: "noexec", "mode=1770", ...
}

// Device is a device of the machine, given to a container.
type Device struct {
	Host, Path  string
	Permissions string // of "rwm"
}

// Ulimit is a resource limit of a container's processes.
type Ulimit struct {
	Name       string // "nofile", "core", ...
	Soft, Hard int64  // -1: unlimited
}

// Host is a name in /etc/hosts.
type Host struct{ Name, Address string }

// Exec is a program to run beside a container's own.
type Exec struct {
	Args     []string
	Env      []string // added to the container's
	Terminal bool
	Stdin    io.Reader // nil: nothing
	Stdout   io.Writer // with a terminal, all that is printed; nil: dropped
	Stderr   io.Writer
	Resize   <-chan Size // of the terminal; nil: never
}

// Size is that of a terminal, in characters.
type Size struct{ Width, Height uint16 }

// Stats is what a running container uses, by its cgroup and the task's network.
type Stats struct {
	Read         time.Time
	CPU          time.Duration // since its start
	CPUSystem    time.Duration // of it, in the kernel
	Throttled    time.Duration
	Memory       int64 // bytes, as the kernel charges them
	MemoryCache  int64 // of them, file cache that can be dropped
	MemoryPeak   int64
	MemoryLimit  int64 // 0: none
	Pids         int64
	BlockRead    int64 // bytes
	BlockWritten int64
	Received     int64 // bytes by the task's network, all containers together
	Sent         int64
}

// File is a small file given to a container.
type File struct {
	Path string // inside the container
	Data []byte
	Mode int64 // permission bits
}

// State is how far a container is.
type State int

// The states of a container, in their order.
const (
	Creating State = iota // begun and not finished, as after a crash: Create it again or Delete it
	Created
	Running
	Exited
)

func (s State) String() string { return [...]string{"creating", "created", "running", "exited"}[s] }

// Container is a container as the engine sees it now.
type Container struct {
	ID, Task, Name string
	Digest         string // of the image it runs
	State          State
	Pid            int       // of its first process, while it runs
	ExitCode       int       // once it has exited; 128+n for an end by signal n, 137 where it was lost (the machine started anew)
	OOMKilled      bool      // it has exited, and the kernel had killed a process in it for want of memory
	StartedAt      time.Time // zero before Start
	ExitedAt       time.Time // zero before the exit, and where it was lost
}

// Loader is an engine that can take an image from an archive as well.
type Loader interface {
	// Load makes an image ready as Pull does: the first of the archive that fits this machine. Where the
	// image of a.Digest is here already nothing is read; loads of one archive at the same time are one. It fails
	// with ErrPull, and in the words of Open where that fails.
	Load(ctx context.Context, a Archive) (Image, error)
}

// Archive is a tar of an OCI layout, or what "docker save" writes; either may be compressed by gzip or zstd.
type Archive struct {
	Ref    string // tells it from other archives
	Name   string // how errors call it: without what is secret in Ref
	Digest string // that the image must have in the archive's index; "": any
	// Open begins to read it. The context is that of the whole load.
	Open func(ctx context.Context) (io.ReadCloser, error)
}
