package awswire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"slipway/internal/arn"
	"slipway/internal/condition"
)

// Ask is one thing that a caller must be allowed before a call is made.
type Ask struct {
	Action   string // as policies name it, "iam:PassRole"; "": the operation's own
	Resource string // an ARN; "": "*"
	Shown    string // how a denial names the resource to who may not know its ARN, "user ann"; "": by Resource
	Err      error  // why the resource could not be found out: the call fails with it

	// Keys are the condition keys of the service, such as "ecs:cluster". What every request has is
	// added by itself: aws:SourceIp and its like, and the tags that the input carries.
	Keys map[string][]string
	// Tags reads the resource's tags, for aws:ResourceTag. It is asked only if a policy asks; nil: no tags.
	Tags func(context.Context) (map[string]string, error)
	// Policy reads the policy that the resource itself has, a JSON document, or ""; nil: none.
	Policy func(context.Context) (string, error)
}

// Any is the access of operations that act on no resource in particular.
func Any[I any](context.Context, *I) []Ask { return []Ask{{}} }

// On is the access of an operation that acts on resources of plain ARNs.
func On(arns ...string) []Ask {
	asks := make([]Ask, len(arns))
	for i, arn := range arns {
		asks[i].Resource = arn
	}
	return asks
}

// Authorizer decides who may do what.
type Authorizer interface {
	// Authorize returns nil if the caller may, and Denied with the reason if not. Any other error
	// is a server fault.
	Authorize(ctx context.Context, r *Request) error
}

// Denied is the answer of an Authorizer to a caller who may not. The sentence is AWS's:
// User: ARN is not authorized to perform: ACTION on resource: ARN because ...
func Denied(sentence string) error { return denied.New(sentence) }

// Request is an Ask as an Authorizer sees it.
type Request struct {
	Who      Caller
	Action   string
	Resource string
	Ask      *Ask

	ctx     context.Context
	x       *exchange
	input   reflect.Value // invalid: the call has none
	tags    map[string]string
	tagsErr error
	read    bool
}

// Err is what went wrong while values were read; a decision that was made with them does not hold.
func (r *Request) Err() error { return r.tagsErr }

// Policy reads the resource's own policy, "" if it has none.
func (r *Request) Policy() (string, error) {
	if r.Ask.Policy == nil {
		return "", nil
	}
	return r.Ask.Policy(r.ctx)
}

// Values returns what the request has for a condition key, which is in lower case, and whether it
// has the key at all.
func (r *Request) Values(key string) ([]string, bool) {
	prefix, name, tagged := strings.Cut(key, "/")
	switch {
	case tagged && prefix == "aws:requesttag":
		return condition.Tag(r.x.requestTags(r.input), name)
	case tagged && strings.HasSuffix(prefix, ":resourcetag"):
		return condition.Tag(r.resourceTags(), name)
	case key == "aws:tagkeys":
		return r.x.tagKeys(r.input)
	}
	for name, values := range r.Ask.Keys {
		if strings.EqualFold(name, key) {
			return values, len(values) > 0
		}
	}
	all := condition.Request{HTTP: r.x.r, Time: r.x.start, Region: r.x.mux.config.Region, ResourceAccount: r.ResourceAccount()}
	value, ok := all.Value(key)
	if !ok {
		return nil, false
	}
	return []string{value}, true
}

// ResourceAccount is whose the resource is: what its ARN says, or the caller's where it says nothing.
func (r *Request) ResourceAccount() string {
	if a, err := arn.Parse(r.Resource); err == nil && a.Account != "" {
		return a.Account
	}
	return r.Who.Account
}

func (r *Request) resourceTags() map[string]string {
	if r.Ask.Tags != nil && !r.read {
		r.tags, r.tagsErr = r.Ask.Tags(r.ctx)
		r.read = true
	}
	return r.tags
}

// authorize asks for everything that a call needs.
func (x *exchange) authorize(ctx context.Context, b *Binding, in any) error {
	if b.on == nil {
		return nil
	}
	x.input = reflect.ValueOf(in).Elem()
	asks := b.on(ctx, in)
	if len(asks) == 0 {
		asks = []Ask{{}}
	}
	for i := range asks {
		if err := x.require(ctx, &asks[i], x.input); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) require(ctx context.Context, ask *Ask, input reflect.Value) error {
	r := &Request{Who: x.who, Action: ask.Action, Resource: ask.Resource, Ask: ask, ctx: ctx, x: x, input: input}
	if r.Action == "" {
		r.Action = x.service.api.Name + ":" + x.operation
	}
	if r.Resource == "" {
		r.Resource = "*"
	}
	x.asked = append(x.asked, Asked{r.Action, r.Resource})
	err := ask.Err
	if err == nil {
		err = x.mux.config.Access.Authorize(ctx, r)
	}
	if err == nil {
		err = r.tagsErr
	}
	if err != nil {
		return fmt.Errorf("authorize %s on %s: %w", r.Action, r.Resource, err)
	}
	return nil
}

// Require asks for what only a handler finds out that a call needs, such as iam:PassRole on the
// roles of a definition that is only named. An Ask without an action is for the operation's own, and
// has the tags of the input; others have none. It returns the fault to answer with.
func Require(ctx context.Context, asks ...Ask) error {
	x := identityOf(ctx).x
	if x == nil {
		return errors.New("awswire: Require outside of a call")
	}
	for i := range asks {
		var input reflect.Value
		if asks[i].Action == "" {
			input = x.input
		}
		if err := x.require(ctx, &asks[i], input); err != nil {
			return err
		}
	}
	return nil
}
