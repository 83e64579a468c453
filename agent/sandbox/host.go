// Package sandbox runs functions on one machine: it keeps containers in which a function's processes are started,
// gives them their code, drives their runtime API call by call, and writes their log.
//
// It knows no functions and no versions but what an Assignment says, keeps no books of the machine and writes nothing
// down but the cache of code: sandboxes are soft, and whoever starts begins with none.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"slipway/engine"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// Plane is what a host needs of the control plane: a part of nodeapi.FunctionPlane.
type Plane interface {
	Code(ctx context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error)
	Printed(ctx context.Context, node string, p []nodeapi.Printed) error
}

// Config says what to host sandboxes with.
type Config struct {
	Engine engine.Engine // an engine.Holder as well, else there are no sandboxes
	Plane  Plane
	Node   string // id
	Dir    string // of the cache of code; made if it is not there
	Cache  int64  // bytes that unpacked code may have; 0: DefaultCache

	// Admit lets the processes of a sandbox with a role, at its address, reach the API, and tells what they are to find
	// in their environment for that; Drop does no more. Nil: none does.
	Admit func(sandbox, address string) (env []string)
	Drop  func(sandbox string)
	// Registry carries what is pulled from a registry, by the reference of the image; nil: as anybody reaches it.
	Registry func(ref string) http.RoundTripper
}

// DefaultCache is how many bytes of code are kept that nobody uses now.
const DefaultCache = 8 << 30

// Host is a nodeapi.SandboxHost.
type Host struct {
	config Config
	holder engine.Holder // nil: the engine is none
	code   *cache
	ship   shipper
	work   sync.WaitGroup // of sandboxes that end

	starting chan struct{} // bounds the containers that are being made

	mu       sync.RWMutex
	boxes    map[string]*box
	closed   atomic.Bool   // nothing is started any more: set under mu
	cleared  chan struct{} // closed once nothing is left of a former life
	watchers map[*watcher]bool
}

var _ nodeapi.SandboxHost = (*Host)(nil)

// New makes a host without sandboxes. It fails where the cache cannot be read.
func New(c Config) (*Host, error) {
	if c.Cache == 0 {
		c.Cache = DefaultCache
	}
	code, err := newCache(c.Dir, c.Cache, c.Plane.Code)
	if err != nil {
		return nil, fmt.Errorf("cache of code in %s: %w", c.Dir, err)
	}
	h := &Host{
		config: c, code: code, boxes: map[string]*box{}, cleared: make(chan struct{}), watchers: map[*watcher]bool{},
		starting: make(chan struct{}, max(4, 2*runtime.NumCPU())),
		ship:     shipper{node: c.Node, printed: c.Plane.Printed, logs: map[string]*source{}, presses: make(chan struct{}, 1)},
	}
	h.holder, _ = c.Engine.(engine.Holder)
	return h, nil
}

// Run takes away what a former life has left, before any Start goes on, and works until ctx ends. When it returns there
// are no sandboxes any more.
func (h *Host) Run(ctx context.Context) {
	h.clearFormer(ctx)
	var parts sync.WaitGroup
	shipping, end := context.WithCancel(context.WithoutCancel(ctx))
	parts.Go(func() { h.ship.run(shipping) })
	<-ctx.Done()
	h.close()
	h.Clear(context.WithoutCancel(ctx))
	h.work.Wait()
	end()
	parts.Wait()
}

func (h *Host) clearFormer(ctx context.Context) {
	for h.holder != nil && ctx.Err() == nil {
		err := h.holder.DropHeld(ctx)
		if err == nil {
			break
		}
		slog.Warn("sandboxes of a former life may be left; there are none before they are gone", "error", err)
		loop.Pause(ctx, clearAgain)
	}
	close(h.cleared)
}

// Leave starts nothing any more, has whoever watches stop the sandboxes that there are, each when its calls are over, and
// returns when they are gone. Where that takes too long, so that ctx ends, calls are cut.
func (h *Host) Leave(ctx context.Context) {
	all := h.close()
	if len(all) > 0 {
		slog.Info("sandboxes of functions go, each when its calls are over", "sandboxes", len(all))
	}
	for _, b := range all {
		h.changed(b.state())
	}
	for _, b := range all {
		select {
		case <-b.gone:
		case <-ctx.Done():
		}
	}
	h.Clear(context.WithoutCancel(ctx))
}

// close has nothing be started any more, and tells what there is.
func (h *Host) close() (all []*box) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed.Store(true)
	for _, b := range h.boxes {
		all = append(all, b)
	}
	return all
}

// Clear ends all sandboxes, and returns when they are gone.
func (h *Host) Clear(ctx context.Context) {
	h.mu.Lock()
	var all []*box
	for _, b := range h.boxes {
		h.retire(ctx, b, "its line to the control plane ended")
		all = append(all, b)
	}
	h.mu.Unlock()
	for _, b := range all {
		<-b.gone
	}
}

var sandboxID = regexp.MustCompile(`^sb-[0-9a-f]{32}$`)

// Start has a container ready. What is there already stays as it is.
func (h *Host) Start(ctx context.Context, s nodeapi.Sandbox) error {
	if !sandboxID.MatchString(s.ID) {
		return fmt.Errorf("%w: %q", ErrID, s.ID)
	}
	if h.holder == nil {
		return ErrEngine
	}
	select {
	case <-h.cleared:
	case <-ctx.Done():
		return ctx.Err()
	}
	b, mine, err := h.claim(s)
	if err != nil {
		return err
	}
	if !mine {
		return b.wait(ctx)
	}
	if err = h.startTimely(ctx, b); err == nil {
		h.changed(b.state())
		h.work.Go(func() { h.attend(b) })
	}
	b.ready(err)
	if err != nil {
		h.end(b, "it could not be started")
	}
	return err
}

// startTimely makes a container when few others are being made: so that, of many, the first are ready soon.
func (h *Host) startTimely(ctx context.Context, b *box) (err error) {
	if b.image, err = h.image(ctx, b.Sandbox); err != nil {
		return err
	}
	select {
	case h.starting <- struct{}{}:
		defer func() { <-h.starting }()
		return b.start(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim makes a place for a sandbox, or finds who has it.
func (h *Host) claim(s nodeapi.Sandbox) (b *box, mine bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed.Load() {
		return nil, false, fmt.Errorf("%w: the node stops", ErrEngine)
	}
	if b := h.boxes[s.ID]; b != nil && b.retired.Load() {
		return nil, false, fmt.Errorf("%w: %s is being ended", nodeapi.ErrNoSandbox, s.ID)
	} else if b != nil {
		return b, false, nil
	}
	b = newBox(h, s)
	h.boxes[s.ID] = b
	return b, true, nil
}

// find gives a sandbox that is there, and is not being ended.
func (h *Host) find(id string) (*box, error) {
	h.mu.RLock()
	b := h.boxes[id]
	h.mu.RUnlock()
	if b == nil || b.retired.Load() {
		return nil, fmt.Errorf("%w: %s", nodeapi.ErrNoSandbox, id)
	}
	return b, nil
}

// Assign gives a sandbox its function, and brings it through its init phase. Where that fails the sandbox is ended.
func (h *Host) Assign(ctx context.Context, a nodeapi.Assignment) (nodeapi.Init, error) {
	b, err := h.find(a.Sandbox)
	if err != nil {
		return nodeapi.Init{}, err
	}
	if err := b.wait(ctx); err != nil {
		return nodeapi.Init{}, fmt.Errorf("%w: %w", nodeapi.ErrNoSandbox, err)
	}
	told, err := b.assign(ctx, a)
	switch {
	case errors.Is(err, ErrAssigned):
	case err != nil:
		h.end(b, "it could not be assigned: "+err.Error())
	case told.Error != nil:
		h.end(b, "its init phase failed: "+told.Error.Type)
	default:
		h.changed(b.state())
		if live := b.live.Load(); live.over.Load() { // already
			h.end(b, "its runtime ended")
		}
	}
	return told, err
}

// Invoke makes a call.
func (h *Host) Invoke(ctx context.Context, i nodeapi.Invocation, w nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
	b, err := h.find(i.Sandbox)
	if err != nil {
		return nodeapi.Outcome{}, err
	}
	outcome, err := b.invoke(ctx, &i, w)
	if outcome.Over {
		h.end(b, reasonOf(outcome, err))
	}
	return outcome, err
}

func reasonOf(o nodeapi.Outcome, err error) string {
	switch {
	case err != nil:
		return "a call was given up: " + err.Error()
	case o.Error != nil:
		return "a call failed: " + o.Error.Type
	}
	return "its processes have ended"
}

// Stop ends a sandbox, and returns when it is gone.
func (h *Host) Stop(ctx context.Context, id string) error {
	h.mu.RLock()
	b := h.boxes[id]
	h.mu.RUnlock()
	if b == nil {
		return nil
	}
	h.end(b, "it was stopped")
	select {
	case <-b.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Fetch has code in the cache.
func (h *Host) Fetch(ctx context.Context, account string, code []nodeapi.Code) error {
	for _, c := range code {
		_, release, err := h.code.get(ctx, h.requestFor(account, c), c.Size)
		if err != nil {
			return err
		}
		release()
	}
	return nil
}

func (h *Host) requestFor(account string, c nodeapi.Code) nodeapi.CodeRequest {
	return nodeapi.CodeRequest{Node: h.config.Node, Account: account, Digest: c.Digest}
}

// end ends a sandbox, once, beside its caller.
func (h *Host) end(b *box, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retire(context.Background(), b, reason)
}

// retire is end under the lock.
func (h *Host) retire(ctx context.Context, b *box, reason string) {
	if !b.retired.CompareAndSwap(false, true) {
		return
	}
	h.work.Go(func() {
		_ = b.wait(ctx)
		b.end(ctx, reason)
		h.mu.Lock()
		delete(h.boxes, b.ID)
		h.mu.Unlock()
		gone := b.state()
		gone.Gone, gone.Reason = true, reason
		h.changed(gone)
		close(b.gone)
	})
}

// attend ends a sandbox whose processes have ended.
func (h *Host) attend(b *box) {
	b.follow()
	h.end(b, "its processes have ended")
}

// image pulls what a sandbox is made of; where it is here that takes no network.
func (h *Host) image(ctx context.Context, s nodeapi.Sandbox) (engine.Image, error) {
	ref := s.Image
	if s.Digest != "" && !strings.Contains(ref, "@") {
		ref += "@" + s.Digest
	}
	var login engine.Login
	if l := s.Login; l != nil {
		login = engine.Login{Username: l.Username, Password: l.Password, PlainHTTP: l.PlainHTTP}
		if h.config.Registry != nil {
			login.Transport = h.config.Registry(ref)
		}
	}
	return h.config.Engine.Pull(ctx, ref, login)
}
