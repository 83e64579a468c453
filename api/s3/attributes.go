package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"slipway/objects"
)

type attributes struct {
	XMLName      xml.Name   `xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	ETag         string     `xml:",omitempty"`
	Checksum     *checksums `xml:",omitempty"`
	Parts        *partCount `xml:"ObjectParts"`
	StorageClass string     `xml:",omitempty"`
	Size         *int64     `xml:"ObjectSize"`
}

type partCount struct {
	Total int `xml:"PartsCount"`
}

// getAttributes tells of an object what is asked for by name.
func (c *call) getAttributes() (*answer, error) {
	o, err := c.find()
	if err != nil {
		return nil, err
	}
	out := &attributes{}
	asked := strings.Join(c.r.Header.Values("X-Amz-Object-Attributes"), ",")
	if asked == "" {
		return nil, invalidArgument.New("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	for name := range strings.SplitSeq(asked, ",") {
		if !out.tell(strings.TrimSpace(name), o) {
			return nil, invalidArgument.New("Invalid attribute name specified.")
		}
	}
	a := said(out)
	a.header.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	c.nameVersion(a, o)
	return a, nil
}

func (out *attributes) tell(name string, o objects.Object) bool {
	switch name {
	case "ETag":
		out.ETag = o.ETag
	case "Checksum":
		if sum := checksumsOf(o.About.Checksum); sum != (checksums{}) {
			out.Checksum = &sum
		}
	case "ObjectParts":
		if o.About.Parts > 0 {
			out.Parts = &partCount{o.About.Parts}
		}
	case "StorageClass":
		out.StorageClass = "STANDARD"
	case "ObjectSize":
		out.Size = &o.Size
	default:
		return false
	}
	return true
}
