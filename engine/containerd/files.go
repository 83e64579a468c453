package containerd

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

// folder is what a container has in the data folder:
//
//	about.json   whose folder it is; stays with the output
//	output       what it prints
//	started      when it was started, and as which attempt, so that one without a process is known to have run
//	files/       what is mounted into it: hosts, hostname, resolv.conf and those of its Spec; and what its
//	             streams need
type folder string

type about struct {
	ID, Task, Hostname string
	Hosts              []engine.Host // of the Spec
}

func (e *Engine) folder(id string) folder { return folder(filepath.Join(e.containersDir(), keyOf(id))) }

func (d folder) path(name string) string { return filepath.Join(string(d), name) }
func (d folder) output() string          { return d.path("output") }
func (d folder) hosts() string           { return d.path("files/hosts") }

// make fills the folder and tells the mounts of its files.
func (d folder) make(s engine.Spec) ([]specs.Mount, error) {
	if err := os.MkdirAll(d.path("files"), 0o711); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(d.path("started")); err != nil { // of one whose Delete was cut off at its very end
		return nil, err
	}
	self := about{ID: s.ID, Task: s.Task, Hostname: hostnameOf(s), Hosts: s.ExtraHosts}
	data, err := json.Marshal(self)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(d.path("about.json"), data, 0o600); err != nil {
		return nil, err
	}
	return d.makeFiles(s, self)
}

func (d folder) makeFiles(s engine.Spec, self about) ([]specs.Mount, error) {
	own := []engine.File{
		{Path: "/etc/hosts", Data: hostsText(self, s.Network, ""), Mode: 0o644},
		{Path: "/etc/hostname", Data: []byte(self.Hostname + "\n"), Mode: 0o644},
		{Path: "/etc/resolv.conf", Data: resolvText(s), Mode: 0o644},
	}
	own = slices.DeleteFunc(own, func(f engine.File) bool { // the Spec's go before ours
		return slices.ContainsFunc(s.Files, func(g engine.File) bool { return filepath.Clean(g.Path) == f.Path }) ||
			slices.ContainsFunc(s.Mounts, func(m engine.Mount) bool { return filepath.Clean(m.Path) == f.Path })
	})
	var mounts []specs.Mount
	for _, f := range own {
		m, err := d.makeFile(filepath.Base(f.Path), f)
		if err != nil {
			return nil, err
		}
		m.Options = []string{"rbind", "rprivate", "rw"} // as docker has it: programs edit them
		mounts = append(mounts, m)
	}
	for i, f := range s.Files {
		m, err := d.makeFile("given-"+strconv.Itoa(i), f)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func (d folder) makeFile(name string, f engine.File) (specs.Mount, error) {
	source := d.path(filepath.Join("files", name))
	err := replaceFile(source, f.Data, fs.FileMode(f.Mode).Perm())
	return specs.Mount{Destination: f.Path, Source: source, Type: "bind", Options: []string{"rbind", "rprivate", "ro"}}, err
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(fresh, data, mode); err != nil {
		return err
	}
	if err := os.Chmod(fresh, mode); err != nil { // whatever the umask is
		return err
	}
	return os.Rename(fresh, path)
}

// nameAddress adds the task's address to hosts. It writes into the file that is mounted already,
// for the address may come after the container was created.
func (d folder) nameAddress(self about, address string) error {
	if address == "" {
		return nil
	}
	f, err := os.OpenFile(d.hosts(), os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the Spec gave its own
	} else if err != nil {
		return err
	}
	_, err = f.Write(hostsText(self, engine.Bridge, address))
	return errors.Join(err, f.Close())
}

// about gives the zero value where nothing is known, as after a power cut that left the file empty.
func (d folder) about() (about, error) {
	data, err := os.ReadFile(d.path("about.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return about{}, err
	}
	var a about
	if json.Unmarshal(data, &a) != nil {
		return about{}, nil
	}
	return a, nil
}

// markStarted remembers when the container was started, and which attempt at it.
func (d folder) markStarted(key string, now time.Time) error {
	return replaceFile(d.path("started"), []byte(now.UTC().Format(time.RFC3339Nano)+" "+key), 0o600)
}

func (d folder) started() (a attempt, started bool) {
	data, err := os.ReadFile(d.path("started"))
	if err != nil {
		return attempt{}, false
	}
	a = attempt{made: true, started: true}
	at, key, _ := strings.Cut(string(data), " ")
	if a.startedAt, err = time.Parse(time.RFC3339Nano, at); err == nil {
		a.key = firstOf(key, filepath.Base(string(d))) // former releases gave all attempts the container's key
	}
	return a, true
}

// forgotten says that nothing is left but output.
func (d folder) forgotten() bool {
	for _, name := range []string{"files", "started"} {
		if _, err := os.Stat(d.path(name)); err == nil {
			return false
		}
	}
	return d.hasOutput()
}

// forget removes all but the output, and the folder where there is none.
func (d folder) forget() error {
	if !d.hasOutput() {
		return os.RemoveAll(string(d))
	}
	return errors.Join(os.RemoveAll(d.path("files")), os.RemoveAll(d.path("started")))
}

func (d folder) hasOutput() bool {
	_, err := os.Stat(d.output())
	return err == nil
}

// Output is the file that the container's shim writes.
func (e *Engine) Output(id string) string { return e.folder(id).output() }

// RemoveOutput removes it, and what is left of a deleted container with it.
func (e *Engine) RemoveOutput(id string) error {
	defer e.containers.lock(keyOf(id))()
	d := e.folder(id)
	if err := os.Remove(d.output()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(d.path("files")); errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(string(d))
	}
	return nil
}

// Outputs names the containers whose folder holds output.
func (e *Engine) Outputs() ([]string, error) {
	entries, err := os.ReadDir(e.containersDir())
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		d := folder(filepath.Join(e.containersDir(), entry.Name()))
		if !d.hasOutput() {
			continue
		}
		a, err := d.about()
		if err != nil {
			return nil, err
		}
		ids = append(ids, firstOf(a.ID, entry.Name())) // its key stands for an id
	}
	return ids, nil
}
