package ecr

import (
	"context"
	"fmt"
	"slices"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

// defaultReferrers is how many a page has; it can have no more.
const defaultReferrers = 50

func (d *door) listImageReferrers(ctx context.Context, t target, in *ListImageReferrersInput) (*ListImageReferrersOutput, error) {
	subject, err := registry.ParseDigest(in.SubjectId.ImageDigest)
	if err != nil {
		return nil, invalid("subjectId.imageDigest", "%v", err)
	}
	filter := ListImageReferrersFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	listing := fmt.Sprintf("referrers of %s in %s/%s %s %q", subject, t.account, t.repository, awswire.Or(filter.ArtifactStatus, ArtifactStatusFilterActive), filter.ArtifactTypes)
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	found, next, err := d.referrers(ctx, t, subject, registry.Digest(after), filter, int(awswire.Or(in.MaxResults, defaultReferrers)))
	if err != nil {
		return nil, err
	}
	wire := make([]ImageReferrer, len(found))
	for i, r := range found {
		wire[i] = wireReferrer(r)
	}
	return &ListImageReferrersOutput{NextToken: token(listing, string(next)), Referrers: wire}, nil
}

// maxLooked is how many referrers are looked at for one page, however few of them it shows.
const maxLooked = 1000

// referrers finds those that a filter lets through, and after which to go on; "": there are no more.
func (d *door) referrers(ctx context.Context, t target, subject, after registry.Digest, filter ListImageReferrersFilter, limit int) (found []registry.Referrer, next registry.Digest, err error) {
	for looked := 0; len(found) < limit && looked < maxLooked; {
		some, more, err := d.registry.Referrers(ctx, t.account, t.repository, subject, after, limit)
		if err != nil {
			return nil, "", err
		}
		for i, r := range some {
			after = r.Digest
			if filter.shows(r) {
				found = append(found, r)
			}
			if len(found) == limit && (more || i < len(some)-1) {
				return found, after, nil
			}
		}
		if !more || len(some) == 0 {
			return found, "", nil
		}
		looked += len(some)
	}
	return found, after, nil
}

func (f ListImageReferrersFilter) shows(r registry.Referrer) bool {
	if len(f.ArtifactTypes) > 0 && !slices.Contains(f.ArtifactTypes, r.Type()) {
		return false
	}
	status := awswire.Or(f.ArtifactStatus, ArtifactStatusFilterActive)
	return status == ArtifactStatusFilterAny || string(status) == string(statusOf(r.Image))
}

func wireReferrer(r registry.Referrer) ImageReferrer {
	return ImageReferrer{
		Annotations: r.Annotations, ArtifactStatus: new(ArtifactStatus(statusOf(r.Image))), ArtifactType: optional(r.Type()),
		Digest: string(r.Digest), MediaType: r.MediaType, Size: r.Size,
	}
}
