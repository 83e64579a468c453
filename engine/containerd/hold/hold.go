// Package hold is the first process of a container that is made before it is known what it is to run: a program of
// a few hundred bytes that connects to a socket, starts what it is told to there, and tells what becomes of it.
// It ends, and with it all that is in its PID namespace, when the other end of its connection is closed: so what
// it holds does not outlive the process that drives it.
//
// It is written in Go's assembler, and copied into an executable of its own: this binary run again would cost
// each container megabytes that count against its limit, and twenty milliseconds.
//
// The protocol: the host sends commands (Command), and the program tells of each with Started, and later with Ended,
// both by the process id in its namespace. A program that cannot be executed is told by Failed or NoFolder in between.
// Programs inherit its standard input, and print into what it has open as 1, or as 3.
package hold

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// code is never called: it is what Program copies.
func code()

// start is where code is.
func start() *byte

// endMark is what comes after the last instruction.
var endMark = []byte{0xd3, 0xe1, 0xa9, 0x57, 0xf5, 0x80, 0x6b, 0x1c}

const (
	textBase = 0x400000   // where the program's code is loaded
	dataBase = 0x10000000 // and what it works with: as in the assembler's files
	command  = 0x1000     // offset of the command that it has been sent
	dataSize = command + MaxCommand
	headers  = 64 + 2*56
	mostCode = 4096
)

// MaxCommand is how long a command may be, in bytes.
const MaxCommand = 4 << 20

// mostPath is how long the path of a socket may be. Source: unix(7).
const mostPath = 107

// ErrTooLong is a command that is longer than MaxCommand.
var ErrTooLong = errors.New("arguments and environment are too long")

// machines are the architectures that there is a program for, as ELF names them.
var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// Program is the executable for this machine's architecture. socket is where it finds its host, inside of the container.
func Program(socket string) ([]byte, error) {
	machine, known := machines[runtime.GOARCH]
	if !known {
		return nil, fmt.Errorf("there is no program to hold containers on %s", runtime.GOARCH)
	}
	if len(socket) > mostPath {
		return nil, fmt.Errorf("path of a socket %q is longer than %d bytes", socket, mostPath)
	}
	text := unsafe.Slice(start(), mostCode)
	text = text[:bytes.Index(text, endMark)]
	address := make([]byte, 2+mostPath+1)
	binary.NativeEndian.PutUint16(address, 1) // AF_UNIX
	copy(address[2:], socket)
	return executable(machine, text, address), nil
}

// executable puts code and data together. Source: elf(5).
func executable(machine uint16, text, data []byte) []byte {
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, binary.LittleEndian, v) // into memory, of sizes that it knows
		}
	}
	segment := func(flags uint32, offset, at, size, memory uint64) {
		put(uint32(1), flags, offset, at, at, size, memory, uint64(0x1000))
	}
	const page = 0x1000
	put([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), machine, uint32(1), uint64(textBase+headers), uint64(64), uint64(0)) // executable, entry, program headers
	put(uint32(0), uint16(64), uint16(56), uint16(2), uint16(64), uint16(0), uint16(0))
	size := uint64(headers + len(text))
	segment(5, 0, textBase, size, size)                     // to read and execute
	segment(6, page, dataBase, uint64(len(data)), dataSize) // to read and write
	put(text, make([]byte, page-headers-len(text)), data)
	return b.Bytes()
}

// Output is where a program prints to: a file that the first process has open. None is left open to programs beside it.
type Output uint64

// The outputs.
const (
	Main  Output = 1
	Aside Output = 3
)

// Command asks for a program to be executed: a path, its arguments with its own name first, its whole environment,
// the folder that it begins in and where it prints to. Its layout is that of the program's memory, with pointers for where it
// comes to lie.
func Command(path string, args, env []string, dir string, out Output) ([]byte, error) {
	const fields = 6 // length, path, args, env, folder, output
	pointers := fields + len(args) + 1 + len(env) + 1
	b := make([]byte, 8*pointers)
	point := func(at int, to int) { binary.NativeEndian.PutUint64(b[8*at:], uint64(dataBase+command+to)) }
	text := func(s string) int {
		at := len(b)
		b = append(append(b, s...), 0)
		return at
	}
	point(1, text(path))
	point(2, 8*fields)
	point(3, 8*(fields+len(args)+1))
	point(4, text(dir))
	binary.NativeEndian.PutUint64(b[8*5:], uint64(out))
	for i, a := range args {
		point(fields+i, text(a))
	}
	for i, v := range env {
		point(fields+len(args)+1+i, text(v))
	}
	if len(b) > MaxCommand {
		return nil, fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLong, len(b), MaxCommand)
	}
	binary.NativeEndian.PutUint64(b, uint64(len(b)))
	return b, nil
}

// Kind is what an Event tells of.
type Kind uint32

// What there is to tell. Of a Started with a negative Pid nothing was started: it is an errno of the kernel.
const (
	Started  Kind = 1
	Ended    Kind = 2 // Status is as wait(2) has it
	Failed   Kind = 3 // Status is the errno of execve; an Ended follows
	NoFolder Kind = 4 // Status is the errno of chdir; an Ended follows
)

// EventSize is the length of an event on the wire.
const EventSize = 16

// Event is what the program tells. It comes out of the container, where a process may forge it.
type Event struct {
	Kind   Kind
	Pid    int // in the container's namespace
	Status uint32
}

// ReadEvent takes an event off the wire: EventSize bytes.
func ReadEvent(b []byte) Event {
	return Event{
		Kind:   Kind(binary.NativeEndian.Uint32(b)),
		Pid:    int(int32(binary.NativeEndian.Uint32(b[4:]))),
		Status: binary.NativeEndian.Uint32(b[8:]),
	}
}
