// Package archive reads the zips that code comes in: it says whether one may be unpacked at all, and unpacks it
// into a folder so that nothing comes to lie outside of it, whatever the zip says.
//
// It knows nothing of functions and layers, and holds no bytes in memory but the zip's list of entries.
package archive

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"slipway/internal/errs"
)

// What can be wrong with an archive. The sentences are those of AWS Lambda, where it has one.
var (
	ErrFormat   = errs.New(errs.Invalid, "Could not unzip uploaded file. Please check your file, then try to upload again.")
	ErrEmpty    = errs.New(errs.Invalid, "Uploaded file must be a non-empty zip")
	ErrTooLarge = errs.New(errs.Invalid, "Unzipped size must be smaller than")
	ErrTooMany  = errs.New(errs.Invalid, "The zip file has too many entries")
	ErrUnsafe   = errs.New(errs.Invalid, "The zip file has an entry that leads out of it")
	ErrKind     = errs.New(errs.Invalid, "The zip file has an entry that is no file, no folder and no link")
)

// Limits are what an archive may have at most.
type Limits struct {
	Files int   // entries of any kind
	Bytes int64 // of all files, unpacked
}

// Code are the limits of the code of functions and layers. Source: Lambda Developer Guide, "Lambda quotas", for the
// size. The number of entries is ours: as many as an unpacked folder is still quick with.
var Code = Limits{Files: 100_000, Bytes: 262_144_000}

const (
	maxDirectory = 16 << 20 // bytes of the list of entries that are read
	maxName      = 1024
	maxLink      = 1024
	maxDepth     = 64
)

// Archive is a zip whose list of entries was found good. Its bytes may still be damaged: Verify and Unpack say so.
type Archive struct {
	entries []entry // by name; no two have the same, and folders come before what is in them
	bytes   int64
}

type entry struct {
	name string // clean and relative
	mode fs.FileMode
	link string // where a link leads to
	file *zip.File
}

// Open reads the list of entries of a zip of size bytes. r must be there as long as the Archive is used. It returns
// ErrFormat, ErrEmpty, ErrTooLarge, ErrTooMany, ErrUnsafe or ErrKind.
func Open(r io.ReaderAt, size int64, l Limits) (*Archive, error) {
	few := &allowance{r, maxDirectory}
	z, err := zip.NewReader(few, size)
	if err != nil {
		return nil, say(few.failed(err), "")
	}
	few.left = noLimit
	if err := checkSizes(z, size, l); err != nil {
		return nil, err
	}
	a := &Archive{}
	for _, f := range z.File {
		e, err := read(f)
		if err != nil {
			return nil, say(err, f.Name)
		}
		if e.name != "." {
			a.entries = append(a.entries, e)
		}
	}
	return a, a.settle()
}

// checkSizes believes what the list says: what is unpacked is held against it.
func checkSizes(z *zip.Reader, size int64, l Limits) error {
	if len(z.File) > l.Files {
		return fmt.Errorf("%w: %d, and %d are allowed", ErrTooMany, len(z.File), l.Files)
	}
	var packed, unpacked uint64
	for _, f := range z.File {
		packed += f.CompressedSize64
		unpacked += f.UncompressedSize64
		if f.UncompressedSize64 > uint64(l.Bytes) || unpacked > uint64(l.Bytes) {
			return errs.Say(ErrTooLarge, "%v %d bytes", ErrTooLarge, l.Bytes)
		}
		if f.CompressedSize64 > uint64(size) || packed > uint64(size) {
			return ErrFormat // entries share their bytes, so that little becomes much
		}
	}
	return nil
}

// read finds out what an entry is.
func read(f *zip.File) (entry, error) {
	e := entry{file: f}
	name := f.Name
	if len(name) > maxName || strings.ContainsRune(name, 0) || path.IsAbs(name) {
		return e, ErrUnsafe
	}
	if e.name = path.Clean(name); leadsOut(e.name) || strings.Count(e.name, "/") >= maxDepth {
		return e, ErrUnsafe
	}
	if slices.ContainsFunc(strings.Split(e.name, "/"), func(part string) bool { return len(part) > 255 }) {
		return e, ErrUnsafe
	}
	if f.Flags&1 != 0 { // encrypted
		return e, ErrFormat
	}
	switch mode := f.Mode(); {
	case mode.IsDir() || strings.HasSuffix(name, "/"):
		e.mode = fs.ModeDir | 0o755
	case mode&fs.ModeSymlink != 0:
		e.mode = fs.ModeSymlink
		return e, e.readLink()
	case !mode.IsRegular():
		return e, ErrKind
	case mode&0o111 != 0:
		e.mode = 0o755
	default:
		e.mode = 0o644
	}
	return e, nil
}

func leadsOut(clean string) bool { return clean == ".." || strings.HasPrefix(clean, "../") }

// readLink reads where a link leads to. It must be a place in the archive, told by going up first and down then: so
// it leads to no other place when it passes other links.
func (e *entry) readLink() error {
	if e.file.UncompressedSize64 > maxLink {
		return ErrUnsafe
	}
	target, err := e.read()
	if err != nil {
		return err
	}
	e.link = string(target)
	if e.link == "" || strings.ContainsRune(e.link, 0) || path.IsAbs(e.link) || leadsOut(path.Join(path.Dir(e.name), e.link)) {
		return ErrUnsafe
	}
	down := e.link
	for down == ".." || strings.HasPrefix(down, "../") {
		down = strings.TrimLeft(strings.TrimPrefix(down, ".."), "/")
	}
	if slices.Contains(strings.Split(down, "/"), "..") {
		return ErrUnsafe
	}
	return nil
}

func (e *entry) read() ([]byte, error) {
	r, err := e.file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// settle orders the entries. Of two with the same name the later counts, as with unzip; what lies in a file or link
// is refused.
func (a *Archive) settle() error {
	slices.SortStableFunc(a.entries, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	kept := a.entries[:0]
	for i, e := range a.entries {
		if i+1 < len(a.entries) && a.entries[i+1].name == e.name {
			continue
		}
		kept = append(kept, e)
		if e.mode.IsRegular() {
			a.bytes += int64(e.file.UncompressedSize64)
		}
	}
	a.entries = kept
	files := 0
	for _, e := range a.entries {
		if !e.mode.IsDir() {
			files++
		}
		for up := path.Dir(e.name); up != "."; up = path.Dir(up) {
			if i, found := a.find(up); found && !a.entries[i].mode.IsDir() {
				return ErrFormat
			}
		}
	}
	if files == 0 {
		return ErrEmpty
	}
	return nil
}

func (a *Archive) find(name string) (int, bool) {
	return slices.BinarySearchFunc(a.entries, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
}

// Size is how many bytes the files have, unpacked.
func (a *Archive) Size() int64 { return a.bytes }

// Verify unpacks everything into nowhere. It returns ErrFormat where bytes are not what the list says.
func (a *Archive) Verify() error {
	for _, e := range a.entries {
		if !e.mode.IsRegular() {
			continue
		}
		if err := e.copyTo(io.Discard); err != nil {
			return say(err, e.name)
		}
	}
	return nil
}

// copyTo writes all that is in a file; the reader holds its size and its checksum against the list.
func (e *entry) copyTo(w io.Writer) error {
	r, err := e.file.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}
