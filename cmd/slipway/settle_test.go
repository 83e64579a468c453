package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWhatWasWrittenIsNotForgotten(t *testing.T) {
	const smaps = `00400000-01b38000 r-xp 00000000 fe:00 10289223                           /opt/my slipway
Size:              23776 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01b38000-034c9000 r--p 01738000 fe:00 10289223                           /opt/my slipway
Anonymous:             0 kB
034c9000-034ca000 r--p 030c9000 fe:00 10289223                           /opt/my slipway
Anonymous:             4 kB
034ca000-035b0000 rw-p 030ca000 fe:00 10289223                           /opt/my slipway
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 7                          /usr/lib/libc.so
Anonymous:             0 kB
7f0000001000-7f0000002000 r--p 00000000 00:00 0 
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x1b38000}, {0x1b38000, 0x34c9000}}
	if got := unwritten(smaps, "/opt/my slipway"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestForgottenProgramRunsOn(t *testing.T) {
	before := residentOfFiles(t)
	if err := forgetProgram(); err != nil {
		t.Fatal(err)
	}
	if after := residentOfFiles(t); after >= before {
		t.Errorf("%d KiB of files are resident, and %d after the program was forgotten", before, after)
	}
}

// residentOfFiles is in KiB.
func residentOfFiles(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if n, _ := fmt.Sscanf(line, "RssFile: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("/proc/self/status names no RssFile")
	return 0
}
