package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// firstSpec runs a task and tells what runc was asked for. The image is pulled by that.
func (s *slipway) firstSpec(ctx context.Context) (spec specs.Spec, err error) {
	task, err := s.run(ctx, family)
	if err != nil {
		return spec, err
	}
	defer func() { err = errors.Join(err, s.stopTask(task)) }()
	described, err := s.describe(ctx, task)
	if err != nil {
		return spec, err
	}
	key, err := s.ctr(ctx, "containers", "list", "-q", "labels.slipway.id=="+*described.Containers[0].RuntimeId).Output()
	if err != nil {
		return spec, err
	}
	text, err := s.ctr(ctx, "containers", "info", strings.TrimSpace(string(key))).Output()
	if err != nil {
		return spec, err
	}
	info := struct{ Spec *specs.Spec }{&spec}
	return spec, json.Unmarshal(text, &info)
}

// runcRun starts runc alone by a task's spec and root folder: without the namespace that the task
// had made for it, without the files that were mounted into it, and without overlayfs.
func runcRun(p programs, data string, spec specs.Spec) (*kind, error) {
	bundle, state := filepath.Join(data, "bundle"), filepath.Join(data, "runc")
	if err := os.Mkdir(bundle, 0o700); err != nil {
		return nil, err
	}
	spec.Root.Path = p.rootfs
	for i, n := range spec.Linux.Namespaces {
		if n.Type == specs.NetworkNamespace {
			spec.Linux.Namespaces[i].Path = ""
		}
	}
	var mounts []specs.Mount
	for _, m := range spec.Mounts {
		if !strings.HasPrefix(m.Source, "/") {
			mounts = append(mounts, m)
		}
	}
	spec.Mounts = mounts
	runc := func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "runc", append([]string{"--root", state}, args...)...)
	}
	return &kind{
		name: "runc run -d",
		start: func(ctx context.Context, id string) error {
			cmd := runc(ctx, "run", "--detach", "--bundle", bundle, id)
			return cmd.Run() // with pipes for what it says, we would wait for the container
		},
		end: func(id string) error { return do(runc(context.Background(), "delete", "--force", id)) },
	}, writeSpec(filepath.Join(bundle, "config.json"), spec)
}

// cgroup is that of containers which runc starts, one at a time. It goes with them.
const cgroup = "/slipway-bench"

func writeSpec(file string, spec specs.Spec) error {
	spec.Linux.CgroupsPath = cgroup
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
