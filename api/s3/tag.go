package s3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"slipway/objects"
)

type tag struct {
	Key   string
	Value string
}

type tagging struct {
	XMLName   xml.Name `xml:"Tagging"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Set       tagSet   `xml:"TagSet"`
}

type tagSet struct {
	Tags []tag `xml:"Tag"`
}

// tagsOf refuses tags of the same key.
func tagsOf(list []tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range list {
		if _, twice := tags[t.Key]; twice {
			return nil, fault("InvalidTag", 400).New("Cannot provide multiple Tags with the same key")
		}
		tags[t.Key] = t.Value
	}
	if len(tags) == 0 {
		return nil, nil
	}
	return tags, nil
}

func saidTags(tags map[string]string) *answer {
	out := &tagging{Namespace: namespace}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Set.Tags = append(out.Set.Tags, tag{key, tags[key]})
	}
	return said(out)
}

func (c *call) readTags() (map[string]string, error) {
	var want tagging
	if err := c.document(&want); err != nil {
		return nil, err
	}
	return tagsOf(want.Set.Tags)
}

// headerTags are tags that come with an object, as a query.
func (c *call) headerTags() (map[string]string, error) {
	text := c.r.Header.Get("X-Amz-Tagging")
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, invalidArgument.New("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var list []tag
	for key, all := range values {
		for _, value := range all {
			list = append(list, tag{key, value})
		}
	}
	return tagsOf(list)
}

func (c *call) getBucketTags() (*answer, error) {
	if len(c.bucket.Tags) == 0 {
		return nil, fault("NoSuchTagSet", 404).New("The TagSet does not exist")
	}
	return saidTags(c.bucket.Tags), nil
}

func (c *call) putBucketTags() (*answer, error) {
	tags, err := c.readTags()
	if err != nil {
		return nil, err
	}
	return done(http.StatusNoContent), c.d.room.SetBucketTags(c.ctx, c.bucket, tags)
}

func (c *call) deleteBucketTags() (*answer, error) {
	return done(http.StatusNoContent), c.d.room.SetBucketTags(c.ctx, c.bucket, nil)
}

func (c *call) getObjectTags() (*answer, error) {
	o, err := c.find()
	if err != nil {
		return nil, err
	}
	a := saidTags(o.Tags)
	c.nameVersion(a, o)
	return a, nil
}

func (c *call) putObjectTags() (*answer, error) {
	tags, err := c.readTags()
	if err != nil {
		return nil, err
	}
	return c.setTags(http.StatusOK, tags)
}

func (c *call) deleteObjectTags() (*answer, error) { return c.setTags(http.StatusNoContent, nil) }

func (c *call) setTags(status int, tags map[string]string) (*answer, error) {
	o, err := c.d.room.SetTags(c.ctx, c.bucket, c.key, c.query.Get("versionId"), tags)
	if err != nil {
		return nil, c.missing(err)
	}
	a := done(status)
	c.nameVersion(a, o)
	return a, nil
}

// nameVersion tells which version it was, where a bucket has any.
func (c *call) nameVersion(a *answer, o objects.Object) {
	if c.bucket.Versioning != objects.NeverVersioned && o.Version != "" {
		a.header.Set("X-Amz-Version-Id", o.Version)
	}
}
