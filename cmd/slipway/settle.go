package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway/internal/loop"
)

// settled is when what runs for long has done what only its start has it do.
const settled = 10 * time.Second

// settle gives back what of the program was needed for the start alone. Every package's init is called, and around each
// page that is touched the kernel maps 15 more, so that much of the program is resident that does not run again. What
// does run comes back out of the kernel's cache of files, 16 pages at a time and unread.
func settle(ctx context.Context) {
	if loop.Pause(ctx, settled) != nil {
		return
	}
	if err := forgetProgram(); err != nil {
		slog.Debug("all of the program stays resident", "error", err)
	}
}

// forgetProgram unmaps the pages of the program that are as its file has them. Source: madvise(2), MADV_DONTNEED.
func forgetProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	for _, m := range unwritten(string(smaps), program) {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise %x-%x: %w", m.from, m.to, errno)
		}
	}
	return nil
}

// mapping is a part of this process's memory.
type mapping struct{ from, to uintptr }

// unwritten are the mappings of a file that cannot be written and never were: what a linker or a debugger has put in
// there would be lost. Source: proc_pid_smaps(5).
func unwritten(smaps, file string) (all []mapping) {
	var m mapping
	var mode string
	ofFile := false
	for line := range strings.Lines(smaps) {
		var from, to uintptr
		var said string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &said); n == 3 {
			m, mode = mapping{from, to}, said
			ofFile = strings.HasSuffix(line, " "+file+"\n")
			continue
		}
		var written int
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &written); n == 1 && ofFile && written == 0 && !strings.Contains(mode, "w") {
			all = append(all, m)
		}
	}
	return all
}
