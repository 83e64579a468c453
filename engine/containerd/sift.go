package containerd

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxEntries is how many files an archive may hold: an image has one for each of its layers, and few more.
	maxEntries = 20_000
	// maxWindow is the memory that a zstd stream may want, as its own command has it at most by default. Bytes.
	maxWindow = 128 << 20
)

// sieve gives the files of an archive on, as a plain tar.
type sieve struct {
	*io.PipeReader
	source *noted
	ended  chan struct{}
	err    error // why the archive could not be read to its end; set before ended is closed
}

// noted is a source that keeps in mind how it failed.
type noted struct {
	io.ReadCloser
	err error
}

// Read satisfies io.Reader.
func (n *noted) Read(p []byte) (int, error) {
	read, err := n.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return read, err
}

// sift lets the files and links of an archive through, and no more of them than an image has. Close it, in any
// case: it closes the source.
func sift(source io.ReadCloser) *sieve {
	r, w := io.Pipe()
	s := &sieve{PipeReader: r, source: &noted{ReadCloser: source}, ended: make(chan struct{})}
	go func() {
		s.err = s.pour(w)
		close(s.ended)
		w.CloseWithError(s.err)
	}()
	return s
}

// Close ends the reading, and tells why it had failed before.
func (s *sieve) Close() error {
	defer s.source.Close()
	select {
	case <-s.ended:
		return s.err
	default:
	}
	s.PipeReader.Close()
	s.source.Close() // it may be waited for
	<-s.ended
	return nil
}

// pour tells what is wrong with the archive from a failure of its source.
func (s *sieve) pour(to io.Writer) error {
	plain, err := decompress(s.source)
	if err == nil {
		defer plain.Close()
		err = copyFiles(tar.NewWriter(to), tar.NewReader(plain))
	}
	switch {
	case s.source.err != nil:
		return s.source.err
	case err == nil, errors.Is(err, errTooLarge):
		return err
	}
	return fmt.Errorf("%w: %w", errNoArchive, err)
}

func copyFiles(w *tar.Writer, r *tar.Reader) error {
	for n := 0; ; n++ {
		h, err := r.Next()
		switch {
		case err == io.EOF && n > 0:
			return w.Close()
		case err == io.EOF:
			return errors.New("it is empty")
		case err != nil:
			return err
		case n == maxEntries:
			return fmt.Errorf("%w: the archive has more than %d entries", errTooLarge, maxEntries)
		}
		if err := copyFile(w, h, r); err != nil {
			return err
		}
	}
}

// copyFile writes what matters of an entry: its name, and where it leads or what it holds.
func copyFile(w *tar.Writer, h *tar.Header, data io.Reader) error {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink {
		return nil
	}
	entry := &tar.Header{Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Mode: 0o600}
	if h.Typeflag == tar.TypeReg {
		entry.Size = h.Size
	}
	if err := w.WriteHeader(entry); err != nil {
		return err
	}
	_, err := io.Copy(w, data)
	return err
}

// decompress reads gzip and zstd by what they begin with, and anything else as it is.
func decompress(source io.Reader) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(source, 1<<16)
	head, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}
