package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"slipway/blob"
	"slipway/functions/archive"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Code is what a function is made of: a zip, that is sent or lies in a bucket, or an image.
type Code struct {
	Zip    []byte
	Object Object
	Image  string // URI
}

// Limits of code. Source: Lambda Developer Guide, "Lambda quotas".
const (
	maxZip     = 50 << 20    // bytes of one that is sent
	maxObject  = 262_144_000 // and of one in a bucket: as many as all that is in it may have
	MaxStorage = 75 << 30    // bytes of all zips of an account
)

// taken is code that is there for a version to have it.
type taken struct {
	code  string
	size  int64
	image string
}

// take makes code ready to be had. It returns ErrInput, ErrTooLarge, ErrImage, or what archives are refused with.
func (c *Control) take(ctx context.Context, account string, code Code, s *Settings) (t taken, err error) {
	switch {
	case s.Packaged && code.Image == "":
		return t, errs.Say(ErrInput, "Please provide ImageUri when creating a function with packageType Image.")
	case !s.Packaged && code.Image != "":
		return t, errs.Say(ErrInput, "Please don't provide ImageUri when creating a function with packageType Zip.")
	case s.Packaged:
		s.ImageURI = code.Image
		found, err := c.config.Images.Find(ctx, account, code.Image, s.Architecture)
		return taken{image: found.Name + "@" + found.Digest}, err
	}
	digest, size, err := c.putCode(ctx, account, code)
	return taken{code: digest, size: size}, err
}

// putZip is put of a zip in memory.
func (c *Control) putZip(ctx context.Context, zip []byte) (digest string, size int64, err error) {
	return c.put(ctx, held{bytes.NewReader(zip)}, maxZip)
}

// put checks a zip of so many bytes at most, and puts it where code lies. Nothing sweeps it for keepUnused.
func (c *Control) put(ctx context.Context, zip Zip, most int64) (digest string, size int64, err error) {
	unpacked, err := checkZip(zip, most)
	if err != nil {
		return "", 0, err
	}
	size = zip.Size()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(zip, 0, size)); err != nil {
		return "", 0, err
	}
	d := blob.Sum("sha256", h.Sum(nil))
	if err := c.want(ctx, d, size, unpacked); err != nil {
		return "", 0, err
	}
	upload := ids.UUID()
	if err := c.blobs.Begin(ctx, upload); err != nil {
		return "", 0, err
	}
	if _, err := c.blobs.Append(ctx, upload, 0, io.NewSectionReader(zip, 0, size)); err != nil {
		return "", 0, errors.Join(err, c.blobs.Cancel(context.WithoutCancel(ctx), upload))
	}
	_, err = c.blobs.Commit(ctx, upload, d)
	return string(d), size, err
}

// checkZip tells how many bytes a zip has unpacked.
func checkZip(zip Zip, most int64) (unpacked int64, err error) {
	if zip.Size() == 0 {
		return 0, archive.ErrEmpty
	}
	if zip.Size() > most {
		return 0, errs.Say(ErrTooLarge, "Zipped size must be smaller than %d bytes", most)
	}
	a, err := archive.Open(zip, zip.Size(), archive.Code)
	if err != nil {
		return 0, err
	}
	return a.Size(), a.Verify()
}

// checkUnpacked returns ErrInput where the code of a version and its layers are too much together.
func (v *Version) checkUnpacked(tx *store.Tx) error {
	if len(v.Settings.Layers) == 0 {
		return nil // the code alone was measured when it came
	}
	all := []any{v.Code}
	for _, l := range v.Settings.Layers {
		all = append(all, l.Code)
	}
	var size int64
	err := tx.Row(`select coalesce(sum(unpacked), 0) from functions_code where digest in `+store.In(1, len(all)), all...).Scan(&size)
	if err == nil && size > archive.Code.Bytes {
		err = errs.Say(ErrInput, "Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", archive.Code.Bytes, size)
	}
	return err
}

// want writes down that code is wanted now, before it is there: from then on no sweep takes it away.
func (c *Control) want(ctx context.Context, d blob.Digest, size, unpacked int64) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Serialize(codeLock); err != nil {
			return err
		}
		_, err := tx.Exec(`insert into functions_code (digest, size, unpacked, wanted) values ($1, $2, $3, $4) on conflict (digest) do update set wanted = excluded.wanted`,
			string(d), size, unpacked, store.Micros(tx.Now))
		return err
	})
}

// OpenCode opens code that a function or layer of the account has, by its digest, or that a function of the account
// has by a layer of another. It returns ErrNoCode.
func (c *Control) OpenCode(ctx context.Context, account, digest string) (blob.Reader, error) {
	known := false
	err := c.db.Row(ctx, `select exists (select 1 from functions_used u join functions_versions v on v.id = u.version join functions_functions f on f.id = v.function where u.digest = $1 and f.account = $2)
		or exists (select 1 from functions_layer_versions v join functions_layers l on l.id = v.layer where v.code = $1 and l.account = $2)`, digest, account).Scan(&known)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, errs.Say(ErrNoCode, "There is no code %s.", digest)
	}
	return c.blobs.Open(ctx, blob.Digest(digest))
}

// CodeSha256 is what clients are told of the code: the hash of a zip in base64, that of an image in hexadecimal digits.
func (v Version) CodeSha256() string {
	if v.Code == "" {
		_, digest, _ := strings.Cut(v.Image, "@sha256:")
		return digest
	}
	return shaOf(v.Code)
}

func shaOf(digest string) string {
	sum, err := hex.DecodeString(blob.Digest(digest).Hex())
	if err != nil || len(sum) != sha256.Size {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

const (
	codeLock   = "functions code"
	keepUnused = time.Hour
)

// sweepCode takes code away that nothing uses.
func (c *Control) sweepCode(ctx context.Context) error {
	for {
		digest := ""
		err := c.db.Update(ctx, func(tx *store.Tx) error {
			if err := tx.Serialize(codeLock); err != nil {
				return err
			}
			digest = ""
			err := tx.Row(`select digest from functions_code c where wanted < $1
				and not exists (select 1 from functions_used u where u.digest = c.digest)
				and not exists (select 1 from functions_layer_versions l where l.code = c.digest) limit 1`, store.Micros(tx.Now.Add(-keepUnused))).Scan(&digest)
			if errors.Is(err, store.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			// While the lock is held nobody begins to want it; whoever does after that puts it once more.
			if err := c.blobs.Delete(ctx, blob.Digest(digest)); err != nil {
				return err
			}
			_, err = tx.Exec(`delete from functions_code where digest = $1`, digest)
			return err
		})
		if err != nil || digest == "" {
			return err
		}
	}
}
