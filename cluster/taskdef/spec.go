// Package taskdef is what a task definition asks for: its members, what is wrong with them, what a run may ask for
// beside them, and what tasks of it hold of their node and are told there. It is pure: it knows no accounts, no
// revisions that are kept, and no images; whoever keeps definitions is the cluster.
package taskdef

import (
	"slices"

	"slipway/cluster/placement"
)

// Spec is what a task definition asks for. Its JSON is the part of the public task
// definition that Slipway honours, under the same names. Source: Amazon ECS API Reference,
// RegisterTaskDefinition.
type Spec struct {
	Containers    []Container            `json:"containerDefinitions"`
	CPU           int                    `json:"cpu,omitempty"`         // limit of the whole task in units of 1/1024 of a core; 0: none
	Memory        int                    `json:"memory,omitempty"`      // limit of the whole task in MiB; 0: none
	NetworkMode   string                 `json:"networkMode,omitempty"` // bridge, awsvpc, host, none; "": bridge
	PIDMode       string                 `json:"pidMode,omitempty"`     // task, host; "": each container its own
	IPCMode       string                 `json:"ipcMode,omitempty"`     // task, host, none; "": each container its own
	Volumes       []Volume               `json:"volumes,omitempty"`
	Disk          int                    `json:"ephemeralStorage,omitempty"` // GiB that the containers may write together; 0: no limit
	Platform      *Platform              `json:"runtimePlatform,omitempty"`
	Requires      []string               `json:"requiresCompatibilities,omitempty"`
	TaskRole      string                 `json:"taskRoleArn,omitempty"`
	ExecutionRole string                 `json:"executionRoleArn,omitempty"`
	Constraints   []placement.Constraint `json:"placementConstraints,omitempty"` // memberOf
}

// Container is one container of a Spec. What is a pointer tells "not given" from a value of its own.
type Container struct {
	Name               string            `json:"name"`
	Image              string            `json:"image"`
	VersionConsistency string            `json:"versionConsistency,omitempty"`
	RegistryLogin      string            `json:"repositoryCredentials,omitempty"` // ARN or name of the secret with the login
	Entrypoint         []string          `json:"entryPoint,omitempty"`            // none: the image's
	Command            []string          `json:"command,omitempty"`               // none: the image's
	Env                []Variable        `json:"environment,omitempty"`
	EnvFiles           []EnvFile         `json:"environmentFiles,omitempty"`
	Secrets            []Secret          `json:"secrets,omitempty"`
	User               string            `json:"user,omitempty"`
	WorkingDir         string            `json:"workingDirectory,omitempty"`
	Hostname           string            `json:"hostname,omitempty"`
	Essential          bool              `json:"essential"`
	CPU                int               `json:"cpu"`                         // shares, 1024 a core
	Memory             *int              `json:"memory,omitempty"`            // hard limit in MiB
	MemoryReservation  *int              `json:"memoryReservation,omitempty"` // MiB
	Ports              []Port            `json:"portMappings,omitempty"`
	Log                *Log              `json:"logConfiguration,omitempty"`
	DependsOn          []Dependency      `json:"dependsOn,omitempty"`
	StartTimeout       *int              `json:"startTimeout,omitempty"` // seconds
	StopTimeout        *int              `json:"stopTimeout,omitempty"`  // seconds
	Health             *Health           `json:"healthCheck,omitempty"`
	Restart            *Restart          `json:"restartPolicy,omitempty"`
	Mounts             []Mount           `json:"mountPoints,omitempty"`
	VolumesFrom        []Borrow          `json:"volumesFrom,omitempty"`
	ReadonlyRoot       *bool             `json:"readonlyRootFilesystem,omitempty"`
	Linux              *Linux            `json:"linuxParameters,omitempty"`
	Privileged         *bool             `json:"privileged,omitempty"`
	SecurityOptions    []string          `json:"dockerSecurityOptions,omitempty"`
	Ulimits            []Ulimit          `json:"ulimits,omitempty"`
	Sysctls            []Sysctl          `json:"systemControls,omitempty"`
	Labels             map[string]string `json:"dockerLabels,omitempty"`
	DNS                []string          `json:"dnsServers,omitempty"`
	DNSSearch          []string          `json:"dnsSearchDomains,omitempty"`
	ExtraHosts         []Host            `json:"extraHosts,omitempty"`
	Interactive        *bool             `json:"interactive,omitempty"`
	Terminal           *bool             `json:"pseudoTerminal,omitempty"`
}

// Platform is what kind of machine a task runs on.
type Platform struct {
	Architecture string `json:"cpuArchitecture,omitempty"`       // X86_64, ARM64; "": any
	System       string `json:"operatingSystemFamily,omitempty"` // LINUX
}

// Variable is an environment variable.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// EnvFile is a file of environment variables in a bucket.
type EnvFile struct {
	Type string `json:"type"`  // s3
	ARN  string `json:"value"` // "arn:aws:s3:::bucket/key"
}

// Secret is an environment variable whose value is kept elsewhere.
type Secret struct {
	Name string `json:"name"`
	From string `json:"valueFrom"` // ARN of a secret or parameter, or name of a parameter
}

// Port publishes a port of a container on its node. Name and AppProtocol are labels for
// service meshes and change nothing on the node.
type Port struct {
	Container   int    `json:"containerPort,omitempty"`
	Range       string `json:"containerPortRange,omitempty"` // "8000-8010", in place of Container
	Host        int    `json:"hostPort"`                     // 0: any free one
	Protocol    string `json:"protocol"`                     // "tcp" or "udp"
	Name        string `json:"name,omitempty"`
	AppProtocol string `json:"appProtocol,omitempty"`
}

// Log says where a container's output goes.
type Log struct {
	Driver  string            `json:"logDriver"`
	Options map[string]string `json:"options,omitempty"`
}

// Dependency is another container of the task that one waits for.
type Dependency struct {
	Container string `json:"containerName"`
	Condition string `json:"condition"` // START, COMPLETE, SUCCESS, HEALTHY
}

// Health is a command that tells by its exit code whether a container is well. Times are seconds.
type Health struct {
	Command     []string `json:"command"` // CMD and arguments, CMD-SHELL and a line, or NONE
	Interval    int      `json:"interval"`
	Timeout     int      `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod *int     `json:"startPeriod,omitempty"`
}

// Restart says whether a container that ends is started anew.
type Restart struct {
	Enabled          bool  `json:"enabled"`
	IgnoredExitCodes []int `json:"ignoredExitCodes,omitempty"`
	AttemptPeriod    *int  `json:"restartAttemptPeriod,omitempty"` // seconds that it must have run; nil: 300
}

// Ulimit is a resource limit of a container's processes; -1 is unlimited.
type Ulimit struct {
	Name string `json:"name"`
	Soft int    `json:"softLimit"`
	Hard int    `json:"hardLimit"`
}

// Sysctl is a parameter of the kernel, in the namespaces of a container.
type Sysctl struct {
	Name  string `json:"namespace"`
	Value string `json:"value"`
}

// Host is a line of /etc/hosts.
type Host struct {
	Name    string `json:"hostname"`
	Address string `json:"ipAddress"`
}

// Linux are options of a container that only Linux has.
type Linux struct {
	Capabilities *Capabilities `json:"capabilities,omitempty"`
	Devices      []Device      `json:"devices,omitempty"`
	Init         *bool         `json:"initProcessEnabled,omitempty"`
	SharedMemory *int          `json:"sharedMemorySize,omitempty"` // MiB of /dev/shm
	Tmpfs        []Tmpfs       `json:"tmpfs,omitempty"`
	MaxSwap      *int          `json:"maxSwap,omitempty"` // MiB
	Swappiness   *int          `json:"swappiness,omitempty"`
}

// Capabilities changes what a container's root may do.
type Capabilities struct {
	Add  []string `json:"add,omitempty"`
	Drop []string `json:"drop,omitempty"`
}

// Device is a device of the machine, given to a container.
type Device struct {
	Host        string   `json:"hostPath"`
	Path        string   `json:"containerPath,omitempty"` // "": as on the host
	Permissions []string `json:"permissions,omitempty"`   // read, write, mknod; none: all
}

// Tmpfs is memory, mounted into a container.
type Tmpfs struct {
	Path    string   `json:"containerPath"`
	Size    int      `json:"size"` // MiB
	Options []string `json:"mountOptions,omitempty"`
}

// Index finds a container by its name; -1: there is none.
func (s Spec) Index(name string) int {
	return slices.IndexFunc(s.Containers, func(c Container) bool { return c.Name == name })
}
