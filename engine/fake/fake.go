// Package fake is an engine in memory, for simulations: its containers are Go
// functions, its images names, its networks numbers. It works as far as an agent
// can see without looking at the machine: programs print into real files, take
// signals, exit, run out of memory and outlive the agent that started them.
//
// It runs no process, opens no port of the machine and fetches nothing from it. It is at home in a
// testing/synctest bubble: it keeps no clock of its own.
package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/engine"
)

// Options say what machine to be.
type Options struct {
	Dir string // where output files go; it must be there

	// Images are the images there are, by the reference that Pull is asked for. Nil: every
	// reference names an image that runs Script.
	Images map[string]Program

	// Before runs ahead of every call with its name ("Pull", "Create", ...) and what it is about
	// (a reference, a task or a container); an error is the call's result. It is how a simulation
	// makes calls slow, lost or failing.
	Before func(ctx context.Context, call, about string) error
}

// Engine is one machine. An agent that starts anew goes on with the same Engine.
type Engine struct {
	options  Options
	programs sync.WaitGroup

	mu         sync.Mutex
	images     map[string]*image // by digest
	tasks      map[string]*task
	containers map[string]*container
	held       map[*held]bool
	waiters    map[chan struct{}]bool
	lastPid    int
	lastHost   int
	lastPort   int
	doors      map[netip.AddrPort]*listener // of Listen and ListenLocal
}

type image struct {
	program Program
	told    engine.StoredImage
}

type task struct {
	attached bool
	mode     engine.NetworkMode
	network  engine.Network
}

// New makes a machine that runs nothing. Close it.
func New(o Options) *Engine {
	return &Engine{
		options:    o,
		images:     map[string]*image{},
		tasks:      map[string]*task{},
		containers: map[string]*container{},
		held:       map[*held]bool{},
		waiters:    map[chan struct{}]bool{},
		lastPort:   firstDynamicPort - 1,
		doors:      map[netip.AddrPort]*listener{},
	}
}

// Close kills what runs and waits for it.
func (e *Engine) Close() {
	e.mu.Lock()
	for _, c := range e.containers {
		c.kill()
	}
	all := slices.Collect(maps.Keys(e.held))
	e.mu.Unlock()
	e.programs.Wait()
	for _, h := range all {
		_ = h.End(context.Background()) // what a simulation has fail now is of no matter
	}
}

// before lets the simulation have its say.
func (e *Engine) before(ctx context.Context, call, about string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.options.Before == nil {
		return nil
	}
	return e.options.Before(ctx, call, about)
}

// Info is never anything but well.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	return engine.Info{Name: "fake", Version: "1"}, e.before(ctx, "Info", "")
}

// Pull finds ref among the images there are.
func (e *Engine) Pull(ctx context.Context, ref string, _ engine.Login) (engine.Image, error) {
	if tell := engine.Progress(ctx); tell != nil {
		tell(size/2, size)
	}
	if err := e.before(ctx, "Pull", ref); err != nil {
		return engine.Image{}, err
	}
	program, ok := Script, true
	if e.options.Images != nil {
		program, ok = e.options.Images[ref]
	}
	if !ok {
		return engine.Image{}, fmt.Errorf("%w %s: manifest unknown", engine.ErrPull, ref)
	}
	return e.keep(ref, digestOf(ref), program), nil
}

// keep has an image here.
func (e *Engine) keep(ref, digest string, program Program) engine.Image {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.images[digest]
	if i == nil {
		i = &image{program: program, told: engine.StoredImage{Digest: digest, Size: size}}
		e.images[digest] = i
	}
	if !slices.Contains(i.told.Refs, ref) {
		i.told.Refs = append(i.told.Refs, ref)
	}
	i.told.UsedAt = time.Now()
	return engine.Image{Ref: ref, Digest: digest, Size: size, Platform: "linux/amd64"}
}

// Load takes any bytes for an image that runs Script, whose digest is theirs.
func (e *Engine) Load(ctx context.Context, a engine.Archive) (engine.Image, error) {
	if err := e.before(ctx, "Load", a.Name); err != nil {
		return engine.Image{}, err
	}
	if e.has(a.Digest) {
		return e.keep(a.Name, a.Digest, Script), nil
	}
	source, err := a.Open(ctx)
	if err != nil {
		return engine.Image{}, fmt.Errorf("%w %s: %w", engine.ErrPull, a.Name, err)
	}
	defer source.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, source); err != nil {
		return engine.Image{}, fmt.Errorf("%w %s: %w", engine.ErrPull, a.Name, err)
	}
	digest := fmt.Sprintf("sha256:%x", sum.Sum(nil))
	if a.Digest != "" && a.Digest != digest {
		return engine.Image{}, fmt.Errorf("%w %s: it holds %s, not %s", engine.ErrPull, a.Name, digest, a.Digest)
	}
	return e.keep(a.Name, digest, Script), nil
}

func (e *Engine) has(digest string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.images[digest] != nil
}

const size = 1 << 20 // of every image

// Images tells what was pulled and not removed.
func (e *Engine) Images(ctx context.Context) ([]engine.StoredImage, error) {
	if err := e.before(ctx, "Images", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []engine.StoredImage
	for _, digest := range slices.Sorted(maps.Keys(e.images)) {
		i := e.images[digest].told
		i.Refs, i.InUse = slices.Clone(i.Refs), e.uses(digest)
		list = append(list, i)
	}
	return list, nil
}

// RemoveImage has it pulled again.
func (e *Engine) RemoveImage(ctx context.Context, digest string, since time.Time) error {
	if err := e.before(ctx, "RemoveImage", digest); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.images[digest]
	if i != nil && (e.uses(digest) || i.told.UsedAt.After(since)) {
		return fmt.Errorf("%w: image %s", engine.ErrInUse, digest)
	}
	delete(e.images, digest)
	return nil
}

// uses is called with the lock held.
func (e *Engine) uses(digest string) bool {
	for _, c := range e.containers {
		if c.seen.Digest == digest {
			return true
		}
	}
	for h := range e.held {
		if h.spec.Image.Digest == digest {
			return true
		}
	}
	return false
}

func digestOf(ref string) string {
	if _, digest, ok := strings.Cut(ref, "@"); ok {
		return digest
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(ref)))
}

// Exits wakes at every change of any container.
func (e *Engine) Exits(ctx context.Context) <-chan struct{} {
	wake := make(chan struct{}, 1)
	e.mu.Lock()
	e.waiters[wake] = true
	e.mu.Unlock()
	context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.waiters, wake)
		close(wake)
	})
	return wake
}

// wake is called with the lock held.
func (e *Engine) wake() {
	for waiter := range e.waiters {
		select {
		case waiter <- struct{}{}:
		default: // one is waiting there already
		}
	}
}

// Output is a real file in the engine's folder.
func (e *Engine) Output(id string) string { return filepath.Join(e.options.Dir, id) }

// RemoveOutput removes it.
func (e *Engine) RemoveOutput(id string) error {
	if err := os.Remove(e.Output(id)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Outputs lists the folder.
func (e *Engine) Outputs() ([]string, error) {
	entries, err := os.ReadDir(e.options.Dir)
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.Name())
	}
	return ids, err
}

// Tasks names the prepared tasks and those of containers.
func (e *Engine) Tasks(ctx context.Context) ([]string, error) {
	if err := e.before(ctx, "Tasks", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var tasks []string
	for id := range e.tasks {
		tasks = append(tasks, id)
	}
	for _, c := range e.containers {
		tasks = append(tasks, c.spec.Task)
	}
	slices.Sort(tasks)
	return slices.Compact(tasks), nil
}
