package blob

import (
	"fmt"
	"io"
)

// Seek is where a Reader of so many bytes stands after its method Seek, if it stood at the given byte: the
// part of that method which is the same for all that read nothing until they must.
func Seek(at, size, offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += at
	case io.SeekEnd:
		offset += size
	default:
		return at, fmt.Errorf("seek: %d is no place to count from", whence)
	}
	if offset < 0 {
		return at, fmt.Errorf("seek to %d: before the start", offset)
	}
	return offset, nil
}
