package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// packing says how a folder becomes an image.
type packing struct {
	entrypoint string // path in the folder; "": its only executable
}

// readSource reads an image or index from an OCI layout, an archive, a folder or a binary.
// It is read from there, bit by bit, until done is called.
func readSource(source string, p packing) (image remote.Taggable, done func(), err error) {
	done = func() {}
	info, err := os.Stat(source)
	if err != nil {
		return nil, done, err
	}
	_, noLayout := os.Stat(filepath.Join(source, "oci-layout"))
	switch {
	case noLayout == nil:
		image, err = readLayout(source)
	case info.IsDir():
		image, err = p.pack(os.DirFS(source), source)
	case isBinary(source):
		image, err = p.pack(oneFile{os.DirFS(filepath.Dir(source)), filepath.Base(source)}, source)
	default:
		return readArchive(source)
	}
	return image, done, err
}

// readLayout reads what a layout's index names: one image or index, or the index itself when it names several.
func readLayout(folder string) (remote.Taggable, error) {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, fmt.Errorf("read layout %s: %w", folder, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read layout %s: %w", folder, err)
	}
	switch len(manifest.Manifests) {
	case 0:
		return nil, fmt.Errorf("layout %s holds no image", folder)
	case 1:
		if d := manifest.Manifests[0]; d.MediaType.IsIndex() {
			return index.ImageIndex(d.Digest)
		}
		return index.Image(manifest.Manifests[0].Digest)
	}
	return index, nil
}

// readArchive reads what "docker save" writes, or a tar of an OCI layout; either may be compressed by gzip.
func readArchive(path string) (image remote.Taggable, done func(), err error) {
	image, dockerErr := tarball.Image(func() (io.ReadCloser, error) { return openArchive(path) }, nil)
	if dockerErr == nil {
		return image, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "slipway-push-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { os.RemoveAll(folder) }
	if err = untar(path, folder); err == nil {
		image, err = readLayout(folder)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s is neither an OCI layout, an archive of an image, nor a static binary (as an archive of docker: %w; as one of a layout: %w)", path, dockerErr, err)
	}
	return image, done, nil
}

// openArchive reads a tar, compressed or not.
func openArchive(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	plain, err := gzip.NewReader(f)
	if err == nil {
		return unzipped{plain, f}, nil
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// unzipped closes the file that it reads.
type unzipped struct {
	*gzip.Reader
	file *os.File
}

func (u unzipped) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

// untar unpacks the files of an archive into folder, and nowhere else.
func untar(path, folder string) error {
	f, err := openArchive(path)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(folder) // no name in the archive leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	for archive := tar.NewReader(f); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if err := unpackFile(root, h.Name, archive); err != nil {
				return err
			}
		}
	}
}

func unpackFile(root *os.Root, name string, data io.Reader) error {
	name = filepath.Clean(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, data)
	return errors.Join(err, f.Close())
}

// pack makes an image whose root is files. It is the same to the last bit whenever and
// wherever it is made: no time, no owner.
func (p packing) pack(files fs.FS, source string) (v1.Image, error) {
	program, err := p.program(files, source)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf(files)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		return nil, err
	}
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	return mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		RootFS: rootFS(image),
		Config: v1.Config{
			Entrypoint: []string{"/" + program},
			Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			WorkingDir: "/",
		},
	})
}

func rootFS(image v1.Image) v1.RootFS {
	config, err := image.ConfigFile()
	if err != nil {
		return v1.RootFS{}
	}
	return config.RootFS
}

// program finds what to run: what was asked for, or the only executable of the folder.
func (p packing) program(files fs.FS, source string) (string, error) {
	if p.entrypoint != "" {
		name := strings.TrimPrefix(filepath.Clean(p.entrypoint), "/")
		if _, err := fs.Stat(files, name); err != nil {
			return "", fmt.Errorf("entrypoint %s is not in %s", p.entrypoint, source)
		}
		return name, nil
	}
	var found []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode()&0o111 != 0 {
			found = append(found, name)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", withHint(fmt.Errorf("%s holds no executable, so there is nothing to run", source), "chmod +x makes a program one")
	}
	return "", withHint(fmt.Errorf("%s holds %d executables, so it is not clear what to run", source, len(found)), "name it with --entrypoint")
}

func layerOf(files fs.FS) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return addFile(w, files, name, d)
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

func addFile(w *tar.Writer, files fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm())}
	switch {
	case d.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return w.WriteHeader(h)
	case info.Mode()&fs.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = fs.ReadLink(files, name); err != nil {
			return err
		}
		return w.WriteHeader(h)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file, a folder nor a link", name)
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func isBinary(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// oneFile shows one file of a folder and nothing else.
type oneFile struct {
	fs.FS
	name string
}

func (o oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}
