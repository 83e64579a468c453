package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"

	"slipway/internal/page"
	"slipway/objects"
)

const mostListed = 1000

// stamp is a time as S3's XML has it.
const stamp = "2006-01-02T15:04:05.000Z"

type bucketList struct {
	XMLName           xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             owner
	Buckets           []bucketItem `xml:"Buckets>Bucket"`
	Prefix            string       `xml:",omitempty"`
	ContinuationToken string       `xml:",omitempty"`
}

type bucketItem struct {
	Name         string
	CreationDate string
	BucketRegion string
	BucketArn    string
}

func (c *call) listBuckets() (*answer, error) {
	const what = "buckets"
	after, err := page.Key(what, c.query.Get("continuation-token"))
	if err != nil {
		return nil, invalidArgument.New("The continuation token provided is incorrect")
	}
	limit := 10_000
	if text := c.query.Get("max-buckets"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 10_000 {
			return nil, invalidArgument.New("Argument max-buckets must be an integer between 1 and 10000")
		}
	}
	list, err := c.d.room.Buckets(c.ctx, objects.BucketQuery{Account: c.visit.Who.Account, Prefix: c.query.Get("prefix"), After: after, Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	list, next := page.Cut(list, limit, func(b objects.Bucket) string { return b.Name })
	out := &bucketList{Owner: ownerOf(c.visit.Who.Account), Prefix: c.query.Get("prefix"), ContinuationToken: page.Token(what, next)}
	for _, b := range list {
		out.Buckets = append(out.Buckets, bucketItem{b.Name, b.Created.Format(stamp), c.d.region, arnOf(b.Name, "")})
	}
	return said(out), nil
}

type bucketConfiguration struct {
	LocationConstraint string
	Tags               []tag `xml:"Tags>Tag"`
}

func (c *call) createBucket() (*answer, error) {
	if err := c.refuseHeaders("X-Amz-Bucket-Object-Lock-Enabled"); err != nil {
		return nil, err
	}
	var want bucketConfiguration
	if !isEmpty(c.r) {
		if err := c.document(&want); err != nil {
			return nil, err
		}
	}
	if want.LocationConstraint != "" && want.LocationConstraint != c.d.region {
		return nil, fault("IllegalLocationConstraintException", 400).Newf("The %s location constraint is incompatible for the region specific endpoint this request was sent to.", want.LocationConstraint)
	}
	tags, err := tagsOf(want.Tags)
	if err == nil {
		_, err = c.d.room.CreateBucket(c.ctx, objects.Bucket{Name: c.name, Account: c.visit.Who.Account, Tags: tags})
	}
	a := done(http.StatusOK)
	a.header.Set("Location", "/"+c.name)
	a.header.Set("X-Amz-Bucket-Arn", arnOf(c.name, ""))
	return a, err
}

func (c *call) headBucket() (*answer, error) {
	a := done(http.StatusOK)
	a.header.Set("X-Amz-Bucket-Region", c.d.region)
	a.header.Set("X-Amz-Bucket-Arn", arnOf(c.name, ""))
	a.header.Set("X-Amz-Access-Point-Alias", "false")
	a.header.Set("Content-Type", "application/xml")
	return a, nil
}

func (c *call) deleteBucket() (*answer, error) {
	return done(http.StatusNoContent), c.d.room.DeleteBucket(c.ctx, c.bucket)
}

type location struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

// defaultRegion is the one that buckets do not say that they are in.
const defaultRegion = "us-east-1"

func (c *call) getLocation() (*answer, error) {
	region := c.d.region
	if region == defaultRegion {
		region = ""
	}
	return said(&location{Region: region}), nil
}

type versioning struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Status    string   `xml:",omitempty"`
	MFADelete string   `xml:"MfaDelete,omitempty"`
}

func (c *call) getVersioning() (*answer, error) {
	return said(&versioning{Namespace: namespace, Status: c.bucket.Versioning}), nil
}

func (c *call) putVersioning() (*answer, error) {
	var want versioning
	if err := c.document(&want); err != nil {
		return nil, err
	}
	switch {
	case want.MFADelete != "" && want.MFADelete != "Disabled":
		return nil, notImplemented.New("MfaDelete is not supported by Slipway.")
	case want.Status != objects.Versioned && want.Status != objects.Suspended:
		return nil, fault("IllegalVersioningConfigurationException", 400).New("The Versioning element must be specified")
	}
	return done(http.StatusOK), c.d.room.SetVersioning(c.ctx, c.bucket, want.Status)
}
