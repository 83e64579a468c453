package taskdef

// Volume is a volume of a task. Without Docker it is a path of the machine or, where it names
// none, a folder that lives and dies with the task.
type Volume struct {
	Name     string        `json:"name"`
	HostPath string        `json:"host,omitempty"`
	Docker   *DockerVolume `json:"dockerVolumeConfiguration,omitempty"`
}

// DockerVolume is a volume by name: of the task alone, or shared by all that name it on a machine.
type DockerVolume struct {
	Scope         string `json:"scope"` // task, shared
	Autoprovision *bool  `json:"autoprovision,omitempty"`
	Driver        string `json:"driver"` // local
}

// Mount is a volume of the task inside a container.
type Mount struct {
	Volume   string `json:"sourceVolume"`
	Path     string `json:"containerPath"`
	ReadOnly *bool  `json:"readOnly,omitempty"`
}

// Borrow mounts what another container has mounted.
type Borrow struct {
	Container string `json:"sourceContainer"`
	ReadOnly  *bool  `json:"readOnly,omitempty"`
}

// scopes of a DockerVolume.
const (
	scopeTask   = "task"
	scopeShared = "shared"
)

// shared is the name that a volume has on its machine, if it outlives its task. Accounts share none.
func (v Volume) shared(account string) string {
	if v.Docker == nil || v.Docker.Scope != scopeShared {
		return ""
	}
	return account + "." + v.Name
}
