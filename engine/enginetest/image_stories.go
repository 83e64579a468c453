package enginetest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

func imagesTold(t *testing.T, b *Body) {
	task := NewTask(t, b)
	before := time.Now()
	spec := task.Spec("main", "wait")
	image := stored(t, task, spec.Image.Digest)
	want(t, "size", image.Size, spec.Image.Size)
	want(t, "in use before there is a container", image.InUse, false)
	if len(image.Refs) == 0 || image.UsedAt.Before(before) {
		t.Errorf("an image pulled after %v is told as %+v", before, image)
	}

	c := task.RunSpec(spec)
	running := stored(t, task, spec.Image.Digest)
	want(t, "in use while a container is of it", running.InUse, true)
	c.Printed()
	after := stored(t, task, spec.Image.Digest)
	want(t, "in use after the container is deleted", after.InUse, false)
	if !running.UsedAt.After(image.UsedAt) || !after.UsedAt.After(running.UsedAt) {
		t.Errorf("used at %v when pulled, %v when a container was made, %v when it was deleted", image.UsedAt, running.UsedAt, after.UsedAt)
	}
}

func imagesRemoved(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "exit", "7")
	c := task.RunSpec(spec)
	c.Exit(7)
	remove := func(since time.Time) error { return b.Engine.RemoveImage(task.ctx(), spec.Image.Digest, since) }
	wantError(t, remove(time.Now()), engine.ErrInUse, spec.Image.Digest)
	looked := stored(t, task, spec.Image.Digest)
	c.Printed()
	wantError(t, remove(looked.UsedAt), engine.ErrInUse, spec.Image.Digest) // it was used since

	image := stored(t, task, spec.Image.Digest)
	task.check(remove(image.UsedAt))
	task.check(remove(image.UsedAt))
	if all := images(t, task); slices.ContainsFunc(all, func(i engine.StoredImage) bool { return i.Digest == image.Digest }) {
		t.Errorf("removed, and still told: %+v", all)
	}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, spec.Image.Ref)
	task.Run("again", "exit", "8").Exit(8)
	task.check(b.Engine.RemoveImage(task.ctx(), "sha256:nothing", time.Now()))
}

// An archive is read once, is the image that it is said to be, and runs.
func archivesLoaded(t *testing.T, b *Body) {
	task := NewTask(t, b)
	loader, ok := b.Engine.(engine.Loader)
	if !ok {
		t.Fatal("it takes no archives")
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	Archive(t, file, Image(t, []Entry{File("archive", 0o644, nil)}))
	opened := 0
	a := engine.Archive{Ref: "https://far.example/image.tar", Name: "https://far.example/image.tar", Open: func(context.Context) (io.ReadCloser, error) {
		opened++
		return os.Open(file)
	}}
	loaded, err := loader.Load(task.ctx(), a)
	task.check(err)
	a.Digest = "sha256:" + strings.Repeat("0", 64)
	_, err = loader.Load(task.ctx(), a)
	wantError(t, err, engine.ErrPull, a.Name)
	a.Digest = loaded.Digest
	again, err := loader.Load(task.ctx(), a)
	task.check(err)
	want(t, "loaded again", again, loaded)
	want(t, "how often it was opened", opened, 2)
	spec := task.Spec("main", "exit", "7")
	spec.Image = loaded
	task.RunSpec(spec).Exit(7)

	missing := errors.New("the server answered 404")
	a.Digest, a.Open = "", func(context.Context) (io.ReadCloser, error) { return nil, missing }
	_, err = loader.Load(task.ctx(), a)
	wantError(t, err, engine.ErrPull, "the server answered 404")
}

func images(t *testing.T, task *Task) []engine.StoredImage {
	t.Helper()
	all, err := task.e.Images(task.ctx())
	task.check(err)
	return all
}

func stored(t *testing.T, task *Task, digest string) engine.StoredImage {
	t.Helper()
	for _, i := range images(t, task) {
		if i.Digest == digest {
			return i
		}
	}
	t.Fatalf("image %s is not told", digest)
	return engine.StoredImage{}
}
