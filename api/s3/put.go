package s3

import (
	"net/http"
	"strings"

	"slipway/objects"
)

const metaPrefix = "X-Amz-Meta-"

// put is what a request says of an object that is to be.
func (c *call) put() (p objects.Put, err error) {
	if err := c.refuseHeaders(); err != nil {
		return p, err
	}
	p = objects.Put{Bucket: c.bucket, Key: c.key, About: c.about()}
	if p.Tags, err = c.headerTags(); err != nil {
		return p, err
	}
	p.If, err = c.precondition()
	return p, err
}

// about is what an object says of itself. The encoding that bytes are only sent in is none of it.
func (c *call) about() objects.About {
	h := c.r.Header
	a := objects.About{
		ContentType: h.Get("Content-Type"), CacheControl: h.Get("Cache-Control"), ContentDisposition: h.Get("Content-Disposition"),
		ContentLanguage: h.Get("Content-Language"), Expires: h.Get("Expires"),
	}
	var encodings []string
	for e := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			encodings = append(encodings, e)
		}
	}
	a.ContentEncoding = strings.Join(encodings, ",")
	for name, values := range h {
		if strings.HasPrefix(name, metaPrefix) {
			if a.Meta == nil {
				a.Meta = map[string]string{}
			}
			a.Meta[strings.ToLower(name[len(metaPrefix):])] = strings.Join(values, ",")
		}
	}
	return a
}

// precondition is what must be so of what is there. Source: S3 User Guide, "How to prevent object overwrites with
// conditional writes".
func (c *call) precondition() (p objects.Precondition, err error) {
	match, none := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	if none != "" && none != "*" || match == "*" {
		return p, notImplemented.New("A header you provided implies functionality that is not implemented")
	}
	return objects.Precondition{Match: strings.Trim(match, `"`), NoneMatch: none == "*"}, nil
}

func (c *call) putObject() (*answer, error) {
	p, err := c.put()
	if err != nil {
		return nil, err
	}
	content, err := c.payload()
	if err != nil {
		return nil, err
	}
	o, err := c.d.room.Put(c.ctx, p, content.content())
	if err != nil {
		return nil, err
	}
	a := done(http.StatusOK)
	a.header.Set("ETag", quoted(o.ETag))
	c.nameVersion(a, o)
	sayChecksum(a.header, o.About.Checksum)
	return a, nil
}

func quoted(etag string) string { return `"` + etag + `"` }

func sayChecksum(h http.Header, sum objects.Checksum) {
	if sum.Value != "" {
		h.Set(checksumPrefix+sum.Algorithm, sum.Value)
		h.Set("X-Amz-Checksum-Type", sum.Kind)
	}
}
