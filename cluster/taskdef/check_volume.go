package taskdef

import (
	"fmt"
)

const maxVolumes = 100

// volumes checks the task's volumes and what its containers mount of them.
func (c *checker) volumes(s Spec) {
	c.refuse(len(s.Volumes) > maxVolumes, "volumes", "%d volumes are more than %d.", len(s.Volumes), maxVolumes)
	known := map[string]bool{}
	for i, v := range s.Volumes {
		at := fmt.Sprintf("volumes[%d].", i)
		c.refuse(!IsName(v.Name), at+"name", "Invalid volume name %q: up to 255 letters, digits, hyphens and underscores are allowed.", v.Name)
		c.refuse(known[v.Name], at+"name", "Volume names must be unique within a Task Definition: %q is given twice.", v.Name)
		c.refuse(v.HostPath != "" && v.Docker != nil, at+"host", "A volume has a host or a dockerVolumeConfiguration, not both.")
		if v.HostPath != "" {
			c.absolute(v.HostPath, at+"host.sourcePath")
		}
		c.docker(v.Docker, at+"dockerVolumeConfiguration.")
		known[v.Name] = true
	}
	for i, container := range s.Containers {
		c.mounts(container, known, fmt.Sprintf("containerDefinitions[%d].", i))
	}
	c.borrowed(s)
}

// docker checks a volume by name. There is no other way to make one than to name it, so one that is
// shared is made where it is missing, and nothing else can be meant.
func (c *checker) docker(d *DockerVolume, at string) {
	if d == nil {
		return
	}
	c.oneOf(d.Scope, at+"scope", scopeTask, scopeShared)
	c.refuse(d.Driver != "" && d.Driver != "local", at+"driver", "%q is not supported by Slipway; use local, or leave it out.", d.Driver)
	c.refuse(d.Scope == scopeTask && deref(d.Autoprovision), at+"autoprovision", "It is for volumes whose scope is shared.")
	c.refuse(d.Scope == scopeShared && !deref(d.Autoprovision), at+"autoprovision", "A shared volume is made where it is missing: autoprovision must be true.")
}

func (c *checker) mounts(s Container, known map[string]bool, at string) {
	used := map[string]bool{}
	for i, m := range s.Mounts {
		here := fmt.Sprintf("%smountPoints[%d].", at, i)
		c.refuse(!known[m.Volume], here+"sourceVolume", "Unknown volume '%s'.", m.Volume)
		c.mounted(used, m.Path, here+"containerPath")
	}
	if s.Linux == nil {
		return
	}
	for i, t := range s.Linux.Tmpfs {
		c.mounted(used, t.Path, fmt.Sprintf("%slinuxParameters.tmpfs[%d].containerPath", at, i))
	}
}

// mounted notes that something is mounted at a path.
func (c *checker) mounted(used map[string]bool, path, at string) {
	c.absolute(path, at)
	c.refuse(path == "/", at, "Nothing can be mounted in place of the root.")
	c.refuse(used[path], at, "%q has something mounted already.", path)
	used[path] = true
}

// borrowed checks what containers mount of others, in no circle.
func (c *checker) borrowed(s Spec) {
	edges := make([][]int, len(s.Containers))
	for i, container := range s.Containers {
		for j, from := range container.VolumesFrom {
			at := fmt.Sprintf("containerDefinitions[%d].volumesFrom[%d].sourceContainer", i, j)
			owner := s.Index(from.Container)
			c.refuse(owner < 0, at, "Invalid 'volumesFrom' setting. Unknown container: '%s'.", from.Container)
			c.refuse(owner == i, at, "Invalid 'volumesFrom' setting. %q is the container itself.", from.Container)
			edges[i] = append(edges[i], owner)
		}
	}
	c.circle(s, edges, "volumesFrom")
}
