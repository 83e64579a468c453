package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// floor runs the program with nothing around it.
type floor struct {
	s      *slipway
	socket string
	bundle string
	image  string // what containerd calls that of the functions that are images
	made   atomic.Int64
	clears chan func() error // what takes away those that run
}

func newFloor(ctx context.Context, s *slipway) (*floor, error) {
	f := &floor{s: s, clears: make(chan func() error, 1000)}
	var err error
	if f.socket, err = s.containerd(); err != nil {
		return nil, err
	}
	if f.bundle, err = os.MkdirTemp(s.dir, "bundle-"); err != nil {
		return nil, err
	}
	if err := do(exec.CommandContext(ctx, "runc", "spec", "--bundle", f.bundle)); err != nil {
		return nil, err
	}
	return f, f.writeSpec(filepath.Join(f.bundle, "config.json"))
}

// containerd is the socket of the node's containerd.
func (s *slipway) containerd() (socket string, err error) {
	config, err := os.ReadFile(filepath.Join(s.data, "agent", "containerd.toml"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(config)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && name == "address" {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", errors.New("containerd of the node has no address")
}

// writeSpec has runc run the program, in the folder that it is in, without a terminal.
func (f *floor) writeSpec(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	process := spec["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/" + handler, "127.0.0.1:0"}
	spec["root"] = map[string]any{"path": filepath.Join(f.s.dir, "root"), "readonly": true}
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func (f *floor) name() string { return fmt.Sprintf("%s-%d", filepath.Base(f.bundle), f.made.Add(1)) }

// runc starts the program by runc alone: with namespaces of its own, and without overlayfs.
func (f *floor) runc(ctx context.Context) func() error {
	return func() error {
		id := f.name()
		root := filepath.Join(f.s.dir, "runc")
		f.clears <- func() error { return do(exec.Command("runc", "--root", root, "delete", "--force", id)) }
		return exec.CommandContext(ctx, "runc", "--root", root, "run", "--detach", "--bundle", f.bundle, id).Run() // with pipes for what it says, we would wait for its end
	}
}

// ctr starts the program by the containerd of Slipway's node, from the image of the functions that are images.
func (f *floor) ctr(ctx context.Context) func() error {
	return func() error {
		id := f.name()
		f.clears <- func() error {
			err := do(f.command(context.Background(), "tasks", "delete", "--force", id))
			return errors.Join(err, do(f.command(context.Background(), "containers", "delete", id)))
		}
		if err := f.find(ctx); err != nil {
			return err
		}
		return f.command(ctx, "run", "--detach", "--null-io", "--cgroup", "/slipway-"+id, f.image, id, "/"+handler, "127.0.0.1:0").Run()
	}
}

func (f *floor) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", f.socket, "--namespace", "slipway"}, args...)...)
}

// clear takes away what runs.
func (f *floor) clear() (err error) {
	for len(f.clears) > 0 {
		err = errors.Join(err, (<-f.clears)())
	}
	return err
}

// find finds the image, which is there once a function of it has been called.
func (f *floor) find(ctx context.Context) error {
	if f.image != "" {
		return nil
	}
	names, err := f.command(ctx, "images", "list", "-q").Output()
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(names)) {
		if name = strings.TrimSpace(name); strings.Contains(name, "/"+repository) {
			f.image = name
			return nil
		}
	}
	return fmt.Errorf("containerd has no image of the function: %s", names)
}
