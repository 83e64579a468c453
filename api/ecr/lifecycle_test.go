package ecr_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// policyOfLife lets all images without a tag go.
const policyOfLife = `{"rules": [
	{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}
]}`

// runs starts the loops of the room until the test ends.
func (k kit) runs() {
	ctx, stop := context.WithCancel(k.t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.room.Run(ctx) })
	k.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not after ten seconds: %s", what)
}

func TestLifecyclePoliciesArePutReadAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		name := aws.String("web")
		const none = "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'"
		_, err := k.GetLifecyclePolicy(t.Context(), &awsecr.GetLifecyclePolicyInput{RepositoryName: name})
		wantFault(t, err, "LifecyclePolicyNotFoundException", none)
		put, err := k.PutLifecyclePolicy(t.Context(), &awsecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: aws.String(policyOfLife)})
		check(t, err)
		got, err := k.GetLifecyclePolicy(t.Context(), &awsecr.GetLifecyclePolicyInput{RepositoryName: name})
		check(t, err)
		gone, err := k.DeleteLifecyclePolicy(t.Context(), &awsecr.DeleteLifecyclePolicyInput{RepositoryName: name})
		check(t, err)
		for what, text := range map[string]*string{"put": put.LifecyclePolicyText, "read": got.LifecyclePolicyText, "deleted": gone.LifecyclePolicyText} {
			if *text != policyOfLife {
				t.Errorf("%s: %s", what, *text)
			}
		}
		if !got.LastEvaluatedAt.Equal(time.Unix(0, 0)) || *got.RegistryId != account || *got.RepositoryName != "web" {
			t.Errorf("read %+v", got)
		}
		_, err = k.DeleteLifecyclePolicy(t.Context(), &awsecr.DeleteLifecyclePolicyInput{RepositoryName: name})
		wantFault(t, err, "LifecyclePolicyNotFoundException", none)
	})
}

func TestLifecyclePoliciesThatAreNotTaken(t *testing.T) {
	k := lite(t)
	put := func(repository, text string) error {
		_, err := k.PutLifecyclePolicy(t.Context(), &awsecr.PutLifecyclePolicyInput{RepositoryName: &repository, LifecyclePolicyText: &text})
		return err
	}
	const constraint = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: "
	wantFault(t, put("web", strings.Repeat(" ", 100)+"{}"), "InvalidParameterException", constraint+"it has 0 rules, want 1 to 50'")
	wantFault(t, put("web", strings.Replace(policyOfLife, "untagged", "none", 1)), "InvalidParameterException",
		constraint+`rules[0]: tagStatus is "none", want tagged, untagged or any'`)
	wantFault(t, put("no/such", policyOfLife), "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "no/such", account))
	if err := put("web", "{}"); err == nil || !strings.Contains(err.Error(), "lifecyclePolicyText") {
		t.Errorf("a short one: %v", err)
	}
}

func TestAPreviewTellsWhatAPolicyWouldDo(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		name := aws.String("web")
		read := func(in awsecr.GetLifecyclePolicyPreviewInput) (*awsecr.GetLifecyclePolicyPreviewOutput, error) {
			in.RepositoryName = name
			return k.GetLifecyclePolicyPreview(t.Context(), &in)
		}
		_, err := read(awsecr.GetLifecyclePolicyPreviewInput{})
		wantFault(t, err, "LifecyclePolicyPreviewNotFoundException",
			"Lifecycle policy preview does not exist for the repository with name 'web' in the registry with id '123456789012'")
		_, err = k.StartLifecyclePolicyPreview(t.Context(), &awsecr.StartLifecyclePolicyPreviewInput{RepositoryName: name})
		wantFault(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'")

		var untagged []string
		for _, word := range []string{"one", "two", "three", "four"} {
			digest, _ := k.push("web", "", word)
			untagged = append(untagged, digest)
		}
		old, _ := k.push("web", "old", "old")
		text := `{"rules": [
			{"rulePriority": 2, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
			{"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["old"], "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
			{"rulePriority": 3, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 4}, "action": {"type": "transition", "targetStorageClass": "archive"}}
		]}`
		begun, err := k.StartLifecyclePolicyPreview(t.Context(), &awsecr.StartLifecyclePolicyPreviewInput{RepositoryName: name, LifecyclePolicyText: &text})
		check(t, err)
		if begun.Status != types.LifecyclePolicyPreviewStatusInProgress || *begun.LifecyclePolicyText != text {
			t.Errorf("begun %+v", begun)
		}
		_, err = k.StartLifecyclePolicyPreview(t.Context(), &awsecr.StartLifecyclePolicyPreviewInput{RepositoryName: name, LifecyclePolicyText: &text})
		wantFault(t, err, "LifecyclePolicyPreviewInProgressException", "The lifecycle policy preview for the repository with name 'web' in the registry with id '123456789012' is in progress")
		k.runs()
		var all *awsecr.GetLifecyclePolicyPreviewOutput
		eventually(t, "the preview is complete", func() bool {
			all, err = read(awsecr.GetLifecyclePolicyPreviewInput{})
			check(t, err)
			return all.Status == types.LifecyclePolicyPreviewStatusComplete
		})
		if *all.Summary.ExpiringImageTotalCount != 3 || len(all.PreviewResults) != 3 || *all.LifecyclePolicyText != text ||
			*all.Summary.TransitioningImageTotalCounts[0].ImageTotalCount != 0 {
			t.Errorf("it would do %+v, in sum %+v", all.PreviewResults, all.Summary)
		}
		for _, r := range all.PreviewResults {
			if r.Action.Type != types.ImageActionTypeExpire || *r.AppliedRulePriority != 2 || r.StorageClass != types.LifecyclePolicyStorageClassStandard ||
				r.ImagePushedAt == nil || !slices.Contains(untagged, *r.ImageDigest) {
				t.Errorf("it would do %+v", r)
			}
		}
		k.pagesOfPreview(all.PreviewResults)
		withTags, err := read(awsecr.GetLifecyclePolicyPreviewInput{Filter: &types.LifecyclePolicyPreviewFilter{TagStatus: types.TagStatusTagged}})
		check(t, err)
		one, err := read(awsecr.GetLifecyclePolicyPreviewInput{ImageIds: []types.ImageIdentifier{digested(*all.PreviewResults[0].ImageDigest), digested(old), tagged("gone")}})
		check(t, err)
		if len(withTags.PreviewResults) != 0 || len(one.PreviewResults) != 1 || *one.PreviewResults[0].ImageDigest != *all.PreviewResults[0].ImageDigest {
			t.Errorf("tagged %+v, by id %+v", withTags.PreviewResults, one.PreviewResults)
		}
		_, err = read(awsecr.GetLifecyclePolicyPreviewInput{ImageIds: []types.ImageIdentifier{tagged("old")}, MaxResults: aws.Int32(1)})
		wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must be left out with imageIds'")
	})
}

// pagesOfPreview reads the same, one by one.
func (k kit) pagesOfPreview(want []types.LifecyclePolicyPreviewResult) {
	k.t.Helper()
	pages := awsecr.NewGetLifecyclePolicyPreviewPaginator(k, &awsecr.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(1)})
	var got, whole []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.t.Context())
		check(k.t, err)
		for _, r := range page.PreviewResults {
			got = append(got, *r.ImageDigest)
		}
	}
	for _, r := range want {
		whole = append(whole, *r.ImageDigest)
	}
	wantSame(k.t, "in pages", got, whole)
}

// once runs the loops of the room until they have written what was pulled.
func (k kit) once() {
	ctx, stop := context.WithCancel(k.t.Context())
	stop()
	k.room.Run(ctx) // which writes it at its end
}
