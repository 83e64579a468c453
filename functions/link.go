package functions

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"slipway/blob"
	"slipway/internal/errs"
	"slipway/seal"
	"slipway/store"
)

// Links let whoever has one download a zip for a while. What is in them is signed, and kept nowhere.

// linkLife is how long a link is good. Source: Lambda API, FunctionCodeLocation: "The presigned URL ... valid for 10
// minutes".
const linkLife = 10 * time.Minute

const linkKey = "links"

// openLinks reads what links are signed with, which is made at the first start.
func (c *Control) openLinks(ctx context.Context, keys *seal.Keys) error {
	column, err := keys.Column(ctx, "functions_keys", "id", "sealed")
	if err != nil {
		return err
	}
	var sealed []byte
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		err := tx.Row(`select sealed from functions_keys where id = $1`, linkKey).Scan(&sealed)
		if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		fresh := make([]byte, 32)
		rand.Read(fresh)
		if sealed, err = column.Seal(tx, fresh, linkKey); err != nil {
			return err
		}
		_, err = tx.Exec(`insert into functions_keys (id, sealed) values ($1, $2)`, linkKey, sealed)
		return err
	})
	if err == nil {
		c.links, err = column.Open(ctx, sealed, linkKey)
	}
	return err
}

// CodePath is where code is downloaded from: a link follows it.
const CodePath = "/functions/code/"

// CodeLink is a URL from which whoever has it can download a zip for ten minutes; "" for no zip. That the account may
// have it was decided before.
func (c *Control) CodeLink(_, digest string) string {
	if digest == "" {
		return ""
	}
	return "http://" + c.config.Advertise + CodePath + c.linkUntil(digest, time.Now().Add(linkLife))
}

func (c *Control) linkUntil(digest string, end time.Time) string {
	said := digest + "." + strconv.FormatInt(end.Unix(), 10)
	return said + "." + base64.RawURLEncoding.EncodeToString(c.signLink(said))
}

func (c *Control) signLink(said string) []byte {
	h := hmac.New(sha256.New, c.links)
	h.Write([]byte(said))
	return h.Sum(nil)
}

// OpenLink opens the zip that a link is for. It returns ErrNoCode where the link is not one of ours or is too old.
func (c *Control) OpenLink(ctx context.Context, link string) (blob.Reader, error) {
	at := strings.LastIndexByte(link, '.')
	if at < 0 {
		return nil, errNoLink
	}
	said := link[:at]
	signature, err := base64.RawURLEncoding.DecodeString(link[at+1:])
	if err != nil || !hmac.Equal(signature, c.signLink(said)) {
		return nil, errNoLink
	}
	digest, end, _ := strings.Cut(said, ".")
	if seconds, err := strconv.ParseInt(end, 10, 64); err != nil || time.Now().Unix() > seconds {
		return nil, errNoLink
	}
	r, err := c.blobs.Open(ctx, blob.Digest(digest))
	if errors.Is(err, blob.ErrNoBlob) {
		err = errNoLink
	}
	return r, err
}

var errNoLink = errs.Say(ErrNoCode, "The link is not valid, or not any more.")
