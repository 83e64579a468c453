package containerd

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

const (
	cpuPeriod    = 100_000 // microseconds
	defaultPids  = 8192
	mostFiles    = 65535 // open files of a process, as Fargate has it
	minShares    = 2
	defaultPath  = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	shortTaskLen = 16 // the first twelve digits of a task's id are when it was made, as of its siblings
)

// openSysctls let programs that are not root listen on every port and send pings: the ports are
// their network namespace's own.
var openSysctls = map[string]string{
	"net.ipv4.ip_unprivileged_port_start": "0",
	"net.ipv4.ping_group_range":           "0 2147483647",
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// hostnameOf is what a container calls itself: in the machine's network by the machine's name.
func hostnameOf(s engine.Spec) string {
	if s.Hostname != "" {
		return s.Hostname
	}
	if s.Network == engine.HostNet {
		if name, err := os.Hostname(); err == nil {
			return name
		}
	}
	return s.Task[:min(shortTaskLen, len(s.Task))]
}

// ociSpec is the whole of what runc is asked for. It begins with containerd's default: own
// namespaces, docker's capabilities, masked and read-only paths.
func (e *Engine) ociSpec(ctx context.Context, s engine.Spec, img *image) (*specs.Spec, error) {
	if s.DiskLimit > 0 && !disksBound() { // as Info says
		return nil, fmt.Errorf("this machine cannot limit disk use to %d bytes: it lacks mkfs.ext4, mount or loop devices", s.DiskLimit)
	}
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
	spec.Root.Readonly = s.ReadonlyRoot
	spec.Process.Args = args
	spec.Process.Env = envOf(s, img)
	spec.Process.Cwd = firstOf(s.WorkingDir, img.config.Config.WorkingDir, "/")
	spec.Process.User = user
	spec.Process.Terminal = s.Terminal
	spec.Process.OOMScoreAdj = new(int)
	spec.Linux.Resources.CPU, spec.Linux.Resources.Memory, spec.Linux.Resources.Pids = e.limitsOf(s)
	spec.Mounts = append(spec.Mounts, cgroupMount())
	for _, set := range []func(*specs.Spec, engine.Spec) error{e.setNamespaces, e.setShm, setUlimits, setPrivileges, setDevices} {
		if err := set(spec, s); err != nil {
			return nil, err
		}
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
func cgroupMount() specs.Mount {
	return specs.Mount{
		Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
		Options: []string{"ro", "nosuid", "noexec", "nodev"},
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
			both := s.MemoryLimit // memory and swap together
			if s.SwapMax != nil {
				both += *s.SwapMax
			}
			memory.Swap = &both
		}
	}
	if s.Swappiness != nil && !e.cgroups.unified { // which has none
		memory.Swappiness = s.Swappiness
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

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
