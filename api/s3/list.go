package s3

import (
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"

	"slipway/internal/page"
	"slipway/objects"
)

type objectItem struct {
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *owner
	StorageClass      string
}

type prefixItem struct{ Prefix string }

type objectList struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	Marker                *string
	NextMarker            string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              *int   `xml:",omitempty"`
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []objectItem
	CommonPrefixes        []prefixItem
}

// most reads how many are wanted at once, 1,000 at most.
func (c *call) most(name string) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return mostListed, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, invalidArgument.Newf("Argument %s must be an integer between 0 and 2147483647", name)
	}
	return int(min(n, mostListed)), nil
}

// encoder is how keys are written: escaped, if that is asked for, since XML cannot hold all.
func (c *call) encoder() (encode func(string) string, name string, err error) {
	switch t := c.query.Get("encoding-type"); t {
	case "":
		return func(s string) string { return s }, "", nil
	case "url":
		return func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "%2F", "/"), "%2A", "*")
		}, t, nil
	}
	return nil, "", invalidArgument.New("Invalid Encoding Method specified in Request")
}

func (c *call) listObjects() (*answer, error) {
	limit, err := c.most("max-keys")
	if err != nil {
		return nil, err
	}
	encode, encoding, err := c.encoder()
	if err != nil {
		return nil, err
	}
	q := objects.Query{Bucket: c.bucket, Prefix: c.query.Get("prefix"), Delimiter: c.query.Get("delimiter"), Limit: limit}
	out := &objectList{Name: c.name, Prefix: encode(q.Prefix), MaxKeys: limit, Delimiter: encode(q.Delimiter), EncodingType: encoding}
	second := c.query.Get("list-type") == "2"
	what := "objects of " + c.name
	if second {
		q.After = c.query.Get("start-after")
		out.StartAfter, out.ContinuationToken = encode(q.After), c.query.Get("continuation-token")
		if out.ContinuationToken != "" {
			if q.After, err = page.Key(what, out.ContinuationToken); err != nil {
				return nil, invalidArgument.New("The continuation token provided is incorrect")
			}
		}
	} else {
		q.After = c.query.Get("marker")
		out.Marker = new(encode(q.After))
	}
	l, err := c.d.room.List(c.ctx, q)
	if err != nil {
		return nil, err
	}
	out.fill(l, encode, c.listOwner(second))
	if second {
		out.KeyCount, out.NextContinuationToken = new(len(l.Objects)+len(l.Prefixes)), page.Token(what, l.Next)
	} else if q.Delimiter != "" {
		out.NextMarker = encode(l.Next)
	}
	return said(out), nil
}

// listOwner is who is named as the owner of each object; nil: nobody, as the second listing has it if not asked.
func (c *call) listOwner(second bool) *owner {
	if second && c.query.Get("fetch-owner") != "true" {
		return nil
	}
	o := ownerOf(c.bucket.Account)
	return &o
}

func (out *objectList) fill(l objects.Listing, encode func(string) string, who *owner) {
	out.IsTruncated = l.Next != ""
	for _, o := range l.Objects {
		out.Contents = append(out.Contents, objectItem{
			Key: encode(o.Key), LastModified: o.Modified.Format(stamp), ETag: quoted(o.ETag), Size: o.Size, Owner: who, StorageClass: "STANDARD",
			ChecksumAlgorithm: o.About.Checksum.Algorithm, ChecksumType: o.About.Checksum.Kind,
		})
	}
	for _, p := range l.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, prefixItem{encode(p)})
	}
}

// versionItem is a version, or a marker, by the name of its element.
type versionItem struct {
	XMLName      xml.Name
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64
	StorageClass string `xml:",omitempty"`
	Owner        owner
}

type versionList struct {
	XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	Name                string
	Prefix              string
	KeyMarker           string
	VersionIDMarker     string `xml:"VersionIdMarker"`
	NextKeyMarker       string `xml:",omitempty"`
	NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
	MaxKeys             int
	Delimiter           string `xml:",omitempty"`
	EncodingType        string `xml:",omitempty"`
	IsTruncated         bool
	Versions            []versionItem
	CommonPrefixes      []prefixItem
}

func (c *call) listVersions() (*answer, error) {
	limit, err := c.most("max-keys")
	if err != nil {
		return nil, err
	}
	encode, encoding, err := c.encoder()
	if err != nil {
		return nil, err
	}
	q := objects.VersionQuery{
		Bucket: c.bucket, Prefix: c.query.Get("prefix"), Delimiter: c.query.Get("delimiter"),
		After: c.query.Get("key-marker"), AfterVersion: c.query.Get("version-id-marker"), Limit: limit,
	}
	if q.AfterVersion != "" && q.After == "" {
		return nil, invalidArgument.New("A version-id marker cannot be specified without a key marker.")
	}
	l, err := c.d.room.Versions(c.ctx, q)
	if err != nil {
		return nil, err
	}
	out := &versionList{
		Name: c.name, Prefix: encode(q.Prefix), KeyMarker: encode(q.After), VersionIDMarker: q.AfterVersion, MaxKeys: limit,
		Delimiter: encode(q.Delimiter), EncodingType: encoding, IsTruncated: l.Next != "", NextKeyMarker: encode(l.Next), NextVersionIDMarker: l.NextVersion,
	}
	for _, o := range l.Objects {
		item := versionItem{
			XMLName: xml.Name{Local: "DeleteMarker"}, Key: encode(o.Key), VersionID: o.Version, IsLatest: o.Latest,
			LastModified: o.Modified.Format(stamp), Owner: ownerOf(c.bucket.Account),
		}
		if !o.Marker {
			item.XMLName.Local, item.ETag, item.Size, item.StorageClass = "Version", quoted(o.ETag), &o.Size, "STANDARD"
		}
		out.Versions = append(out.Versions, item)
	}
	for _, p := range l.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, prefixItem{encode(p)})
	}
	return said(out), nil
}
