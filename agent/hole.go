package agent

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// blockSize is what file systems free at a time; more does not hurt.
const blockSize = 4096

// free gives the blocks of a file before end back to the disk; the file keeps its length.
// The byte before end stays, for it tells whether a line ends there. A file system that can
// not do it keeps them until the file is removed.
func free(f *os.File, end int64) error {
	end = (end - 1) / blockSize * blockSize
	if end <= 0 {
		return nil
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, end)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// dataFrom is the first byte at or after offset that was not freed.
func dataFrom(f *os.File, offset, size int64) int64 {
	switch data, err := unix.Seek(int(f.Fd()), offset, unix.SEEK_DATA); {
	case err == nil:
		return data
	case errors.Is(err, unix.ENXIO):
		return size // nothing but a hole
	default:
		return offset // it cannot tell
	}
}
