package s3

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slipway/objects"
)

// find returns the object that a request names.
func (c *call) find() (objects.Object, error) {
	o, err := c.d.room.Find(c.ctx, c.bucket, c.key, c.query.Get("versionId"))
	return o, c.missing(err)
}

// missing keeps from who may not list a bucket what is not in it. Source: S3 API Reference, GetObject, "Permissions".
func (c *call) missing(err error) error {
	if errors.Is(err, objects.ErrNoKey) && !c.mayList() {
		return accessDenied.New("Access Denied")
	}
	return err
}

func (c *call) headObject() (*answer, error) {
	a, _, _, err := c.look()
	return a, err
}

func (c *call) getObject() (*answer, error) {
	a, o, part, err := c.look()
	if err != nil {
		return nil, err
	}
	a.bytes, err = c.d.room.Open(c.ctx, o, part.from, part.size)
	if errors.Is(err, objects.ErrNoKey) { // it was written over since it was looked at
		if a, o, part, err = c.look(); err == nil {
			a.bytes, err = c.d.room.Open(c.ctx, o, part.from, part.size)
		}
	}
	return a, err
}

// look finds an object and what of it is wanted, and makes the head of the answer.
func (c *call) look() (a *answer, o objects.Object, part span, err error) {
	if o, err = c.find(); err != nil {
		return nil, o, part, err
	}
	a = done(http.StatusOK)
	c.describe(a.header, o)
	if err := c.conditions(c.r.Header, "", o, a.header); err != nil {
		return nil, o, part, err
	}
	if part, err = c.wanted(o); err != nil {
		return nil, o, part, err
	}
	a.header.Set("Content-Length", strconv.FormatInt(part.size, 10))
	if part.partial {
		a.status = http.StatusPartialContent
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.from, part.from+part.size-1, o.Size))
	}
	if !part.partial && strings.EqualFold(c.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		sayChecksum(a.header, o.About.Checksum)
	}
	if part.parts > 0 {
		a.header.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(part.parts))
	}
	return a, o, part, nil
}

// describe says what an object is.
func (c *call) describe(h http.Header, o objects.Object) {
	h.Set("Accept-Ranges", "bytes")
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	h.Set("ETag", quoted(o.ETag))
	if c.bucket.Versioning != objects.NeverVersioned {
		h.Set("X-Amz-Version-Id", o.Version)
	}
	about := o.About
	if about.ContentType == "" {
		about.ContentType = "binary/octet-stream"
	}
	for name, value := range map[string]string{
		"Content-Type": about.ContentType, "Cache-Control": about.CacheControl, "Content-Disposition": about.ContentDisposition,
		"Content-Encoding": about.ContentEncoding, "Content-Language": about.ContentLanguage, "Expires": about.Expires,
	} {
		if said := c.query.Get("response-" + strings.ToLower(name)); said != "" {
			value = said
		}
		if value != "" {
			h.Set(name, value)
		}
	}
	for name, value := range about.Meta {
		h["x-amz-meta-"+name] = []string{value}
	}
	if len(o.Tags) > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(o.Tags)))
	}
}

// stale is the answer to a condition that does not hold of an object that is there.
type stale struct {
	error
	header http.Header
}

func (s *stale) Unwrap() error { return s.error }

// conditions checks what the headers that begin with a prefix ask of an object: all of RFC 9110, 13.2.2, in its order.
func (c *call) conditions(h http.Header, prefix string, o objects.Object, head http.Header) error {
	modified := o.Modified.Truncate(time.Second)
	match, unmodified := h.Get(prefix+"If-Match"), h.Get(prefix+"If-Unmodified-Since")
	failed := &stale{preconditionFailed.New("At least one of the pre-conditions you specified did not hold"), http.Header{}}
	switch {
	case match != "" && !matches(match, o.ETag):
		return failed
	case match == "" && since(unmodified, func(t time.Time) bool { return modified.After(t) }):
		return failed
	}
	none, changed := h.Get(prefix+"If-None-Match"), h.Get(prefix+"If-Modified-Since")
	if none != "" && matches(none, o.ETag) || none == "" && since(changed, func(t time.Time) bool { return !modified.After(t) }) {
		if prefix != "" {
			return failed
		}
		return &stale{notModified.New("Not Modified"), head}
	}
	return nil
}

// matches reports whether a list of ETags has one.
func matches(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// since reports whether a header has a time, and it is so of that.
func since(header string, is func(time.Time) bool) bool {
	t, err := http.ParseTime(header)
	return err == nil && is(t)
}

// span is what is wanted of an object.
type span struct {
	from, size int64
	partial    bool
	parts      int // of how many parts it is one; 0: not asked
}

// wanted reads the range or the part that a request asks for.
func (c *call) wanted(o objects.Object) (span, error) {
	whole := span{size: o.Size}
	if text := c.query.Get("partNumber"); text != "" {
		return c.wantedPart(o, text)
	}
	header := c.r.Header.Get("Range")
	if header == "" {
		return whole, nil
	}
	if is := c.r.Header.Get("If-Range"); is != "" && !matches(is, o.ETag) {
		return whole, nil
	}
	return parseRange(header, o.Size)
}

func (c *call) wantedPart(o objects.Object, text string) (span, error) {
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > 10_000 || c.r.Header.Get("Range") != "" {
		return span{}, invalidArgument.New("Part number must be an integer between 1 and 10000, inclusive")
	}
	from, size, err := c.d.room.PartOf(c.ctx, o, number)
	if errors.Is(err, objects.ErrPart) {
		return span{}, fault("InvalidPartNumber", 416).New("The requested partnumber is not satisfiable")
	}
	return span{from: from, size: size, partial: size > 0, parts: o.About.Parts}, err
}

// parseRange reads one range; what is none, or several, asks for all. Source: RFC 9110, 14.1.2 and 14.2.
func parseRange(header string, size int64) (span, error) {
	whole := span{size: size}
	text, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !ok || !dash || strings.Contains(text, ",") {
		return whole, nil
	}
	from, errFrom := strconv.ParseUint(strings.TrimSpace(first), 10, 63)
	to, errTo := strconv.ParseUint(strings.TrimSpace(last), 10, 63)
	unsatisfiable := invalidRange.New("The requested range is not satisfiable")
	switch {
	case first == "" && errTo == nil: // the last so many bytes
		if to == 0 || size == 0 {
			return whole, unsatisfiable
		}
		n := min(int64(to), size)
		return span{from: size - n, size: n, partial: true}, nil
	case errFrom != nil || last != "" && (errTo != nil || to < from):
		return whole, nil
	case int64(from) >= size:
		return whole, unsatisfiable
	}
	end := size
	if last != "" {
		end = min(size, int64(to)+1)
	}
	return span{from: int64(from), size: end - int64(from), partial: true}, nil
}
