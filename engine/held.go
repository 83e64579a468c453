package engine

import (
	"context"
	"net"
	"time"
)

// Holder is an engine that makes containers before it is known what they are to run, and has them ready.
// They are soft: none outlives the process that has made it, and what such a process leaves behind is taken away by
// DropHeld. They are no tasks: List does not tell of them, and Tasks does only of what is left behind.
type Holder interface {
	// Hold makes a container that runs nothing yet: it is in a network of its own, can write to /tmp alone, and has no
	// privileges. It fails as Create does.
	Hold(ctx context.Context, s HeldSpec) (Held, error)
	// DropHeld takes away what other processes have left of such containers. Nothing is held meanwhile.
	DropHeld(ctx context.Context) error
}

// HeldSpec is a container to have ready.
type HeldSpec struct {
	ID         string // unique on the machine, and no task's
	Image      Image  // from Pull
	User       string // "993:990", or as the image names it; never root
	Hostname   string // "": as a task's
	ExtraHosts []Host // in its /etc/hosts
	Limits     Limits // of all of it together, until Held.Limit says otherwise
	Pids       int64  // processes and threads
	// Scratch is how many bytes it may write to /tmp. Where the machine cannot bind disk use (Info.DiskLimits),
	// /tmp is memory, and counts against Limits.
	Scratch int64
}

// Held is a container that runs what it is told to. Its methods may be called at the same time.
type Held interface {
	// Address is its own on the machine's bridge. Others of its kind do not reach it, nor does it reach them.
	Address() string
	// Mount shows folders of the machine in it, to be read alone.
	Mount(ctx context.Context, m []HeldMount) error
	// Limit binds it anew. What is zero binds nothing.
	Limit(l Limits) error
	// Use opens its counters, and begins its peak of memory anew where the kernel can. Close them.
	Use() (Use, error)
	// Listen opens a tcp port of its own 127.0.0.1, which nothing but its own processes reaches.
	Listen(ctx context.Context, port int) (net.Listener, error)
	// Dial connects to a tcp port of its own 127.0.0.1.
	Dial(ctx context.Context, port int) (net.Conn, error)
	// Executables names the files of a folder of it that can be executed, in order. None where there is no such folder.
	Executables(dir string) []string
	// Run starts a program. It is told by Ended when it is over, once, and also where it cannot be executed.
	Run(ctx context.Context, p Program) (pid int, err error)
	// Signal sends a signal to a program, with all that it has started in its session. One that is gone gets none.
	Signal(pid int, signal string) error
	// Ended tells of programs. It is closed when nothing of the container runs any more, for whatever reason.
	Ended() <-chan ProgramEnd
	// Output is the file that holds what its programs print, as Engine.Output, and Aside that of those that print aside.
	Output() string
	Aside() string
	// End kills what runs and takes the container away, with its output. It may be called again.
	End(ctx context.Context) error
}

// HeldMount is where folders of the machine are to be seen in a container.
type HeldMount struct {
	Sources []string // of several, what later ones have hides what earlier ones have
	Path    string   // a folder that the image has
}

// Program is what to run in a held container.
type Program struct {
	Entrypoint []string // nil: the image's
	Command    []string // nil: the image's, if Entrypoint is nil too
	Env        []string // on top of the image's
	WorkingDir string   // "": the image's
	Aside      bool     // what it prints is kept apart from what the others do
}

// ProgramEnd is how a program ended.
type ProgramEnd struct {
	Pid    int
	Code   int    // exit code; 128+n for an end by signal n
	Signal string // "killed", "segmentation fault", ...: by which it was ended; "": it exited
	Err    error  // ErrStart, where it could not be executed: with a fs.PathError of Op "fork/exec", or "chdir" for its working directory, or an exec.Error
}

// Use counts what a held container uses. It is quick.
type Use interface {
	Read() Used
	OOMKills() int // processes that the kernel killed in it for want of memory
	Close()
}

// Used is what a held container has used.
type Used struct {
	CPU        time.Duration // since it was made
	MemoryPeak int64         // bytes, since the counters were opened or, where the kernel cannot, since it was made
}
