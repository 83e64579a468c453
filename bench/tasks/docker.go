package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"slipway/internal/loop"
)

// docker is its command with a daemon of its own, which shares no folder with any other.
type docker struct {
	args  []string // that lead the command there
	data  string
	cmd   *exec.Cmd
	ended chan error
}

// startDocker starts a daemon that leaves the machine's network alone, so its containers have none.
func startDocker(ctx context.Context, dir string) (*docker, error) {
	for _, program := range []string{"dockerd", "docker"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	socket := "unix://" + filepath.Join(dir, "d.sock")
	d := &docker{data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	d.args = []string{"--config", filepath.Join(dir, "config"), "--host", socket}
	d.cmd = exec.Command("dockerd", "--data-root", d.data, "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", socket, "--iptables=false", "--ip6tables=false", "--bridge=none")
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	if err := d.await(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *docker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for d.command(ctx, "info").Run() != nil {
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("dockerd has ended: %v", err)
		default:
		}
		if err := loop.Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (d *docker) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && len(d.ended) == 0 {
		return err
	}
	<-d.ended                                       // how it ends is of no interest
	_ = syscall.Unmount(d.data, syscall.MNT_DETACH) // some daemons leave their root mounted on itself
	return nil
}

func (d *docker) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "docker", append(d.args, args...)...)
}

// load makes an image of the folder, as Slipway has one.
func (d *docker) load(ctx context.Context, rootfs string) error {
	tar := exec.CommandContext(ctx, "tar", "--create", "--directory", rootfs, ".")
	archive, err := tar.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tar.Start(); err != nil {
		return err
	}
	load := d.command(ctx, "import", "--change", `ENTRYPOINT ["`+waiter+`"]`, "-", family)
	load.Stdin = archive
	return errors.Join(do(load), tar.Wait())
}

// run starts containers of an image, which is pulled when it is not here.
func (d *docker) run(name, image string) *kind {
	return &kind{
		name: name,
		start: func(ctx context.Context, id string) error {
			return do(d.command(ctx, d.runArgs(image, id)...))
		},
		end: func(id string) error { return do(d.command(context.Background(), "rm", "--force", id)) },
	}
}

func (d *docker) runArgs(image, id string, args ...string) []string {
	return append([]string{"run", "--detach", "--network", "none", "--name", id, image}, args...)
}
