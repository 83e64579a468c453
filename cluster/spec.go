package cluster

import (
	"strings"

	"slipway/cluster/placement"
)

// Spec is what a task definition asks for. Its JSON is the part of the public task
// definition that Slipway honours, under the same names. Source: Amazon ECS API Reference,
// RegisterTaskDefinition.
type Spec struct {
	Containers    []ContainerSpec        `json:"containerDefinitions"`
	CPU           int                    `json:"cpu,omitempty"`         // limit of the whole task in units of 1/1024 of a core; 0: none
	Memory        int                    `json:"memory,omitempty"`      // limit of the whole task in MiB; 0: none
	NetworkMode   string                 `json:"networkMode,omitempty"` // bridge, awsvpc, host, none; "": bridge
	PIDMode       string                 `json:"pidMode,omitempty"`     // task, host; "": each container its own
	IPCMode       string                 `json:"ipcMode,omitempty"`     // task, host, none; "": each container its own
	Volumes       []VolumeSpec           `json:"volumes,omitempty"`
	Disk          int                    `json:"ephemeralStorage,omitempty"` // GiB that the containers may write together; 0: no limit
	Platform      *PlatformSpec          `json:"runtimePlatform,omitempty"`
	Requires      []string               `json:"requiresCompatibilities,omitempty"`
	TaskRole      string                 `json:"taskRoleArn,omitempty"`
	ExecutionRole string                 `json:"executionRoleArn,omitempty"`
	Constraints   []placement.Constraint `json:"placementConstraints,omitempty"` // memberOf
}

// ContainerSpec is one container of a Spec. What is a pointer tells "not given" from a value of its own.
type ContainerSpec struct {
	Name               string            `json:"name"`
	Image              string            `json:"image"`
	VersionConsistency string            `json:"versionConsistency,omitempty"`
	RegistryLogin      string            `json:"repositoryCredentials,omitempty"` // ARN or name of the secret with the login
	Entrypoint         []string          `json:"entryPoint,omitempty"`            // none: the image's
	Command            []string          `json:"command,omitempty"`               // none: the image's
	Env                []Variable        `json:"environment,omitempty"`
	EnvFiles           []EnvFile         `json:"environmentFiles,omitempty"`
	Secrets            []SecretSpec      `json:"secrets,omitempty"`
	User               string            `json:"user,omitempty"`
	WorkingDir         string            `json:"workingDirectory,omitempty"`
	Hostname           string            `json:"hostname,omitempty"`
	Essential          bool              `json:"essential"`
	CPU                int               `json:"cpu"`                         // shares, 1024 a core
	Memory             *int              `json:"memory,omitempty"`            // hard limit in MiB
	MemoryReservation  *int              `json:"memoryReservation,omitempty"` // MiB
	Ports              []PortSpec        `json:"portMappings,omitempty"`
	Log                *LogSpec          `json:"logConfiguration,omitempty"`
	DependsOn          []DependencySpec  `json:"dependsOn,omitempty"`
	StartTimeout       *int              `json:"startTimeout,omitempty"` // seconds
	StopTimeout        *int              `json:"stopTimeout,omitempty"`  // seconds
	Health             *HealthSpec       `json:"healthCheck,omitempty"`
	Restart            *RestartSpec      `json:"restartPolicy,omitempty"`
	Mounts             []MountSpec       `json:"mountPoints,omitempty"`
	VolumesFrom        []BorrowSpec      `json:"volumesFrom,omitempty"`
	ReadonlyRoot       *bool             `json:"readonlyRootFilesystem,omitempty"`
	Linux              *LinuxSpec        `json:"linuxParameters,omitempty"`
	Privileged         *bool             `json:"privileged,omitempty"`
	SecurityOptions    []string          `json:"dockerSecurityOptions,omitempty"`
	Ulimits            []UlimitSpec      `json:"ulimits,omitempty"`
	Sysctls            []SysctlSpec      `json:"systemControls,omitempty"`
	Labels             map[string]string `json:"dockerLabels,omitempty"`
	DNS                []string          `json:"dnsServers,omitempty"`
	DNSSearch          []string          `json:"dnsSearchDomains,omitempty"`
	ExtraHosts         []HostSpec        `json:"extraHosts,omitempty"`
	Interactive        *bool             `json:"interactive,omitempty"`
	Terminal           *bool             `json:"pseudoTerminal,omitempty"`
}

// PlatformSpec is what kind of machine a task runs on.
type PlatformSpec struct {
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

// SecretSpec is an environment variable whose value is kept elsewhere.
type SecretSpec struct {
	Name string `json:"name"`
	From string `json:"valueFrom"` // ARN of a secret or parameter, or name of a parameter
}

// PortSpec publishes a port of a container on its node. Name and AppProtocol are labels for
// service meshes and change nothing on the node.
type PortSpec struct {
	Container   int    `json:"containerPort,omitempty"`
	Range       string `json:"containerPortRange,omitempty"` // "8000-8010", in place of Container
	Host        int    `json:"hostPort"`                     // 0: any free one
	Protocol    string `json:"protocol"`                     // "tcp" or "udp"
	Name        string `json:"name,omitempty"`
	AppProtocol string `json:"appProtocol,omitempty"`
}

// LogSpec says where a container's output goes.
type LogSpec struct {
	Driver  string            `json:"logDriver"`
	Options map[string]string `json:"options,omitempty"`
}

// DependencySpec is another container of the task that one waits for.
type DependencySpec struct {
	Container string `json:"containerName"`
	Condition string `json:"condition"` // START, COMPLETE, SUCCESS, HEALTHY
}

// HealthSpec is a command that tells by its exit code whether a container is well. Times are seconds.
type HealthSpec struct {
	Command     []string `json:"command"` // CMD and arguments, CMD-SHELL and a line, or NONE
	Interval    int      `json:"interval"`
	Timeout     int      `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod *int     `json:"startPeriod,omitempty"`
}

// RestartSpec says whether a container that ends is started anew.
type RestartSpec struct {
	Enabled          bool  `json:"enabled"`
	IgnoredExitCodes []int `json:"ignoredExitCodes,omitempty"`
	AttemptPeriod    *int  `json:"restartAttemptPeriod,omitempty"` // seconds that it must have run; nil: 300
}

// UlimitSpec is a resource limit of a container's processes; -1 is unlimited.
type UlimitSpec struct {
	Name string `json:"name"`
	Soft int    `json:"softLimit"`
	Hard int    `json:"hardLimit"`
}

// SysctlSpec is a parameter of the kernel, in the namespaces of a container.
type SysctlSpec struct {
	Name  string `json:"namespace"`
	Value string `json:"value"`
}

// HostSpec is a line of /etc/hosts.
type HostSpec struct {
	Name    string `json:"hostname"`
	Address string `json:"ipAddress"`
}

// LinuxSpec are options of a container that only Linux has.
type LinuxSpec struct {
	Capabilities *CapabilitySpec `json:"capabilities,omitempty"`
	Devices      []DeviceSpec    `json:"devices,omitempty"`
	Init         *bool           `json:"initProcessEnabled,omitempty"`
	SharedMemory *int            `json:"sharedMemorySize,omitempty"` // MiB of /dev/shm
	Tmpfs        []TmpfsSpec     `json:"tmpfs,omitempty"`
	MaxSwap      *int            `json:"maxSwap,omitempty"` // MiB
	Swappiness   *int            `json:"swappiness,omitempty"`
}

// CapabilitySpec changes what a container's root may do.
type CapabilitySpec struct {
	Add  []string `json:"add,omitempty"`
	Drop []string `json:"drop,omitempty"`
}

// DeviceSpec is a device of the machine, given to a container.
type DeviceSpec struct {
	Host        string   `json:"hostPath"`
	Path        string   `json:"containerPath,omitempty"` // "": as on the host
	Permissions []string `json:"permissions,omitempty"`   // read, write, mknod; none: all
}

// TmpfsSpec is memory, mounted into a container.
type TmpfsSpec struct {
	Path    string   `json:"containerPath"`
	Size    int      `json:"size"` // MiB
	Options []string `json:"mountOptions,omitempty"`
}

// attributeArchitecture is the attribute in which a node tells what processors it has.
const attributeArchitecture = "ecs.cpu-architecture"

// Need is what a task of this Spec holds of its node: its own limits, and where it has none
// the sum of what its containers ask for.
func (s Spec) Need() placement.Need {
	need := placement.Need{CPU: s.CPU, Memory: s.Memory, Disk: s.Disk}
	for _, c := range s.Containers {
		if s.CPU == 0 {
			need.CPU += c.CPU
		}
		if s.Memory == 0 {
			need.Memory += c.reserved()
		}
		for _, p := range s.published(c) {
			if p.Host != 0 {
				need.Ports = append(need.Ports, placement.Port{Number: p.Host, Protocol: p.Protocol})
			}
		}
	}
	if s.Platform != nil && s.Platform.Architecture != "" {
		need.Attributes = map[string]string{attributeArchitecture: strings.ToLower(s.Platform.Architecture)}
	}
	return need
}

// reserved is the memory that a container counts for: its reservation before its limit.
func (c ContainerSpec) reserved() int {
	switch {
	case c.MemoryReservation != nil:
		return *c.MemoryReservation
	case c.Memory != nil:
		return *c.Memory
	}
	return 0
}

// readsByReference tells whether a task of s is given what its definition only names.
func (s Spec) readsByReference() bool {
	for _, c := range s.Containers {
		if c.RegistryLogin != "" || len(c.Secrets) > 0 || len(c.EnvFiles) > 0 {
			return true
		}
	}
	return false
}
