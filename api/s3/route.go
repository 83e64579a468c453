package s3

import (
	"net/http"
	"slices"
	"strings"
)

// scope is what an operation is about.
type scope int

const (
	inService scope = iota
	inBucket
	inObject
)

// operation is one of S3's. Source: S3 API Reference, "Actions".
type operation struct {
	name   string
	in     scope
	action string                        // as policies name it
	do     func(*call) (*answer, error)  // nil: not supported
	needs  func(*call, *operation) needs // nil: the action on what it is about
}

// place is a method on what a request names, with the first parameter that says more.
type place struct {
	in     scope
	method string
	about  string // parameter; "": none of those that say more
}

// abouts are the parameters that make another operation of a request, in the order in which they are looked for.
var abouts = map[scope][]string{
	inBucket: {
		"delete", "uploads", "versions", "location", "versioning", "tagging", "acl", "cors", "policy", "policyStatus", "lifecycle", "encryption",
		"replication", "object-lock", "website", "accelerate", "requestPayment", "logging", "publicAccessBlock", "ownershipControls", "notification",
		"analytics", "inventory", "metrics", "intelligent-tiering", "metadataTable", "metadataConfiguration", "abac", "session",
	},
	inObject: {"uploadId", "uploads", "tagging", "acl", "attributes", "retention", "legal-hold", "torrent", "restore", "select", "renameObject", "encryption"},
}

// route finds the operation of a request.
func (c *call) route() *operation {
	at := place{in: inService, method: c.r.Method}
	switch {
	case c.key != "":
		at.in = inObject
	case c.name != "":
		at.in = inBucket
	}
	for _, about := range abouts[at.in] {
		if c.query.Has(about) {
			at.about = about
			break
		}
	}
	if c.r.Method == http.MethodPut && at.in == inObject && c.r.Header.Get("X-Amz-Copy-Source") != "" && copies[at.about] != nil {
		return copies[at.about]
	}
	if op, known := operations[at]; known {
		return op
	}
	return &operation{name: "Unknown", in: at.in, action: "s3:Unknown", do: func(*call) (*answer, error) {
		return nil, methodNotAllowed.New("The specified method is not allowed against this resource.")
	}}
}

// copies are operations that have no body, but an object as a source.
var copies = map[string]*operation{
	"":         {"CopyObject", inObject, "s3:PutObject", (*call).copyObject, needsCopy},
	"uploadId": {"UploadPartCopy", inObject, "s3:PutObject", (*call).uploadPartCopy, needsCopy},
}

var operations = map[place]*operation{
	{inService, "GET", ""}: {"ListBuckets", inService, "s3:ListAllMyBuckets", (*call).listBuckets, nil},

	{inBucket, "PUT", ""}:            {"CreateBucket", inBucket, "s3:CreateBucket", (*call).createBucket, nil},
	{inBucket, "HEAD", ""}:           {"HeadBucket", inBucket, "s3:ListBucket", (*call).headBucket, nil},
	{inBucket, "DELETE", ""}:         {"DeleteBucket", inBucket, "s3:DeleteBucket", (*call).deleteBucket, nil},
	{inBucket, "GET", "location"}:    {"GetBucketLocation", inBucket, "s3:GetBucketLocation", (*call).getLocation, nil},
	{inBucket, "GET", "versioning"}:  {"GetBucketVersioning", inBucket, "s3:GetBucketVersioning", (*call).getVersioning, nil},
	{inBucket, "PUT", "versioning"}:  {"PutBucketVersioning", inBucket, "s3:PutBucketVersioning", (*call).putVersioning, nil},
	{inBucket, "GET", "tagging"}:     {"GetBucketTagging", inBucket, "s3:GetBucketTagging", (*call).getBucketTags, nil},
	{inBucket, "PUT", "tagging"}:     {"PutBucketTagging", inBucket, "s3:PutBucketTagging", (*call).putBucketTags, nil},
	{inBucket, "DELETE", "tagging"}:  {"DeleteBucketTagging", inBucket, "s3:PutBucketTagging", (*call).deleteBucketTags, nil},
	{inBucket, "GET", ""}:            {"ListObjects", inBucket, "s3:ListBucket", (*call).listObjects, needsList},
	{inBucket, "GET", "versions"}:    {"ListObjectVersions", inBucket, "s3:ListBucketVersions", (*call).listVersions, needsList},
	{inBucket, "GET", "uploads"}:     {"ListMultipartUploads", inBucket, "s3:ListBucketMultipartUploads", (*call).listUploads, nil},
	{inBucket, "POST", "delete"}:     {"DeleteObjects", inBucket, "s3:DeleteObject", (*call).deleteObjects, needsNothing},
	{inBucket, "POST", ""}:           {"PostObject", inBucket, "s3:PutObject", nil, nil},
	{inBucket, "GET", "session"}:     {"CreateSession", inBucket, "s3:CreateSession", nil, nil},
	{inObject, "PUT", ""}:            {"PutObject", inObject, "s3:PutObject", (*call).putObject, needsPut},
	{inObject, "GET", ""}:            {"GetObject", inObject, "s3:GetObject", (*call).getObject, needsVersion},
	{inObject, "HEAD", ""}:           {"HeadObject", inObject, "s3:GetObject", (*call).headObject, needsVersion},
	{inObject, "DELETE", ""}:         {"DeleteObject", inObject, "s3:DeleteObject", (*call).deleteObject, needsVersion},
	{inObject, "GET", "tagging"}:     {"GetObjectTagging", inObject, "s3:GetObjectTagging", (*call).getObjectTags, needsVersion},
	{inObject, "PUT", "tagging"}:     {"PutObjectTagging", inObject, "s3:PutObjectTagging", (*call).putObjectTags, needsVersion},
	{inObject, "DELETE", "tagging"}:  {"DeleteObjectTagging", inObject, "s3:DeleteObjectTagging", (*call).deleteObjectTags, needsVersion},
	{inObject, "POST", "uploads"}:    {"CreateMultipartUpload", inObject, "s3:PutObject", (*call).createUpload, needsPut},
	{inObject, "PUT", "uploadId"}:    {"UploadPart", inObject, "s3:PutObject", (*call).uploadPart, nil},
	{inObject, "POST", "uploadId"}:   {"CompleteMultipartUpload", inObject, "s3:PutObject", (*call).completeUpload, nil},
	{inObject, "DELETE", "uploadId"}: {"AbortMultipartUpload", inObject, "s3:AbortMultipartUpload", (*call).abortUpload, nil},
	{inObject, "GET", "uploadId"}:    {"ListParts", inObject, "s3:ListMultipartUploadParts", (*call).listParts, nil},

	{inBucket, "GET", "acl"}:                  {"GetBucketAcl", inBucket, "s3:GetBucketAcl", (*call).getACL, nil},
	{inBucket, "PUT", "acl"}:                  {"PutBucketAcl", inBucket, "s3:PutBucketAcl", (*call).refuseACL, nil},
	{inBucket, "GET", "cors"}:                 unset("GetBucketCors", "s3:GetBucketCORS", noCORS),
	{inBucket, "GET", "policy"}:               unset("GetBucketPolicy", "s3:GetBucketPolicy", noPolicy),
	{inBucket, "GET", "policyStatus"}:         unset("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", noPolicy),
	{inBucket, "GET", "lifecycle"}:            unset("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", noLifecycle),
	{inBucket, "GET", "encryption"}:           unset("GetBucketEncryption", "s3:GetEncryptionConfiguration", noEncryption),
	{inBucket, "GET", "replication"}:          unset("GetBucketReplication", "s3:GetReplicationConfiguration", noReplication),
	{inBucket, "GET", "object-lock"}:          unset("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", noLock),
	{inBucket, "GET", "website"}:              unset("GetBucketWebsite", "s3:GetBucketWebsite", noWebsite),
	{inBucket, "GET", "accelerate"}:           empty("GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", "AccelerateConfiguration"),
	{inBucket, "GET", "logging"}:              empty("GetBucketLogging", "s3:GetBucketLogging", "BucketLoggingStatus"),
	{inBucket, "GET", "notification"}:         empty("GetBucketNotificationConfiguration", "s3:GetBucketNotification", "NotificationConfiguration"),
	{inBucket, "GET", "requestPayment"}:       {"GetBucketRequestPayment", inBucket, "s3:GetBucketRequestPayment", (*call).getPayment, nil},
	{inBucket, "GET", "publicAccessBlock"}:    {"GetPublicAccessBlock", inBucket, "s3:GetBucketPublicAccessBlock", (*call).getPublicAccess, nil},
	{inBucket, "GET", "ownershipControls"}:    {"GetBucketOwnershipControls", inBucket, "s3:GetBucketOwnershipControls", (*call).getOwnership, nil},
	{inObject, "GET", "acl"}:                  {"GetObjectAcl", inObject, "s3:GetObjectAcl", (*call).getObjectACL, nil},
	{inObject, "PUT", "acl"}:                  {"PutObjectAcl", inObject, "s3:PutObjectAcl", (*call).refuseACL, nil},
	{inObject, "GET", "retention"}:            {"GetObjectRetention", inObject, "s3:GetObjectRetention", (*call).noLockOfObject, nil},
	{inObject, "GET", "legal-hold"}:           {"GetObjectLegalHold", inObject, "s3:GetObjectLegalHold", (*call).noLockOfObject, nil},
	{inBucket, "PUT", "cors"}:                 refused("PutBucketCors", "s3:PutBucketCORS"),
	{inBucket, "DELETE", "cors"}:              refused("DeleteBucketCors", "s3:PutBucketCORS"),
	{inBucket, "PUT", "policy"}:               refused("PutBucketPolicy", "s3:PutBucketPolicy"),
	{inBucket, "DELETE", "policy"}:            refused("DeleteBucketPolicy", "s3:DeleteBucketPolicy"),
	{inBucket, "PUT", "lifecycle"}:            refused("PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
	{inBucket, "DELETE", "lifecycle"}:         refused("DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
	{inBucket, "PUT", "encryption"}:           refused("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
	{inBucket, "DELETE", "encryption"}:        refused("DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
	{inBucket, "PUT", "replication"}:          refused("PutBucketReplication", "s3:PutReplicationConfiguration"),
	{inBucket, "DELETE", "replication"}:       refused("DeleteBucketReplication", "s3:PutReplicationConfiguration"),
	{inBucket, "PUT", "object-lock"}:          refused("PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"),
	{inBucket, "PUT", "website"}:              refused("PutBucketWebsite", "s3:PutBucketWebsite"),
	{inBucket, "DELETE", "website"}:           refused("DeleteBucketWebsite", "s3:DeleteBucketWebsite"),
	{inBucket, "PUT", "accelerate"}:           refused("PutBucketAccelerateConfiguration", "s3:PutAccelerateConfiguration"),
	{inBucket, "PUT", "logging"}:              refused("PutBucketLogging", "s3:PutBucketLogging"),
	{inBucket, "PUT", "notification"}:         refused("PutBucketNotificationConfiguration", "s3:PutBucketNotification"),
	{inBucket, "PUT", "requestPayment"}:       refused("PutBucketRequestPayment", "s3:PutBucketRequestPayment"),
	{inBucket, "PUT", "publicAccessBlock"}:    {"PutPublicAccessBlock", inBucket, "s3:PutBucketPublicAccessBlock", (*call).putPublicAccess, nil},
	{inBucket, "DELETE", "publicAccessBlock"}: {"DeletePublicAccessBlock", inBucket, "s3:PutBucketPublicAccessBlock", (*call).deletePublicAccess, nil},
	{inBucket, "PUT", "ownershipControls"}:    {"PutBucketOwnershipControls", inBucket, "s3:PutBucketOwnershipControls", (*call).putOwnership, nil},
	{inBucket, "DELETE", "ownershipControls"}: {"DeleteBucketOwnershipControls", inBucket, "s3:PutBucketOwnershipControls", (*call).deleteOwnership, nil},
	{inObject, "GET", "attributes"}:           {"GetObjectAttributes", inObject, "s3:GetObjectAttributes", (*call).getAttributes, needsAttributes},
	{inObject, "PUT", "retention"}:            {"PutObjectRetention", inObject, "s3:PutObjectRetention", nil, nil},
	{inObject, "PUT", "legal-hold"}:           {"PutObjectLegalHold", inObject, "s3:PutObjectLegalHold", nil, nil},
	{inObject, "GET", "torrent"}:              {"GetObjectTorrent", inObject, "s3:GetObjectTorrent", nil, nil},
	{inObject, "POST", "restore"}:             {"RestoreObject", inObject, "s3:RestoreObject", nil, nil},
	{inObject, "POST", "select"}:              {"SelectObjectContent", inObject, "s3:GetObject", nil, nil},
	{inObject, "PUT", "renameObject"}:         {"RenameObject", inObject, "s3:PutObject", nil, nil},
	{inObject, "PUT", "encryption"}:           {"UpdateObjectEncryption", inObject, "s3:UpdateObjectEncryption", nil, nil},
}

// The settings of buckets that have ids, which are read, listed, kept and deleted by the same parameter.
func init() {
	for about, noun := range map[string]string{"analytics": "Analytics", "inventory": "Inventory", "metrics": "Metrics", "intelligent-tiering": "IntelligentTiering"} {
		for method, verb := range map[string]string{"GET": "Get", "PUT": "Put", "DELETE": "Delete"} {
			operations[place{inBucket, method, about}] = refused(verb+"Bucket"+noun+"Configuration", "s3:"+verb+noun+"Configuration")
		}
	}
	for method, verb := range map[string]string{"POST": "Create", "GET": "Get", "DELETE": "Delete"} {
		operations[place{inBucket, method, "metadataTable"}] = refused(verb+"BucketMetadataTableConfiguration", "s3:"+verb+"BucketMetadataTableConfiguration")
		operations[place{inBucket, method, "metadataConfiguration"}] = refused(verb+"BucketMetadataConfiguration", "s3:"+verb+"BucketMetadataConfiguration")
	}
	for method, verb := range map[string]string{"PUT": "Put", "GET": "Get"} {
		operations[place{inBucket, method, "abac"}] = refused(verb+"BucketAbac", "s3:"+verb+"BucketAbac")
	}
}

func refused(name, action string) *operation { return &operation{name, inBucket, action, nil, nil} }

// IsData tells operations on objects from those that manage buckets. There may be thousands of them a second. Source:
// AWS CloudTrail User Guide, "Logging data events".
func IsData(operation string) bool { return data[operation] }

var data = func() map[string]bool {
	names := map[string]bool{"CopyObject": true, "UploadPartCopy": true, "DeleteObjects": true, "ListObjects": true, "ListObjectVersions": true, "ListMultipartUploads": true}
	for at, op := range operations {
		if at.in == inObject {
			names[op.name] = true
		}
	}
	return names
}()

// Operation is one that the door knows, and where it is.
type Operation struct {
	Name, Method string
	About        string // parameter that the query has
	Object       bool   // it is about an object, and not about a bucket or all
}

// Operations lists all that the door knows, those too that it refuses by name.
func Operations() (list []Operation) {
	for at, op := range operations {
		list = append(list, Operation{op.name, at.method, at.about, at.in == inObject})
	}
	for about, op := range copies {
		list = append(list, Operation{op.name, "PUT", about, true})
	}
	slices.SortFunc(list, func(a, b Operation) int { return strings.Compare(a.Name, b.Name) })
	return list
}
