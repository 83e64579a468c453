package sealed

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"hash"
	"io"

	"slipway/blob"
)

// upload is what is known of one on its way. Fields are used by whoever has the turn.
type upload struct {
	turn  chan struct{} // full while somebody works on the upload
	known bool          // what follows holds
	ended bool

	keys   *keys
	size   int64 // bytes in plain
	stream cipher.Stream
	sha256 hash.Hash // of the bytes in plain
	last   []byte    // of the segment that is not full, encrypted
	tags   []byte    // of the full segments
	sealed blob.Digest
}

// Begin starts an upload.
func (s *Store) Begin(ctx context.Context, id string) error {
	header := newHeader()
	u := newUpload()
	if err := u.begin(s.key, header); err != nil {
		return err
	}
	if err := s.inner.BeginAs(ctx, id); err != nil {
		return err
	}
	if _, err := s.inner.Append(ctx, id, 0, bytes.NewReader(header)); err != nil {
		return err
	}
	u.known = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads[id] = u
	return nil
}

func newUpload() *upload { return &upload{turn: make(chan struct{}, 1)} }

// take waits for the turn on an upload, and makes what is known of it hold. The caller must release it.
func (s *Store) take(ctx context.Context, id string) (*upload, error) {
	s.mu.Lock()
	u := s.uploads[id]
	if u == nil {
		u = newUpload()
		s.uploads[id] = u
	}
	s.mu.Unlock()
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err := fmt.Errorf("%w: %s", blob.ErrNoUpload, id)
	if !u.ended {
		err = s.catchUp(ctx, id, u)
	}
	if err != nil {
		if errors.Is(err, blob.ErrNoUpload) {
			s.end(id, u)
		}
		u.release()
		return nil, err
	}
	return u, nil
}

func (u *upload) release() { <-u.turn }

// end forgets an upload. The caller has the turn.
func (s *Store) end(id string, u *upload) {
	u.ended = true
	s.mu.Lock()
	if s.uploads[id] == u {
		delete(s.uploads, id)
	}
	s.mu.Unlock()
}

// catchUp reads what is kept of an upload, as far as it is not known: after a start, a failure of the store
// below, or bytes that came by way of another Store.
func (s *Store) catchUp(ctx context.Context, id string, u *upload) error {
	if u.known {
		if size, err := s.inner.Size(ctx, id); err != nil || size == u.kept() {
			return err
		}
	}
	kept, err := s.inner.OpenUpload(ctx, id)
	if err != nil {
		return err
	}
	defer kept.Close()
	if r, d, err := newReader(kept, s.key); err == nil { // all of it was there, but for its name
		u.size, u.sealed, u.known = r.size, d, true
		return nil
	}
	if err := u.goOn(s.key, id, kept); err != nil {
		u.known = false
		return err
	}
	u.known = true
	return nil
}

// kept is how many bytes the store below has of an upload.
func (u *upload) kept() int64 {
	if u.sealed != "" {
		return keptSize(u.size)
	}
	return headerSize + u.size
}

// goOn takes in what is kept of an upload after what is known of it, or all.
func (u *upload) goOn(key Key, id string, kept blob.Reader) error {
	if !u.known || u.sealed != "" || kept.Size() < u.kept() {
		header := make([]byte, headerSize)
		if err := readAt(kept, header, 0); err != nil {
			return fmt.Errorf("%w: %s was not begun to its end", blob.ErrNoUpload, id)
		}
		if err := u.begin(key, header); err != nil {
			return err
		}
	}
	if _, err := kept.Seek(headerSize+u.size, io.SeekStart); err != nil {
		return err
	}
	return u.read(kept)
}

func (u *upload) begin(key Key, header []byte) (err error) {
	if u.keys, err = key.keysOf(header); err != nil {
		return err
	}
	u.size, u.stream, u.sha256, u.last, u.tags, u.sealed = 0, u.keys.stream(0), blob.NewHash("sha256"), nil, nil, ""
	return nil
}

// read takes in what is kept, from where it is known on.
func (u *upload) read(kept io.Reader) error {
	plain, sealed := make([]byte, segmentSize), make([]byte, segmentSize)
	for {
		n, err := io.ReadFull(kept, sealed)
		u.stream.XORKeyStream(plain[:n], sealed[:n])
		u.take(plain[:n], sealed[:n])
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// take counts bytes, in plain and as they are kept.
func (u *upload) take(plain, sealed []byte) {
	u.sha256.Write(plain)
	u.size += int64(len(plain))
	for len(sealed) > 0 {
		n := min(len(sealed), segmentSize-len(u.last))
		u.last, sealed = append(u.last, sealed[:n]...), sealed[n:]
		if len(u.last) == segmentSize {
			u.tags = u.keys.tag(u.tags, uint64(len(u.tags)/tagSize), u.last)
			u.last = u.last[:0]
		}
	}
}

// Size is how many bytes an upload has.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	return u.size, nil
}

// Append adds to an upload.
func (s *Store) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	if offset != blob.End && offset != u.size || u.sealed != "" {
		return u.size, fmt.Errorf("%w: it has %d bytes, these start at %d", blob.ErrOffset, u.size, offset)
	}
	kept, err := s.inner.Append(ctx, id, headerSize+u.size, &sealing{u, r})
	if kept == headerSize+u.size {
		return u.size, err
	}
	u.known = false // less is kept than was taken in
	return max(0, kept-headerSize), err
}

// sealing encrypts what it reads for an upload.
type sealing struct {
	u *upload
	r io.Reader
}

func (s *sealing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	plain := p[:n]
	s.u.sha256.Write(plain)
	s.u.stream.XORKeyStream(plain, plain)
	s.u.take(nil, plain)
	s.u.size += int64(n)
	return n, err
}

// Commit makes the upload a blob.
func (s *Store) Commit(ctx context.Context, id string, want blob.Digest) (int64, error) {
	name, err := s.name(want)
	if err != nil {
		return 0, err
	}
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	got := u.sealed
	if got == "" {
		if got, err = s.digest(ctx, id, u, want.Algorithm()); err != nil {
			return 0, err
		}
	}
	if got != want {
		return 0, fmt.Errorf("%w: they have %s, not %s", blob.ErrMismatch, got, want)
	}
	if err := s.seal(ctx, id, u, want); err != nil {
		return 0, err
	}
	if _, err := s.inner.CommitAs(ctx, id, name); err != nil {
		return 0, err
	}
	s.end(id, u)
	return u.size, nil
}

// digest reads the upload again only for an algorithm that was not counted on the way.
func (s *Store) digest(ctx context.Context, id string, u *upload, algorithm string) (blob.Digest, error) {
	if algorithm == "sha256" {
		return blob.Sum(algorithm, u.sha256.Sum(nil)), nil
	}
	kept, err := s.inner.OpenUpload(ctx, id)
	if err != nil {
		return "", err
	}
	defer kept.Close()
	if _, err := kept.Seek(headerSize, io.SeekStart); err != nil {
		return "", err
	}
	h := blob.NewHash(algorithm)
	_, err = io.Copy(h, cipher.StreamReader{S: u.keys.stream(0), R: kept})
	return blob.Sum(algorithm, h.Sum(nil)), err
}

// seal adds tags and footer.
func (s *Store) seal(ctx context.Context, id string, u *upload, d blob.Digest) error {
	if u.sealed != "" {
		return nil
	}
	end := append([]byte(nil), u.tags...)
	if len(u.last) > 0 {
		end = u.keys.tag(end, uint64(len(u.tags)/tagSize), u.last)
	}
	end = append(end, u.keys.newFooter(u.size, d)...)
	if _, err := s.inner.Append(ctx, id, headerSize+u.size, bytes.NewReader(end)); err != nil {
		u.known = false
		return err
	}
	u.sealed = d
	return nil
}

// Forget drops what is remembered of an upload that was ended in the store below.
func (s *Store) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
}

// Cancel ends an upload.
func (s *Store) Cancel(ctx context.Context, id string) error {
	if err := s.inner.Cancel(ctx, id); err != nil {
		return err
	}
	s.mu.Lock()
	u := s.uploads[id]
	s.mu.Unlock()
	if u == nil {
		return nil
	}
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer u.release()
	s.end(id, u)
	return nil
}
