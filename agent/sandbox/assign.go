package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/agent/runtimeapi"
	"slipway/engine"
	"slipway/nodeapi"
)

// initTime is how long an init phase may take at least. On AWS one that takes longer is begun anew within the first
// call and may take as long as that; here it goes on instead, for as long as a call may take.
// Source: Lambda Developer Guide, "Lambda runtime environment lifecycle".
const initTime = 10 * time.Second

// Where code is in a sandbox.
const (
	taskRoot   = "/var/task"
	layerRoot  = "/opt"
	extensions = "/opt/extensions"
)

// bootstraps are where a function's first program may be, the first that is there counts.
var bootstraps = []string{"/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"}

// assign makes the sandbox a function's and waits for its init phase.
func (b *box) assign(ctx context.Context, given nodeapi.Assignment) (nodeapi.Init, error) {
	a, err := b.take(given)
	if err != nil {
		return nodeapi.Init{}, err
	}
	clock := &stopwatch{last: time.Now()}
	var told nodeapi.Init
	mounts, err := b.fetch(ctx, a)
	told.Fetch = clock.lap()
	if err != nil {
		return badCode(told, err)
	}
	if err := b.furnish(ctx, a, mounts); err != nil {
		return told, err
	}
	told.Mount = clock.lap()
	began := time.Now()
	a.journal.say(false, a.lines.initStart())
	failed, err := b.launch(ctx, a, func() { told.Launch = clock.lap() })
	told.Init = clock.lap()
	if err != nil {
		return told, err
	}
	if failed != nil {
		told.Error, told.Words = failed, lastWords(a.journal.say(true))
		told.Tail = a.journal.say(true, a.lines.initFailed(time.Since(began), failed)...)
		return told, nil
	}
	a.init.Store(int64(time.Since(began)))
	a.cpu.Store(int64(a.use.Read().CPU))
	b.live.Store(a)
	return told, nil
}

// badCode tells code that will never do from code that cannot be had now.
func badCode(told nodeapi.Init, err error) (nodeapi.Init, error) {
	if !errors.Is(err, ErrBadCode) {
		return told, err
	}
	told.Error = platformError("Runtime.InvalidEntrypoint", "Error: "+err.Error())
	return told, nil
}

// stopwatch measures one thing after another.
type stopwatch struct{ last time.Time }

func (s *stopwatch) lap() time.Duration {
	now := time.Now()
	took := now.Sub(s.last)
	s.last = now
	return took
}

// fetch has all code in the cache, and says where it is to be seen.
func (b *box) fetch(ctx context.Context, a *assigned) (mounts []engine.HeldMount, err error) {
	folders := make([]string, len(a.Code))
	failures := make([]error, len(a.Code))
	var all sync.WaitGroup
	for i, c := range a.Code {
		all.Go(func() {
			folder, release, err := b.host.code.get(ctx, b.host.requestFor(b.Account, c), c.Size)
			if err == nil {
				err = b.keep(func() { a.releases = append(a.releases, release) }, release)
			}
			folders[i], failures[i] = folder, err
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	var task, layers []string
	for i, c := range a.Code {
		if c.Layer {
			layers = append(layers, folders[i])
		} else {
			task = append(task, folders[i])
		}
	}
	for path, sources := range map[string][]string{taskRoot: task, layerRoot: layers} {
		if len(sources) > 0 {
			mounts = append(mounts, engine.HeldMount{Sources: sources, Path: path})
		}
	}
	return mounts, nil
}

// furnish gives the container all that the function's processes need.
func (b *box) furnish(ctx context.Context, a *assigned, mounts []engine.HeldMount) error {
	if err := b.held.Mount(ctx, mounts); err != nil {
		return fmt.Errorf("show the code of %s: %w", a.Name, err)
	}
	if err := b.held.Limit(limitsOf(a.Assignment)); err != nil {
		return err
	}
	use, err := b.held.Use()
	if err != nil {
		return err
	}
	listener, err := b.held.Listen(ctx, apiPort)
	if err != nil {
		use.Close()
		return err
	}
	session := runtimeapi.New(runtimeapi.Config{
		Name: a.Name, Version: a.Version, Handler: a.Handler, Account: b.Account, Function: a.Function, Memory: a.Memory, Runtime: b.image.Digest,
		Concurrency: a.Concurrency, InitType: initType(&a.Assignment), Extensions: b.held.Executables(extensions), Dial: b.held.Dial,
	})
	if err := b.keep(func() { a.session, a.use = session, use }, use.Close, func() { listener.Close() }, session.Close); err != nil {
		return err
	}
	a.journal.hear(session.Printed)
	b.host.work.Go(func() {
		_ = session.Serve(listener) // until Close
		listener.Close()
	})
	return nil
}

// keep notes what end is to undo; where that has begun it is undone at once.
func (b *box) keep(note func(), undo ...func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.retired.Load() {
		note()
		return nil
	}
	for _, do := range undo {
		do()
	}
	return fmt.Errorf("%w: %s", nodeapi.ErrNoSandbox, b.ID)
}

func limitsOf(a nodeapi.Assignment) engine.Limits {
	l := engine.Limits{MemoryLimit: int64(a.Memory) * mib, CPUShares: uint64(max(a.CPU, 2))}
	if a.HardCPU {
		l.CPUQuota = max(int64(a.CPU)*cpuPeriod/cpuUnits, leastQuota)
	}
	return l
}

const (
	cpuPeriod  = 100_000 // microseconds, of which engine.Limits.CPUQuota is a part
	cpuUnits   = 1024    // of a core
	leastQuota = 1000    // microseconds: the kernel takes no less
)

// launch starts the extensions, then the runtime, and waits until they are ready for a call. launched is called when the
// runtime's program runs.
func (b *box) launch(ctx context.Context, a *assigned, launched func()) (*nodeapi.FunctionError, error) {
	limit := max(initTime, a.Timeout)
	timely, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failed, err := b.boot(timely, a, launched)
	if why := a.unstarted.Load(); why != nil {
		return why, nil
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && timely.Err() != nil:
		return platformError(timedOut, fmt.Sprintf("Error: Init timed out after %.2f seconds", limit.Seconds())), nil
	case errors.Is(err, engine.ErrStart):
		return platformError("Runtime.InvalidEntrypoint", "Error: "+reasonText(err)), nil
	case errors.Is(err, runtimeapi.ErrOver): // it is being stopped
		return nil, fmt.Errorf("%w: %s", nodeapi.ErrNoSandbox, b.ID)
	}
	return failed, err
}

func (b *box) boot(ctx context.Context, a *assigned, launched func()) (*nodeapi.FunctionError, error) {
	env := b.environment(a)
	for i, name := range b.held.Executables(extensions) {
		if i == 0 {
			if err := a.journal.read(runtimeapi.ExtensionLog, b.held.Aside()); err != nil {
				return nil, err
			}
		}
		p := engine.Program{Entrypoint: []string{path.Join(extensions, name)}, Env: env, WorkingDir: "/", Aside: true}
		if err := b.run(ctx, a, program{p, name}); err != nil {
			return nil, err
		}
	}
	if failed, err := a.session.Registered(ctx); failed != nil || err != nil {
		return failed, err
	}
	runtime, err := b.program(a, env)
	if err != nil {
		return nil, err
	}
	if err := b.run(ctx, a, program{Program: runtime}); err != nil {
		return nil, err
	}
	launched()
	return a.session.Ready(ctx)
}

func (b *box) run(ctx context.Context, a *assigned, p program) error {
	pid, err := b.held.Run(ctx, p.Program)
	if err != nil {
		return err
	}
	b.runs(a, pid, p)
	return nil
}

// program is what the runtime is: of an image, what that says; of code, its bootstrap, or its runtime's.
func (b *box) program(a *assigned, env []string) (engine.Program, error) {
	p := engine.Program{Entrypoint: a.Entrypoint, Command: a.Command, Env: env, WorkingDir: a.WorkingDir}
	if len(a.Code) == 0 {
		return p, nil
	}
	if p.WorkingDir == "" {
		p.WorkingDir = taskRoot
	}
	if len(p.Entrypoint) > 0 {
		return p, nil
	}
	for _, file := range bootstraps {
		if slices.Contains(b.held.Executables(path.Dir(file)), path.Base(file)) {
			p.Entrypoint = []string{file}
			return p, nil
		}
	}
	return p, fmt.Errorf("%w: Couldn't find valid bootstrap(s): [%s]", engine.ErrStart, strings.Join(bootstraps[1:], " "))
}

// environment is what every process of a function finds: what the assignment says, and what only the node knows.
func (b *box) environment(a *assigned) []string {
	var env []string
	if a.Role && b.host.config.Admit != nil {
		env = b.host.config.Admit(b.ID, b.held.Address())
	}
	env = append(env, a.Env...)
	return append(env, "AWS_LAMBDA_LOG_STREAM_NAME="+a.Log.Stream, "AWS_LAMBDA_INITIALIZATION_TYPE="+initType(&a.Assignment),
		fmt.Sprintf("AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", apiPort))
}

// initType is why a sandbox is started, in the words of AWS.
func initType(a *nodeapi.Assignment) string {
	if a.Provisioned {
		return runtimeapi.ProvisionedConcurrency
	}
	return runtimeapi.OnDemand
}

// platformError is one of the platform's own, with the document that a caller is given.
func platformError(kind, message string) *nodeapi.FunctionError {
	payload, _ := json.Marshal(struct { // of strings
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	return &nodeapi.FunctionError{Type: kind, Message: message, Payload: payload}
}

// reasonText is why a program cannot be started, without what the engine calls it.
func reasonText(err error) string {
	return strings.TrimPrefix(err.Error(), engine.ErrStart.Error()+": ")
}
