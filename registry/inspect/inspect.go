// Package inspect looks for something inside a blob, reading it once from its beginning to its end, or
// until it is found. It reads tar archives, plain or packed by gzip or zstd, as layers are (OCI Image
// Specification 1.1, layer.md), and the configs of images. It keeps nothing and knows no registry.
//
// What it reads comes from strangers: memory is bounded, and so is what a packed layer may unpack to.
package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"slipway/internal/errs"
)

// ErrUnreadable says that a blob is not what it seems to be, or more than is read, so that nobody can tell
// what is in it.
var ErrUnreadable = errs.New(errs.Invalid, "the blob cannot be read")

// Bounds of what is read. A layer may unpack to so many bytes, and to so many more for each of its own; the
// same holds for its files, with their holes.
const (
	maxRatio  = 200
	maxWindow = 128 << 20
	maxConfig = 4 << 20
)

var freeUnpacked int64 = 1 << 30 // a variable for tests

// What is looked for: a Pattern, a File or a Label.
type What interface {
	find(r *source) (bool, error)
}

// Find reports whether a blob has what is looked for. It returns ErrUnreadable, or the error of r or ctx.
func Find(ctx context.Context, r io.Reader, what What) (bool, error) {
	found, err := what.find(&source{ctx: ctx, r: r})
	if found {
		return true, nil
	}
	return false, err
}

// source tells its own errors from those of what unpacks it.
type source struct {
	ctx  context.Context
	r    io.Reader
	read int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// unreadable is err as an ErrUnreadable, unless the source failed.
func unreadable(r *source, err error) error {
	if r.err != nil {
		return r.err
	}
	if errors.Is(err, ErrUnreadable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// Pattern is bytes that follow one another in the blob as it is stored, or in what it unpacks to.
type Pattern []byte

func (p Pattern) find(r *source) (bool, error) {
	stored := &matcher{pattern: p}
	packed := bufio.NewReaderSize(io.TeeReader(r, stored), 64<<10)
	unpacked, closeUnpacked, err := unpack(packed)
	if err != nil || unpacked == nil {
		return stored.rest(packed, r)
	}
	defer closeUnpacked()
	inside := &matcher{pattern: p}
	_, err = io.CopyBuffer(struct{ io.Writer }{inside}, &bounded{r: unpacked, of: r}, make([]byte, 256<<10))
	if errors.Is(err, errFound) {
		return true, nil
	}
	found, storedErr := stored.rest(packed, r)
	if found || storedErr != nil {
		return found, storedErr
	}
	if err != nil {
		return false, unreadable(r, err)
	}
	return false, nil
}

var errFound = errors.New("found")

// matcher looks for a pattern in what is written to it, and fails with errFound.
type matcher struct {
	pattern []byte
	tail    []byte // of what was written, as long as it may begin the pattern
	found   bool
}

func (m *matcher) Write(p []byte) (int, error) {
	keep := len(m.pattern) - 1
	head := append(m.tail, p[:min(keep, len(p))]...)
	if bytes.Contains(head, m.pattern) || bytes.Contains(p, m.pattern) {
		m.found = true
		return len(p), errFound
	}
	if len(p) >= keep {
		head = p
	}
	m.tail = append(m.tail[:0], head[max(0, len(head)-keep):]...)
	return len(p), nil
}

// rest reads what is left of a source that the matcher sees.
func (m *matcher) rest(seen io.Reader, r *source) (bool, error) {
	if m.found {
		return true, nil
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{seen})
	if m.found {
		return true, nil
	}
	if r.err != nil {
		return false, r.err
	}
	return false, err
}

// File is a file in a layer: by its path, "etc/passwd", by the hash of its bytes, "sha256:...", or by both.
type File struct {
	Path   string
	Digest string
}

func (f File) find(r *source) (bool, error) {
	layer := bufio.NewReaderSize(r, 64<<10)
	unpacked, closeUnpacked, err := unpack(layer)
	if err != nil {
		return false, unreadable(r, err)
	}
	var plain io.Reader = layer
	if unpacked != nil {
		defer closeUnpacked()
		plain = &bounded{r: unpacked, of: r}
	}
	archive := bufio.NewReaderSize(plain, 64<<10)
	if is, err := isTar(archive); err != nil {
		return false, unreadable(r, err)
	} else if !is {
		return false, nil
	}
	found, err := f.search(tar.NewReader(archive), r)
	if err != nil {
		return false, unreadable(r, err)
	}
	return found, nil
}

// isTar knows an archive by its first block. Source: POSIX.1-2017, pax, "ustar Interchange Format".
func isTar(r *bufio.Reader) (bool, error) {
	block, err := r.Peek(512)
	if err == io.EOF {
		return false, nil // too short for one
	}
	return err == nil && bytes.Equal(block[257:262], []byte("ustar")), err
}

func (f File) search(archive *tar.Reader, of *source) (bool, error) {
	content := &bounded{r: archive, of: of} // a hole of a file takes none of the layer's bytes
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if f.Path != "" && clean(h.Name) != f.Path {
			continue
		}
		if f.Digest == "" {
			return true, nil
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			return false, err
		}
		if "sha256:"+hex.EncodeToString(sum.Sum(nil)) == f.Digest {
			return true, nil
		}
	}
}

// clean is the name of a file as a path from the root of the image.
func clean(name string) string { return path.Clean("/" + name)[1:] }

// CleanPath is a path as File has it.
func CleanPath(name string) string { return clean(name) }

// Label is a label in the config of an image.
type Label struct {
	Name  string
	Value string // "": any
}

func (l Label) find(r *source) (bool, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return false, err
	}
	if len(text) > maxConfig {
		return false, fmt.Errorf("%w: a config of more than %d bytes", ErrUnreadable, maxConfig)
	}
	var config struct {
		Config struct {
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return false, nil // the config of an artifact may be anything
	}
	value, has := config.Config.Labels[l.Name]
	return has && (l.Value == "" || l.Value == value), nil
}

// ParseLabel reads "name" or "name=value".
func ParseLabel(text string) Label {
	name, value, _ := strings.Cut(text, "=")
	return Label{name, value}
}

// unpack returns what a packed layer unpacks to, or nil when it is not packed.
func unpack(r *bufio.Reader) (unpacked io.Reader, closeUnpacked func(), err error) {
	magic, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return nil, nil, nil
}

// bounded fails after as much as a layer may unpack to.
type bounded struct {
	r  io.Reader
	of *source
	n  int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.n += int64(n); b.n > freeUnpacked+maxRatio*b.of.read {
		return 0, fmt.Errorf("%w: %d bytes unpack to more than %d", ErrUnreadable, b.of.read, b.n)
	}
	return n, err
}
