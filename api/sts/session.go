package sts

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"slipway/accounts"
	"slipway/api/awswire"
)

// assumeRole makes a session of a role.
func (d *door) assumeRole(ctx context.Context, in *AssumeRoleInput) (*AssumeRoleOutput, error) {
	switch {
	case in.SerialNumber != nil || in.TokenCode != nil:
		return nil, noFactor
	case len(in.ProvidedContexts) > 0:
		return nil, validationError.New("ProvidedContexts is not supported by Slipway.")
	}
	got, err := d.room.AssumeRole(ctx, caller(ctx), assumption(in))
	if err != nil {
		return nil, err
	}
	out := &AssumeRoleOutput{Credentials: credentials(got.Credentials), AssumedRoleUser: &AssumedRoleUser{Arn: got.ARN, AssumedRoleId: got.UserID}}
	if got.Packed > 0 {
		out.PackedPolicySize = new(int32(got.Packed))
	}
	if got.SourceIdentity != "" {
		out.SourceIdentity = &got.SourceIdentity
	}
	return out, nil
}

// assumption copies what it keeps: strings of the input are of its body.
func assumption(in *AssumeRoleInput) accounts.Assumption {
	a := accounts.Assumption{
		Role: strings.Clone(in.RoleArn), Name: strings.Clone(in.RoleSessionName),
		Duration:       time.Duration(text(in.DurationSeconds)) * time.Second,
		Policy:         strings.Clone(text(in.Policy)),
		SourceIdentity: strings.Clone(text(in.SourceIdentity)),
	}
	for _, p := range in.PolicyArns {
		a.PolicyARNs = append(a.PolicyARNs, strings.Clone(text(p.Arn)))
	}
	for _, t := range in.Tags {
		a.Tags = append(a.Tags, accounts.Tag{Key: strings.Clone(t.Key), Value: strings.Clone(t.Value)})
	}
	for _, key := range in.TransitiveTagKeys {
		a.Transitive = append(a.Transitive, strings.Clone(key))
	}
	return a
}

// text is what an optional member holds, or its zero value.
func text[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// onAssumeRole asks the role's trust policy too, which has to allow also what is passed on to the
// session: tags and a source identity.
//
// Source: IAM User Guide, "Available keys for AWS STS"; AWS STS API Reference, AssumeRole.
func (d *door) onAssumeRole(ctx context.Context, in *AssumeRoleInput) []awswire.Ask {
	role, err := d.room.TrustedRole(ctx, in.RoleArn)
	if errors.Is(err, accounts.ErrRoleARN) {
		err = validationError.New(err.Error())
	}
	tags, source := caller(ctx).Passes()
	source = cmp.Or(text(in.SourceIdentity), source)
	ask := awswire.Ask{
		Resource: in.RoleArn, Err: err, Keys: assumeKeys(in, source),
		Tags:   func(context.Context) (map[string]string, error) { return role.Tags, nil },
		Policy: func(context.Context) (string, error) { return role.Trust, nil },
	}
	asks := []awswire.Ask{ask}
	if len(in.Tags)+len(tags) > 0 {
		ask.Action = "sts:TagSession"
		asks = append(asks, ask)
	}
	if source != "" {
		ask.Action = "sts:SetSourceIdentity"
		asks = append(asks, ask)
	}
	return asks
}

func assumeKeys(in *AssumeRoleInput, source string) map[string][]string {
	keys := map[string][]string{"sts:RoleSessionName": {in.RoleSessionName}, "sts:TransitiveTagKeys": in.TransitiveTagKeys}
	if in.ExternalId != nil {
		keys["sts:ExternalId"] = []string{*in.ExternalId}
	}
	if in.DurationSeconds != nil {
		keys["sts:DurationSeconds"] = []string{strconv.Itoa(int(*in.DurationSeconds))}
	}
	if source != "" {
		keys["sts:SourceIdentity"] = []string{source}
	}
	return keys
}

// getSessionToken is open to users and root: no policy is asked.
// Source: IAM User Guide, "Permissions for GetSessionToken".
func (d *door) getSessionToken(ctx context.Context, in *GetSessionTokenInput) (*GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, noFactor
	}
	got, err := d.room.SessionToken(ctx, caller(ctx), time.Duration(text(in.DurationSeconds))*time.Second)
	if err != nil {
		return nil, err
	}
	return &GetSessionTokenOutput{Credentials: credentials(got)}, nil
}

func credentials(c accounts.Credentials) *Credentials {
	return &Credentials{AccessKeyId: c.AccessKeyID, SecretAccessKey: c.Secret, SessionToken: c.Token, Expiration: c.Expires}
}
