package containerd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slipway/internal/loop"
)

// daemon is a containerd of our own. It runs in a session of its own, so that neither our death
// nor a terminal's Ctrl-C reaches it, and is found again by its command line.
type daemon struct {
	root, state   string
	config        string
	socket        string
	logFile       string
	log           *slog.Logger
	latestTrouble atomic.Pointer[error]
}

func newDaemon(o Options, run string) *daemon {
	return &daemon{
		root:    filepath.Join(o.Data, "containerd"),
		state:   filepath.Join(run, "containerd"),
		config:  filepath.Join(o.Data, "containerd.toml"),
		socket:  filepath.Join(run, "containerd.sock"),
		logFile: filepath.Join(o.Data, "containerd.log"),
		log:     o.Log,
	}
}

// run keeps containerd until ctx ends, and then ends it. It fails only where it cannot end it.
func (d *daemon) run(ctx context.Context) error {
	const first, most = 100 * time.Millisecond, 10 * time.Second
	pause := first
	for ctx.Err() == nil {
		began := time.Now()
		err := d.live(ctx)
		if ctx.Err() != nil {
			return err
		}
		d.latestTrouble.Store(&err)
		if time.Since(began) > time.Minute {
			pause = first
		}
		d.log.Error("containerd ended; it is started again", "error", err, "pause", pause, "log", d.logFile)
		loop.Pause(ctx, pause)
		pause = min(2*pause, most)
	}
	return nil
}

// trouble is why containerd ended last, or nil.
func (d *daemon) trouble() error {
	if err := d.latestTrouble.Load(); err != nil {
		return *err
	}
	return nil
}

// live is one life of containerd: found or started, until it ends or ctx does.
func (d *daemon) live(ctx context.Context) error {
	pid, gone, err := d.adopt()
	if err == nil && pid == 0 {
		pid, gone, err = d.start()
	}
	if err != nil {
		return err
	}
	select {
	case err := <-gone:
		return fmt.Errorf("containerd (pid %d) has ended: %v", pid, err)
	case <-ctx.Done():
		return d.end(pid, gone)
	}
}

// end asks containerd to end. Shims and their containers are not its children, and stay.
func (d *daemon) end(pid int, gone <-chan error) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		select {
		case <-gone:
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	return fmt.Errorf("containerd (pid %d) does not end", pid)
}

// adopt finds the containerd that a former life of ours has started; pid 0 says there is none.
func (d *daemon) adopt() (pid int, gone <-chan error, err error) {
	if pid, err = d.find(); pid == 0 || err != nil {
		return 0, nil, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return 0, nil, nil
	} else if err != nil {
		return 0, nil, err
	}
	ended := make(chan error, 1)
	go func() { // ends with the process, which end sees to
		defer unix.Close(fd)
		_, err := waitPidfd(fd, -1)
		ended <- errors.Join(errors.New("it was not our child, so nobody knows why"), err)
	}()
	d.log.Info("containerd found running", "pid", pid)
	return pid, ended, nil
}

// find looks for a process that runs containerd with our configuration.
func (d *daemon) find() (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		args, _ := os.ReadFile(file) // processes come and go
		if slices.Contains(strings.Split(string(bytes.TrimRight(args, "\x00")), "\x00"), d.config) {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, nil
}

func (d *daemon) start() (pid int, gone <-chan error, err error) {
	if err := os.WriteFile(d.config, []byte(d.configText()), 0o600); err != nil {
		return 0, nil, err
	}
	output, err := d.openLog()
	if err != nil {
		return 0, nil, err
	}
	defer output.Close()
	if err := os.Remove(d.socket); err != nil && !os.IsNotExist(err) {
		return 0, nil, err
	}
	program, err := findProgram("containerd")
	if err != nil {
		return 0, nil, err
	}
	cmd := exec.Command(program, "--config", d.config)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + searchPath(), "HOME=/root"} // ours may hold secrets
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	ended := make(chan error, 1)
	go func() { // ends with the process, which end sees to
		err := cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		ended <- err
	}()
	d.log.Info("containerd started", "pid", cmd.Process.Pid)
	return cmd.Process.Pid, ended, nil
}

// openLog opens the log to append, and starts a new one where it has grown large.
func (d *daemon) openLog() (*os.File, error) {
	const large = 16 << 20
	if info, err := os.Stat(d.logFile); err == nil && info.Size() > large {
		if err := os.Rename(d.logFile, d.logFile+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(d.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// configText turns off what Slipway does not use: it starts faster and offers less. The form is
// the one that containerd 1.6 and 2 both read.
func (d *daemon) configText() string {
	unused := []string{
		"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
		"io.containerd.internal.v1.opt", "io.containerd.internal.v1.restart", "io.containerd.internal.v1.tracing",
		"io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri",
		"io.containerd.monitor.v1.cgroups", "io.containerd.monitor.task.v1.cgroups",
		"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
		"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.native", "io.containerd.snapshotter.v1.blockfile",
		"io.containerd.snapshotter.v1.erofs",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by slipway at every start.\nversion = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\n", d.root, d.state)
	for _, plugin := range unused {
		fmt.Fprintf(&b, "  %q,\n", plugin)
	}
	fmt.Fprintf(&b, "]\n\n[grpc]\n  address = %q\n", d.socket)
	// By default what is deleted keeps its space until a hundred more changes have come.
	b.WriteString("\n[plugins.\"io.containerd.gc.v1.scheduler\"]\n  deletion_threshold = 1\n  schedule_delay = \"500ms\"\n")
	return b.String()
}
