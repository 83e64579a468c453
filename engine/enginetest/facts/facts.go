// Package facts is what a process can tell of the container that it finds itself in.
// The test program gathers and prints it; tests read it.
package facts

import (
	"os"
	"path/filepath"
	"strings"
)

// Facts of a process.
type Facts struct {
	Args       []string
	Env        []string
	Dir        string
	Hostname   string
	UID, GID   int
	Groups     []int
	Pid        int
	Status     map[string]string // of /proc/self/status: CapEff, Seccomp, NoNewPrivs, ...
	Namespaces map[string]string // pid, net, mnt, ipc, uts, cgroup: what /proc/self/ns tells
	Mounts     map[string]string // mount point: file system and options
	Processes  []string          // the arguments of every living process that it can see
}

// Gather tells the facts of this process.
func Gather() Facts {
	f := Facts{Args: os.Args, Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid(), Pid: os.Getpid()}
	f.Dir, _ = os.Getwd()
	f.Hostname, _ = os.Hostname()
	f.Groups, _ = os.Getgroups()
	f.Status = table("/proc/self/status", func(line string) (string, string) {
		name, value, _ := strings.Cut(line, ":")
		return name, strings.TrimSpace(value)
	})
	f.Mounts = table("/proc/self/mounts", func(line string) (string, string) {
		words := strings.Fields(line)
		return words[1], words[2] + " " + words[3]
	})
	f.Namespaces = map[string]string{}
	for _, name := range []string{"pid", "net", "mnt", "ipc", "uts", "cgroup"} {
		f.Namespaces[name], _ = os.Readlink("/proc/self/ns/" + name)
	}
	f.Processes = processes()
	return f
}

func processes() (all []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if args, _ := os.ReadFile(file); len(args) > 0 { // one that has ended has none
			all = append(all, strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return all
}

func table(file string, parse func(line string) (key, value string)) map[string]string {
	data, _ := os.ReadFile(file)
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value := parse(line)
		rows[key] = value
	}
	return rows
}
