package nodeapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"slipway/internal/errs"
)

// FunctionPlane is what a node's sandboxes need of the control plane.
type FunctionPlane interface {
	// Sandboxes lets the control plane use the host of a node, until ctx ends or the line to it does.
	Sandboxes(ctx context.Context, node string, h SandboxHost) error
	// Code opens code that a sandbox of the node was to have, by its digest.
	Code(ctx context.Context, r CodeRequest) (io.ReadCloser, error)
	// Printed writes down what sandboxes of the node printed, in order. What was told before is not kept twice.
	Printed(ctx context.Context, node string, p []Printed) error
}

// SandboxHost runs sandboxes on one machine: containers in which functions are executed. They are soft: an agent
// that starts begins with none, and one that loses its line to the control plane ends those that were started
// over it. Every method may be called at the same time for different sandboxes.
//
// An error of kind errs.Unavailable is the machine's trouble, so another machine may do. ErrNoSandbox from Invoke
// says that the call has not begun, so it may be made elsewhere; after any other error it may have been.
type SandboxHost interface {
	// Start makes a sandbox that waits to be assigned: its container runs, and has no code yet.
	Start(ctx context.Context, s Sandbox) error
	// Assign gives a sandbox its function, for good, and returns when the init phase is over. An init that failed
	// is told in Init.Error; the sandbox is of no use then.
	Assign(ctx context.Context, a Assignment) (Init, error)
	// Invoke makes one call. The answer goes to w as it comes where w is not nil, and into Outcome otherwise.
	// When ctx ends the call is given up and the sandbox with it.
	Invoke(ctx context.Context, i Invocation, w AnswerWriter) (Outcome, error)
	// Stop ends a sandbox: its extensions are told first. What is gone is stopped.
	Stop(ctx context.Context, id string) error
	// Fetch has code ready on the machine, ahead of sandboxes that are to have it.
	Fetch(ctx context.Context, account string, code []Code) error
	// Watch tells all sandboxes at first, and then each that has changed, until ctx ends.
	Watch(ctx context.Context, tell func([]SandboxState)) error
}

// ErrNoSandbox is a sandbox that is not there, or not there any more, or not fit for use.
var ErrNoSandbox = errs.New(errs.NotFound, "sandbox not found")

// Sandbox is a container to have ready.
type Sandbox struct {
	ID      string `json:"id"` // "sb-" and 32 hexadecimal digits
	Account string `json:"account"`
	Image   string `json:"image"`  // where to pull it from
	Digest  string `json:"digest"` // "sha256:..."
	Login   *Login `json:"login,omitempty"`
	Memory  int    `json:"memory"` // MiB that it may have, until it is assigned
	Disk    int    `json:"disk"`   // MiB of /tmp
}

// Assignment is what a sandbox is from then on.
type Assignment struct {
	Sandbox  string `json:"sandbox"`
	Release  string `json:"release"`  // names code and configuration together: what is run is what was meant
	Function string `json:"function"` // ARN, without a qualifier
	Name     string `json:"name"`
	Version  string `json:"version"`        // "$LATEST" or a number
	Code     []Code `json:"code,omitempty"` // of the function, and then its layers in their order; none: the image has it
	Handler  string `json:"handler,omitempty"`

	Entrypoint []string `json:"entrypoint,omitempty"` // of a function that is an image; nil: the image's
	Command    []string `json:"command,omitempty"`
	WorkingDir string   `json:"workingDir,omitempty"`

	Env         []string          `json:"env"`                   // "NAME=value": all that its runtime is given, with credentials. Kept in memory alone
	Memory      int               `json:"memory"`                // MiB, enforced
	CPU         int               `json:"cpu"`                   // units of 1/1024 of a core: its share beside others
	HardCPU     bool              `json:"hardCpu"`               // it never has more than CPU, not even of an idle machine
	Timeout     time.Duration     `json:"timeout"`               // of a call
	Concurrency int               `json:"concurrency"`           // calls at a time; 0: 1
	Provisioned bool              `json:"provisioned,omitempty"` // it is one of those that are always to be ready
	Role        bool              `json:"role,omitempty"`        // it reaches the API at its node
	Log         Log               `json:"log"`                   // where it is logged to
	JSONLog     bool              `json:"jsonLog,omitempty"`     // platform lines as JSON
	Tags        map[string]string `json:"tags,omitempty"`
}

func (a Assignment) String() string {
	return fmt.Sprintf("assignment of %s to %s", a.Release, a.Sandbox)
}

// GoString is String.
func (a Assignment) GoString() string { return a.String() }

// LogValue is String.
func (a Assignment) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Code is an archive of code: a zip, by the digest of its bytes.
type Code struct {
	Digest string `json:"digest"`          // "sha256:..."
	Size   int64  `json:"size"`            // bytes
	Layer  bool   `json:"layer,omitempty"` // it goes to /opt, not to /var/task
}

// CodeRequest asks for code that the node was told of.
type CodeRequest struct {
	Node, Account, Digest string
}

// Init is how the init phase of a sandbox went. Times that did not come are zero.
type Init struct {
	Fetch  time.Duration  `json:"fetch"`  // until the code was there and unpacked
	Mount  time.Duration  `json:"mount"`  // until it was to be seen in the sandbox
	Launch time.Duration  `json:"launch"` // until the runtime's process ran
	Init   time.Duration  `json:"init"`   // until it asked for its first call, and its extensions too
	Error  *FunctionError `json:"error,omitempty"`
	Tail   []byte         `json:"tail,omitempty"`  // the last 4 KiB of its log, where it failed
	Words  string         `json:"words,omitempty"` // the line of it in which a process that broke says why: "panic: no luck"; "": none does
}

// FunctionError is how a function failed, as its runtime or the platform words it.
type FunctionError struct {
	Type    string `json:"type"` // "Runtime.ExitError", "Function.ResponseSizeTooLarge", "Sandbox.Timedout", or the runtime's own
	Message string `json:"message"`
	Payload []byte `json:"payload,omitempty"` // the document that the caller is given
}

// Invocation is one call.
type Invocation struct {
	Sandbox       string        `json:"sandbox"`
	Request       string        `json:"request"` // its id, a UUID
	ARN           string        `json:"arn"`     // of the function as it was called: with the qualifier, if there was one
	Payload       []byte        `json:"-"`
	Timeout       time.Duration `json:"timeout"`
	ClientContext string        `json:"clientContext,omitempty"` // as it came: base64 of JSON
	TraceID       string        `json:"traceId,omitempty"`
	Tail          bool          `json:"tail,omitempty"` // tell the last 4 KiB of its log
	MaxAnswer     int64         `json:"maxAnswer"`      // bytes; more is a failed call
}

// AnswerWriter takes an answer as it comes. Head comes before the first byte, once.
type AnswerWriter interface {
	Head(contentType string) error
	io.Writer
}

// Outcome is how a call ended.
type Outcome struct {
	Payload     []byte         `json:"-"` // of an answer that was not written as it came
	ContentType string         `json:"contentType,omitempty"`
	Error       *FunctionError `json:"error,omitempty"` // nil: the function answered
	Duration    time.Duration  `json:"duration"`
	MemoryPeak  int64          `json:"memoryPeak"`     // bytes, since the sandbox was assigned
	CPU         time.Duration  `json:"cpu"`            // of the call
	Tail        []byte         `json:"tail,omitempty"` // the last 4 KiB of its log
	Over        bool           `json:"over,omitempty"` // the sandbox takes no more calls
}

// SandboxState is a sandbox as its host sees it.
type SandboxState struct {
	ID      string `json:"id"`
	Release string `json:"release,omitempty"` // what it was assigned
	Leaving bool   `json:"leaving,omitempty"` // its host ends: it is to be stopped as soon as its calls are over, and nothing is started there any more
	Gone    bool   `json:"gone,omitempty"`
	Reason  string `json:"reason,omitempty"` // why it is gone, as people read it
}

// Printed is a piece of what a sandbox printed, and what the platform says of its calls.
type Printed struct {
	Sandbox string  `json:"sandbox"`
	Account string  `json:"account"`
	Log     Log     `json:"log"`
	Number  int64   `json:"number"` // of the first event, counted from the sandbox's start
	Events  []Event `json:"events"`
}
