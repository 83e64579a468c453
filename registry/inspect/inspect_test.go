package inspect_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"slipway/registry/inspect"
)

type file struct{ name, content string }

func archive(files ...file) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		must(w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}))
		_, err := io.WriteString(w, f.content)
		must(err)
	}
	must(w.Close())
	return b.Bytes()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	must(errors.Join(err, w.Close()))
	return b.Bytes()
}

func zstded(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	defer w.Close()
	return w.EncodeAll(data, nil)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestFind(t *testing.T) {
	plain := archive(file{"./bin/sh", "shell"}, file{"/etc/passwd", "root::0"}, file{"etc/../etc/group", "wheel"}, file{"big", strings.Repeat("0123456789", 100_000)})
	formats := map[string][]byte{"tar": plain, "gzip": gzipped(plain), "zstd": zstded(plain), "two members": append(gzipped(plain[:5000]), gzipped(plain[5000:])...)}
	for name, story := range map[string]struct {
		what inspect.What
		want bool
	}{
		"bytes":              {inspect.Pattern("root::0"), true},
		"bytes across files": {inspect.Pattern("90123456789012345678"), true},
		"other bytes":        {inspect.Pattern("root:x:0"), false},
		"path":               {inspect.File{Path: "etc/passwd"}, true},
		"path with a dot":    {inspect.File{Path: "bin/sh"}, true},
		"path with two":      {inspect.File{Path: "etc/group"}, true},
		"other path":         {inspect.File{Path: "passwd"}, false},
		"hash":               {inspect.File{Digest: hash("wheel")}, true},
		"other hash":         {inspect.File{Digest: hash("whell")}, false},
		"path and hash":      {inspect.File{Path: "bin/sh", Digest: hash("shell")}, true},
		"path, another hash": {inspect.File{Path: "bin/sh", Digest: hash("wheel")}, false},
		"label":              {inspect.Label{Name: "a"}, false},
	} {
		for format, data := range formats {
			for how, r := range map[string]io.Reader{"whole": bytes.NewReader(data), "in halves": iotest.HalfReader(bytes.NewReader(data)), "with its end": iotest.DataErrReader(bytes.NewReader(data))} {
				if found, err := inspect.Find(t.Context(), r, story.what); found != story.want || err != nil {
					t.Errorf("%s in %s, read %s: %v, %v", name, format, how, found, err)
				}
			}
		}
	}
	packed := gzipped(plain)
	if found, err := inspect.Find(t.Context(), bytes.NewReader(packed), inspect.Pattern(packed[len(packed)-12:])); !found || err != nil {
		t.Errorf("bytes as they are stored: %v, %v", found, err)
	}
}

func TestLabels(t *testing.T) {
	const config = `{"architecture": "amd64", "config": {"Labels": {"team": "red"}}}`
	for text, want := range map[string]bool{"team": true, "team=red": true, "team=blue": false, "tea": false} {
		if found, err := inspect.Find(t.Context(), strings.NewReader(config), inspect.ParseLabel(text)); found != want || err != nil {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
	for _, other := range []string{"", "{}", "not JSON", `{"config": 1}`} {
		if found, err := inspect.Find(t.Context(), strings.NewReader(other), inspect.ParseLabel("team")); found || err != nil {
			t.Errorf("in %q: %v, %v", other, found, err)
		}
	}
}

// What is damaged, or too much, is said to be unreadable: nobody guesses what is in it.
func TestUnreadable(t *testing.T) {
	plain := archive(file{"a", strings.Repeat("x", 100_000)}, file{"b", "y"})
	flipped := gzipped(plain)
	flipped[len(flipped)/2] ^= 1
	shadow := archive(file{"a", "x"})
	copy(shadow[1024:], "not a header")
	for name, data := range map[string][]byte{
		"a cut gzip":         gzipped(plain)[:100],
		"a flipped bit":      flipped,
		"a cut zstd":         zstded(plain)[:20],
		"a gzip of nothing":  {0x1f, 0x8b},
		"a cut archive":      plain[:1500],
		"a header that lies": shadow,
	} {
		if found, err := inspect.Find(t.Context(), bytes.NewReader(data), inspect.File{Path: "etc/passwd"}); found || !errors.Is(err, inspect.ErrUnreadable) {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	label := `{"config": "` + strings.Repeat("x", 5<<20) + `"}`
	if _, err := inspect.Find(t.Context(), strings.NewReader(label), inspect.ParseLabel("a")); !errors.Is(err, inspect.ErrUnreadable) {
		t.Errorf("a config of 5 MiB: %v", err)
	}
}

// A layer that unpacks to more than its bytes can be worth is given up.
func TestBombs(t *testing.T) {
	defer inspect.SetFreeUnpacked(1 << 20)()
	zeros := strings.Repeat("\x00", 64<<20)
	sparse := make([]byte, 512+512+1024) // a file of 8 GiB that is a hole; GNU tar manual, "Old GNU Format"
	copy(sparse, "hole")
	copy(sparse[100:], "0000644\x00"+"0000000\x00"+"0000000\x00"+"00000001000\x00"+"00000000000\x00"+"        "+"S")
	copy(sparse[257:], "ustar  \x00")
	copy(sparse[386:], "77777776777\x00"+"00000001000\x00")
	copy(sparse[483:], "77777777777\x00")
	sum := 0
	for _, c := range sparse[:512] {
		sum += int(c)
	}
	copy(sparse[148:], fmt.Sprintf("%06o\x00 ", sum))
	for name, data := range map[string][]byte{
		"gzip": gzipped(archive(file{"a", zeros})), "zstd": zstded(archive(file{"a", zeros})), "a hole": sparse,
	} {
		if found, err := inspect.Find(t.Context(), bytes.NewReader(data), inspect.File{Digest: hash("x")}); found || !errors.Is(err, inspect.ErrUnreadable) || !strings.Contains(err.Error(), "unpack to more") {
			t.Errorf("%s of %d bytes: %v, %v", name, len(data), found, err)
		}
	}
}

// That the store fails is not the blob's fault.
func TestSourceThatFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	plain := archive(file{"a", strings.Repeat("x", 100_000)})
	for _, data := range [][]byte{plain, gzipped(plain), zstded(plain)} {
		for _, what := range []inspect.What{inspect.File{Path: "b"}, inspect.Pattern("none of it")} {
			r := io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(broken))
			if _, err := inspect.Find(t.Context(), r, what); !errors.Is(err, broken) || errors.Is(err, inspect.ErrUnreadable) {
				t.Errorf("%T: %v", what, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := inspect.Find(ctx, bytes.NewReader(data), what); !errors.Is(err, context.Canceled) {
				t.Errorf("%T, given up: %v", what, err)
			}
		}
	}
}

// However the bytes come, a pattern is found exactly where bytes.Contains finds it.
func TestPatternIsFoundWhereverItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte("ab")), 0, 200).Draw(t, "text")
		pattern := rapid.SliceOfN(rapid.SampledFrom([]byte("ab")), 4, 12).Draw(t, "pattern")
		cut := rapid.IntRange(1, 20).Draw(t, "cut")
		found, err := inspect.Find(context.Background(), &cutReader{text, cut}, inspect.Pattern(pattern))
		if err != nil || found != bytes.Contains(text, pattern) {
			t.Fatalf("%s in %s, in pieces of %d: %v, %v", pattern, text, cut, found, err)
		}
	})
}

type cutReader struct {
	left []byte
	cut  int
}

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.left[:min(r.cut, len(r.left))])
	r.left = r.left[n:]
	return n, nil
}

func FuzzFind(f *testing.F) {
	plain := archive(file{"a", "x"})
	for _, data := range [][]byte{nil, plain, gzipped(plain), zstded(plain), plain[:700], []byte(`{"config": {"Labels": {"a": "b"}}}`)} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, what := range []inspect.What{inspect.Pattern("needle"), inspect.File{Digest: hash("needle")}, inspect.Label{Name: "needle"}} {
			if found, err := inspect.Find(t.Context(), bytes.NewReader(data), what); err != nil && (found || !errors.Is(err, inspect.ErrUnreadable)) {
				t.Errorf("%T: %v, %v", what, found, err)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	data := gzipped(archive(file{"a", strings.Repeat("some text that is not random, but not all the same either ", 1_000_000)}))
	for name, what := range map[string]inspect.What{"bytes": inspect.Pattern("none of it"), "file": inspect.File{Digest: hash("none of it")}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(59_000_000)
			for b.Loop() {
				if found, err := inspect.Find(b.Context(), bytes.NewReader(data), what); found || err != nil {
					b.Fatal(found, err)
				}
			}
		})
	}
}
