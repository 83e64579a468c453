package registry

import (
	"fmt"
	"strings"

	"slipway/blob"
	"slipway/internal/errs"
	"slipway/registry/lifecycle"
)

// What can go wrong. Where a repository is named, the error is an *Error that holds the names.
var (
	ErrName             = errs.New(errs.Invalid, "invalid repository name")
	ErrNoRepository     = errs.New(errs.NotFound, "repository not found")
	ErrRepositoryExists = errs.New(errs.Conflict, "repository exists already")
	ErrNotEmpty         = errs.New(errs.Conflict, "repository still has images")
	ErrPattern          = errs.New(errs.Invalid, "invalid tag pattern")
	ErrLabel            = errs.New(errs.Invalid, "invalid label")
	ErrTooManyLabels    = errs.New(errs.Invalid, "too many labels")
	ErrPolicy           = errs.New(errs.Invalid, "invalid repository policy")
	ErrNoPolicy         = errs.New(errs.NotFound, "the repository has no policy")

	ErrDigest      = blob.ErrDigest
	ErrMismatch    = blob.ErrMismatch
	ErrNoBlob      = blob.ErrNoBlob
	ErrNoUpload    = blob.ErrNoUpload
	ErrOffset      = blob.ErrOffset
	ErrFull        = blob.ErrFull
	ErrEmptyUpload = errs.New(errs.Invalid, "the upload has no bytes")
	ErrBlobInUse   = errs.New(errs.Conflict, "an image needs the blob")

	ErrTag              = errs.New(errs.Invalid, "invalid tag")
	ErrNoImage          = errs.New(errs.NotFound, "image not found")
	ErrTagMismatch      = errs.New(errs.Conflict, "the tag is of another image")
	ErrTagImmutable     = errs.New(errs.Conflict, "the tag is taken and immutable")
	ErrImageInUse       = errs.New(errs.Conflict, "an index needs the image")
	ErrManifest         = errs.New(errs.Invalid, "invalid manifest")
	ErrManifestTooLarge = errs.New(errs.Invalid, "the manifest is larger than 4 MiB")
	ErrMediaType        = errs.New(errs.Invalid, "not a manifest type that is kept")
	ErrMissingBlobs     = errs.New(errs.NotFound, "the manifest names blobs that are not in the repository")
	ErrMissingManifests = errs.New(errs.NotFound, "the index names manifests that are not in the repository")

	ErrMarked   = errs.New(errs.Denied, "it was marked as not to be used")
	ErrArchived = errs.New(errs.Denied, "the image is in the archive")
	ErrQuota    = errs.New(errs.Conflict, "the account has as much as it may have")
	ErrBusy     = errs.New(errs.Unavailable, "the blob is being removed, and can be pushed again in a moment")

	ErrNoMark   = errs.New(errs.NotFound, "mark not found")
	ErrCriteria = errs.New(errs.Invalid, "invalid criteria")
	ErrSweeping = errs.New(errs.Conflict, "a sweep runs already")

	ErrLifecycle      = lifecycle.ErrPolicy
	ErrNoLifecycle    = errs.New(errs.NotFound, "the repository has no lifecycle policy")
	ErrNoPreview      = errs.New(errs.NotFound, "the repository has no preview of a lifecycle policy")
	ErrPreviewRunning = errs.New(errs.Conflict, "a preview of a lifecycle policy is being made")

	ErrSetting          = errs.New(errs.Invalid, "invalid setting")
	ErrSettingValue     = errs.New(errs.Invalid, "invalid value of a setting")
	ErrNoRegistryPolicy = errs.New(errs.NotFound, "the registry has no policy")
	ErrTemplate         = errs.New(errs.Invalid, "invalid template")
	ErrNoTemplate       = errs.New(errs.NotFound, "template not found")
	ErrTemplateExists   = errs.New(errs.Conflict, "a template with the prefix exists already")
	ErrTooManyTemplates = errs.New(errs.Conflict, "too many templates")

	ErrNoExclusion       = errs.New(errs.NotFound, "the pulls of the principal count")
	ErrExclusionExists   = errs.New(errs.Conflict, "the pulls of the principal do not count already")
	ErrTooManyExclusions = errs.New(errs.Conflict, "too many principals whose pulls do not count")

	ErrUpstreamURL      = errs.New(errs.Invalid, "not the URL of a registry")
	ErrUpstreamPrefix   = errs.New(errs.Invalid, "invalid upstream prefix")
	ErrNoUpstream       = errs.New(errs.NotFound, "pull-through cache rule not found")
	ErrUpstreamExists   = errs.New(errs.Conflict, "a pull-through cache rule with the prefix exists already")
	ErrTooManyUpstreams = errs.New(errs.Conflict, "too many pull-through cache rules")
	ErrSecret           = errs.New(errs.Invalid, "invalid login of another registry")
	ErrNoSecret         = errs.New(errs.NotFound, "the login of the other registry is not there")
	ErrUpstreamDenied   = errs.New(errs.Denied, "the other registry refuses it")
	ErrUpstreamBusy     = errs.New(errs.Throttled, "the other registry is asked too often")
	ErrUpstreamDown     = errs.New(errs.Unavailable, "the other registry does not answer as a registry")
	errUpstreamMissing  = errs.New(errs.NotFound, "the other registry does not have it")

	ErrNoKey       = errs.New(errs.NotFound, "the key is not there")
	ErrKeyDisabled = errs.New(errs.Denied, "the key is disabled")
	ErrKeyPending  = errs.New(errs.Denied, "the key is pending deletion")
	ErrKeyExists   = errs.New(errs.Conflict, "a key with the alias exists already")
	ErrKeyAlias    = errs.New(errs.Invalid, "invalid alias of a key")
	ErrKeyWait     = errs.New(errs.Invalid, "invalid wait until a key is deleted")

	ErrToken        = errs.New(errs.Denied, "not a login token of this registry")
	ErrTokenExpired = errs.New(errs.Denied, "the login token has expired")
)

// Error is a failure with what it is about, so that a door can word it in its own way.
// Fields that do not belong to the cause are empty.
type Error struct {
	Cause      error
	Account    string
	Repository string
	Name       string // prefix of a template or rule, URL, principal, secret or key
	Tag        string
	Digest     Digest
	Digests    []Digest // those that are missing, or that stand in the way
	Upload     string
	Size       int64  // bytes that the upload has
	Reason     string // why it was marked
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Cause.Error())
	sep := ": "
	say := func(format string, value any) {
		fmt.Fprintf(&b, sep+format, value)
		sep = ", "
	}
	if e.Name != "" {
		say("%s", e.Name)
	}
	if e.Tag != "" {
		say("tag %s", e.Tag)
	}
	if e.Digest != "" {
		say("%s", e.Digest)
	}
	if len(e.Digests) > 0 {
		say("%s", e.Digests)
	}
	if e.Upload != "" {
		say("upload %s", e.Upload)
	}
	if e.Reason != "" {
		say("because: %s", e.Reason)
	}
	if e.Repository != "" {
		say("repository %s", e.Repository)
	}
	say("account %s", e.Account)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }
