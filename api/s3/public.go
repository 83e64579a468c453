package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// What buckets are told of the public and of who owns objects is kept to be read again. It changes nothing: the
// public never has access, and the bucket's account always owns what is in it.

// Names of settings. withdrawn is the value of one that was taken away; a bucket that was told nothing has AWS's
// defaults.
const (
	settingPublic    = "publicAccessBlock"
	settingOwnership = "ownershipControls"
	withdrawn        = "none"
)

type publicAccess struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	Namespace             string   `xml:"xmlns,attr,omitempty"`
	BlockPublicACLs       bool     `xml:"BlockPublicAcls"`
	IgnorePublicACLs      bool     `xml:"IgnorePublicAcls"`
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func (p *publicAccess) flags() []*bool {
	return []*bool{&p.BlockPublicACLs, &p.IgnorePublicACLs, &p.BlockPublicPolicy, &p.RestrictPublicBuckets}
}

// getPublicAccess says of a bucket that was told nothing what buckets have by default. Source: S3 User Guide, "Blocking
// public access to your Amazon S3 storage".
func (c *call) getPublicAccess() (*answer, error) {
	kept, err := c.d.room.Setting(c.ctx, c.bucket, settingPublic)
	if err != nil {
		return nil, err
	}
	if kept == withdrawn {
		return nil, fault("NoSuchPublicAccessBlockConfiguration", 404).New("The public access block configuration was not found")
	}
	out := &publicAccess{Namespace: namespace}
	words := strings.Fields(kept)
	for i, flag := range out.flags() {
		*flag = kept == "" || i < len(words) && words[i] == "true"
	}
	return said(out), nil
}

func (c *call) putPublicAccess() (*answer, error) {
	var want publicAccess
	if err := c.document(&want); err != nil {
		return nil, err
	}
	var words []string
	for _, flag := range want.flags() {
		words = append(words, strconv.FormatBool(*flag))
	}
	return done(http.StatusOK), c.d.room.Set(c.ctx, c.bucket, settingPublic, strings.Join(words, " "))
}

func (c *call) deletePublicAccess() (*answer, error) {
	return done(http.StatusNoContent), c.d.room.Set(c.ctx, c.bucket, settingPublic, withdrawn)
}

type ownership struct {
	XMLName         xml.Name `xml:"OwnershipControls"`
	Namespace       string   `xml:"xmlns,attr,omitempty"`
	ObjectOwnership string   `xml:"Rule>ObjectOwnership"`
}

// ownerEnforced is the one ownership that there is here: that without ACLs.
const ownerEnforced = "BucketOwnerEnforced"

func (c *call) getOwnership() (*answer, error) {
	kept, err := c.d.room.Setting(c.ctx, c.bucket, settingOwnership)
	if err != nil {
		return nil, err
	}
	if kept == withdrawn {
		return nil, fault("OwnershipControlsNotFoundError", 404).New("The bucket ownership controls were not found")
	}
	return said(&ownership{Namespace: namespace, ObjectOwnership: ownerEnforced}), nil
}

func (c *call) putOwnership() (*answer, error) {
	var want ownership
	if err := c.document(&want); err != nil {
		return nil, err
	}
	if want.ObjectOwnership != ownerEnforced {
		return nil, notImplemented.Newf("ObjectOwnership %s is not supported by Slipway, which has no ACLs: use %s.", want.ObjectOwnership, ownerEnforced)
	}
	return done(http.StatusOK), c.d.room.Set(c.ctx, c.bucket, settingOwnership, ownerEnforced)
}

func (c *call) deleteOwnership() (*answer, error) {
	return done(http.StatusNoContent), c.d.room.Set(c.ctx, c.bucket, settingOwnership, withdrawn)
}
