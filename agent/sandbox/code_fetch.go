package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"slipway/functions/archive"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// mostCode is how large an archive may be whose size nobody has told.
const mostCode = 256 << 20

// fetch downloads an archive, holds it against its digest and unpacks it.
func (c *cache) fetch(ctx context.Context, r nodeapi.CodeRequest, size int64) (tree, error) {
	file := c.path(r.Digest, zipMark)
	if err := c.download(ctx, r, size, file); err != nil {
		return nil, err
	}
	fresh := c.path(r.Digest, newMark)
	if err := unpack(file, fresh); err != nil {
		return nil, err
	}
	now, err := listTree(fresh)
	if err != nil {
		return nil, err
	}
	folder := c.path(r.Digest, "")
	if err := errors.Join(os.Rename(fresh, folder), os.Remove(file)); err != nil {
		return nil, err
	}
	if now, err = now.restamped(folder); err != nil {
		return nil, err
	}
	return now, now.write(c.path(r.Digest, listMark))
}

// download writes an archive to a file.
func (c *cache) download(ctx context.Context, r nodeapi.CodeRequest, size int64, file string) error {
	source, err := c.open(ctx, r)
	if err != nil {
		if errs.KindOf(err) == errs.Internal {
			err = fmt.Errorf("%w: %w", ErrCode, err)
		}
		return fmt.Errorf("fetch code %s: %w", r.Digest, err)
	}
	defer source.Close()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	most := size
	if size <= 0 {
		most = mostCode
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(source, most+1))
	switch digest := "sha256:" + hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return fmt.Errorf("%w: fetch %s: %w", ErrCode, r.Digest, err)
	case n > most || size > 0 && n != size:
		return fmt.Errorf("%w: %s is to have %d bytes, and has other than that", ErrCode, r.Digest, most)
	case digest != r.Digest:
		return fmt.Errorf("%w: what came as %s is %s", ErrCode, r.Digest, digest)
	}
	return nil
}

func unpack(file, folder string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o755); err != nil { // whatever the umask is
		return err
	}
	zip, err := archive.Open(f, info.Size(), archive.Code)
	if err == nil {
		err = zip.Unpack(folder)
	}
	if err != nil && errs.KindOf(err) == errs.Invalid {
		return fmt.Errorf("%w: %w", ErrBadCode, err)
	}
	return err
}
