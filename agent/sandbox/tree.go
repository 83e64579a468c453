package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// tree is what is in a folder, in the order of names.
type tree []leaf

// leaf is one file, folder or link.
type leaf struct {
	Name    string      `json:"name"` // relative to the folder; "." is itself
	Mode    fs.FileMode `json:"mode"`
	Size    int64       `json:"size,omitempty"`
	Content string      `json:"content,omitempty"` // of a file, the SHA-256 of what is in it; of a link, where it leads
	changed stamp       // what the kernel says of it, which no write leaves as it was
}

type stamp struct {
	inode uint64
	at    syscall.Timespec
}

// mostLooked is how many files are looked at for changes before each use; of code with more, only the folder is.
const mostLooked = 1000

// listTree reads all of a folder.
func listTree(folder string) (t tree, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		l, err := leafAt(folder, path)
		if err == nil {
			err = l.read(path)
		}
		t = append(t, l)
		return err
	})
	slices.SortFunc(t, func(a, b leaf) int { return strings.Compare(a.Name, b.Name) })
	return t, err
}

func leafAt(folder, path string) (leaf, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return leaf{}, err
	}
	name, err := filepath.Rel(folder, path)
	if err != nil {
		return leaf{}, err
	}
	l := leaf{Name: name, Mode: info.Mode()}
	if info.Mode().IsRegular() {
		l.Size = info.Size()
	}
	if known, is := info.Sys().(*syscall.Stat_t); is {
		l.changed = stamp{known.Ino, known.Ctim}
	}
	return l, nil
}

func (l *leaf) read(path string) (err error) {
	switch {
	case l.Mode&fs.ModeSymlink != 0:
		l.Content, err = os.Readlink(path)
	case l.Mode.IsRegular():
		l.Content, err = sumOf(path)
	}
	return err
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// same says that two trees have the same in them.
func (t tree) same(other tree) bool {
	return slices.EqualFunc(t, other, func(a, b leaf) bool {
		a.changed, b.changed = stamp{}, stamp{}
		return a == b
	})
}

// unchanged says that nobody has written to a folder since its tree was made: quickly, by what the kernel says.
func (t tree) unchanged(folder string) bool {
	for _, l := range t {
		if len(t) > mostLooked && l.Name != "." {
			continue
		}
		now, err := leafAt(folder, filepath.Join(folder, l.Name))
		if err != nil || now.changed != l.changed || now.Mode != l.Mode || now.Size != l.Size {
			return false
		}
	}
	return len(t) > 0
}

// restamped is the tree of a folder that has been renamed.
func (t tree) restamped(folder string) (tree, error) {
	now := slices.Clone(t)
	for i, l := range t {
		if l.Name != "." {
			continue
		}
		self, err := leafAt(folder, folder)
		if err != nil {
			return nil, err
		}
		now[i].changed = self.changed
	}
	return now, nil
}

func (t tree) size() (all int64) {
	for _, l := range t {
		all += l.Size
	}
	return all
}

// write keeps a tree in a file that is there whole or not at all.
func (t tree) write(file string) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	fresh := file + newMark
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

func readTree(file string) (t tree, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}
