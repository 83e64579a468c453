package objects

import (
	"context"
	"crypto/md5" // what an ETag is
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"slipway/blob"
	"slipway/internal/ids"
	"slipway/store"
)

// Content is bytes on their way in.
type Content struct {
	Body      io.Reader
	Size      int64  // that Body has to have; below 0: not known
	Algorithm string // of the checksum that is wanted; "": none

	// Check is asked when all bytes came, and before any of them counts; nil: all is good.
	Check func(Sums) error
}

// Sums are what was found out about bytes while they came.
type Sums struct {
	Size        int64
	MD5, SHA256 []byte
	Checksum    []byte // in the algorithm of the content
}

// received is bytes that are in the blob store.
type received struct {
	digest   blob.Digest
	size     int64
	etag     string
	checksum string // base64
}

// receive puts bytes where bytes lie, durably. Nothing refers to them yet: for keepUnused no sweep takes them.
func (c *Control) receive(ctx context.Context, content Content) (r received, err error) {
	upload := ids.UUID()
	if err := c.blobs.BeginAs(ctx, upload); err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.blobs.Cancel(context.WithoutCancel(ctx), upload))
		}
	}()
	sums, err := c.fill(ctx, upload, content)
	if err != nil {
		return r, err
	}
	r = received{digest: blob.Sum("sha256", sums.SHA256), size: sums.Size, etag: hex.EncodeToString(sums.MD5), checksum: base64.StdEncoding.EncodeToString(sums.Checksum)}
	if err := c.want(ctx, r); err != nil {
		return r, err
	}
	_, err = c.blobs.CommitAs(ctx, upload, r.digest)
	return r, err
}

// fill reads a content to its end into an upload. It returns ErrIncomplete, ErrTooLarge, or what the body or its
// check said.
func (c *Control) fill(ctx context.Context, upload string, content Content) (Sums, error) {
	h := newHashing(content)
	size, err := c.blobs.Append(ctx, upload, 0, h)
	switch {
	case err != nil:
		return Sums{}, err
	case size > MaxPut:
		return Sums{}, ErrTooLarge
	case content.Size >= 0 && size != content.Size:
		return Sums{}, ErrIncomplete
	}
	sums := h.sums(size)
	if content.Check != nil {
		err = content.Check(sums)
	}
	return sums, err
}

// hashing hashes what is read through it.
type hashing struct {
	body     io.Reader
	md5      hash.Hash
	sha256   hash.Hash
	checksum hash.Hash // nil: none, or it is sha256
	same     bool      // the checksum is sha256
}

func newHashing(content Content) *hashing {
	h := &hashing{body: io.LimitReader(content.Body, MaxPut+1), md5: md5.New(), sha256: sha256.New(), same: content.Algorithm == "SHA256"}
	if !h.same {
		h.checksum = newChecksum(content.Algorithm)
	}
	return h
}

// beside is from how many bytes on it pays to hash on two cores: MD5 takes twice as long as the rest.
const beside = 16 << 10

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.body.Read(p)
	if n < beside {
		h.md5.Write(p[:n])
		h.others(p[:n])
		return n, err
	}
	var slow sync.WaitGroup
	slow.Go(func() { h.md5.Write(p[:n]) })
	h.others(p[:n])
	slow.Wait()
	return n, err
}

func (h *hashing) others(p []byte) {
	h.sha256.Write(p)
	if h.checksum != nil {
		h.checksum.Write(p)
	}
}

func (h *hashing) sums(size int64) Sums {
	s := Sums{Size: size, MD5: h.md5.Sum(nil), SHA256: h.sha256.Sum(nil)}
	switch {
	case h.same:
		s.Checksum = s.SHA256
	case h.checksum != nil:
		s.Checksum = h.checksum.Sum(nil)
	}
	return s
}

// want writes down that bytes are wanted now, before they are there: from then on no sweep takes them away. A power
// cut may take the row, but then whoever sweeps finds the bytes without it.
func (c *Control) want(ctx context.Context, r received) error {
	return c.db.UpdateSoon(ctx, func(tx *store.Tx) error {
		if err := tx.Serialize(lockOf(r.digest)); err != nil {
			return err
		}
		_, err := tx.Exec(`insert into objects_blobs (digest, size, wanted) values ($1, $2, $3) on conflict (digest) do update set wanted = excluded.wanted`,
			string(r.digest), r.size, store.Micros(tx.Now))
		return err
	})
}

// lockOf is held by who begins to want bytes, and by who takes them away.
func lockOf(d blob.Digest) string { return fmt.Sprintf("objects %s", d) }

// Sum is what is found out about bytes that are all there.
func Sum(b []byte, algorithm string) Sums {
	h := newHashing(Content{Algorithm: algorithm})
	h.md5.Write(b)
	h.others(b)
	return h.sums(int64(len(b)))
}
