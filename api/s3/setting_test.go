package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A bucket that was told nothing answers as such a one does on AWS.
func TestSettingsOfABucketThatWasToldNone(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	d.put(b, "k", "x")
	for about, want := range map[string]string{
		"cors": "404 NoSuchCORSConfiguration", "policy": "404 NoSuchBucketPolicy", "policyStatus": "404 NoSuchBucketPolicy", "lifecycle": "404 NoSuchLifecycleConfiguration",
		"encryption": "404 ServerSideEncryptionConfigurationNotFoundError", "replication": "404 ReplicationConfigurationNotFoundError",
		"object-lock": "404 ObjectLockConfigurationNotFoundError", "website": "404 NoSuchWebsiteConfiguration", "tagging": "404 NoSuchTagSet",
		"accelerate": "200 <AccelerateConfiguration xmlns=", "logging": "200 <BucketLoggingStatus xmlns=", "notification": "200 <NotificationConfiguration xmlns=",
		"requestPayment": "200 <Payer>BucketOwner</Payer>", "publicAccessBlock": "200 <RestrictPublicBuckets>true</RestrictPublicBuckets>",
		"ownershipControls": "200 <ObjectOwnership>BucketOwnerEnforced</ObjectOwnership>", "versioning": `200 <VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></VersioningConfiguration>`,
		"location": "200 <LocationConstraint xmlns=", "acl": "200 <Permission>FULL_CONTROL</Permission>", "metrics": "501 GetBucketMetricsConfiguration is not supported by Slipway.",
	} {
		status, text, _ := d.raw("GET", "/harbour?"+about, nil)
		if code, part, _ := strings.Cut(want, " "); code != map[int]string{200: "200", 404: "404", 501: "501"}[status] || !strings.Contains(text, part) {
			t.Errorf("%s: %d %s, want %s", about, status, text, want)
		}
	}
	_, err := d.GetBucketLocation(t.Context(), &awss3.GetBucketLocationInput{Bucket: b})
	must(t, err)
	who, err := d.GetBucketAcl(t.Context(), &awss3.GetBucketAclInput{Bucket: b})
	if err != nil || *who.Owner.ID != *who.Grants[0].Grantee.ID || who.Grants[0].Grantee.Type != types.TypeCanonicalUser {
		t.Errorf("acl %+v, %v", who, err)
	}
	_, err = d.PutBucketPolicy(t.Context(), &awss3.PutBucketPolicyInput{Bucket: b, Policy: aws.String("{}")})
	told(t, err, "NotImplemented")
	_, err = d.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: b, Key: aws.String("k"), ACL: types.ObjectCannedACLPublicRead})
	told(t, err, "AccessControlListNotSupported")
	_, err = d.GetObjectRetention(t.Context(), &awss3.GetObjectRetentionInput{Bucket: b, Key: aws.String("k")})
	told(t, err, "InvalidRequest")
	if status, text, _ := d.raw("PATCH", "/harbour", nil); status != 405 || !strings.Contains(text, "MethodNotAllowed") {
		t.Errorf("PATCH: %d %s", status, text)
	}
}

func TestTags(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("k")
	d.put(b, *key, "x")
	set := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}, {Key: aws.String("ä"), Value: aws.String("")}}}
	_, err := d.PutBucketTagging(t.Context(), &awss3.PutBucketTaggingInput{Bucket: b, Tagging: set})
	must(t, err)
	got, err := d.GetBucketTagging(t.Context(), &awss3.GetBucketTaggingInput{Bucket: b})
	if err != nil || len(got.TagSet) != 2 || *got.TagSet[0].Value != "sea" {
		t.Errorf("tags %+v, %v", got, err)
	}
	_, err = d.DeleteBucketTagging(t.Context(), &awss3.DeleteBucketTaggingInput{Bucket: b})
	must(t, err)
	_, err = d.PutObjectTagging(t.Context(), &awss3.PutObjectTaggingInput{Bucket: b, Key: key, Tagging: set})
	must(t, err)
	of, err := d.GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: b, Key: key})
	if err != nil || len(of.TagSet) != 2 || *of.TagSet[1].Key != "ä" {
		t.Errorf("tags %+v, %v", of, err)
	}
	_, err = d.DeleteObjectTagging(t.Context(), &awss3.DeleteObjectTaggingInput{Bucket: b, Key: key})
	must(t, err)
	of, err = d.GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: b, Key: key})
	if err != nil || len(of.TagSet) != 0 {
		t.Errorf("tags %+v, %v", of, err)
	}
	twice := &types.Tagging{TagSet: []types.Tag{set.TagSet[0], set.TagSet[0]}}
	_, err = d.PutObjectTagging(t.Context(), &awss3.PutObjectTaggingInput{Bucket: b, Key: key, Tagging: twice})
	told(t, err, "InvalidTag")
	_, err = d.GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: b, Key: aws.String("none")})
	told(t, err, "NoSuchKey")
	if status, text, _ := d.raw("PUT", "/harbour?tagging", []byte("<Tagging><Tag")); status != 400 || !strings.Contains(text, "MalformedXML") {
		t.Errorf("half a document: %d %s", status, text)
	}
}

// What a bucket is told of the public and of ownership can be read again, and taken back.
func TestPublicAccessAndOwnership(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	_, err := d.PutPublicAccessBlock(t.Context(), &awss3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(false), BlockPublicPolicy: aws.Bool(true), RestrictPublicBuckets: aws.Bool(false),
	}})
	must(t, err)
	got, err := d.GetPublicAccessBlock(t.Context(), &awss3.GetPublicAccessBlockInput{Bucket: b})
	must(t, err)
	if c := got.PublicAccessBlockConfiguration; !*c.BlockPublicAcls || *c.IgnorePublicAcls || !*c.BlockPublicPolicy || *c.RestrictPublicBuckets {
		t.Errorf("public access %+v", c)
	}
	_, err = d.DeletePublicAccessBlock(t.Context(), &awss3.DeletePublicAccessBlockInput{Bucket: b})
	must(t, err)
	_, err = d.GetPublicAccessBlock(t.Context(), &awss3.GetPublicAccessBlockInput{Bucket: b})
	told(t, err, "NoSuchPublicAccessBlockConfiguration")

	own := func(o types.ObjectOwnership) error {
		_, err := d.PutBucketOwnershipControls(t.Context(), &awss3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: o}}}})
		return err
	}
	must(t, own(types.ObjectOwnershipBucketOwnerEnforced))
	told(t, own(types.ObjectOwnershipObjectWriter), "NotImplemented")
	rules, err := d.GetBucketOwnershipControls(t.Context(), &awss3.GetBucketOwnershipControlsInput{Bucket: b})
	if err != nil || rules.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("ownership %+v, %v", rules, err)
	}
	_, err = d.DeleteBucketOwnershipControls(t.Context(), &awss3.DeleteBucketOwnershipControlsInput{Bucket: b})
	must(t, err)
	_, err = d.GetBucketOwnershipControls(t.Context(), &awss3.GetBucketOwnershipControlsInput{Bucket: b})
	told(t, err, "OwnershipControlsNotFoundError")
	_, err = d.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: b})
	must(t, err)
	b = d.bucket("harbour") // it begins anew
	got, err = d.GetPublicAccessBlock(t.Context(), &awss3.GetPublicAccessBlockInput{Bucket: b})
	if err != nil || !*got.PublicAccessBlockConfiguration.RestrictPublicBuckets {
		t.Errorf("public access %+v, %v", got, err)
	}
}
