package main

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// deployedTag is the tag of a function that says which versions came into service, one after the other.
const deployedTag = "slipway:deployed"

// maxTagValue is how long the value of a tag may be. Source: Lambda Developer Guide, "Using tags on Lambda functions".
const maxTagValue = 256

// served are the numbers of the versions that came into service: each on top of that before it, and those that were left
// by a way back are not in it.
type served []string

func servedOf(tags map[string]string) served { return strings.Fields(tags[deployedTag]) }

// with is a version that came into service after the others.
func (s served) with(version string) served {
	return append(slices.DeleteFunc(slices.Clone(s), func(v string) bool { return v == version }), version)
}

// backTo is a version to which a function has gone back: what came after it is left.
func (s served) backTo(version string) served {
	if i := slices.Index(s, version); i >= 0 {
		return s[:i+1]
	}
	return s.with(version)
}

// among are those of versions that came into service, in that order.
func (s served) among(all []types.FunctionConfiguration) (known []types.FunctionConfiguration) {
	for _, number := range s {
		if i := slices.IndexFunc(all, func(v types.FunctionConfiguration) bool { return aws.ToString(v.Version) == number }); i >= 0 {
			known = append(known, all[i])
		}
	}
	return known
}

// String is the value of the tag, with the last that fit in.
func (s served) String() string {
	text := strings.Join(s, " ")
	for len(text) > maxTagValue {
		_, text, _ = strings.Cut(text, " ")
	}
	return text
}

// noteServed writes down which versions came into service. Who may not write tags goes by the numbers of versions.
func (c *client) noteServed(ctx context.Context, f *types.FunctionConfiguration, s served) error {
	_, err := c.lambda().TagResource(ctx, &lambda.TagResourceInput{Resource: f.FunctionArn, Tags: map[string]string{deployedTag: s.String()}})
	if isAPIError(err, "AccessDeniedException") {
		return nil
	}
	return explain(err, c)
}
