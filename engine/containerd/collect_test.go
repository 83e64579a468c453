package containerd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"golang.org/x/sync/errgroup"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// An image takes with it what only it needed. What another has too stays, and so that one runs.
func TestRemovedImagesFreeTheirRoom(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	host := enginetest.Registry(t)
	shared := []enginetest.Entry{enginetest.File("shared", 0o644, []byte(strings.Repeat("shared ", 1<<16)))}
	refs := make([]string, 2)
	for i := range refs {
		own := []enginetest.Entry{enginetest.File("own", 0o644, []byte(fmt.Sprint("own of ", i)))}
		refs[i] = enginetest.Push(t, fmt.Sprintf("%s/test/image%d:1", host, i), enginetest.Image(t, shared, own))
	}
	kept := pull(t, e, refs[0])
	alone := roomOf(t, e)
	other := pull(t, e, refs[1])
	both := roomOf(t, e)
	if err := e.RemoveImage(t.Context(), other.Digest, time.Now()); err != nil {
		t.Fatal(err)
	}
	if room := roomOf(t, e); room != alone || both == alone {
		t.Errorf("one image takes %+v, with another %+v, without that again %+v", alone, both, room)
	}
	task := enginetest.NewTask(t, &enginetest.Body{Engine: e, Image: refs[0]})
	task.Run("main", "exit", "3").Exit(3)
	e = m.start()
	task.Use(e)
	if err := e.RemoveImage(t.Context(), kept.Digest, time.Now()); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("removing an image of which there is a container: %v", err)
	}
}

type room struct{ blobs, snapshots int }

func roomOf(t *testing.T, e *Engine) (r room) {
	t.Helper()
	ctx := e.context(t.Context())
	err := errors.Join(
		e.client.ContentStore().Walk(ctx, func(content.Info) error { r.blobs++; return nil }),
		e.client.SnapshotService(snapshotter).Walk(ctx, func(context.Context, snapshots.Info) error { r.snapshots++; return nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnImageIsNotRemovedWhileItIsPulled(t *testing.T) {
	e := newMachine(t).start()
	img := enginetest.Image(t)
	registry := counter{hold: make(chan struct{})}
	ref := enginetest.Push(t, enginetest.Registry(t, registry.through)+"/test/program:1", img)
	registry.layerDigest = layerDigest(t, img)
	digest := ref[strings.LastIndex(ref, "@")+1:]

	var pulling errgroup.Group
	pulling.Go(func() error { _, err := e.Pull(t.Context(), ref, engine.Login{}); return err })
	waitFor(t, func() bool { return registry.layers.Load() == 1 })
	if err := e.RemoveImage(t.Context(), digest, time.Now()); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("removing what is being pulled: %v", err)
	}
	close(registry.hold)
	if err := pulling.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(t.Context(), digest, time.Now()); err != nil {
		t.Error(err)
	}
}

// When an image was last used is known to the next engine as well.
func TestUsesAreKept(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	pull(t, e, enginetest.Push(t, enginetest.Registry(t)+"/test/program:1", enginetest.Image(t)))
	before, err := e.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after, err := m.start().Images(t.Context())
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 1 {
		t.Errorf("told %+v before, %+v after (%v)", before, after, err)
	}
}

// Who wants an image that is being removed waits, and nobody removes what is held.
func TestHoldsAndRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h imageHolds
		first, second := h.hold("a"), h.hold("a")
		first()
		if _, mine := h.remove("a"); mine || !h.isHeld("a") {
			t.Error("an image that is held is removed")
		}
		second()
		done, mine := h.remove("a")
		if _, twice := h.remove("a"); !mine || twice {
			t.Error("an image that nobody holds is not removed once")
		}
		held := false
		go func() { defer h.hold("a")(); held = true }()
		h.hold("b")()
		synctest.Wait()
		if held {
			t.Error("an image is held while it is removed")
		}
		done()
		synctest.Wait()
		if !held || h.isHeld("a") || len(h.removing) > 0 {
			t.Errorf("held is %v, what is kept %+v", held, h.held)
		}
	})
}
