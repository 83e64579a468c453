package functions

import (
	"context"
	"errors"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
)

// A bucket as a destination is told of a failure by an object, which is put there like a call is made: again and again, until
// it is there. Source: "Capturing records of Lambda asynchronous invocations", which has buckets for failures alone.

const bucketPrefix = "arn:aws:s3:::"

// bucketOf is the bucket that an ARN names; "": it names none.
func bucketOf(arn string) string {
	name, is := strings.CutPrefix(arn, bucketPrefix)
	if !is || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// checkBuckets refuses buckets that cannot be told. It reads other rooms, so no transaction may be running.
func (c *Control) checkBuckets(ctx context.Context, account string, e EventConfig) error {
	if bucketOf(e.OnSuccess) != "" {
		return errs.Say(ErrInput, "The destination %s is not supported for OnSuccess: a bucket is told of failures alone", e.OnSuccess)
	}
	bucket := bucketOf(e.OnFailure)
	if bucket == "" {
		return nil
	}
	if c.config.Objects == nil {
		return errs.Say(ErrInput, "The destination %s is not supported by Slipway: there are no buckets", e.OnFailure)
	}
	err := c.config.Objects.Own(ctx, account, bucket)
	if errors.Is(err, ErrBucket) {
		err = errs.Say(ErrInput, "The destination ARN %s is invalid.", e.OnFailure)
	}
	return err
}

// letter is the putting of an object into a bucket, as a call that is made later.
func (s *settlement) letter(now time.Time) *call {
	id := ids.UUID()
	name := s.call.Function[strings.LastIndex(s.call.Function, ":")+1:]
	now = now.UTC()
	return &call{
		ID: id, Account: s.call.Account, Function: s.call.rules.OnFailure, Payload: s.document(now), Depth: s.call.Depth + 1, Accepted: now,
		Context: "aws/lambda/async/" + name + now.Format("/2006/01/02/2006-01-02T15.04.05-") + id,
	}
}

// deliver puts the object of a letter, whose Context is the key.
func (c *Control) deliver(ctx context.Context, bucket string, k *call) result {
	err := ErrBucket
	if c.config.Objects != nil {
		err = c.config.Objects.Put(ctx, k.Account, bucket, k.Context, k.Payload)
	}
	switch {
	case err == nil:
		return result{kind: answered}
	case errors.Is(err, ErrBucket):
		return result{kind: gone, reason: reasonOf(err)}
	}
	return result{kind: refused, reason: reasonOf(err)}
}
