// Package nodeapi is the one wire between the control plane and a node: its
// messages, the client that the agent uses and the handler that the server mounts.
//
// The node opens one long-lived session and reads from it what is wanted of it;
// it answers by reports, each acknowledged only once the control plane has
// written it down. Both may be repeated, late or out of order: what is wanted is
// told whole at the start of each session, and states only move forward.
//
// The package decides nothing: it carries.
package nodeapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// ControlPlane is what the handler needs of the control plane. An error of kind errs.Unavailable
// or errs.Internal is worth another try; any other is final for that message.
type ControlPlane interface {
	// Session joins the node and sends it what is wanted, first all of it and then what
	// changes, until ctx ends or send fails.
	Session(ctx context.Context, hello Hello, send func(Frame) error) error
	// Report writes down what the node sees. Once it returns nil the node need not say it again.
	Report(ctx context.Context, r Report) (ReportAck, error)
	// Output writes down a piece of a container's output.
	Output(ctx context.Context, node string, o Output) (OutputAck, error)
	// Credentials makes credentials of the role of a task that the node runs. Which of it is wrong
	// is not told where the task is over, has no role, or is not the node's.
	Credentials(ctx context.Context, r CredentialsRequest) (Credentials, error)
	// Secrets reads what a task's definition names by reference, as its execution role may. An error
	// other than a temporary one ends the task, with the error's text as its reason.
	Secrets(ctx context.Context, r CredentialsRequest) (Secrets, error)
	// Stream opens the line of a Stream that the node was asked for. It is opened once.
	Stream(ctx context.Context, r StreamRequest) (io.ReadWriteCloser, error)
}

// Hello opens a session: who the node is and what it offers.
type Hello struct {
	Node       string            `json:"node"`           // stable id of the machine, 32 hexadecimal digits, kept in its data folder
	Account    string            `json:"-"`              // whose it is: the control plane's side fills it in
	Since      time.Time         `json:"-"`              // when it became a node; filled in as well
	Cluster    string            `json:"cluster"`        // the cluster it serves; "" serves every cluster of its account
	Version    string            `json:"version"`        // of the agent
	Engine     string            `json:"engine"`         // "containerd 1.6.20"
	CPU        int               `json:"cpu"`            // units of 1/1024 of a core
	Memory     int               `json:"memory"`         // MiB
	Disk       int               `json:"disk,omitempty"` // GiB that tasks with a limit on what they write may have together; 0: not known
	Ports      []int             `json:"ports"`          // host ports that tasks must not be given
	Attributes map[string]string `json:"attributes"`
}

// Welcome is the first message of a session.
type Welcome struct {
	Account  string `json:"account"`
	Region   string `json:"region"`
	Registry string `json:"registry"` // host:port under which this Slipway's own images are named
	Session  string `json:"session"`  // a secret of this session, by which the node asks for credentials
}

// Frame is one message of the session from the control plane to the node.
// A frame with nothing in it only shows that the line is alive.
type Frame struct {
	Welcome *Welcome `json:"welcome,omitempty"` // in the first frame
	// Complete says that Tasks are all that the control plane knows of this node: what the node
	// runs beyond them is unknown there.
	Complete bool   `json:"complete,omitempty"`
	Tasks    []Task `json:"tasks,omitempty"` // wanted anew or wanted otherwise
	// Streams are to be opened now: who asks for them does not wait long.
	Streams []Stream `json:"streams,omitempty"`
	// Prefetch is what to have ahead of tasks, where that is otherwise than was told.
	Prefetch *Prefetches `json:"prefetch,omitempty"`
}

// Task is what is wanted of one task on the node.
type Task struct {
	ID         string      `json:"id"` // 32 hexadecimal digits
	ARN        string      `json:"arn"`
	Cluster    string      `json:"cluster"` // name
	Family     string      `json:"family"`
	Revision   int         `json:"revision"`
	Role       string      `json:"role,omitempty"` // ARN of the role that its containers act in; "": none
	Stop       bool        `json:"stop,omitempty"` // wanted stopped; otherwise running
	StopCode   string      `json:"stopCode,omitempty"`
	StopReason string      `json:"stopReason,omitempty"`
	Recorded   Status      `json:"recorded,omitempty"` // how far the node once reported it: what has run is never run anew
	CPU        int         `json:"cpu,omitempty"`      // task-wide limit in units of 1/1024 of a core; 0: none
	Memory     int         `json:"memory,omitempty"`   // task-wide limit in MiB; 0: none
	Containers []Container `json:"containers"`

	Network    string   `json:"network,omitempty"` // "bridge", "awsvpc", "host", "none"; "" is bridge
	PIDMode    string   `json:"pidMode,omitempty"` // "task", "host"; "": each container its own
	IPCMode    string   `json:"ipcMode,omitempty"` // "task", "host", "none"; "": each container its own
	Volumes    []Volume `json:"volumes,omitempty"`
	Disk       int      `json:"disk,omitempty"`   // GiB that its containers may write together; 0: no limit
	Secret     bool     `json:"secret,omitempty"` // ask for Secrets before its containers are made
	LaunchType string   `json:"launchType,omitempty"`
	Service    string   `json:"service,omitempty"`
	Zone       string   `json:"zone,omitempty"`

	Tags map[string]string `json:"tags,omitempty"` // as they were when the node was told of it, for its metadata
}

// Volume is a volume of a task.
type Volume struct {
	Name     string `json:"name"`               // in the definition
	HostPath string `json:"hostPath,omitempty"` // a path of the machine
	Shared   string `json:"shared,omitempty"`   // name on the machine of a volume that outlives the task; neither: it lives and dies with the task
}

// Container is one container of a wanted task.
type Container struct {
	Name              string        `json:"name"`
	ARN               string        `json:"arn,omitempty"`
	Image             string        `json:"image"`            // as the definition names it
	Ref               string        `json:"ref,omitempty"`    // where to pull it from, when not as named
	Digest            string        `json:"digest,omitempty"` // the content it is pinned to, when the control plane knows
	Login             *Login        `json:"login,omitempty"`
	Essential         bool          `json:"essential"`
	Entrypoint        []string      `json:"entrypoint,omitempty"` // nil: the image's
	Command           []string      `json:"command,omitempty"`    // nil: the image's
	Env               []string      `json:"env,omitempty"`        // "NAME=value"
	User              string        `json:"user,omitempty"`
	WorkingDir        string        `json:"workingDir,omitempty"`
	Hostname          string        `json:"hostname,omitempty"`
	CPU               int           `json:"cpu,omitempty"`               // shares, 1024 a core
	Memory            int           `json:"memory,omitempty"`            // hard limit in MiB
	MemoryReservation int           `json:"memoryReservation,omitempty"` // MiB
	Ports             []Port        `json:"ports,omitempty"`
	StopTimeout       time.Duration `json:"stopTimeout"` // between the stop signal and SIGKILL
	Log               *Log          `json:"log,omitempty"`

	DependsOn    []Dependency      `json:"dependsOn,omitempty"`
	StartTimeout time.Duration     `json:"startTimeout,omitempty"` // how long others wait for it; 0: 3 minutes
	Health       *HealthCheck      `json:"health,omitempty"`
	Restart      *Restart          `json:"restart,omitempty"`
	Mounts       []Mount           `json:"mounts,omitempty"`
	VolumesFrom  []VolumesFrom     `json:"volumesFrom,omitempty"`
	ReadonlyRoot bool              `json:"readonlyRoot,omitempty"`
	Privileged   bool              `json:"privileged,omitempty"`
	CapAdd       []string          `json:"capAdd,omitempty"`
	CapDrop      []string          `json:"capDrop,omitempty"`
	NoNewPrivs   bool              `json:"noNewPrivs,omitempty"`
	Devices      []Device          `json:"devices,omitempty"`
	Ulimits      []Ulimit          `json:"ulimits,omitempty"`
	Sysctls      map[string]string `json:"sysctls,omitempty"`
	Init         bool              `json:"init,omitempty"`
	ShmSize      int               `json:"shmSize,omitempty"` // MiB
	MaxSwap      *int              `json:"maxSwap,omitempty"` // MiB
	Swappiness   *int              `json:"swappiness,omitempty"`
	DNS          []string          `json:"dns,omitempty"`
	DNSSearch    []string          `json:"dnsSearch,omitempty"`
	ExtraHosts   []Host            `json:"extraHosts,omitempty"`
	Terminal     bool              `json:"terminal,omitempty"`
	OpenStdin    bool              `json:"openStdin,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`   // docker labels, for the task's metadata
	Restarts     int               `json:"restarts,omitempty"` // how often the node once reported that it was started anew
}

// Dependency is another container of the task that one waits for.
type Dependency struct {
	Container string `json:"container"`
	Condition string `json:"condition"` // "START", "COMPLETE", "SUCCESS", "HEALTHY"
}

// HealthCheck is a command that tells whether a container is well: by exit code 0.
type HealthCheck struct {
	Command     []string      `json:"command"` // as in the definition: "CMD" and arguments, or "CMD-SHELL" and a line
	Interval    time.Duration `json:"interval"`
	Timeout     time.Duration `json:"timeout"`
	Retries     int           `json:"retries"`
	StartPeriod time.Duration `json:"startPeriod,omitempty"`
}

// Restart says that a container which ends is started anew.
type Restart struct {
	IgnoredExitCodes []int         `json:"ignoredExitCodes,omitempty"` // with these it stays ended
	AttemptPeriod    time.Duration `json:"attemptPeriod"`              // that it must have run
}

// Mount is a volume of the task, or memory, inside a container.
type Mount struct {
	Volume   string   `json:"volume,omitempty"` // name in Task.Volumes; "": memory of Size
	Path     string   `json:"path"`
	ReadOnly bool     `json:"readOnly,omitempty"`
	Size     int      `json:"size,omitempty"` // MiB
	Options  []string `json:"options,omitempty"`
}

// VolumesFrom mounts what another container has mounted.
type VolumesFrom struct {
	Container string `json:"container"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
}

// Device is a device of the machine, given to a container.
type Device struct {
	Host        string   `json:"host"`
	Path        string   `json:"path,omitempty"`        // "": as on the host
	Permissions []string `json:"permissions,omitempty"` // "read", "write", "mknod"; none: all
}

// Ulimit is a resource limit of a container's processes; -1 is unlimited.
type Ulimit struct {
	Name string `json:"name"`
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

// Host is a name in /etc/hosts.
type Host struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Secrets is what a task's containers are given that is not written down on the way: by the name of the
// container. It is kept in memory, and nowhere else.
type Secrets struct {
	Env    map[string][]string `json:"env,omitempty"`    // "NAME=value"
	Logins map[string]Login    `json:"logins,omitempty"` // to the registries that their images come from
}

func (s Secrets) String() string { return fmt.Sprintf("secrets of %d containers", len(s.Env)) }

// GoString is String.
func (s Secrets) GoString() string { return s.String() }

// LogValue is String.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Login opens a registry for one pull. It is short-lived and never written to disk.
type Login struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	PlainHTTP bool   `json:"plainHTTP,omitempty"`
}

// Port is a wanted (Host may be 0: any) or an actual port mapping.
type Port struct {
	Container int    `json:"container"`
	Host      int    `json:"host"`
	Protocol  string `json:"protocol"` // "tcp" or "udp"
}

// Log says where a container's output goes.
type Log struct {
	Group       string `json:"group"`
	Stream      string `json:"stream"`
	CreateGroup bool   `json:"createGroup,omitempty"`
}

// Status is how far a task or container is on its way. It only grows.
type Status int

// The states of a task, in their order. Source: Amazon ECS Developer Guide, "Task lifecycle".
const (
	Provisioning Status = iota + 1
	Pending
	Activating
	Running
	Deactivating
	Stopping
	Deprovisioning
	Stopped
)

var statusNames = [...]string{"", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"}

func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return ""
	}
	return statusNames[s]
}

// Report tells what the node sees of some of its tasks.
type Report struct {
	Node    string       `json:"node"`
	Tasks   []TaskReport `json:"tasks"`
	Machine *Machine     `json:"machine,omitempty"` // nil: of the machine nothing is said

	Prefetches []PrefetchReport `json:"prefetches,omitempty"`
}

// Machine is how a node is apart from its tasks. It is told whole, whenever it has changed.
type Machine struct {
	Session string `json:"session"`           // of the node's Welcome: what was told in a former one counts no more
	Number  int64  `json:"number"`            // grows with each that the node tells, so that one that comes late is told from the last
	Load    *Load  `json:"load,omitempty"`    // nil: not measured yet
	Trouble string `json:"trouble,omitempty"` // why it can start no container now: its engine does not answer; "": it does
}

// Load is how much of a machine is in use, by its tasks and by whatever else is on it, as shares of all
// that it has: 0 to 1.
type Load struct {
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"` // what cannot be given to whoever asks for it
}

// ReportAck says that a report is written down.
type ReportAck struct {
	// Unknown are reported tasks that the control plane has no record of, or has recorded as
	// stopped while the node reports them alive: the node may stop them.
	Unknown []string `json:"unknown,omitempty"`
}

// TaskReport is one task as its node sees it. Times that have not come are zero.
type TaskReport struct {
	ID            string            `json:"id"`
	Status        Status            `json:"status"`
	StopCode      string            `json:"stopCode,omitempty"` // EssentialContainerExited, TaskFailedToStart, UserInitiated
	StopReason    string            `json:"stopReason,omitempty"`
	PullStartedAt time.Time         `json:"pullStartedAt,omitzero"`
	PullStoppedAt time.Time         `json:"pullStoppedAt,omitzero"`
	StartedAt     time.Time         `json:"startedAt,omitzero"`
	StoppingAt    time.Time         `json:"stoppingAt,omitzero"`
	ExecStoppedAt time.Time         `json:"execStoppedAt,omitzero"` // when the last essential container ended
	StoppedAt     time.Time         `json:"stoppedAt,omitzero"`
	Address       string            `json:"address,omitempty"`
	Containers    []ContainerReport `json:"containers,omitempty"`
}

// ContainerReport is one container as its node sees it.
type ContainerReport struct {
	Name      string `json:"name"`
	Status    Status `json:"status"`
	RuntimeID string `json:"runtimeId,omitempty"`
	Digest    string `json:"digest,omitempty"`   // of the image it runs
	ExitCode  *int   `json:"exitCode,omitempty"` // nil while it has none
	Reason    string `json:"reason,omitempty"`   // "CannotPullContainerError: ...", "OutOfMemoryError: ..."
	Ports     []Port `json:"ports,omitempty"`
	Health    string `json:"health,omitempty"`   // "HEALTHY", "UNHEALTHY", "UNKNOWN"; "": it has no health check
	Restarts  int    `json:"restarts,omitempty"` // how often it was started anew
	// HealthSince is when Health became what it is, by the node's clock; zero: no check has said anything yet. By it
	// a report that comes late is told from the last.
	HealthSince time.Time `json:"healthSince,omitzero"`
	Pulled      int64     `json:"pulled,omitempty"`   // bytes of its image's layers that have come, while it is pulled
	PullSize    int64     `json:"pullSize,omitempty"` // of all of them
}

// Output carries a piece of what a container printed. Offset counts bytes of the
// container's output since its start, so a piece that comes twice is kept once.
// A piece without events opens the log stream: it fails when the log group is not there.
type Output struct {
	Task      string  `json:"task"`
	Container string  `json:"container"`
	Log       Log     `json:"log"`
	Offset    int64   `json:"offset"` // of the first byte of Events
	Next      int64   `json:"next"`   // of the first byte after them
	Events    []Event `json:"events"`
}

// Event is one line of output, without its line feed.
type Event struct {
	Time    int64  `json:"t"` // milliseconds since 1970
	Message string `json:"m"`
}

// OutputAck tells from which byte the control plane wants to go on.
type OutputAck struct {
	Next int64 `json:"next"`
}

// CredentialsRequest asks for what a task is given: credentials of its role, or its secrets.
type CredentialsRequest struct {
	Node    string `json:"node"`
	Session string `json:"session"` // of the node's Welcome
	Task    string `json:"task"`    // id
}

func (r CredentialsRequest) node() string { return r.Node }

// Credentials are short-lived credentials of a task's role. They are kept in memory, and nowhere
// else; in texts only the id of the access key is shown.
type Credentials struct {
	Role            string    `json:"role"` // ARN
	AccessKeyID     string    `json:"accessKeyId"`
	SecretAccessKey string    `json:"secretAccessKey"`
	SessionToken    string    `json:"sessionToken"`
	Expires         time.Time `json:"expires"`
}

func (c Credentials) String() string {
	return fmt.Sprintf("credentials %s of %s until %s", c.AccessKeyID, c.Role, c.Expires.Format(time.RFC3339))
}

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// LogValue is String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }
