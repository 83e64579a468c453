package containerd

import (
	"bytes"
	"encoding/binary"
	"runtime"
)

// A PID namespace lives as long as its first process. pause is the smallest there can be: it ignores
// the end of its children, so that the kernel reaps them, and waits for ever. As a program of its own
// it costs a namespace a few pages, where this binary run again would cost megabytes that count
// against the task.

// pauseCode is the machine code of pause, by architecture: rt_sigaction(SIGCHLD, &ignore, NULL, 8), and
// then a call without an end.
var pauseCode = map[string]struct {
	machine uint16 // of the ELF header
	code    []byte
}{
	"amd64": {62, []byte{
		0xb8, 13, 0, 0, 0, // mov eax, rt_sigaction
		0xbf, 17, 0, 0, 0, // mov edi, SIGCHLD
		0x48, 0x8d, 0x35, 19, 0, 0, 0, // lea rsi, [rip+19]: the end of the code
		0x31, 0xd2, // xor edx, edx
		0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8
		0x0f, 0x05, // syscall
		0xb8, 34, 0, 0, 0, // mov eax, pause
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp to the mov
	}},
	"arm64": {183, words(
		0xd2800220, // mov x0, SIGCHLD
		0x10000161, // adr x1, 44: the end of the code
		0xd2800002, // mov x2, 0
		0xd2800103, // mov x3, 8
		0xd28010c8, // mov x8, rt_sigaction
		0xd4000001, // svc 0
		0xd2800000, // mov x0, 0
		0xd2800001, // mov x1, 0
		0xd2800003, // mov x3, 0
		0xd2800928, // mov x8, ppoll
		0xd4000001, // svc 0
		0x17fffffb, // b to the mov x0, 0
	)},
}

func words(instructions ...uint32) (code []byte) {
	for _, i := range instructions {
		code = binary.LittleEndian.AppendUint32(code, i)
	}
	return code
}

// pauseProgram is pause as an executable of this machine, or nil. Source: elf(5).
func pauseProgram() []byte {
	const base, headers = 0x400000, 64 + 56
	p, known := pauseCode[runtime.GOARCH]
	if !known {
		return nil
	}
	ignore := binary.LittleEndian.AppendUint64(nil, 1) // SIG_IGN, and no flags, restorer or mask
	body := append(bytes.Clone(p.code), append(ignore, make([]byte, 24)...)...)
	size := uint64(headers + len(body))
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, binary.LittleEndian, v) // into memory, of sizes that it knows
		}
	}
	put([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), p.machine, uint32(1), uint64(base+headers), uint64(64), uint64(0)) // executable, entry, program headers
	put(uint32(0), uint16(64), uint16(56), uint16(1), uint16(64), uint16(0), uint16(0))
	put(uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x10000)) // loaded to read and execute
	put(body)
	return b.Bytes()
}
