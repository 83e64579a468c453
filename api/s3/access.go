package s3

import (
	"slipway/api/awswire"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon S3".

// needs is what a caller must be allowed.
type needs []awswire.Ask

func (c *call) asks() []awswire.Ask {
	if c.op.needs == nil {
		return needs{{Action: c.op.action, Resource: c.resource()}}
	}
	return c.op.needs(c, c.op)
}

// resource is what a call is about.
func (c *call) resource() string {
	switch c.op.in {
	case inService:
		return "*"
	case inBucket:
		return arnOf(c.name, "")
	}
	return arnOf(c.name, c.key)
}

// arnOf names an object; with key "" a bucket.
func arnOf(bucket, key string) string {
	if key == "" {
		return "arn:aws:s3:::" + bucket
	}
	return "arn:aws:s3:::" + bucket + "/" + key
}

// needsNothing is for operations that ask for each thing that they do.
func needsNothing(*call, *operation) needs { return nil }

// needsVersion asks for another action where a version is named: "s3:GetObjectVersion".
func needsVersion(c *call, op *operation) needs {
	action := op.action
	if c.query.Get("versionId") != "" {
		action = ofVersion(action)
	}
	return needs{{Action: action, Resource: c.resource()}}
}

func ofVersion(action string) string {
	switch action {
	case "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObjectTagging":
		return action[:len(action)-len("Tagging")] + "VersionTagging"
	case "s3:GetObjectAttributes":
		return "s3:GetObjectVersionAttributes"
	}
	return action + "Version"
}

// needsAttributes asks for the object as well. Source: S3 API Reference, GetObjectAttributes, "Permissions".
func needsAttributes(c *call, op *operation) needs {
	return append(needsVersion(c, op), needsVersion(c, &operation{action: "s3:GetObject"})...)
}

// needsPut asks for the tags as well.
func needsPut(c *call, op *operation) needs {
	all := needs{{Action: op.action, Resource: c.resource()}}
	if c.r.Header.Get("X-Amz-Tagging") != "" {
		all = append(all, awswire.Ask{Action: "s3:PutObjectTagging", Resource: c.resource()})
	}
	return all
}

// needsCopy asks for the source as well.
func needsCopy(c *call, op *operation) needs {
	s, err := c.source()
	ask := awswire.Ask{Action: "s3:GetObject", Resource: arnOf(s.bucket, s.key), Err: err}
	if s.version != "" {
		ask.Action = ofVersion(ask.Action)
	}
	return append(needsPut(c, op), ask)
}

// needsList asks with what is to be listed: policies may open parts of a bucket.
func needsList(c *call, op *operation) needs {
	keys := map[string][]string{}
	for _, name := range []string{"prefix", "delimiter", "max-keys"} {
		if c.query.Has(name) {
			keys["s3:"+name] = c.query[name][:1]
		}
	}
	return needs{{Action: op.action, Resource: c.resource(), Keys: keys}}
}

// may reports whether the caller may list the bucket: only then it is told that an object is missing.
func (c *call) mayList() bool {
	return c.visit.Require(awswire.Ask{Action: "s3:ListBucket", Resource: arnOf(c.name, "")}) == nil
}
