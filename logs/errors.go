package logs

import (
	"slipway/internal/errs"
	"slipway/logs/pattern"
)

// What this room can fail with.
var (
	ErrNoGroup      = errs.New(errs.NotFound, "log group not found")
	ErrGroupExists  = errs.New(errs.Conflict, "log group exists already")
	ErrNoStream     = errs.New(errs.NotFound, "log stream not found")
	ErrStreamExists = errs.New(errs.Conflict, "log stream exists already")
	ErrName         = errs.New(errs.Invalid, "not a name")
	ErrRetention    = errs.New(errs.Invalid, "not a number of days that events can be kept")
	ErrTag          = errs.New(errs.Invalid, "not a tag")
	ErrTooManyTags  = errs.New(errs.Conflict, "too many tags")
	ErrPolicy       = errs.New(errs.Invalid, "not a resource policy")
	ErrNoPolicy     = errs.New(errs.NotFound, "resource policy not found")
	ErrToken        = errs.New(errs.Invalid, "not a token of this listing")
	ErrPattern      = pattern.ErrSyntax
	ErrOrder        = errs.New(errs.Invalid, "events are not in the order of their times")
	ErrSpan         = errs.New(errs.Invalid, "events span more than 24 hours")
	ErrTooLarge     = errs.New(errs.Invalid, "Upload too large")
	ErrEvent        = errs.New(errs.Invalid, "not an event")
	ErrOffset       = errs.New(errs.Invalid, "not a piece of output")

	ErrExportSpan     = errs.New(errs.Invalid, "not a span of time to export")
	ErrTooManyExports = errs.New(errs.Conflict, "another export is under way")
	ErrNoExport       = errs.New(errs.NotFound, "export not found")
	ErrExportOver     = errs.New(errs.Conflict, "export is finished already")
	ErrBucket         = errs.New(errs.Invalid, "cannot write into the bucket")

	ErrTooManyPolicies = errs.New(errs.Conflict, "too many resource policies")
)
