package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/engine"
	"slipway/internal/ids"
)

const seeded = ". drwxr-x--- 1000 2000\naway Lrwxrwxrwx 0 0\nseed -rw-r----- 1000 2000\n"

func volumesShared(t *testing.T, b *Body) {
	task := NewTask(t, b)
	at := func(name, path string, command ...string) engine.Spec {
		s := task.grouped(engine.Group{}, name, command...)
		s.Mounts = []engine.Mount{{Kind: engine.TaskVolume, Source: "data", Path: path}}
		return s
	}
	want(t, "a volume that was empty", task.says(at("first", "/seeded", "ls", "/seeded", "then", "write", "/seeded/note", "kept")), seeded)
	want(t, "in another container", task.says(at("second", "/deep/er/path", "read", "/deep/er/path/seed", "then", "read", "/deep/er/path/note")),
		"from the image\nkept")
	spec := at("reader", "/seeded", "write", "/seeded/note", "no")
	spec.Mounts[0].ReadOnly = true
	reader := task.RunAs(spec)
	reader.Exit(2)
	want(t, "writing to what is read-only", strings.Contains(reader.Printed(), "read-only file system"), true)
	task.Use(b.Again(t))
	want(t, "found again", task.says(at("third", "/seeded", "read", "/seeded/note")), "kept")

	other := NewTask(t, b)
	s := other.grouped(engine.Group{}, "main", "ls", "/data")
	s.Mounts = []engine.Mount{{Kind: engine.TaskVolume, Source: "data", Path: "/data"}}
	want(t, "another task's of the same name", other.says(s), ". drwxr-xr-x 0 0\n")

	task.remove()
	want(t, "tasks hold it", holdsTask(t, task), false)
	want(t, "after the task's end", task.says(at("anew", "/seeded", "ls", "/seeded")), seeded)
}

func volumesStay(t *testing.T, b *Body) {
	name := "shared " + ids.Hex(8) + "/../x" // whatever people call it
	at := func(task *Task, name2 string, command ...string) engine.Spec {
		s := task.grouped(engine.Group{}, name2, command...)
		s.Mounts = []engine.Mount{{Kind: engine.NamedVolume, Source: name, Path: "/data"}}
		return s
	}
	first, second := NewTask(t, b), NewTask(t, b)
	first.says(at(first, "main", "write", "/data/note", "stays"))
	first.remove()
	want(t, "in another task", second.says(at(second, "main", "read", "/data/note")), "stays")
}

func hostPaths(t *testing.T, b *Body) {
	task := NewTask(t, b)
	folder := filepath.Join(t.TempDir(), "made", "here")
	spec := task.grouped(engine.Group{}, "main", "write", "/host/note", "by the container", "then", "read", "/host/note")
	spec.Mounts = []engine.Mount{{Kind: engine.HostPath, Source: folder, Path: "/host"}}
	want(t, "through the mount", task.says(spec), "by the container")
	want(t, "on the machine", string(must(os.ReadFile(filepath.Join(folder, "note")))(t)), "by the container")

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("one file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec = task.grouped(engine.Group{}, "file", "read", "/etc/one", "then", "write", "/etc/one", "x")
	spec.Mounts = []engine.Mount{{Kind: engine.HostPath, Source: file, Path: "/etc/one", ReadOnly: true}}
	c := task.RunAs(spec)
	c.Exit(2)
	out := c.Printed()
	want(t, "a file", strings.HasPrefix(out, "one file\n") && strings.Contains(out, "read-only"), true)
}

// linksStayInside: an image's links lead nowhere out of the container, neither for what is mounted nor for
// what is copied.
func linksStayInside(t *testing.T, b *Body) {
	task := NewTask(t, b)
	mark := "escaped-" + ids.Hex(8)
	for name, path := range map[string]string{"absolute": "/out/" + mark, "relative": "/up/" + mark, "dots": "/tmp/../../../../tmp/" + mark} {
		spec := task.grouped(engine.Group{}, name, "write", "/tmp/"+mark+"/file", "x", "then", "read", "/tmp/"+mark+"/file")
		spec.Mounts = []engine.Mount{{Kind: engine.TaskVolume, Source: name, Path: path}}
		want(t, name+" link", task.says(spec), "x")
	}
	spec := task.grouped(engine.Group{}, "copied", "ls", "/seeded/away")
	spec.Mounts = []engine.Mount{{Kind: engine.TaskVolume, Source: "copied", Path: "/seeded/away"}}
	want(t, "the container's own folder is copied", strings.Contains(task.says(spec), "passwd -rw-r--r-- 0 0\n"), true)
	for _, folder := range []string{"/tmp", "/"} {
		if left, _ := filepath.Glob(filepath.Join(folder, mark+"*")); len(left) > 0 {
			t.Errorf("outside: %v", left)
		}
	}
}

func tmpfsMounts(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.grouped(engine.Group{}, "main", "ls", "/cache", "then", "fill", "/cache/big", "20", "then", "show")
	spec.Mounts = []engine.Mount{{Kind: engine.Tmpfs, Path: "/cache", Size: 8 << 20, Options: []string{"mode=1770", "uid=1000", "exec"}}}
	c := task.RunAs(spec)
	c.Exit(0)
	out := c.Printed()
	for _, part := range []string{". dtrwxrwx--- 1000 0\n", "full after 8", `"/cache":"tmpfs rw,nosuid,nodev,relatime,size=8192k,mode=1770,uid=1000`} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
}

func mountsRefused(t *testing.T, b *Body) {
	task := NewTask(t, b)
	tmpfs := func(path string, options ...string) []engine.Mount {
		return []engine.Mount{{Kind: engine.Tmpfs, Path: path, Options: options}}
	}
	for word, mounts := range map[string][]engine.Mount{
		`"data"`:           tmpfs("data"),
		`"/"`:              tmpfs("/"),
		`two mounts`:       append(tmpfs("/a"), tmpfs("/a/")...),
		`"rbind"`:          tmpfs("/a", "rbind"),
		`"remount"`:        tmpfs("/a", "remount"),
		`"relative"`:       {{Kind: engine.HostPath, Source: "relative", Path: "/a"}},
		`names no volume`:  {{Kind: engine.NamedVolume, Path: "/b"}},
		`is not an option`: tmpfs("/a", "shared"),
	} {
		spec := task.grouped(engine.Group{}, "main", "exit", "0")
		spec.Mounts = mounts
		wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, word)
	}
}
