package server

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"slipway/accounts"
	"slipway/audit"
	"slipway/cluster"
	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/secrets"
)

// vault reads for the cluster's tasks what their execution roles may. Every reading is in the audit, as a call
// of the role's that ECS made.
type vault struct{ *Server }

var _ cluster.Vault = vault{}

// What a task is told that is given nothing. Source: Amazon ECS Developer Guide, "Troubleshooting Amazon
// ECS ResourceInitializationError errors".
var (
	errNotAssumed = errs.New(errs.Denied, "ResourceInitializationError: unable to pull secrets or registry auth: ECS was unable to assume the role")
	errNotAllowed = errs.New(errs.Denied, "AccessDeniedException")
)

// Why an account has no files.
var (
	errNoBucket = errs.New(errs.Unsupported, "They are read where blobs are kept, and that is no bucket: start slipway with --blobs s3://BUCKET/PREFIX?endpoint=URL to use them.")
	errNotYours = errs.New(errs.Unsupported, "They are read with the credentials of the managing account, and by its own tasks alone.")
)

// Value satisfies cluster.Vault.
func (v vault) Value(ctx context.Context, as cluster.Reader, from string) (string, error) {
	who, err := v.acting(ctx, as)
	if err != nil {
		return "", err
	}
	need, err := v.secrets.Need(ctx, as.Account, from)
	if err != nil {
		return "", err
	}
	service, _, _ := strings.Cut(need.Action, ":")
	value, err := readAs(ctx, v, &who, accounts.Request{
		Action: need.Action, Resource: need.Resource, Values: neededValues(service, need),
		Policy: func() (string, error) { return need.Policy, nil },
	}, func() (string, error) { return v.secrets.Resolve(ctx, as.Account, from) })
	if errors.Is(err, errNotAllowed) {
		return "", fmt.Errorf("%w: %s: %w", secrets.ErrUnresolved, unable(service, from), err)
	}
	return value, err
}

// readAs reads as who may, and puts it into the audit. What cannot be recorded is not given.
func readAs[T any](ctx context.Context, v vault, who *accounts.Principal, r accounts.Request, do func() (T, error)) (value T, err error) {
	err = v.accounts.Authorize(ctx, who, &r)
	if errors.Is(err, accounts.ErrDenied) {
		err = fmt.Errorf("%w: %w", errNotAllowed, err)
	}
	if err == nil {
		value, err = do()
	}
	return value, errors.Join(err, v.recordReading(who, r, err))
}

// recordReading puts a reading into the audit, unless it will be tried again.
func (v vault) recordReading(who *accounts.Principal, r accounts.Request, err error) error {
	service, operation, _ := strings.Cut(r.Action, ":")
	e := audit.Entry{
		Account: who.Account, Principal: principalOf(who, ""), Service: service, Operation: operation, ReadOnly: true,
		Resources: []audit.Resource{{ARN: r.Resource}}, Source: tasksService, UserAgent: tasksService, Region: v.config.Region, RequestID: ids.UUID(),
	}
	switch kind := errs.KindOf(err); {
	case err == nil:
		e.Owner = ownerOf(e.Resources, e.Account)
	case kind == errs.Internal, kind == errs.Unavailable:
		return nil
	case errors.Is(err, errNotAllowed):
		e.ErrorCode, e.ErrorMessage = "AccessDeniedException", err.Error()
	default:
		e.ErrorCode, e.ErrorMessage = "ResourceNotFoundException", err.Error()
	}
	_, err = v.audit.Record(e)
	return err
}

// unable begins what ECS says of a value that was not had.
func unable(service, from string) string {
	if service == "ssm" {
		return "unable to retrieve secrets from ssm"
	}
	return "unable to retrieve secret from asm: failed to fetch secret " + from + " from secrets manager"
}

// neededValues are the condition keys that tell what is read, and its tags.
func neededValues(service string, need secrets.Needed) func(string) ([]string, bool) {
	folded := make(map[string]string, len(need.Tags))
	for key, value := range need.Tags {
		folded[strings.ToLower(key)] = value
	}
	return func(key string) ([]string, bool) {
		if value, has := need.Keys[key]; has {
			return []string{value}, true
		}
		prefix, tag, ok := strings.Cut(key, ":resourcetag/")
		value, has := folded[tag]
		if !ok || !has || prefix != "aws" && prefix != service {
			return nil, false
		}
		return []string{value}, true
	}
}

// acting is who reads: the execution role, as ECS acts in it for the task.
func (v vault) acting(ctx context.Context, as cluster.Reader) (accounts.Principal, error) {
	who, err := v.accounts.ActingFor(ctx, as.Account, as.Role, as.Task, path.Base(as.Task), tasksService)
	if errors.Is(err, accounts.ErrNotTrusted) {
		return who, fmt.Errorf("%w '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions", errNotAssumed, as.Role)
	}
	return who, err
}

// File satisfies cluster.Vault.
func (v vault) File(ctx context.Context, as cluster.Reader, object string, limit int64) ([]byte, error) {
	if err := v.Files(as.Account); err != nil {
		return nil, err
	}
	who, err := v.acting(ctx, as)
	if err != nil {
		return nil, err
	}
	a, err := arn.Parse(object)
	if err != nil {
		return nil, err
	}
	bucket, key, _ := strings.Cut(a.Resource, "/")
	return readAs(ctx, v, &who, accounts.Request{Action: "s3:GetObject", Resource: object}, func() ([]byte, error) {
		text, err := v.files.Object(ctx, bucket, key, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object, err)
		}
		return text, nil
	})
}

// Files satisfies cluster.Vault. What lies in buckets has no account, and the credentials are the managing
// account's: for any other to read with them would be to read what is not its own.
func (v vault) Files(account string) error {
	switch {
	case v.files == nil:
		return errNoBucket
	case account != v.root.Owner.Account:
		return errNotYours
	}
	return nil
}
