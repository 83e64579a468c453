package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/page"
)

func (d *door) publishVersion(c ctx, in *PublishVersionInput) (*PublishVersionOutput, error) {
	r, err := d.unpublished(c, in.FunctionName)
	if err == nil && in.PublishTo != nil {
		err = unsupported("PublishTo")
	}
	if err != nil {
		return nil, err
	}
	v, err := d.room.Publish(c, r, in.Description, functions.Precondition{Revision: awswire.Or(in.RevisionId, ""), Code: awswire.Or(in.CodeSha256, "")})
	if err != nil {
		return nil, err
	}
	return (*PublishVersionOutput)(d.configuration(v, v.Qualifier())), nil
}

func (d *door) listVersions(c ctx, in *ListVersionsByFunctionInput) (*ListVersionsByFunctionOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	what := "versions of " + d.room.ARN(r.Whole())
	p, err := pageOf(what, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	list, next, err := d.room.Versions(c, r, p)
	if err != nil {
		return nil, err
	}
	out := &ListVersionsByFunctionOutput{Versions: []FunctionConfiguration{}, NextMarker: some(page.Token(what, next))}
	for _, v := range list {
		out.Versions = append(out.Versions, *d.listed(v, true))
	}
	return out, nil
}
