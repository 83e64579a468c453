package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/internal/ids"
	"slipway/internal/loop"
)

// execution is a program that Exec runs. Its folder in <run>/exec, which holds the pipes to it, is
// there before it is and after it, so the next engine finds what a crash leaves.
type execution struct {
	e       *Engine
	key, id string // of the container, and its own there
	task    string
}

func (x execution) folder() string { return filepath.Join(x.e.execsDir(), x.key+"."+x.id) }

func (e *Engine) execsDir() string { return filepath.Join(e.run, "exec") }

// execPrefix begins the ids of what this engine runs, and of no other's.
func (e *Engine) execPrefix() string { return "exec-" + strconv.FormatInt(e.born.UnixNano(), 16) + "-" }

// Exec runs a program with the container's user, folder, capabilities and environment.
func (e *Engine) Exec(ctx context.Context, id string, x engine.Exec) (int, error) {
	ctx = e.context(ctx)
	c, err := e.see(ctx, id)
	if err != nil {
		return 0, told("exec in "+id, err)
	}
	if c.State != engine.Running {
		return 0, fmt.Errorf("%w: %s does not run", engine.ErrNotFound, id)
	}
	process, err := e.execSpec(ctx, id, x)
	if err != nil {
		return 0, told("exec in "+id, err)
	}
	run := execution{e: e, key: e.attempt(id).key, id: e.execPrefix() + ids.Hex(6), task: c.Task}
	code, err := run.run(ctx, x, process)
	return code, told("exec in "+id, err)
}

// execSpec is the container's process with other arguments.
func (e *Engine) execSpec(ctx context.Context, id string, x engine.Exec) (*specs.Process, error) {
	if len(x.Args) == 0 {
		return nil, fmt.Errorf("%w: nothing says what to run", engine.ErrStart)
	}
	record, err := e.client.ContainerService().Get(ctx, e.attempt(id).key)
	if err != nil {
		return nil, err
	}
	var spec specs.Spec
	if err := typeurl.UnmarshalTo(record.Spec, &spec); err != nil {
		return nil, err
	}
	p := spec.Process
	p.Args, p.Terminal, p.Env = x.Args, x.Terminal, merge(p.Env, x.Env)
	return p, nil
}

func (x execution) run(ctx context.Context, what engine.Exec, process *specs.Process) (code int, err error) {
	if err := os.MkdirAll(x.folder(), 0o700); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(x.folder())) }()
	started := make(chan struct{})
	pipes, err := x.pipes(what, func() { <-started; x.closeStdin(ctx) })
	if err != nil {
		return 0, err
	}
	defer pipes.Close()
	pid, err := x.start(ctx, pipes.Config(), process)
	close(started)
	if err != nil {
		pipes.Cancel()
		pipes.Wait()
		return 0, x.startError(ctx, what, errors.Join(err, x.end(context.WithoutCancel(ctx))))
	}
	code, err = x.await(ctx, pid, what.Resize)
	err = errors.Join(err, x.remove(context.WithoutCancel(ctx))) // which ends what still holds the output
	pipes.Wait()
	return code, err
}

// pipes connects to the streams of x. A terminal has one for all that is printed; without it there are
// always two, for shims know all or none.
func (x execution) pipes(what engine.Exec, stdinEnded func()) (cio.IO, error) {
	at := func(name string) string { return filepath.Join(x.folder(), name) }
	fifos := cio.NewFIFOSet(cio.Config{Stdin: at("stdin"), Stdout: at("stdout"), Stderr: at("stderr"), Terminal: what.Terminal}, nil)
	stdout, stderr := heard(what.Stdout), heard(what.Stderr)
	if what.Terminal {
		stderr = nil
	}
	var stdin io.Reader
	if what.Stdin != nil {
		stdin = &endingReader{Reader: what.Stdin, ended: sync.OnceFunc(stdinEnded)}
	}
	return cio.NewAttach(cio.WithStreams(stdin, stdout, stderr))(fifos)
}

func heard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// endingReader tells of its end.
type endingReader struct {
	io.Reader
	ended func()
}

func (r *endingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && n == 0 {
		r.ended()
	}
	return n, err
}

// closeStdin has the shim give up its end of standard input, which it holds open for others to come.
func (x execution) closeStdin(ctx context.Context) {
	_, _ = x.e.client.TaskService().CloseIO(ctx, &tasks.CloseIORequest{ContainerID: x.key, ExecID: x.id, Stdin: true}) // it may have ended
}

func (x execution) start(ctx context.Context, io cio.Config, process *specs.Process) (pid int, err error) {
	spec, err := typeurl.MarshalAnyToProto(process)
	if err != nil {
		return 0, err
	}
	// Where a caller gives up in the middle of this, the program would go on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	service := x.e.client.TaskService()
	_, err = service.Exec(ctx, &tasks.ExecProcessRequest{
		ContainerID: x.key, ExecID: x.id, Spec: spec,
		Stdin: io.Stdin, Stdout: io.Stdout, Stderr: io.Stderr, Terminal: io.Terminal,
	})
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	answer, err := service.Start(ctx, &tasks.StartRequest{ContainerID: x.key, ExecID: x.id})
	return int(answer.GetPid()), errgrpc.ToNative(err)
}

// startError tells a program that is not there from a container that does not run any more.
func (x execution) startError(ctx context.Context, what engine.Exec, err error) error {
	switch {
	case isExecError(err.Error()):
		_, text, _ := strings.Cut(err.Error(), "exec failed: ")
		return fmt.Errorf("%w %q: %s", engine.ErrStart, what.Args[0], strings.TrimSuffix(text, ": unknown"))
	case ctx.Err() != nil, errdefs.IsUnavailable(err):
		return err
	}
	process, seeErr := x.e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: x.key})
	if errdefs.IsNotFound(errgrpc.ToNative(seeErr)) || seeErr == nil && process.Process.ExitedAt.IsValid() && process.Process.Pid == 0 {
		return fmt.Errorf("%w: it does not run any more: %w", engine.ErrNotFound, err)
	}
	return err
}

// await waits for the end, and brings it about when ctx ends.
func (x execution) await(ctx context.Context, pid int, sizes <-chan engine.Size) (int, error) {
	live, stop := context.WithCancel(ctx)
	defer stop()
	var resizing sync.WaitGroup
	resizing.Go(func() { x.resize(live, sizes) })
	code, err := x.wait(ctx)
	stop()
	resizing.Wait()
	if err == nil || ctx.Err() == nil {
		return code, err
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := x.kill(patient, pid); err != nil {
		return 0, errors.Join(ctx.Err(), err)
	}
	code, err = x.wait(patient)
	return code, errors.Join(ctx.Err(), err)
}

// wait tells the exit code, over lives of containerd.
func (x execution) wait(ctx context.Context) (int, error) {
	for {
		answer, err := x.e.client.TaskService().Wait(ctx, &tasks.WaitRequest{ContainerID: x.key, ExecID: x.id})
		err = errgrpc.ToNative(err)
		switch {
		case err == nil:
			return int(answer.ExitStatus), nil
		case errdefs.IsNotFound(err): // the container is gone, and it with it
			return lost, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case !errdefs.IsUnavailable(err):
			return 0, err
		}
		loop.Pause(ctx, 50*time.Millisecond)
	}
}

func (x execution) resize(ctx context.Context, sizes <-chan engine.Size) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, open := <-sizes:
			if !open {
				return
			}
			_, _ = x.e.client.TaskService().ResizePty(ctx, &tasks.ResizePtyRequest{ // it may have ended, or have no terminal
				ContainerID: x.key, ExecID: x.id, Width: uint32(size.Width), Height: uint32(size.Height),
			})
		}
	}
}

// kill ends the program and what it has started, which is in its session.
func (x execution) kill(ctx context.Context, pid int) error {
	x.e.cgroups.killSession(x.task, x.key, pid)
	_, err := x.e.client.TaskService().Kill(ctx, &tasks.KillRequest{ContainerID: x.key, ExecID: x.id, Signal: uint32(syscall.SIGKILL)})
	if err = errgrpc.ToNative(err); isGone(err) {
		return nil
	}
	return err
}

// remove has the shim forget the program, which must have ended.
func (x execution) remove(ctx context.Context) error {
	_, err := x.e.client.TaskService().DeleteProcess(ctx, &tasks.DeleteProcessRequest{ContainerID: x.key, ExecID: x.id})
	if err = errgrpc.ToNative(err); errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// killSession kills the processes of a container that belong to a session.
func (c cgroups) killSession(task, key string, session int) {
	if session <= 0 {
		return
	}
	for _, pid := range c.processes(task, key) {
		if sid, err := unix.Getsid(pid); err == nil && sid == session {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// processes are those of a container, or of a task without its containers.
func (c cgroups) processes(names ...string) []int {
	return processesIn(filepath.Join(append([]string{c.tree("memory"), c.prefix}, names...)...))
}

// sweepExecs ends what a former life of ours had run in containers.
func (e *Engine) sweepExecs(ctx context.Context) error {
	entries, err := os.ReadDir(e.execsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if dot := strings.LastIndexByte(entry.Name(), '.'); dot > 0 && !strings.HasPrefix(entry.Name()[dot+1:], e.execPrefix()) {
			err = errors.Join(err, e.sweepExec(ctx, execution{e: e, key: entry.Name()[:dot], id: entry.Name()[dot+1:]}))
		}
	}
	return err
}

func (e *Engine) sweepExec(ctx context.Context, x execution) error {
	if record, err := e.client.ContainerService().Get(ctx, x.key); err == nil {
		x.task = record.Labels[taskLabel]
	}
	if err := x.end(ctx); err != nil {
		return err
	}
	return os.RemoveAll(x.folder())
}

// end ends the program, however far it had come.
func (x execution) end(ctx context.Context) error {
	answer, err := x.e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: x.key, ExecID: x.id})
	if err = errgrpc.ToNative(err); errdefs.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	if pid := int(answer.Process.Pid); pid != 0 { // it was started
		if err := x.kill(ctx, pid); err != nil {
			return err
		}
		if _, err := x.wait(ctx); err != nil {
			return err
		}
	}
	return x.remove(ctx)
}
