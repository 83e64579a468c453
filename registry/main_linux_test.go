package registry_test

import (
	"os"
	"syscall"
	"testing"
)

// roomInMemory is how much there must be of it: more than the tests write.
const roomInMemory = 4 << 30

// TestMain keeps what the tests write in memory, where there is room: they wait for a disk otherwise, most of
// their time, and prove nothing by that, since no power is cut.
func TestMain(m *testing.M) {
	const memory = "/dev/shm"
	var room syscall.Statfs_t
	if err := syscall.Statfs(memory, &room); os.Getenv("TMPDIR") == "" && err == nil && room.Bavail*uint64(room.Bsize) > roomInMemory {
		os.Setenv("TMPDIR", memory)
	}
	os.Exit(m.Run())
}
