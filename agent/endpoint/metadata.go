package endpoint

import (
	"net/http"
	"sync"
	"time"
)

// TaskMetadata is what a container may know of its task. Source: Amazon ECS Developer Guide, "Amazon ECS task
// metadata V4 JSON response".
type TaskMetadata struct {
	Cluster            string
	ServiceName        string `json:",omitempty"`
	TaskARN            string
	Family             string
	Revision           string
	DesiredStatus      string
	KnownStatus        string
	Limits             *TaskLimits       `json:",omitempty"`
	PullStartedAt      *time.Time        `json:",omitempty"`
	PullStoppedAt      *time.Time        `json:",omitempty"`
	ExecutionStoppedAt *time.Time        `json:",omitempty"`
	AvailabilityZone   string            `json:",omitempty"`
	LaunchType         string            `json:",omitempty"`
	TaskTags           map[string]string `json:",omitempty"` // told to who asks for tags
	Containers         []ContainerMetadata
}

// TaskLimits bind all containers of a task together.
type TaskLimits struct {
	CPU    float64 `json:",omitempty"` // cores
	Memory int     `json:",omitempty"` // MiB
}

// ContainerMetadata is what a container may know of itself, and of those beside it.
type ContainerMetadata struct {
	DockerID      string `json:"DockerId"` // the engine's id
	Name          string
	DockerName    string
	Image         string
	ImageID       string `json:",omitempty"`
	Labels        map[string]string
	DesiredStatus string
	KnownStatus   string
	ExitCode      *int `json:",omitempty"`
	Limits        ContainerLimits
	CreatedAt     *time.Time `json:",omitempty"`
	StartedAt     *time.Time `json:",omitempty"`
	FinishedAt    *time.Time `json:",omitempty"`
	Type          string
	Health        *Health           `json:",omitempty"`
	Volumes       []Volume          `json:",omitempty"`
	LogDriver     string            `json:",omitempty"`
	LogOptions    map[string]string `json:",omitempty"`
	ContainerARN  string
	Networks      []Network
	Ports         []Port `json:",omitempty"`
	RestartCount  *int   `json:",omitempty"` // nil: it is never started anew
}

// ContainerLimits bind one container.
type ContainerLimits struct {
	CPU    int // shares, 1024 a core
	Memory int `json:",omitempty"` // MiB
}

// Health is the outcome of a container's checks.
type Health struct {
	Status   string     `json:"status"`
	Since    *time.Time `json:"statusSince,omitempty"`
	ExitCode int        `json:"exitCode,omitempty"`
	Output   string     `json:"output,omitempty"`
}

// Volume is something mounted into a container.
type Volume struct {
	DockerName  string `json:",omitempty"`
	Source      string `json:",omitempty"`
	Destination string
}

// Network is one that a container is in.
type Network struct {
	NetworkMode   string
	IPv4Addresses []string `json:",omitempty"`
}

// Port is a port of a container, and that of the machine which leads there.
type Port struct {
	ContainerPort int
	Protocol      string
	HostPort      int `json:",omitempty"`
}

// How often a task may ask for metadata in a second, and at once. Source: the container agent of Amazon
// ECS, ECS_TASK_METADATA_RPS_LIMIT.
const (
	askRate  = 40
	askBurst = 60
)

// bucket holds how many questions a task may ask at once; it fills up with time.
type bucket struct {
	mu    sync.Mutex
	taken float64
	at    time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = max(0, b.taken-now.Sub(b.at).Seconds()*askRate)
	b.at = now
	if b.taken > askBurst-1 {
		return false
	}
	b.taken++
	return true
}

// metadata tells a container what it may know, by the id that it calls itself by.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	t := s.caller(w, r, func(t *task) bool { return t.container(id) >= 0 })
	if t == nil {
		return
	}
	if !t.calls.take(time.Now()) {
		refuse(w, http.StatusTooManyRequests, "Throttled", "This task asks too often.")
		return
	}
	own := t.container(id)
	if own < 0 {
		refuseStranger(w)
		return
	}
	known := t.now()
	switch r.PathValue("what") {
	case "":
		write(w, http.StatusOK, known.Containers[own])
	case "task":
		known.TaskTags = nil
		write(w, http.StatusOK, known)
	case "taskWithTags":
		write(w, http.StatusOK, known)
	case "stats":
		write(w, http.StatusOK, s.statsOf(r.Context(), t, known.Containers[own]))
	case "task/stats":
		write(w, http.StatusOK, s.statsOfAll(r.Context(), t, known))
	default:
		refuseStranger(w)
	}
}

// now is what is known of the task.
func (t *task) now() TaskMetadata {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}
