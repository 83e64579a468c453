package oci

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"slipway/internal/condition"
	"slipway/internal/errs"
	"slipway/registry"
)

// Caller is who holds the token of a request.
type Caller struct {
	Account string // twelve digits
	ARN     string
	UserID  string

	AccessKeyID string // that the token was made with; "": none, for it was made by ourselves
}

// Access decides who may do what.
type Access interface {
	// Check returns nil while who may do anything at all: while the key that the token was made with,
	// its holder and the account are there. Otherwise it returns registry.ErrToken or
	// registry.ErrTokenExpired; any other error is a failure of ours.
	Check(ctx context.Context, who Caller) error
	// Authorize returns nil if the caller may. An error of kind errs.Denied is told to the client; any
	// other is a failure of ours.
	Authorize(ctx context.Context, r *Request) error
}

// Request is what a call needs to be allowed.
type Request struct {
	Who      Caller
	Action   string // "ecr:PutImage"
	Resource string // ARN of a repository, there or not

	// Values returns what the request has for a condition key, which is in lower case, and whether it
	// has the key at all. nil: it has none.
	Values func(key string) ([]string, bool)
	// Policy reads the policy of the repository, "" if it has none. nil: none.
	Policy func() (string, error)
}

// conditions are where the condition keys of one request come from.
type conditions struct {
	all       condition.Request
	labels    func() (map[string]string, error) // of the repository
	labelsErr error
}

// values reads labels only for a policy that asks for one.
func (c *conditions) values(key string) ([]string, bool) {
	prefix, name, tagged := strings.Cut(key, "/")
	if tagged && (prefix == "aws:resourcetag" || prefix == "ecr:resourcetag") {
		labels, err := c.labels()
		if err != nil {
			c.labelsErr = err
		}
		return condition.Tag(labels, name)
	}
	value, ok := c.all.Value(key)
	if !ok {
		return nil, false
	}
	return []string{value}, true
}

// What each method asks for, as Amazon ECR does of who pushes and pulls; testdata/access.golden shows
// it as a table. Source: Amazon ECR User Guide, "IAM permissions for pushing an image" and
// "Repository policies".

// operation is what a method does to a kind of resource, and what it takes to be allowed to.
type operation struct {
	do func(*door, *call) error
	permission
}

type permission struct {
	action string          // as policies name it
	scope  registry.Action // as tokens name it
}

var readBlob = permission{"ecr:GetDownloadUrlForLayer", registry.ActionPull}

var operations = map[kind]map[string]operation{
	blobs: {
		http.MethodGet:    {(*door).getBlob, readBlob},
		http.MethodHead:   {(*door).headBlob, permission{"ecr:BatchCheckLayerAvailability", registry.ActionPull}},
		http.MethodDelete: {(*door).deleteBlob, permission{"ecr:BatchDeleteImage", registry.ActionDelete}},
	},
	uploads: {
		http.MethodPost:   {(*door).startUpload, permission{"ecr:InitiateLayerUpload", registry.ActionPush}},
		http.MethodGet:    {(*door).uploadStatus, permission{"ecr:UploadLayerPart", registry.ActionPush}},
		http.MethodPatch:  {(*door).appendUpload, permission{"ecr:UploadLayerPart", registry.ActionPush}},
		http.MethodPut:    {(*door).finishUpload, permission{"ecr:CompleteLayerUpload", registry.ActionPush}},
		http.MethodDelete: {(*door).cancelUpload, permission{"ecr:UploadLayerPart", registry.ActionPush}},
	},
	manifests: {
		http.MethodGet:    {(*door).getManifest, permission{"ecr:BatchGetImage", registry.ActionPull}},
		http.MethodHead:   {(*door).getManifest, permission{"ecr:BatchGetImage", registry.ActionPull}},
		http.MethodPut:    {(*door).putManifest, permission{"ecr:PutImage", registry.ActionPush}},
		http.MethodDelete: {(*door).deleteManifest, permission{"ecr:BatchDeleteImage", registry.ActionDelete}},
	},
	tags: {
		http.MethodGet: {(*door).listTags, permission{"ecr:ListImages", registry.ActionPull}},
	},
	referrers: {
		http.MethodGet: {(*door).listReferrers, permission{"ecr:BatchGetImage", registry.ActionPull}},
	},
}

// authorize makes sure that both the token and its principal may do it to the repository.
func (d *door) authorize(c *call, p permission, repository string) error {
	arn := d.registry.ARN(c.account, repository)
	c.asked = append(c.asked, Asked{p.action, arn})
	if !c.login.Allows(p.scope, c.account, repository) {
		return fmt.Errorf("%w: the login token does not hold %s on %s", errOutOfScope, p.scope, arn)
	}
	ctx := c.r.Context()
	keys := &conditions{
		all:    condition.Request{HTTP: c.r, Time: c.start, Region: d.registry.Region(), ResourceAccount: c.account},
		labels: sync.OnceValues(func() (map[string]string, error) { return d.registry.DecidingLabels(ctx, c.account, repository) }),
	}
	policy := func() (string, error) { return d.registry.DecidingPolicy(ctx, c.account, repository) }
	if err := d.config.Access.Authorize(ctx, &Request{c.who, p.action, arn, keys.values, policy}); err != nil {
		return err
	}
	return keys.labelsErr // a decision without them would be a guess
}

var errOutOfScope = errs.New(errs.Denied, "not authorized")

// mayRead reports whether the caller may pull from the repository, which need not be there.
func (d *door) mayRead(c *call, repository string) (bool, error) {
	err := d.authorize(c, readBlob, repository)
	if errs.KindOf(err) == errs.Denied {
		return false, nil
	}
	return err == nil, err
}
