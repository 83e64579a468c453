package containerd

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// halting sends half of a layer, and the rest once hold is closed.
type halting struct {
	http.ResponseWriter
	size, sent int64
	hold       chan struct{}
}

func (h *halting) Write(p []byte) (int, error) {
	half := max(0, min(int64(len(p)), h.size/2-h.sent))
	n, err := h.ResponseWriter.Write(p[:half])
	h.sent += int64(n)
	if err != nil || half == int64(len(p)) {
		return n, err
	}
	http.NewResponseController(h.ResponseWriter).Flush()
	<-h.hold
	rest, err := h.ResponseWriter.Write(p[half:])
	return n + rest, err
}

func TestAPullTellsHowFarItIs(t *testing.T) {
	e := newMachine(t).start()
	img := enginetest.Image(t)
	hold := make(chan struct{})
	digest, size := layerDigest(t, img), layerSize(t, img)
	ref := enginetest.Registry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, digest) {
				w = &halting{ResponseWriter: w, size: size, hold: hold}
			}
			next.ServeHTTP(w, r)
		})
	}) + "/test/program:1"
	enginetest.Push(t, ref, img)

	var done, all atomic.Int64
	var pulls sync.WaitGroup
	for range 2 { // and both who wait for it are told
		pulls.Go(func() {
			ctx := engine.WithProgress(t.Context(), func(d, a int64) { done.Store(d); all.Store(a) })
			if _, err := e.Pull(ctx, ref, engine.Login{}); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return done.Load() > 0 })
	if d, a := done.Load(), all.Load(); a < size || d > a-size/2 {
		t.Errorf("told %d of %d bytes, half way through a layer of %d", d, a, size)
	}
	close(hold)
	pulls.Wait()
	if got := e.images.layers.all; len(got) > 0 {
		t.Errorf("kept %v of pulls that are over", got)
	}
}

func layerSize(t *testing.T, img v1.Image) int64 {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	return size
}
