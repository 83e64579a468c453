package containerd

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

// checkMounts refuses what cannot be meant. Links in the image are no matter: runc follows them
// inside of the container's root.
func checkMounts(mounts []engine.Mount) error {
	seen := map[string]bool{}
	for _, m := range mounts {
		at := path.Clean(m.Path)
		switch {
		case !path.IsAbs(m.Path) || at == "/":
			return fmt.Errorf("mount %q is not an absolute path below /", m.Path)
		case seen[at]:
			return fmt.Errorf("two mounts are at %s", at)
		case m.Kind == engine.HostPath && !filepath.IsAbs(m.Source):
			return fmt.Errorf("mount %s: host path %q is not absolute", at, m.Source)
		case (m.Kind == engine.TaskVolume || m.Kind == engine.NamedVolume) && m.Source == "":
			return fmt.Errorf("mount %s names no volume", at)
		}
		seen[at] = true
	}
	return nil
}

// mountsOf are the mounts that a Spec asks for.
func (e *Engine) mountsOf(ctx context.Context, s engine.Spec, img *image) ([]specs.Mount, error) {
	if err := checkMounts(s.Mounts); err != nil {
		return nil, err
	}
	var all []specs.Mount
	for _, m := range append(declared(s, img), s.Mounts...) {
		made, err := e.mountOf(ctx, s, m, img)
		if err != nil {
			return nil, err
		}
		made.Destination = path.Clean(m.Path)
		all = append(all, made)
	}
	return all, nil
}

// declared are the volumes that an image says it writes to, where nothing else is mounted there. Where the root
// can be written they are folders of that; where it is only read, they are volumes, as with docker.
func declared(s engine.Spec, img *image) (volumes []engine.Mount) {
	if !s.ReadonlyRoot {
		return nil
	}
	for _, at := range slices.Sorted(maps.Keys(img.config.Config.Volumes)) {
		given := slices.ContainsFunc(s.Mounts, func(m engine.Mount) bool { return path.Clean(m.Path) == path.Clean(at) })
		if path.IsAbs(at) && path.Clean(at) != "/" && !given {
			volumes = append(volumes, engine.Mount{Kind: engine.TaskVolume, Source: "of image: " + s.Name + " " + at, Path: at})
		}
	}
	return volumes
}

func (e *Engine) mountOf(ctx context.Context, s engine.Spec, m engine.Mount, img *image) (specs.Mount, error) {
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	switch m.Kind {
	case engine.Tmpfs:
		options, err := tmpfsOptions(m, access)
		return specs.Mount{Type: "tmpfs", Source: "tmpfs", Options: options}, err
	case engine.HostPath:
		options := []string{"rbind", "rprivate", access}
		if m.ReadOnly {
			options = append(options, "rro") // with what is mounted below it
		}
		return specs.Mount{Type: "bind", Source: m.Source, Options: options}, makeHostPath(m.Source)
	default:
		folder, err := e.volume(ctx, s, m, img)
		return specs.Mount{Type: "bind", Source: folder, Options: []string{"bind", "rprivate", access, "nodev"}}, err
	}
}

// makeHostPath makes a folder where nothing is.
func makeHostPath(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return os.MkdirAll(path, 0o755)
}

// tmpfsWords are the options that a tmpfs can be given: words that mean something else to a mount are not
// among them. Source: tmpfs(5), mount(8), and Tmpfs of the Amazon ECS API.
var tmpfsWords = []string{
	"defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
	"mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol",
}

func tmpfsOptions(m engine.Mount, access string) ([]string, error) {
	options := []string{"nosuid", "nodev", "noexec", access} // as docker has it
	for _, option := range m.Options {
		word, _, _ := strings.Cut(option, "=")
		if !slices.Contains(tmpfsWords, word) {
			return nil, fmt.Errorf("mount %s: %q is not an option of a tmpfs", m.Path, option)
		}
		if word != "defaults" {
			options = append(options, option)
		}
	}
	if m.Size > 0 {
		options = append(options, fmt.Sprintf("size=%d", m.Size))
	}
	return options, nil
}

// inOrder has what is mounted below something come after it.
func inOrder(mounts []specs.Mount) {
	depth := func(m specs.Mount) int { return strings.Count(path.Clean(m.Destination), "/") }
	slices.SortStableFunc(mounts, func(a, b specs.Mount) int { return depth(a) - depth(b) })
}

// setMounts puts together what is mounted into a container: the kernel's file systems, what the Spec asks
// for in the place of that, and files of ours.
func (e *Engine) setMounts(ctx context.Context, spec *specs.Spec, s engine.Spec, img *image) (err error) {
	if err := checkDNS(s); err != nil {
		return err
	}
	if s.ExtraHosts, err = e.hostsOf(s); err != nil {
		return err
	}
	files, err := e.folder(s.ID).make(s)
	if err != nil {
		return err
	}
	mounts, err := e.mountsOf(ctx, s, img)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		dropMount(spec, m.Destination)
	}
	mounts = append(mounts, files...)
	inOrder(mounts)
	spec.Mounts = append(spec.Mounts, mounts...)
	return nil
}
