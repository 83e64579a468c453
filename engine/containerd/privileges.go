package containerd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"slipway/engine"
)

// setPrivileges says what a container may do. It comes after all that the seccomp profile depends on.
func setPrivileges(spec *specs.Spec, s engine.Spec) error {
	spec.Process.NoNewPrivileges = s.NoNewPrivs // else as docker and ECS have it: images rely on sudo and file capabilities
	if s.Privileged {
		err := oci.Compose(oci.WithPrivileged, oci.WithAllDevicesAllowed, oci.WithHostDevices)(context.Background(), nil, nil, spec)
		if err != nil {
			return err
		}
	}
	caps, err := capabilities(spec.Process.Capabilities.Bounding, s)
	if err != nil {
		return err
	}
	own := spec.Process.Capabilities
	own.Bounding, own.Permitted, own.Effective, own.Inheritable = caps, caps, caps, nil
	if spec.Process.User.UID != 0 {
		own.Permitted, own.Effective = nil, nil
	}
	if !s.Privileged {
		spec.Linux.Seccomp = seccompOf(spec)
		spec.Linux.MaskedPaths = append(spec.Linux.MaskedPaths, pagePaths...)
	}
	return nil
}

// pagePaths tell of the machine's memory, page by page, and nobody masks them otherwise.
var pagePaths = []string{"/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup"}

// capabilities are those given, without what is dropped, and with what is added: as docker reads them.
func capabilities(given []string, s engine.Spec) ([]string, error) {
	add, err := capabilityNames(s.CapAdd)
	if err != nil {
		return nil, err
	}
	drop, err := capabilityNames(s.CapDrop)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(given), func(name string) bool {
		return slices.Contains(drop, name) || slices.Contains(drop, everything)
	})
	if slices.Contains(add, everything) {
		if add, err = cap.Current(); err != nil {
			return nil, err
		}
		add = slices.DeleteFunc(add, func(name string) bool { return slices.Contains(drop, name) })
	}
	for _, name := range add {
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept, nil
}

const everything = "ALL"

// capabilityNames gives the kernel's names: "sys_ptrace" is CAP_SYS_PTRACE.
func capabilityNames(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		full := strings.ToUpper(name)
		if full != everything && !strings.HasPrefix(full, "CAP_") {
			full = "CAP_" + full
		}
		if full != everything && !slices.Contains(cap.Known(), full) {
			return nil, fmt.Errorf("capability %q is not known", name)
		}
		all = append(all, full)
	}
	return all, nil
}

// setDevices gives a container devices of the machine. A folder stands for all that are in it.
func setDevices(spec *specs.Spec, s engine.Spec) error {
	for _, d := range s.Devices {
		permissions := firstOf(d.Permissions, "rwm")
		if strings.Trim(permissions, "rwm") != "" {
			return fmt.Errorf("device %s: permissions %q are not of r, w and m", d.Host, d.Permissions)
		}
		give := oci.WithDevices(d.Host, firstOf(d.Path, d.Host), permissions)
		if err := give(context.Background(), nil, nil, spec); err != nil {
			return fmt.Errorf("device %s: %w", d.Host, err)
		}
	}
	return nil
}

var ulimitNames = []string{
	"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
	"nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
}

// setUlimits binds the processes of a container one by one.
func setUlimits(spec *specs.Spec, s engine.Spec) error {
	limits := fileLimit()
	for _, u := range s.Ulimits {
		switch {
		case !slices.Contains(ulimitNames, u.Name):
			return fmt.Errorf("ulimit %q is not one of %s", u.Name, strings.Join(ulimitNames, ", "))
		case uint64(u.Soft) > uint64(u.Hard): // -1 is the most there is
			return fmt.Errorf("ulimit %s: the soft limit %d is above the hard limit %d", u.Name, u.Soft, u.Hard)
		}
		kind := "RLIMIT_" + strings.ToUpper(u.Name)
		limits = slices.DeleteFunc(limits, func(l specs.POSIXRlimit) bool { return l.Type == kind })
		limits = append(limits, specs.POSIXRlimit{Type: kind, Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	spec.Process.Rlimits = limits
	return nil
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
