package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// objectOf is the object in a bucket that a call names, the zero Object if none.
func objectOf(bucket, key, version *string) functions.Object {
	return functions.Object{Bucket: awswire.Or(bucket, ""), Key: awswire.Or(key, ""), Version: awswire.Or(version, "")}
}

// onObject asks whether the caller may read the object that code lies in. Source: Lambda API, CreateFunction: "you
// must have permission to read the S3 object".
func onObject(o functions.Object) []awswire.Ask {
	if o.Bucket == "" || o.Key == "" {
		return nil
	}
	ask := awswire.Ask{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + o.Bucket + "/" + o.Key}
	if o.Version != "" {
		ask.Action = "s3:GetObjectVersion"
	}
	return []awswire.Ask{ask}
}
