package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc (proc(5)): a hundredth of a second on every Linux.
const tick = 10 * time.Millisecond

// spent is how much time of processors a process has used so far, with its children that run.
func spent(pid int) time.Duration {
	total := ofProcess(pid)
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // the pattern is good
	for _, list := range lists {
		text, _ := os.ReadFile(list) // one that has ended meanwhile has none
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil && isNginx(n) {
				total += ofProcess(n)
			}
		}
	}
	return total
}

// isNginx leaves out what else this process starts: wrk.
func isNginx(pid int) bool {
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return strings.TrimSpace(string(name)) == "nginx"
}

func ofProcess(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}
