package sandbox

import (
	"strings"
	"testing"

	"slipway/engine/enginetest"
	"slipway/nodeapi"
)

// Where a function's program comes from: its code, its layers, or its image.
func TestPrograms(t *testing.T) {
	w := newWorld(t)
	program, err := buildFunction()
	if err != nil {
		t.Fatal(err)
	}
	layer := func(files map[string]string) nodeapi.Code {
		c := w.plane.keep(zipped(t, files))
		c.Layer = true
		return c
	}
	text := w.plane.keep(zipped(t, map[string]string{"settings": "of the function"}))
	t.Run("layers", func(t *testing.T) {
		id := w.assigned(func(a *nodeapi.Assignment) {
			a.Code = []nodeapi.Code{text, layer(map[string]string{"bootstrap*": string(program), "both": "first"}), layer(map[string]string{"both": "second", "own": "own"})}
		})
		for file, want := range map[string]string{"/opt/both": "second", "/opt/own": "own", "/var/task/settings": "of the function", "settings": "of the function"} {
			if got := w.answer(id, wants{"read": file}); got != want {
				t.Errorf("%s is %q, want %q", file, got, want)
			}
		}
		if err := w.host.Stop(t.Context(), id); err != nil {
			t.Error(err)
		}
	})
	t.Run("an image", func(t *testing.T) {
		files := []enginetest.Entry{
			enginetest.Dir("var", 0o755), enginetest.Dir("var/task", 0o755), enginetest.File("var/task/settings", 0o644, []byte("of the image")),
			enginetest.Dir("bin", 0o755), enginetest.File("bin/handler", 0o755, program), enginetest.Dir("tmp", 0o1777), enginetest.Dir("proc", 0o555),
			enginetest.Dir("sys", 0o555), enginetest.Dir("dev", 0o755), enginetest.Dir("etc", 0o755),
		}
		w.image = enginetest.Push(t, strings.Split(w.image, "/")[0]+"/test/packaged:1", enginetest.ImageOf(t, files))
		id := w.assigned(func(a *nodeapi.Assignment) {
			a.Code, a.Entrypoint, a.WorkingDir = nil, []string{"handler"}, "/var/task"
		})
		if got := w.answer(id, wants{"read": "settings"}); got != "of the image" {
			t.Errorf("it read %q", got)
		}
	})
}
