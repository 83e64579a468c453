package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"

	"archive/zip"
	"compress/flate"

	"slipway/internal/errs"
)

// Unpack writes all that is in the archive into a folder that is there and empty. Folders and programs have the mode
// 0755, other files 0644, whatever the archive says beyond that. It returns ErrFormat where the archive is damaged;
// after any error the folder is of no use.
func (a *Archive) Unpack(folder string) error {
	root, err := os.OpenRoot(folder) // so that even a mistake of ours writes nothing outside
	if err != nil {
		return err
	}
	defer root.Close()
	made := map[string]bool{".": true}
	for _, e := range a.entries {
		if err := e.unpack(root, made); err != nil {
			return say(err, e.name)
		}
	}
	for _, e := range a.entries { // last, so that nothing is written through them
		if e.mode&fs.ModeSymlink == 0 {
			continue
		}
		if err := root.Symlink(e.link, e.name); err != nil {
			return err
		}
	}
	return nil
}

// unpack makes a folder or file, and the folders that it is in.
func (e *entry) unpack(root *os.Root, made map[string]bool) error {
	folder := path.Dir(e.name)
	if e.mode.IsDir() {
		folder = e.name
	}
	if err := makeFolder(root, folder, made); err != nil || !e.mode.IsRegular() {
		return err
	}
	f, err := root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, e.mode)
	if err != nil {
		return err
	}
	err = errors.Join(e.copyTo(f), f.Chmod(e.mode)) // the mode of a new file is less the umask
	return errors.Join(err, f.Close())
}

func makeFolder(root *os.Root, name string, made map[string]bool) error {
	if made[name] {
		return nil
	}
	if err := makeFolder(root, path.Dir(name), made); err != nil {
		return err
	}
	made[name] = true
	if err := root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, 0o755)
}

// say words what a reader of zips found wrong as a cause of ours, with the entry where it was.
func say(err error, name string) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, zip.ErrChecksum),
		errors.As(err, &corrupt), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrFormat
	case errs.Declared(err) != nil && name != "" && !errors.Is(err, ErrFormat):
		return fmt.Errorf("%w: %q", err, name)
	}
	return err
}

const noLimit = math.MaxInt64

// allowance is a reader that gives no more than some bytes in all.
type allowance struct {
	io.ReaderAt
	left int64
}

// ReadAt satisfies io.ReaderAt.
func (a *allowance) ReadAt(p []byte, at int64) (int, error) {
	if a.left != noLimit {
		if a.left -= int64(len(p)); a.left < 0 {
			return 0, ErrTooMany
		}
	}
	return a.ReaderAt.ReadAt(p, at)
}

// failed is ErrTooMany where that is why reading failed, which the reader of zips may have kept to itself.
func (a *allowance) failed(err error) error {
	if a.left < 0 {
		return ErrTooMany
	}
	return err
}
