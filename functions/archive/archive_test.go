package archive_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/functions/archive"
)

// item is an entry of a zip that is to be made.
type item struct {
	name string
	mode fs.FileMode
	body string
}

func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, i := range items {
		h := &zip.FileHeader{Name: i.name, Method: zip.Deflate}
		h.SetMode(i.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(i.body)); err != nil && i.body != "" {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(b []byte) (*archive.Archive, error) {
	return archive.Open(bytes.NewReader(b), int64(len(b)), archive.Code)
}

// tree lists what is in a folder, one line for each: its mode, its name, and its bytes or where it leads to.
func tree(t testing.TB, folder string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == folder {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inside, _ := filepath.Rel(folder, name)
		switch {
		case d.IsDir():
			fmt.Fprintf(&b, "%v %s\n", info.Mode(), inside)
		case d.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(name)
			fmt.Fprintf(&b, "L %s -> %s\n", inside, to)
		default:
			body, _ := os.ReadFile(name)
			fmt.Fprintf(&b, "%v %s %q\n", info.Mode(), inside, body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatIsUnpacked(t *testing.T) {
	for _, c := range []struct {
		what  string
		items []item
		want  string
	}{
		{"a program and its data", []item{{"bootstrap", 0o700, "#!"}, {"data/words.txt", 0o600, "hi"}},
			"-rwxr-xr-x bootstrap \"#!\"\ndrwxr-xr-x data\n-rw-r--r-- data/words.txt \"hi\"\n"},
		{"folders that are named, and with strange modes", []item{{"a/", fs.ModeDir | 0o111, ""}, {"a/f", 0o000, "1"}},
			"drwxr-xr-x a\n-rw-r--r-- a/f \"1\"\n"},
		{"a name that is written in a roundabout way", []item{{"./a//b/../c", 0o644, "1"}},
			"drwxr-xr-x a\n-rw-r--r-- a/c \"1\"\n"},
		{"a file twice: the later counts", []item{{"f", 0o644, "old"}, {"f", 0o755, "new"}},
			"-rwxr-xr-x f \"new\"\n"},
		{"set-user-id, which is dropped", []item{{"f", 0o755 | fs.ModeSetuid, "1"}},
			"-rwxr-xr-x f \"1\"\n"},
		{"links inside", []item{{"lib/a.so.1", 0o644, "1"}, {"lib/a.so", fs.ModeSymlink | 0o777, "a.so.1"}, {"bin/lib", fs.ModeSymlink | 0o777, "../lib"}, {"z", fs.ModeSymlink | 0o777, "nowhere"}},
			"drwxr-xr-x bin\nL bin/lib -> ../lib\ndrwxr-xr-x lib\nL lib/a.so -> a.so.1\n-rw-r--r-- lib/a.so.1 \"1\"\nL z -> nowhere\n"},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, err := open(pack(t, c.items...))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(); err != nil {
				t.Errorf("verify: %v", err)
			}
			folder := t.TempDir()
			if err := a.Unpack(folder); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, folder); got != c.want {
				t.Errorf("unpacked:\n%swant:\n%s", got, c.want)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	link := fs.ModeSymlink | 0o777
	good := pack(t, item{"f", 0o644, strings.Repeat("words ", 100)})
	for _, c := range []struct {
		what string
		zip  []byte
		want error
	}{
		{"nothing", nil, archive.ErrFormat},
		{"what is no zip", []byte("hello, this is text"), archive.ErrFormat},
		{"half a zip", good[:len(good)/2], archive.ErrFormat},
		{"a zip of nothing", pack(t), archive.ErrEmpty},
		{"folders alone", pack(t, item{"a/", fs.ModeDir | 0o755, ""}), archive.ErrEmpty},
		{"a way up", pack(t, item{"../f", 0o644, "1"}), archive.ErrUnsafe},
		{"a way up further in", pack(t, item{"a/../../f", 0o644, "1"}), archive.ErrUnsafe},
		{"an absolute name", pack(t, item{"/etc/passwd", 0o644, "1"}), archive.ErrUnsafe},
		{"a name with a NUL", pack(t, item{"a\x00b", 0o644, "1"}), archive.ErrUnsafe},
		{"a long name", pack(t, item{strings.Repeat("x", 256), 0o644, "1"}), archive.ErrUnsafe},
		{"a deep name", pack(t, item{strings.Repeat("x/", 100) + "f", 0o644, "1"}), archive.ErrUnsafe},
		{"a link out", pack(t, item{"l", link, "../etc"}), archive.ErrUnsafe},
		{"an absolute link", pack(t, item{"l", link, "/etc/passwd"}), archive.ErrUnsafe},
		{"a link to nothing", pack(t, item{"l", link, ""}), archive.ErrUnsafe},
		{"a link that goes up after another link", pack(t, item{"a/up", link, ".."}, item{"l", link, "a/up/.."}), archive.ErrUnsafe},
		{"a file in a link", pack(t, item{"l", link, "a"}, item{"l/f", 0o644, "1"}), archive.ErrFormat},
		{"a file in a file", pack(t, item{"f", 0o644, "1"}, item{"f/g", 0o644, "1"}), archive.ErrFormat},
		{"a pipe", pack(t, item{"p", fs.ModeNamedPipe | 0o644, ""}), archive.ErrKind},
		{"a device", pack(t, item{"d", fs.ModeDevice | 0o644, ""}), archive.ErrKind},
	} {
		t.Run(c.what, func(t *testing.T) {
			if _, err := open(c.zip); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	b := pack(t, item{"a", 0o644, strings.Repeat("0", 600)}, item{"b", 0o644, strings.Repeat("0", 400)})
	for _, c := range []struct {
		limits archive.Limits
		want   error
	}{
		{archive.Limits{Files: 2, Bytes: 1000}, nil},
		{archive.Limits{Files: 1, Bytes: 1000}, archive.ErrTooMany},
		{archive.Limits{Files: 2, Bytes: 999}, archive.ErrTooLarge},
	} {
		a, err := archive.Open(bytes.NewReader(b), int64(len(b)), c.limits)
		if !errors.Is(err, c.want) || err == nil && a.Size() != 1000 {
			t.Errorf("limits %+v: error %v, want %v", c.limits, err, c.want)
		}
	}
	_, err := archive.Open(bytes.NewReader(b), int64(len(b)), archive.Limits{Files: 9, Bytes: 262})
	if err == nil || err.Error() != "Unzipped size must be smaller than 262 bytes" {
		t.Errorf("it says %v", err)
	}
}

// A zip bomb of the kind whose entries share their bytes.
func TestEntriesThatShareTheirBytesAreRefused(t *testing.T) {
	one := pack(t, item{"kernel", 0o644, strings.Repeat("0", 100_000)})
	z, err := zip.NewReader(bytes.NewReader(one), int64(len(one)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := z.File[0].FileHeader
	raw, _ := w.CreateRaw(&h)
	from, _ := z.File[0].OpenRaw()
	if _, err := b.ReadFrom(from); err != nil || raw == nil {
		t.Fatal(err)
	}
	for i := range 500 {
		h := z.File[0].FileHeader
		h.Name = fmt.Sprint(i)
		if _, err := w.CreateRaw(&h); err != nil { // a header that claims bytes which it does not have
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(b.Bytes()); !errors.Is(err, archive.ErrFormat) {
		t.Errorf("error %v, want %v", err, archive.ErrFormat)
	}
}

func TestDamageIsFound(t *testing.T) {
	b := pack(t, item{"f", 0o644, strings.Repeat("many words ", 1000)})
	b[45] ^= 0xff // in the packed bytes
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(); !errors.Is(err, archive.ErrFormat) {
		t.Errorf("verify: %v", err)
	}
	if err := a.Unpack(t.TempDir()); !errors.Is(err, archive.ErrFormat) {
		t.Errorf("unpack: %v", err)
	}
}

func TestAFileThatHasMoreThanItSaysIsRefused(t *testing.T) {
	b := pack(t, item{"f", 0o644, strings.Repeat("0", 5000)})
	at := bytes.Index(b, []byte("PK\x01\x02"))
	b[at+24], b[at+25] = 10, 0 // the size that the list tells
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(); !errors.Is(err, archive.ErrFormat) {
		t.Errorf("verify: %v", err)
	}
}

// A list of entries is read no further than is sane, before anything of it is kept.
func TestAnEndlessListIsRefused(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	long := strings.Repeat("x", 1000)
	for i := range 20_000 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(long, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(b.Bytes()); !errors.Is(err, archive.ErrTooMany) {
		t.Errorf("error %v, want %v", err, archive.ErrTooMany)
	}
}

// Whatever a zip says, nothing is written but in the folder, and what was found good holds no more than it may.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, item{"bootstrap", 0o755, "#!"}, item{"a/b", 0o644, "1"}, item{"l", fs.ModeSymlink | 0o777, "a/b"}))
	f.Add(pack(f, item{"../f", 0o644, "1"}))
	f.Add(pack(f, item{"l", fs.ModeSymlink | 0o777, ".."}, item{"l/f", 0o644, "1"}))
	f.Add(pack(f, item{"a/", fs.ModeDir | 0o755, ""}, item{"a/l", fs.ModeSymlink | 0o777, "../a"}))
	limits := archive.Limits{Files: 50, Bytes: 100_000}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := archive.Open(bytes.NewReader(b), int64(len(b)), limits)
		if err != nil {
			return
		}
		verified := a.Verify()
		outside := t.TempDir()
		folder := filepath.Join(outside, "in")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := a.Unpack(folder); (err == nil) != (verified == nil) {
			t.Errorf("verified: %v, unpacked: %v", verified, err)
		}
		checkInside(t, outside, folder, limits)
	})
}

func checkInside(t *testing.T, outside, folder string, limits archive.Limits) {
	t.Helper()
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Fatalf("beside the folder lie %v, %v", list, err)
	}
	var size int64
	filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().IsRegular() {
			size += info.Size()
		}
		if real, err := filepath.EvalSymlinks(name); err == nil && real != folder && !strings.HasPrefix(real, folder+"/") {
			t.Errorf("%s leads to %s", name, real)
		}
		return nil
	})
	if size > limits.Bytes {
		t.Errorf("%d bytes were unpacked", size)
	}
}
