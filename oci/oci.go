// Package oci is the registry's door for container tools: it speaks the OCI Distribution
// API, version 1.1, as Amazon ECR does. It holds no state and makes no decision about
// what is kept; uploads, tags and manifests are the registry's.
//
// A client shows a login token of the registry, as the password of any user name or as a
// bearer token. The account is the token's, or the one that the host name says:
// 123456789012.dkr.ecr.us-east-1.example.com.
package oci

import (
	"context"
	"net/http"

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
	// Authorize returns nil if who may do action ("ecr:PutImage") on resource, the ARN of a repository.
	// An error of kind errs.Denied is told to the client; any other is a failure of ours.
	Authorize(ctx context.Context, who Caller, action, resource string) error
}

// New returns the handler of everything below /v2/.
func New(c *registry.Control, access Access) http.Handler {
	return &door{c, access}
}

type door struct {
	registry *registry.Control
	access   Access
}

// call is one request on its way through the door.
type call struct {
	w http.ResponseWriter
	r *http.Request
	route
	login   registry.Login
	who     Caller
	account string // whose repository it is
}

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

// ServeHTTP answers one request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	c := &call{w: w, r: r}
	if err := d.serve(c); err != nil {
		c.fail(err)
	}
}

// serve proves who calls before it looks at anything, and that they may before it says what is there.
func (d *door) serve(c *call) (err error) {
	if err := d.authenticate(c); err != nil {
		return err
	}
	var known bool
	if c.route, known = parseRoute(c.r.URL.Path); !known {
		return problemf(http.StatusNotFound, "UNSUPPORTED", "%s is not a path of the registry API", c.r.URL.Path)
	}
	if c.kind == base {
		return c.hello()
	}
	if err := registry.CheckName(c.name); err != nil {
		return err
	}
	op, ok := operations[c.kind][c.r.Method]
	if !ok {
		return problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not a method of %s", c.r.Method, c.r.URL.Path)
	}
	if err := d.authorize(c, op.permission, c.name); err != nil {
		return err
	}
	return op.do(d, c)
}

// hello tells a client that it is logged in to a registry.
func (c *call) hello() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return problemf(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not a method of /v2/", c.r.Method)
	}
	return c.answerJSON(http.StatusOK, "application/json", struct{}{})
}
