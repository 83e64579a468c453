package iam

import (
	"context"
	"errors"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/internal/arn"
)

func (d *door) onCreatePolicy(ctx context.Context, in *CreatePolicyInput) []awswire.Ask {
	return creation(ctx, accounts.KindPolicy, in.Path, in.PolicyName, "iam:TagPolicy", in.Tags, nil)
}

// The condition keys of what is done to somebody's policies.
const (
	keyPolicyARN = "iam:PolicyARN"           // the policy that is attached or detached
	keyBoundary  = "iam:PermissionsBoundary" // the boundary of the user or role
)

// holding is the access of operations on the policies of a user, group or role.
func holding[I any](d *door, kind accounts.Kind, name func(*I) string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask {
		return []awswire.Ask{d.holder(ctx, kind, name(in), nil)}
	}
}

// attaching is holding for what attaches or detaches a policy.
func attaching[I any](d *door, kind accounts.Kind, name, policy func(*I) string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask {
		return []awswire.Ask{d.holder(ctx, kind, name(in), map[string][]string{keyPolicyARN: {policy(in)}})}
	}
}

// bounding is holding for what gives a user or role another boundary: policies ask for the new one.
func bounding[I any](d *door, kind accounts.Kind, name, boundary func(*I) string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask {
		return []awswire.Ask{d.holder(ctx, kind, name(in), map[string][]string{keyBoundary: {boundary(in)}})}
	}
}

// holder is the ask for a user, group or role that has policies. Who is not there is asked for as if
// at the root of all paths.
func (d *door) holder(ctx context.Context, kind accounts.Kind, name string, keys map[string][]string) awswire.Ask {
	shown := string(kind) + " " + name
	e, err := d.control.Entity(ctx, accountOf(ctx), kind, name)
	if errors.Is(err, accounts.ErrNoEntity) {
		return awswire.Ask{Resource: newARN(ctx, kind, "/", name), Shown: shown, Keys: keys}
	}
	ask := d.known(e, shown, err)
	ask.Keys = keys
	if _, given := keys[keyBoundary]; e.Boundary != "" && !given {
		ask.Keys = map[string][]string{keyBoundary: {e.Boundary}}
		for key, values := range keys {
			ask.Keys[key] = values
		}
	}
	return ask
}

// onSource is the access of operations that show the policies of whom an ARN names.
func onSource[I any](d *door, source func(*I) string) func(context.Context, *I) []awswire.Ask {
	return func(_ context.Context, in *I) []awswire.Ask {
		ask := arnAsk(source(in))
		ask.Tags = func(ctx context.Context) (map[string]string, error) {
			return d.control.TagsOfSource(ctx, accountOf(ctx), source(in))
		}
		return []awswire.Ask{ask}
	}
}

// arnAsk is the ask for an ARN as it is given. What is none is asked for as anything, so that who
// may do all reads what is wrong with it.
func arnAsk(given string) awswire.Ask {
	if _, err := arn.Parse(given); err != nil {
		return awswire.Ask{Shown: given}
	}
	return awswire.Ask{Resource: given}
}
