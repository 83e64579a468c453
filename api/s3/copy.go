package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"slipway/objects"
)

// source is the object that a copy is of.
type source struct{ bucket, key, version string }

// source reads which object is to be copied. Source: S3 API Reference, CopyObject, x-amz-copy-source.
func (c *call) source() (s source, err error) {
	path, query, _ := strings.Cut(c.r.Header.Get("X-Amz-Copy-Source"), "?")
	path, err = url.PathUnescape(path)
	bucket, key, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !found || key == "" || strings.HasPrefix(path, "arn:") {
		return s, invalidArgument.New("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	version, named := strings.CutPrefix(query, "versionId=")
	if query != "" && !named {
		return s, invalidArgument.New("Copy Source must have no parameter but versionId")
	}
	return source{bucket, key, version}, nil
}

// findSource finds the object that is to be copied, and checks what is asked of it.
func (c *call) findSource() (o objects.Object, err error) {
	s, err := c.source()
	if err != nil {
		return o, err
	}
	b, err := c.findBucket(s.bucket, c.r.Header.Get("X-Amz-Source-Expected-Bucket-Owner"))
	if err != nil {
		return o, err
	}
	if o, err = c.d.room.Find(c.ctx, b, s.key, s.version); err != nil {
		return o, err
	}
	return o, c.conditions(c.r.Header, "X-Amz-Copy-Source-", o, http.Header{})
}

type copyResult struct {
	XMLName      xml.Name
	LastModified string
	ETag         string
	checksums
}

func (c *call) copyObject() (*answer, error) {
	p, err := c.put()
	if err != nil {
		return nil, err
	}
	from, err := c.findSource()
	if err != nil {
		return nil, err
	}
	s, _ := c.source()
	replaced := strings.EqualFold(c.r.Header.Get("X-Amz-Metadata-Directive"), "REPLACE")
	if s.bucket == c.name && s.key == c.key && !replaced && s.version == "" {
		return nil, invalidRequest.New("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if !replaced {
		p.About = from.About
	}
	if !strings.EqualFold(c.r.Header.Get("X-Amz-Tagging-Directive"), "REPLACE") {
		p.Tags = from.Tags
	}
	o, err := c.d.room.Copy(c.ctx, from, p)
	if err != nil {
		return nil, err
	}
	a := said(&copyResult{XMLName: xml.Name{Local: "CopyObjectResult"}, LastModified: o.Modified.Format(stamp), ETag: quoted(o.ETag), checksums: checksumsOf(o.About.Checksum)})
	c.nameVersion(a, o)
	if from.Version != objects.Null {
		a.header.Set("X-Amz-Copy-Source-Version-Id", from.Version)
	}
	return a, nil
}
