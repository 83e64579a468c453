package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func warn(lines []string) {
	for _, line := range lines {
		fmt.Fprintln(os.Stderr, line)
	}
}

func cat([]string) {
	_, err := io.Copy(os.Stdout, os.Stdin)
	check(err)
}

func env(args []string) { fmt.Println(os.Getenv(args[0])) }

func size([]string) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		at, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ)
		check(err)
		fmt.Printf("size %dx%d\n", at.Col, at.Row)
		<-changed
	}
}

// burn uses the first cpu there is: between several, the kernel moves what runs, and shares are not exact.
func burn([]string) {
	runtime.LockOSThread()
	var all, first unix.CPUSet
	check(unix.SchedGetaffinity(0, &all))
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	first.Set(cpu)
	check(unix.SchedSetaffinity(0, &first))
	fmt.Println("burning")
	for {
	}
}

func work(args []string) {
	d, err := time.ParseDuration(args[0])
	check(err)
	for used := time.Duration(0); used < d; {
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		used = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	fmt.Println("worked")
}
