package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"

	"slipway/api/awswire"
)

// What buckets are not told here they answer as a bucket of AWS does that was never told.

type missingSetting struct {
	fault awswire.FaultType
	text  string
}

var (
	noCORS        = missingSetting{fault("NoSuchCORSConfiguration", 404), "The CORS configuration does not exist"}
	noPolicy      = missingSetting{fault("NoSuchBucketPolicy", 404), "The bucket policy does not exist"}
	noLifecycle   = missingSetting{fault("NoSuchLifecycleConfiguration", 404), "The lifecycle configuration does not exist"}
	noEncryption  = missingSetting{fault("ServerSideEncryptionConfigurationNotFoundError", 404), "The server side encryption configuration was not found"}
	noReplication = missingSetting{fault("ReplicationConfigurationNotFoundError", 404), "The replication configuration was not found"}
	noLock        = missingSetting{fault("ObjectLockConfigurationNotFoundError", 404), "Object Lock configuration does not exist for this bucket"}
	noWebsite     = missingSetting{fault("NoSuchWebsiteConfiguration", 404), "The specified bucket does not have a website configuration"}
)

func unset(name, action string, s missingSetting) *operation {
	return &operation{name, inBucket, action, func(*call) (*answer, error) { return nil, s.fault.New(s.text) }, nil}
}

// emptyElement is an element without anything in it.
type emptyElement struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
}

func empty(name, action, element string) *operation {
	return &operation{name, inBucket, action, func(*call) (*answer, error) {
		return said(&emptyElement{XMLName: xml.Name{Local: element}, Namespace: namespace}), nil
	}, nil}
}

type owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// ownerOf is an account as S3 names it: by 64 hexadecimal digits, always the same.
func ownerOf(account string) owner {
	sum := sha256.Sum256([]byte("canonical user of " + account))
	return owner{ID: hex.EncodeToString(sum[:])}
}

type acl struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   owner
	Grants  []grant `xml:"AccessControlList>Grant"`
}

type grant struct {
	Grantee    grantee
	Permission string
}

type grantee struct {
	Schema string `xml:"xmlns:xsi,attr"`
	Type   string `xml:"xsi:type,attr"`
	owner
}

func (c *call) getACL() (*answer, error) {
	who := ownerOf(c.bucket.Account)
	return said(&acl{Owner: who, Grants: []grant{{grantee{"http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", who}, "FULL_CONTROL"}}}), nil
}

func (c *call) getObjectACL() (*answer, error) {
	if _, err := c.find(); err != nil {
		return nil, err
	}
	return c.getACL()
}

// refuseACL says what every bucket says that was made since 2023. Source: S3 User Guide, "Controlling ownership of
// objects and disabling ACLs for your bucket".
func (c *call) refuseACL() (*answer, error) {
	return nil, fault("AccessControlListNotSupported", 400).New("The bucket does not allow ACLs")
}

func (c *call) noLockOfObject() (*answer, error) {
	return nil, invalidRequest.New("Bucket is missing Object Lock Configuration")
}

type payment struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ RequestPaymentConfiguration"`
	Payer   string
}

func (c *call) getPayment() (*answer, error) { return said(&payment{Payer: "BucketOwner"}), nil }

// refuseHeaders refuses by their names headers that ask for what is not done, and settings that no bucket has.
func (c *call) refuseHeaders(more ...string) error {
	for _, name := range append([]string{
		"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Customer-Algorithm", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
		"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold", "X-Amz-Website-Redirect-Location", "X-Amz-Write-Offset-Bytes",
	}, more...) {
		if value := c.r.Header.Get(name); value != "" && value != "false" {
			return notImplemented.Newf("A header you provided implies functionality that is not implemented: %s", name)
		}
	}
	if class := c.r.Header.Get("X-Amz-Storage-Class"); class != "" && class != "STANDARD" {
		return fault("InvalidStorageClass", 400).New("The storage class you specified is not valid")
	}
	for _, name := range []string{"X-Amz-Acl", "X-Amz-Grant-Full-Control", "X-Amz-Grant-Read", "X-Amz-Grant-Read-Acp", "X-Amz-Grant-Write", "X-Amz-Grant-Write-Acp"} {
		if value := c.r.Header.Get(name); value != "" && value != "bucket-owner-full-control" && value != "private" {
			return fault("AccessControlListNotSupported", 400).New("The bucket does not allow ACLs")
		}
	}
	return nil
}
