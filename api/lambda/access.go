package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service Authorization Reference,
// "Actions, resources, and condition keys for AWS Lambda". All ways to call a function are one action, and who names
// a version or an alias asks for that.

const actionInvoke = "lambda:InvokeFunction"

func (d *door) onInvoke(c ctx, in *InvokeInput) []awswire.Ask {
	return d.onCall(c, in.FunctionName, in.Qualifier)
}

func (d *door) onInvokeAsync(c ctx, in *InvokeAsyncInput) []awswire.Ask {
	return d.onCall(c, in.FunctionName, nil)
}

func (d *door) onInvokeStreaming(c ctx, in *InvokeWithResponseStreamInput) []awswire.Ask {
	return d.onCall(c, in.FunctionName, in.Qualifier)
}

func (d *door) onCall(c ctx, function string, qualifier *string) []awswire.Ask {
	ask := d.onFunction(c, function, qualifier)
	ask.Action = actionInvoke
	return []awswire.Ask{ask}
}

// onFunction asks for a function as a call names it: with a qualifier, for that version or alias.
func (d *door) onFunction(c ctx, function string, qualifier *string) awswire.Ask {
	r, err := d.room.ParseFunction(awswire.CallerOf(c).Account, function, awswire.Or(qualifier, ""))
	if err != nil {
		return awswire.Ask{Err: err}
	}
	return d.onRef(r)
}

// onRef asks for a function, a version or an alias, whose own policy may let others in.
func (d *door) onRef(r functions.Ref) awswire.Ask {
	return awswire.Ask{
		Resource: d.room.ARN(r),
		Tags:     func(c ctx) (map[string]string, error) { return d.room.DecidingTags(c, r.Whole()) },
		Policy:   func(c ctx) (string, error) { return d.room.DecidingPolicy(c, r) },
	}
}
