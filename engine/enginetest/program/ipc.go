package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const shmSize = 4096

func shmput(args []string) {
	id, err := unix.SysvShmGet(number(args[0]), shmSize, unix.IPC_CREAT|0o600)
	check(err)
	memory, err := unix.SysvShmAttach(id, 0, 0)
	check(err)
	copy(memory, args[1])
	fmt.Println("put")
}

func shmget(args []string) {
	id, err := unix.SysvShmGet(number(args[0]), shmSize, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	memory, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
	check(err)
	text, _, _ := bytes.Cut(memory, []byte{0})
	fmt.Println(string(text))
}

func tty([]string) {
	for _, f := range []struct {
		name string
		*os.File
	}{{"in", os.Stdin}, {"out", os.Stdout}} {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		fmt.Println(f.name, err == nil)
	}
}

func stdin([]string) {
	fmt.Println("reading")
	io.Copy(io.Discard, os.Stdin)
	fmt.Println("ended")
}
