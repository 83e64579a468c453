package containerd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"slipway/engine"
)

const (
	cpuPeriod    = 100_000 // microseconds
	defaultPids  = 8192
	mostFiles    = 65535 // open files of a process, as Fargate has it
	minShares    = 2
	defaultPath  = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	shortTaskLen = 12
)

// openSysctls let programs that are not root listen on every port and send pings: the ports are
// their network namespace's own.
var openSysctls = map[string]string{
	"net.ipv4.ip_unprivileged_port_start": "0",
	"net.ipv4.ping_group_range":           "0 2147483647",
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// hostnameOf is what a container calls itself.
func hostnameOf(s engine.Spec) string {
	if s.Hostname != "" {
		return s.Hostname
	}
	return s.Task[:min(shortTaskLen, len(s.Task))]
}

// ociSpec is the whole of what runc is asked for. It begins with containerd's default: own
// namespaces, docker's capabilities, masked and read-only paths.
func (e *Engine) ociSpec(ctx context.Context, s engine.Spec, img *image) (*specs.Spec, error) {
	args, err := argsOf(s, img)
	if err != nil {
		return nil, err
	}
	user, err := e.userOf(ctx, s.Image.Digest, img, firstOf(s.User, img.config.Config.User))
	if err != nil {
		return nil, err
	}
	spec, err := oci.GenerateSpec(ctx, nil, &containers.Container{ID: keyOf(s.ID)}, oci.WithDefaultUnixDevices, oci.WithoutRunMount)
	if err != nil {
		return nil, err
	}
	spec.Hostname = hostnameOf(s)
	spec.Process.Args = args
	spec.Process.Env = envOf(s, img)
	spec.Process.Cwd = firstOf(s.WorkingDir, img.config.Config.WorkingDir, "/")
	spec.Process.User = user
	spec.Process.NoNewPrivileges = false // as docker and ECS have it: images rely on sudo and file capabilities
	spec.Process.Rlimits = fileLimit()
	spec.Process.OOMScoreAdj = new(int)
	if user.UID != 0 {
		spec.Process.Capabilities.Permitted, spec.Process.Capabilities.Effective = nil, nil
	}
	spec.Linux.CgroupsPath = e.cgroups.path(s.Task, keyOf(s.ID))
	spec.Linux.Resources.CPU, spec.Linux.Resources.Memory, spec.Linux.Resources.Pids = e.limitsOf(s)
	spec.Linux.Seccomp = seccompOf(spec)
	spec.Mounts = append(spec.Mounts, cgroupMount)
	joinNetwork(spec, s.Namespace)
	if e.cgroups.unified {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return spec, nil
}

// seccompOf is containerd's default profile without the x32 ABI, which kernels do not serve and
// which costs every start a third of the time that runc takes to compile the profile.
func seccompOf(spec *specs.Spec) *specs.LinuxSeccomp {
	profile := seccomp.DefaultProfile(spec)
	profile.Architectures = slices.DeleteFunc(profile.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
	return profile
}

// cgroupMount lets runtimes see their limits.
var cgroupMount = specs.Mount{
	Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
	Options: []string{"ro", "nosuid", "noexec", "nodev"},
}

func joinNetwork(spec *specs.Spec, namespace string) {
	for i := range spec.Linux.Namespaces {
		if spec.Linux.Namespaces[i].Type == specs.NetworkNamespace {
			spec.Linux.Namespaces[i].Path = namespace
		}
	}
	if namespace == "" {
		spec.Linux.Sysctl = openSysctls
	}
}

// argsOf follows docker: an entrypoint of the definition drops the command of the image.
func argsOf(s engine.Spec, img *image) ([]string, error) {
	entrypoint, command := s.Entrypoint, s.Command
	if entrypoint == nil {
		entrypoint = img.config.Config.Entrypoint
		if command == nil {
			command = img.config.Config.Cmd
		}
	}
	args := slices.Concat(entrypoint, command)
	if len(args) == 0 {
		return nil, fmt.Errorf("neither the definition nor image %s says what to run", s.Image.Ref)
	}
	return args, nil
}

// envOf is the image's environment with the definition's on top.
func envOf(s engine.Spec, img *image) []string {
	return merge([]string{defaultPath, "HOSTNAME=" + hostnameOf(s)}, img.config.Config.Env, s.Env)
}

// merge puts environments on top of each other.
func merge(layers ...[]string) []string {
	var env []string
	at := map[string]int{}
	for _, pair := range slices.Concat(layers...) {
		name, _, _ := strings.Cut(pair, "=")
		if i, there := at[name]; there {
			env[i] = pair
			continue
		}
		at[name] = len(env)
		env = append(env, pair)
	}
	return env
}

func (e *Engine) limitsOf(s engine.Spec) (*specs.LinuxCPU, *specs.LinuxMemory, *specs.LinuxPids) {
	shares := max(minShares, s.CPUShares)
	cpu := &specs.LinuxCPU{Shares: &shares}
	if s.CPUQuota > 0 {
		period := uint64(cpuPeriod)
		cpu.Quota, cpu.Period = &s.CPUQuota, &period
	}
	memory := &specs.LinuxMemory{}
	if s.MemoryLimit > 0 {
		memory.Limit = &s.MemoryLimit
		if e.cgroups.swapLimited() {
			memory.Swap = &s.MemoryLimit // memory and swap together: so no swap
		}
	}
	if s.MemorySoft > 0 {
		memory.Reservation = &s.MemorySoft
	}
	pids := s.PidsLimit
	if pids == 0 {
		pids = defaultPids
	}
	return cpu, memory, &specs.LinuxPids{Limit: &pids}
}

// fileLimit is what containers may open, as far as we may ourselves.
func fileLimit() []specs.POSIXRlimit {
	limit := uint64(mostFiles)
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err == nil {
		limit = min(limit, own.Max)
	}
	return []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: limit, Hard: limit}}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
