// Package memorytest has what tests write be kept in memory, where there is room: on a disk they wait most of their
// time, and prove nothing by that, since no power is cut.
package memorytest

import (
	"os"
	"testing"
)

// roomInMemory is how much there must be of it: more than the tests of a package write.
const roomInMemory = 4 << 30

// Main runs the tests of a package, whose folders are in memory unless TMPDIR says where they are to be. It is called
// by TestMain, and does not return.
func Main(m *testing.M) {
	if os.Getenv("TMPDIR") == "" {
		os.Setenv("TMPDIR", Folder())
	}
	os.Exit(m.Run())
}

// Folder is one in memory, and where there is none with enough room that for temporary files.
func Folder() string {
	const memory = "/dev/shm"
	if room(memory) < roomInMemory {
		return os.TempDir()
	}
	return memory
}
