package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"slipway/api/awswire"
	"slipway/objects"
)

func (c *call) deleteObject() (*answer, error) {
	must := objects.Precondition{Match: strings.Trim(c.r.Header.Get("If-Match"), `"`)}
	if must.Match == "*" {
		return nil, notImplemented.New("A header you provided implies functionality that is not implemented")
	}
	d, err := c.d.room.Delete(c.ctx, c.bucket, c.key, c.query.Get("versionId"), must)
	if err != nil {
		return nil, err
	}
	a := done(http.StatusNoContent)
	if d.Version != "" {
		a.header.Set("X-Amz-Version-Id", d.Version)
	}
	if d.Marker {
		a.header.Set("X-Amz-Delete-Marker", "true")
	}
	return a, nil
}

type deletion struct {
	XMLName xml.Name `xml:"Delete"`
	Objects []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		ETag      string
	} `xml:"Object"`
	Quiet bool
}

type deleteResult struct {
	XMLName xml.Name      `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []deletedItem `xml:"Deleted"`
	Errors  []deleteError `xml:"Error"`
}

type deletedItem struct {
	Key           string
	VersionID     string `xml:"VersionId,omitempty"`
	DeleteMarker  bool   `xml:",omitempty"`
	MarkerVersion string `xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteError struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (c *call) deleteObjects() (*answer, error) {
	var want deletion
	if err := c.document(&want); err != nil {
		return nil, err
	}
	if n := len(want.Objects); n == 0 || n > mostListed {
		return nil, malformedXML.New("The XML you provided was not well-formed or did not validate against our published schema")
	}
	out := &deleteResult{}
	for _, o := range want.Objects {
		d, err := c.deleteOne(o.Key, o.VersionID, strings.Trim(o.ETag, `"`))
		switch {
		case err != nil:
			f := c.faultOf(err)
			out.Errors = append(out.Errors, deleteError{o.Key, o.VersionID, f.Shape, f.Message})
		case !want.Quiet:
			item := deletedItem{Key: o.Key, VersionID: o.VersionID, DeleteMarker: d.Marker}
			if d.Marker {
				item.MarkerVersion = d.Version
			}
			out.Deleted = append(out.Deleted, item)
		}
	}
	return said(out), nil
}

func (c *call) deleteOne(key, version, etag string) (d objects.Deleted, err error) {
	ask := awswire.Ask{Action: "s3:DeleteObject", Resource: arnOf(c.name, key)}
	if version != "" {
		ask.Action = ofVersion(ask.Action)
	}
	if err := c.visit.Require(ask); err != nil {
		return d, err
	}
	return c.d.room.Delete(c.ctx, c.bucket, key, version, objects.Precondition{Match: etag})
}
