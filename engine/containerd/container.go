package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/sys/signal"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/types/known/emptypb"

	"slipway/engine"
)

var nothing = &emptypb.Empty{}

// Labels that containers carry in containerd.
const (
	idLabel     = "slipway.id"
	taskLabel   = "slipway.task"
	nameLabel   = "slipway.name"
	digestLabel = "slipway.digest"
	stopLabel   = "slipway.stop-signal"
)

// Create makes the container's record first, which keeps its snapshot from being collected and
// lets List find what a crash leaves, then its snapshot, and then a process that waits.
func (e *Engine) Create(ctx context.Context, s engine.Spec) error {
	if err := checkTask(s.Task); err != nil {
		return err
	}
	defer e.containers.lock(keyOf(s.ID))()
	defer e.images.holds.hold(s.Image.Digest)()
	ctx = e.context(ctx)
	if there, err := e.stands(ctx, s.ID); there || err != nil {
		return told("create "+s.ID, err)
	}
	key := newKey(s.ID)
	e.made.Store(s.ID, attempt{key: key})
	if err := e.create(ctx, s, key); err != nil {
		return createError(ctx, s, errors.Join(err, e.uncreate(context.WithoutCancel(ctx), s.ID)))
	}
	e.made.Store(s.ID, attempt{key: key, made: true})
	return nil
}

// uncreate takes away a container that never ran, with the output that nobody wrote.
func (e *Engine) uncreate(ctx context.Context, id string) error {
	output := e.Output(id)
	if info, err := os.Stat(output); err == nil && info.Size() == 0 {
		if err := os.Remove(output); err != nil {
			return err
		}
	}
	return e.remove(ctx, id)
}

func (e *Engine) create(ctx context.Context, s engine.Spec, key string) error {
	img, err := e.imageOf(ctx, s.Image)
	if err != nil {
		return err
	}
	e.used(s.Image.Digest)
	record, err := e.record(ctx, s, img, key)
	if err != nil {
		return err
	}
	if _, err := e.client.ContainerService().Create(ctx, record); err != nil {
		return err
	}
	rootfs, err := onceMore(func() ([]mount.Mount, error) {
		return e.client.SnapshotService(snapshotter).Prepare(ctx, record.SnapshotKey, img.rootfs)
	})
	if err != nil {
		return err
	}
	if rootfs, err = e.boundDisk(ctx, s.Task, key, rootfs, s.DiskLimit); err != nil {
		return err
	}
	// Where a caller gives up in the middle of this, containerd may lose the shim.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	request := &tasks.CreateTaskRequest{ContainerID: record.ID, Rootfs: mount.ToProto(rootfs)}
	if err := e.folder(s.ID).connect(request, s); err != nil {
		return err
	}
	_, err = e.client.TaskService().Create(ctx, request)
	if err = errgrpc.ToNative(err); err != nil {
		err = errors.Join(err, e.folder(s.ID).disconnect(key))
	}
	if err != nil && !strings.Contains(err.Error(), runcFailed) {
		return machineError{err}
	}
	return err
}

// runcFailed stands before runc's own words: what comes without them is not about the container.
const runcFailed = "runc create failed: "

// machineError is trouble of the machine, not of the container, and so worth another try.
type machineError struct{ error }

func (e machineError) Unwrap() error { return e.error }

func (e *Engine) imageOf(ctx context.Context, i engine.Image) (*image, error) {
	e.images.mu.Lock()
	known := e.images.known[i.Digest]
	e.images.mu.Unlock()
	if known != nil {
		return known, nil
	}
	img, err := e.present(ctx, digest.Digest(i.Digest))
	if img == nil && err == nil {
		err = fmt.Errorf("%s is not here; pull it first", i.Digest)
	}
	return img, err
}

// record is an attempt at the container as containerd keeps it.
func (e *Engine) record(ctx context.Context, s engine.Spec, img *image, key string) (containers.Container, error) {
	spec, err := e.ociSpec(ctx, s, img)
	if err != nil {
		return containers.Container{}, err
	}
	if err := e.setMounts(ctx, spec, s, img); err != nil {
		return containers.Container{}, err
	}
	spec.Linux.CgroupsPath = e.cgroups.path(s.Task, key)
	specAny, err := typeurl.MarshalAny(spec)
	if err != nil {
		return containers.Container{}, err
	}
	runcAny, err := typeurl.MarshalAny(&runcoptions.Options{Root: filepath.Join(e.run, "runc")})
	if err != nil {
		return containers.Container{}, err
	}
	return containers.Container{
		ID:          key,
		Image:       s.Image.Ref,
		Runtime:     containers.RuntimeInfo{Name: "io.containerd.runc.v2", Options: runcAny},
		Spec:        specAny,
		Snapshotter: snapshotter,
		SnapshotKey: key,
		Labels: map[string]string{
			idLabel: s.ID, taskLabel: s.Task, nameLabel: s.Name, digestLabel: s.Image.Digest,
			stopLabel: firstOf(s.StopSignal, img.config.Config.StopSignal, "SIGTERM"),
		},
	}, nil
}

// createError names what went wrong; what the process itself is at fault for is ErrStart.
func createError(ctx context.Context, s engine.Spec, err error) error {
	text := err.Error()
	_, machine := errors.AsType[machineError](err)
	switch {
	case ctx.Err() != nil, errdefs.IsUnavailable(err), machine:
		return told("create "+s.ID, err)
	case isExecError(text):
		return fmt.Errorf("%w %s of image %s: %s", engine.ErrStart, s.ID, s.Image.Ref, runcText(text))
	default:
		return fmt.Errorf("%w %s of image %s: %s", engine.ErrCreate, s.ID, s.Image.Ref, runcText(text))
	}
}

// isExecError tells runc's words for a program that cannot be executed.
func isExecError(text string) bool {
	return strings.Contains(text, `exec: "`) || strings.Contains(text, "exec format error")
}

// runcText takes the layers of containerd off runc's own words.
func runcText(text string) string {
	if _, words, found := strings.Cut(text, runcFailed); found {
		text = words
	}
	return strings.TrimSuffix(text, ": unknown")
}

// Start writes down that the container has been started before it is, so that a container without
// a process is known to have run. That it never runs twice is runc's doing.
func (e *Engine) Start(ctx context.Context, id string) error {
	defer e.containers.lock(keyOf(id))()
	return told("start "+id, e.start(e.context(ctx), id))
}

func (e *Engine) start(ctx context.Context, id string) error {
	a := e.attempt(id)
	if err := e.readyToStart(id, a); err != nil {
		return err
	}
	_, err := e.client.TaskService().Start(ctx, &tasks.StartRequest{ContainerID: a.key})
	if err = errgrpc.ToNative(err); err == nil {
		e.network.wantSpare()
		return nil
	}
	c, seeErr := e.see(ctx, id)
	switch {
	case seeErr != nil:
		return seeErr
	case a.started && c.State >= engine.Running:
		return nil
	case c.State == engine.Creating:
		return notMade(id)
	case ctx.Err() != nil, errdefs.IsUnavailable(err):
		return err
	}
	return fmt.Errorf("%w %s: %s", engine.ErrStart, id, runcText(err.Error()))
}

// told says at what an error came, and tells one that containerd is away for from others.
func told(at string, err error) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsUnavailable(err):
		return fmt.Errorf("%w: %s: %w", engine.ErrUnavailable, at, err)
	}
	return fmt.Errorf("%s: %w", at, err)
}

func notMade(id string) error {
	return fmt.Errorf("%w: %s is not created to its end", engine.ErrNotFound, id)
}

// readyToStart writes down that the attempt is started, where it has not been before.
func (e *Engine) readyToStart(id string, a attempt) error {
	if a.started {
		return nil
	} else if !a.made {
		return notMade(id)
	}
	d := e.folder(id)
	self, err := d.about()
	if err != nil {
		return err
	}
	at, err := e.network.read(self.Task)
	if err != nil {
		return err
	}
	if err := d.nameAddress(self, at.Address); err != nil {
		return err
	}
	return d.markStarted(a.key, time.Now())
}

// Signal sends a signal to the container's first process.
func (e *Engine) Signal(ctx context.Context, id, name string) error {
	a := e.attempt(id)
	if a.key == "" {
		return nil // nothing runs
	}
	return told("signal "+id, e.signal(e.context(ctx), a.key, name))
}

func (e *Engine) signal(ctx context.Context, key, name string) error {
	if name == "" {
		record, err := e.client.ContainerService().Get(ctx, key)
		if errdefs.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		name = record.Labels[stopLabel]
	}
	number, err := signal.ParseSignal(name)
	if err != nil {
		return err
	}
	return e.kill(ctx, key, number)
}

func (e *Engine) kill(ctx context.Context, key string, number syscall.Signal) error {
	_, err := e.client.TaskService().Kill(ctx, &tasks.KillRequest{ContainerID: key, Signal: uint32(number)})
	if err = errgrpc.ToNative(err); isGone(err) {
		return nil
	}
	return err
}

// isGone says that there is no process any more, in the words of containerd and of its shims.
func isGone(err error) bool {
	return errdefs.IsNotFound(err) || err != nil && strings.Contains(err.Error(), "process already finished")
}

// Delete takes the container away, however far it had come.
func (e *Engine) Delete(ctx context.Context, id string) error {
	defer e.containers.lock(keyOf(id))()
	return told("delete "+id, e.remove(e.context(ctx), id))
}

func (e *Engine) remove(ctx context.Context, id string) error {
	if err := e.removeAttempts(ctx, id); err != nil {
		return err
	}
	e.made.Delete(id)
	d := e.folder(id)
	d.awaitPrinted(ctx)
	if err := e.dropInit(id, d); err != nil {
		return err
	}
	return d.forget()
}

// endTask kills the process, waits for its end and has its shim end, which completes the output.
func (e *Engine) endTask(ctx context.Context, key string) error {
	if !e.waits(ctx, key) {
		switch err := e.deleteTask(ctx, key); {
		case err == nil: // it had exited
			return nil
		case errdefs.IsNotFound(err):
			return e.endLostShim(key)
		}
	}
	if err := e.kill(ctx, key, syscall.SIGKILL); err != nil {
		return err
	}
	_, err := e.client.TaskService().Wait(ctx, &tasks.WaitRequest{ContainerID: key})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	if err := e.deleteTask(ctx, key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}

// waits says that a process waits to be started. Its shim would delete it as it is, but takes two seconds for
// that, in which it expects the output of what has never run to end.
func (e *Engine) waits(ctx context.Context, key string) bool {
	answer, err := e.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: key})
	return err == nil && answer.Process.Status == tasktypes.Status_CREATED
}

func (e *Engine) deleteTask(ctx context.Context, key string) error {
	_, err := e.client.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: key})
	return errgrpc.ToNative(err)
}
