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
	Zombies    int               // how many it sees that have ended and that nobody reaps
	Limits     map[string]string // of /proc/self/limits: "Max open files": "soft hard"
	Links      []string          // network interfaces
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
	f.Processes, f.Zombies = processes()
	f.Limits = table("/proc/self/limits", func(line string) (string, string) {
		const column = 26 // characters
		if len(line) < column {
			return line, ""
		}
		words := append(strings.Fields(line[column:]), "", "")
		return strings.TrimSpace(line[:column]), words[0] + " " + words[1]
	})
	for name := range table("/proc/net/dev", func(line string) (string, string) {
		name, counters, _ := strings.Cut(line, ":")
		return strings.TrimSpace(name), counters
	}) {
		if !strings.Contains(name, "|") {
			f.Links = append(f.Links, name)
		}
	}
	return f
}

func processes() (living []string, zombies int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		args, err := os.ReadFile(file)
		switch {
		case len(args) > 0:
			living = append(living, strings.ReplaceAll(string(args), "\x00", " "))
		case err == nil:
			zombies++
		}
	}
	return living, zombies
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
