package fleettest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// Host is a nodeapi.SandboxHost whose functions are Go. It notes in Faults whatever a fleet must never ask. What its
// fields say is set before it is used, or by Change.
type Host struct {
	// Run is the function. nil answers with the payload. What it returns is the outcome, unless ctx ended.
	Run func(ctx context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome
	// Init is how the init phase of a release goes; nil: well and at once.
	Init func(a nodeapi.Assignment) nodeapi.Init
	// Fail makes a method ("start", "assign", "fetch", "invoke") fail for a sandbox or code; nil: never.
	Fail func(method string, of string) error
	// StartTime, FetchTime and AssignTime are how long these take. FetchTime is once for each digest.
	StartTime, FetchTime, AssignTime time.Duration

	mu        sync.Mutex
	boxes     map[string]*box
	cache     map[string]chan struct{} // closed: the code is there
	downloads map[string]int
	watchers  map[chan nodeapi.SandboxState]bool
	faults    []string
	dead      chan struct{}
	started   int
	stopped   int
}

type box struct {
	sandbox  nodeapi.Sandbox
	assigned *nodeapi.Assignment
	running  int
	gone     chan struct{}
}

// errDead is a host whose machine is gone.
var errDead = errs.New(errs.Unavailable, "the machine is gone")

// NewHost makes a machine without sandboxes.
func NewHost() *Host {
	return &Host{
		boxes: map[string]*box{}, cache: map[string]chan struct{}{}, downloads: map[string]int{},
		watchers: map[chan nodeapi.SandboxState]bool{}, dead: make(chan struct{}),
	}
}

// Start is of nodeapi.SandboxHost.
func (h *Host) Start(ctx context.Context, s nodeapi.Sandbox) error {
	if err := h.pass(ctx, "start", s.ID, h.StartTime); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boxes[s.ID] != nil {
		h.fault("sandbox %s was started twice", s.ID)
	}
	h.boxes[s.ID] = &box{sandbox: s, gone: make(chan struct{})}
	h.started++
	return nil
}

// Assign is of nodeapi.SandboxHost.
func (h *Host) Assign(ctx context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
	for _, c := range a.Code {
		if err := h.fetch(ctx, c.Digest); err != nil {
			return nodeapi.Init{}, err
		}
	}
	if err := h.pass(ctx, "assign", a.Sandbox, h.AssignTime); err != nil {
		return nodeapi.Init{}, err
	}
	if err := h.give(a); err != nil {
		return nodeapi.Init{}, err
	}
	h.mu.Lock()
	init := h.Init
	h.mu.Unlock()
	if init == nil {
		return nodeapi.Init{Init: h.AssignTime}, nil
	}
	return init(a), nil
}

// Change changes what functions and methods do while they are used.
func (h *Host) Change(change func(h *Host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

func (h *Host) give(a nodeapi.Assignment) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.boxes[a.Sandbox]
	switch {
	case b == nil:
		return nodeapi.ErrNoSandbox
	case b.assigned != nil:
		h.fault("sandbox %s is given %s and had %s", a.Sandbox, a.Release, b.assigned.Release)
	case foreign(a.Function, b.sandbox.Account):
		h.fault("sandbox %s of account %s is given %s", a.Sandbox, b.sandbox.Account, a.Function)
	}
	b.assigned = &a
	return nil
}

// foreign reports whether an ARN is of another account.
func foreign(arn, account string) bool {
	parts := strings.Split(arn, ":")
	return len(parts) > 4 && parts[4] != account
}

// Invoke is of nodeapi.SandboxHost.
func (h *Host) Invoke(ctx context.Context, i nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	if err := h.pass(ctx, "invoke", i.Sandbox, 0); err != nil {
		return nodeapi.Outcome{}, err
	}
	b, err := h.begin(i.Sandbox)
	if err != nil {
		return nodeapi.Outcome{}, err
	}
	defer h.finish(b)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan nodeapi.Outcome, 1)
	begun := time.Now()
	go func() { over <- h.run(ctx, *b.assigned, i) }()
	select {
	case out := <-over:
		if err := ctx.Err(); err != nil {
			h.remove(i.Sandbox, "its call was given up", false)
			return nodeapi.Outcome{}, err
		}
		out.Duration = time.Since(begun)
		return write(out, w)
	case <-b.gone:
		return nodeapi.Outcome{}, fmt.Errorf("%w: sandbox %s ended in its call", errDead, i.Sandbox)
	case <-h.dead:
		return nodeapi.Outcome{}, errDead
	}
}

func (h *Host) run(ctx context.Context, a nodeapi.Assignment, i nodeapi.Invocation) nodeapi.Outcome {
	h.mu.Lock()
	run := h.Run
	h.mu.Unlock()
	if run == nil {
		return nodeapi.Outcome{Payload: i.Payload}
	}
	return run(ctx, a, i)
}

// write gives an answer to who takes it as it comes.
func write(out nodeapi.Outcome, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	if w == nil || out.Error != nil {
		return out, nil
	}
	if err := w.Head(out.ContentType); err != nil {
		return nodeapi.Outcome{}, err
	}
	if _, err := w.Write(out.Payload); err != nil {
		return nodeapi.Outcome{}, err
	}
	out.Payload = nil
	return out, nil
}

func (h *Host) begin(id string) (*box, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.boxes[id]
	switch {
	case b == nil:
		return nil, nodeapi.ErrNoSandbox
	case b.assigned == nil:
		h.fault("sandbox %s is called and was given nothing", id)
		return nil, nodeapi.ErrNoSandbox
	case b.running >= max(1, b.assigned.Concurrency):
		h.fault("sandbox %s is called by %d at a time", id, b.running+1)
	}
	b.running++
	return b, nil
}

func (h *Host) finish(b *box) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b.running--
}

// Stop is of nodeapi.SandboxHost.
func (h *Host) Stop(ctx context.Context, id string) error {
	select {
	case <-h.dead:
		return errDead
	default:
	}
	h.remove(id, "", false)
	return nil
}

// Fetch is of nodeapi.SandboxHost.
func (h *Host) Fetch(ctx context.Context, account string, code []nodeapi.Code) error {
	for _, c := range code {
		if err := h.fetch(ctx, c.Digest); err != nil {
			return err
		}
	}
	return nil
}

// fetch downloads a digest once, however many ask for it.
func (h *Host) fetch(ctx context.Context, digest string) error {
	h.mu.Lock()
	there, known := h.cache[digest]
	if !known {
		there = make(chan struct{})
		h.cache[digest] = there
		h.downloads[digest]++
	}
	h.mu.Unlock()
	if known {
		select {
		case <-there:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := h.pass(ctx, "fetch", digest, h.FetchTime)
	if err != nil {
		h.mu.Lock()
		delete(h.cache, digest)
		h.mu.Unlock()
	}
	close(there)
	return err
}

// Watch is of nodeapi.SandboxHost.
func (h *Host) Watch(ctx context.Context, tell func([]nodeapi.SandboxState)) error {
	changes := make(chan nodeapi.SandboxState, 10_000)
	h.mu.Lock()
	h.watchers[changes] = true
	var all []nodeapi.SandboxState
	for id, b := range h.boxes {
		s := nodeapi.SandboxState{ID: id}
		if b.assigned != nil {
			s.Release = b.assigned.Release
		}
		all = append(all, s)
	}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, changes)
	}()
	tell(all)
	for {
		select {
		case s := <-changes:
			tell([]nodeapi.SandboxState{s})
		case <-h.dead:
			return errDead
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass waits, and fails where it is to.
func (h *Host) pass(ctx context.Context, method, of string, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-h.dead:
			return errDead
		}
	}
	select {
	case <-h.dead:
		return errDead
	default:
	}
	h.mu.Lock()
	fail := h.Fail
	h.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(method, of)
}

func (h *Host) remove(id, reason string, told bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.boxes[id]
	if b == nil {
		return
	}
	delete(h.boxes, id)
	h.stopped++
	close(b.gone)
	if !told {
		return
	}
	for w := range h.watchers {
		w <- nodeapi.SandboxState{ID: id, Gone: true, Reason: reason}
	}
}

// Kill ends a sandbox as a crash does: a call that it runs fails, and whoever watches is told.
func (h *Host) Kill(id string) { h.remove(id, "it crashed", true) }

// Lose ends a sandbox without a word: the next call finds that it is not there.
func (h *Host) Lose(id string) { h.remove(id, "", false) }

// Die ends the machine, with all that it runs. It does not come back.
func (h *Host) Die() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.dead:
	default:
		close(h.dead)
		h.boxes = map[string]*box{}
	}
}

// Leave tells whoever watches that the machine ends as soon as its calls are over.
func (h *Host) Leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.boxes {
		for w := range h.watchers {
			w <- nodeapi.SandboxState{ID: id, Leaving: true}
		}
	}
}

// Sandboxes lists the ids of those that run, by what they were assigned; "" is those that wait.
func (h *Host) Sandboxes() map[string][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string][]string{}
	for id, b := range h.boxes {
		release := ""
		if b.assigned != nil {
			release = b.assigned.Release
		}
		all[release] = append(all[release], id)
	}
	for _, ids := range all {
		slices.Sort(ids)
	}
	return all
}

// Count is how many sandboxes run.
func (h *Host) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.boxes)
}

// Started is how many sandboxes were ever started.
func (h *Host) Started() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.started
}

// Downloads is how often a digest was downloaded.
func (h *Host) Downloads(digest string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.downloads[digest]
}

func (h *Host) fault(format string, args ...any) {
	h.faults = append(h.faults, fmt.Sprintf(format, args...))
}

// Faults is what was asked and must never be: two calls at a time in one sandbox, two functions, another account's.
func (h *Host) Faults() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.faults)
}
