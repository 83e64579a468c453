package containerd

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

// setNamespaces has a container join its task's namespaces, or the machine's, or have its own.
func (e *Engine) setNamespaces(spec *specs.Spec, s engine.Spec) error {
	for name := range s.Sysctls {
		if !sysctlName.MatchString(name) {
			return fmt.Errorf("sysctl %q is not the name of a setting", name)
		}
	}
	spec.Linux.Sysctl = maps.Clone(s.Sysctls)
	switch {
	case s.Network == engine.HostNet:
		leave(spec, specs.NetworkNamespace)
	case s.Namespace != "":
		join(spec, specs.NetworkNamespace, s.Namespace)
	default:
		spec.Linux.Sysctl = maps.Clone(openSysctls)
		maps.Copy(spec.Linux.Sysctl, s.Sysctls)
	}
	if err := e.setPID(spec, s); err != nil {
		return err
	}
	switch s.IPC {
	case engine.HostWide:
		leave(spec, specs.IPCNamespace)
	case engine.TaskWide:
		if err := e.network.ensureIPC(s.Task); err != nil {
			return err
		}
		join(spec, specs.IPCNamespace, e.network.ipc(s.Task))
	}
	if e.cgroups.unified {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return nil
}

// sysctlName is that of a file below /proc/sys. Which may be set is for runc to say: those of the namespaces
// that are the container's own.
var sysctlName = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_-]+)+$`)

// setPID gives a container that wants an init a PID namespace whose first process reaps. Its own is then
// an ordinary process, which signals end unless it says otherwise, and which they reach without a go-between.
func (e *Engine) setPID(spec *specs.Spec, s engine.Spec) error {
	holder := ""
	switch {
	case s.PID == engine.HostWide:
		leave(spec, specs.PIDNamespace)
		return nil
	case s.PID == engine.TaskWide:
		holder = taskHolder
	case s.Init:
		holder = initHolder(keyOf(s.ID))
	default:
		return nil
	}
	namespace, err := e.hold(s.Task, holder)
	if err == nil {
		join(spec, specs.PIDNamespace, namespace)
	}
	return err
}

func join(spec *specs.Spec, kind specs.LinuxNamespaceType, path string) {
	for i := range spec.Linux.Namespaces {
		if spec.Linux.Namespaces[i].Type == kind {
			spec.Linux.Namespaces[i].Path = path
		}
	}
}

// leave has a container stay in the machine's namespace.
func leave(spec *specs.Spec, kind specs.LinuxNamespaceType) {
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

// setShm gives a container the shared memory of its namespace.
func (e *Engine) setShm(spec *specs.Spec, s engine.Spec) error {
	shm := specs.Mount{Destination: "/dev/shm", Type: "bind", Options: []string{"rbind", "rprivate", "rw", "nosuid", "nodev", "noexec"}}
	switch s.IPC {
	case engine.HostWide:
		shm.Source = "/dev/shm"
	case engine.TaskWide:
		shm.Source = e.network.shm(s.Task)
		if err := e.network.growShm(s.Task, s.ShmSize); err != nil {
			return err
		}
	default:
		size := s.ShmSize
		if size == 0 {
			size = defaultShm
		}
		shm.Type, shm.Source = "tmpfs", "shm"
		shm.Options = []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", size)}
	}
	replaceMount(spec, shm)
	return nil
}

// replaceMount mounts m instead of what was to be mounted there.
func replaceMount(spec *specs.Spec, m specs.Mount) {
	dropMount(spec, m.Destination)
	spec.Mounts = append(spec.Mounts, m)
}

func dropMount(spec *specs.Spec, path string) {
	spec.Mounts = slices.DeleteFunc(spec.Mounts, func(m specs.Mount) bool { return filepath.Clean(m.Destination) == path })
}
