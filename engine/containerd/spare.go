package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway/engine"
	"slipway/internal/ids"
	"slipway/internal/loop"
)

// A spare is a network that is plugged in before a task wants one, so that a start need not wait for
// the plugins, nor share the machine with them. It is a folder as a task's, among theirs, under
// a name that no task has; it becomes a task's by that task's name.

const spareMark = "spare."

func isSpare(name string) bool { return strings.HasPrefix(name, spareMark) }

// keepSpare has a spare at hand until ctx ends. The next is made when a container has started: until
// then the start has the machine to itself.
func (e *Engine) keepSpare(ctx context.Context) {
	if err := e.network.dropSpares(ctx); err != nil && ctx.Err() == nil {
		e.log.Warn("a network that no task has may be left", "error", err)
	}
	loop.Run(ctx, "keep a network at hand", time.Minute, e.network.started, e.network.makeSpare)
}

func (n *network) makeSpare(ctx context.Context) error {
	n.mu.Lock()
	there := n.spare != ""
	n.mu.Unlock()
	if there {
		return nil
	}
	name := spareMark + ids.Hex(8)
	if err := n.plugSpare(ctx, name); err != nil {
		return errors.Join(err, n.detach(context.WithoutCancel(ctx), name))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spare = name
	return nil
}

func (n *network) plugSpare(ctx context.Context, name string) error {
	if err := n.rules.ensure(ctx); err != nil {
		return err
	}
	if _, err := n.prepare(name, engine.Group{}); err != nil {
		return err
	}
	a := attachment{ID: name, Spare: true}
	if err := n.write(name, a); err != nil {
		return err
	}
	if err := n.plug(ctx, name, &a); err != nil {
		return err
	}
	return n.write(name, a)
}

// adopt gives a task that has nothing yet the spare, if there is one.
func (n *network) adopt(task string) error {
	folder := filepath.Join(n.tasks, task)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spare == "" {
		return nil
	}
	if err := os.Rename(filepath.Join(n.tasks, n.spare), folder); err != nil {
		return fmt.Errorf("give task %s the network %s: %w", task, n.spare, err)
	}
	n.spare = ""
	return nil
}

// wantSpare says that a start is over.
func (n *network) wantSpare() {
	select {
	case n.started <- struct{}{}:
	default: // it is said
	}
}

// dropSpares takes away those that are there, of this life or a former one.
func (n *network) dropSpares(ctx context.Context) error {
	n.mu.Lock()
	n.spare = ""
	n.mu.Unlock()
	entries, err := os.ReadDir(n.tasks)
	for _, entry := range entries {
		if isSpare(entry.Name()) {
			err = errors.Join(err, n.detach(ctx, entry.Name()))
		}
	}
	return err
}
