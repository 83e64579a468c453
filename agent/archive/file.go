package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// File is a file on its way. Close it.
type File struct {
	body    io.ReadCloser
	tag     string
	left    int64 // bytes that may come
	bytes   int64
	silence time.Duration
	alarm   *time.Timer // ends the request when nothing comes
	end     context.CancelFunc
}

// Read satisfies io.Reader.
func (f *File) Read(p []byte) (int, error) {
	f.alarm.Reset(f.silence)
	n, err := f.body.Read(p[:min(int64(len(p)), f.left+1)])
	f.alarm.Stop() // who reads may take its time
	if f.left -= int64(n); f.left < 0 {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrSize, f.bytes)
	}
	switch {
	case err == nil, err == io.EOF:
		return n, err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return n, fmt.Errorf("%w: it takes too long", ErrBroken)
	}
	return n, fmt.Errorf("%w: %s", ErrBroken, err)
}

// Close satisfies io.Closer.
func (f *File) Close() error {
	f.alarm.Stop()
	f.end()
	return f.body.Close()
}
