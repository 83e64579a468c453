package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"slipway/engine/enginetest/facts"
)

func ls(args []string) {
	describe := func(path, name string) {
		info, err := os.Lstat(path)
		check(err)
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Println(name, info.Mode(), owner.Uid, owner.Gid)
	}
	describe(args[0], ".")
	entries, err := os.ReadDir(args[0])
	check(err)
	for _, e := range entries {
		describe(filepath.Join(args[0], e.Name()), e.Name())
	}
}

func fill(args []string) {
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY, 0o600)
	check(err)
	defer f.Close()
	mib := bytes.Repeat([]byte{'x'}, 1<<20)
	for i := range number(args[1]) {
		if _, err := f.Write(mib); err != nil {
			fmt.Println("full after", i, err)
			return
		}
	}
	if err := f.Sync(); err != nil {
		fmt.Println("full:", err)
		return
	}
	fmt.Println("filled", args[1])
}

func open(args []string) {
	var files []*os.File
	for i := range number(args[0]) {
		f, err := os.Open("/dev/null")
		if err != nil {
			fmt.Println("opened", i, "then:", err)
			return
		}
		files = append(files, f)
	}
	fmt.Println("opened", len(files))
}

// orphan's children start children of their own and end before them.
func orphan(args []string) {
	for range number(args[0]) {
		child := exec.Command("/proc/self/exe", "abandon")
		child.Stdout = os.Stdout
		check(child.Run())
	}
}

func abandon([]string) {
	check(exec.Command("/proc/self/exe", "sleep", "10ms").Start())
}

// ended waits until no orphan lives any more, and so many of them are left that nobody has reaped.
func ended(args []string) {
	living := func(p string) bool { return strings.Contains(p, "sleep 10ms") || strings.Contains(p, "abandon") }
	for {
		seen := facts.Gather()
		seen.Processes = slices.DeleteFunc(seen.Processes, func(p string) bool { return strings.Contains(p, "ended") })
		if !slices.ContainsFunc(seen.Processes, living) && seen.Zombies == number(args[0]) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("ended")
}

func symlink(args []string) { check(os.Symlink(args[0], args[1])) }

// bomb starts itself over and over, as its children do.
func bomb([]string) {
	fmt.Println("exploding")
	for {
		exec.Command("/proc/self/exe", "bomb").Start() // what is refused is tried again
	}
}
