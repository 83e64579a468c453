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
}

// Hello opens a session: who the node is and what it offers.
type Hello struct {
	Node       string            `json:"node"`    // stable id of the machine, 32 hexadecimal digits, kept in its data folder
	Cluster    string            `json:"cluster"` // the cluster it serves; "" serves every cluster of its account
	Version    string            `json:"version"` // of the agent
	Engine     string            `json:"engine"`  // "containerd 1.6.20"
	CPU        int               `json:"cpu"`     // units of 1/1024 of a core
	Memory     int               `json:"memory"`  // MiB
	Ports      []int             `json:"ports"`   // host ports that tasks must not be given
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
}

// Container is one container of a wanted task.
type Container struct {
	Name              string        `json:"name"`
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
}

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
	Node  string       `json:"node"`
	Tasks []TaskReport `json:"tasks"`
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

// CredentialsRequest asks for credentials of a task's role.
type CredentialsRequest struct {
	Node    string `json:"node"`
	Session string `json:"session"` // of the node's Welcome
	Task    string `json:"task"`    // id
}

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
