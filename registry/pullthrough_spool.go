package registry

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
)

// spool is a file that many read from its beginning while it is still being written. It has no name, and
// goes with the last who uses it. What is in it is encrypted with a key that is nowhere else: it may be on its
// way to a repository whose blobs are never in plain on a disk.
type spool struct {
	file *os.File
	key  cipher.Block

	mu    sync.Mutex
	users int
	size  int64
	end   error         // nil: it grows; io.EOF: it is whole
	more  chan struct{} // closed when size or end has changed
}

// newSpool makes an empty one in a folder, "" for that of temporary files. Who makes it releases it.
func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "slipway-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var key [32]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{file: f, key: block, users: 1, more: make(chan struct{})}, nil
}

// crypt encrypts or decrypts bytes that are at a place in the file, by AES-CTR from 0 on.
func (s *spool) crypt(b []byte, place int64) {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(place)/aes.BlockSize)
	stream := cipher.NewCTR(s.key, iv[:])
	var skipped [aes.BlockSize]byte
	stream.XORKeyStream(skipped[:place%aes.BlockSize], skipped[:place%aes.BlockSize])
	stream.XORKeyStream(b, b)
}

const spoolPiece = 256 << 10

// fill writes what r gives.
func (s *spool) fill(r io.Reader) {
	piece := make([]byte, spoolPiece)
	stream := cipher.NewCTR(s.key, make([]byte, aes.BlockSize))
	for {
		n, end := r.Read(piece)
		if n > 0 {
			stream.XORKeyStream(piece[:n], piece[:n])
			if _, err := s.file.Write(piece[:n]); err != nil {
				n, end = 0, err
			}
		}
		s.grow(n, end)
		if end != nil {
			return
		}
	}
}

func (s *spool) grow(n int, end error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size += int64(n)
	s.end = end
	close(s.more)
	s.more = make(chan struct{})
}

// reader reads all of it, and waits for what is to come until ctx ends.
func (s *spool) reader(ctx context.Context) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		return nil, os.ErrClosed
	}
	s.users++
	return &spoolReader{ctx: ctx, spool: s}, nil
}

func (s *spool) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.file.Close() // it was written for a while: nothing is lost with it
	}
}

func (s *spool) state() (size int64, end error, more chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, s.end, s.more
}

type spoolReader struct {
	ctx   context.Context
	spool *spool
	at    int64
	once  sync.Once
}

// Read satisfies io.Reader.
func (r *spoolReader) Read(p []byte) (int, error) {
	for {
		size, end, more := r.spool.state()
		if r.at < size {
			n, err := r.spool.file.ReadAt(p[:min(int64(len(p)), size-r.at)], r.at)
			r.spool.crypt(p[:n], r.at)
			r.at += int64(n)
			return n, err
		}
		if end != nil {
			return 0, end
		}
		select {
		case <-more:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

// Close satisfies io.Closer.
func (r *spoolReader) Close() error {
	r.once.Do(r.spool.release)
	return nil
}
