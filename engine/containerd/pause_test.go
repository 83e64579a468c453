package containerd

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What reads executables reads ours: one segment, entered at its code, which ends where ignore begins.
func TestPauseIsAProgram(t *testing.T) {
	program := pauseProgram()
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Progs) != 1 || f.Progs[0].Filesz != uint64(len(program)) || f.Progs[0].Flags != elf.PF_R|elf.PF_X {
		t.Errorf("segments %+v of %d bytes", f.Progs, len(program))
	}
	if entry := f.Entry - f.Progs[0].Vaddr; entry != 120 {
		t.Errorf("entered at %d", entry)
	}
}

func TestPauseWaitsAndIgnoresItsChildren(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(file, pauseProgram(), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	const ignored = 1 << (syscall.SIGCHLD - 1) // beside what we ignore ourselves, which it inherits
	for range 6000 {                           // it has just begun
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "status"))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "SigIgn:\t")
		mask, _ := strconv.ParseUint(after[:min(16, len(after))], 16, 64)
		if mask&ignored != 0 && strings.Contains(string(status), "State:\tS") {
			return
		}
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil || strings.Contains(string(status), "State:\tZ") {
			t.Fatalf("it has ended: %v\n%s", err, status)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("after a minute it does not wait, or heeds the end of its children")
}
