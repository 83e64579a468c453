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
	"time"

	"slipway/internal/errs"
)

// What an engine can fail with. Anything else is the machine's own trouble.
var (
	ErrPull      = errs.New(errs.Invalid, "cannot pull image")       // unknown image, refused login, bad bytes, no platform
	ErrCreate    = errs.New(errs.Invalid, "cannot create container") // a user, folder or option that the image or kernel refuses
	ErrStart     = errs.New(errs.Invalid, "cannot start container")  // the process itself: no such file, not executable
	ErrPortInUse = errs.New(errs.Conflict, "host port in use")
	ErrNotFound  = errs.New(errs.NotFound, "container not found")
)

// Engine runs containers on this machine. Its methods may be called at the same time for different containers.
type Engine interface {
	// Info names the engine and its version, and fails while it cannot serve.
	Info(ctx context.Context) (Info, error)

	// Pull makes the image ready to run, fetching only what is missing. When ref names a
	// digest that is here already it touches no network.
	Pull(ctx context.Context, ref string, login Login) (Image, error)

	// Attach gives a task its own network namespace, joined to the bridge, and maps its ports to
	// the host. A mapping with HostPort 0 is given a free port. It survives the agent.
	Attach(ctx context.Context, task string, ports []Port) (Network, error)
	// Detach takes the namespace, address and mappings of a task away.
	Detach(ctx context.Context, task string) error

	// Create makes a container with its process ready to start: all that can fail before
	// the process itself has failed by then.
	Create(ctx context.Context, c Spec) error
	// Start runs the process of a created container.
	Start(ctx context.Context, id string) error
	// Signal sends a signal ("SIGTERM", "SIGKILL", ...) to the container's first process.
	Signal(ctx context.Context, id, signal string) error
	// Delete ends a container and takes away its root file system and cgroup. Its output stays.
	Delete(ctx context.Context, id string) error

	// List tells every container that carries Spec.Task, running or not, whoever created it.
	List(ctx context.Context) ([]Container, error)
	// Exits wakes whoever waits whenever a container may have changed state: a hint to List again.
	// The channel closes when ctx ends.
	Exits(ctx context.Context) <-chan struct{}

	// Output is the file that holds what the container printed, standard output and error as they
	// came. It outlives the container until RemoveOutput.
	Output(id string) string
	RemoveOutput(id string) error
}

// Info describes a running engine.
type Info struct {
	Name    string // "containerd"
	Version string
}

// Login is how to read a registry. The zero value is anonymous.
type Login struct {
	Username, Password string
	PlainHTTP          bool // speak http to it, not https
}

// Image is an image that is ready to run.
type Image struct {
	Ref      string // as it was asked for
	Digest   string // of the manifest (or index) it was pinned to: "sha256:..."
	Size     int64  // bytes of its compressed layers
	Platform string // "linux/amd64"
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

// Spec is one container to run.
type Spec struct {
	ID        string // unique on the machine: "<task id>-<container name>"
	Task      string // task id, by which the containers of a task are told
	Name      string // container name in the task definition
	Hostname  string
	Image     Image
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
	Created State = iota
	Running
	Exited
)

func (s State) String() string { return [...]string{"created", "running", "exited"}[s] }

// Container is a container as the engine sees it now.
type Container struct {
	ID, Task, Name string
	Digest         string // of the image it runs
	State          State
	Pid            int // of its first process, while it runs
	ExitCode       int // once it has exited; 128+n for an end by signal n
	OOMKilled      bool
	StartedAt      time.Time
	ExitedAt       time.Time
}

// Loader is an engine that can take an image from an archive (OCI or Docker tar) as well.
type Loader interface {
	Load(ctx context.Context, archive io.Reader) (Image, error)
}
