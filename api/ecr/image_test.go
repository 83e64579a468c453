package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/registry"
)

func TestAnImageGoesInAndComesOutByteEqual(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		layer := slices.Repeat([]byte("layer of some size. "), 40_000)
		k.upload("web", layer, 300_000)
		k.upload("web", []byte("{}"), 10)
		manifest := text(object{
			"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "comment": "<&> \u00fc \u2028",
			"config": describe(configType, "{}"), "layers": []object{describe(layerType, string(layer))},
		})
		put, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &manifest, ImageTag: aws.String("v1")})
		check(t, err)
		wantImage(t, *put.Image, manifest, "v1")

		got, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{
			tagged("v1"), digested(digestOf([]byte(manifest))),
		}})
		check(t, err)
		if len(got.Images) != 2 || len(got.Failures) != 0 {
			t.Fatalf("%d images, failures %v", len(got.Images), failures(got.Failures))
		}
		wantImage(t, got.Images[0], manifest, "v1")
		wantImage(t, got.Images[1], manifest, "")

		found, err := k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{tagged("v1")}})
		check(t, err)
		d := found.ImageDetails[0]
		if *d.ImageSizeInBytes != int64(len(layer)+2) || *d.ArtifactMediaType != configType || *d.ImageManifestMediaType != registry.MediaTypeOCIManifest ||
			*d.ImageDigest != digestOf([]byte(manifest)) || !slices.Equal(d.ImageTags, []string{"v1"}) || *d.RegistryId != account || *d.RepositoryName != "web" || d.ImageStatus != types.ImageStatusActive {
			t.Errorf("it is described as %s", asJSON(d))
		}
		if age := time.Since(*d.ImagePushedAt); age < -time.Minute || age > time.Hour {
			t.Errorf("it was pushed at %v", d.ImagePushedAt)
		}
	})
}

func wantImage(t testing.TB, i types.Image, manifest, tag string) {
	t.Helper()
	if *i.ImageManifest != manifest {
		t.Errorf("the manifest came out as\n%q\nand went in as\n%q", *i.ImageManifest, manifest)
	}
	if *i.ImageId.ImageDigest != digestOf([]byte(manifest)) || aws.ToString(i.ImageId.ImageTag) != tag || *i.RegistryId != account || *i.RepositoryName != "web" || *i.ImageManifestMediaType != registry.MediaTypeOCIManifest {
		t.Errorf("it is called %s of %s in %s, as %s; want the tag %q", named([]types.ImageIdentifier{*i.ImageId}), *i.RepositoryName, *i.RegistryId, *i.ImageManifestMediaType, tag)
	}
}

func TestWhatPutImageRefuses(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		digest, manifest := k.push("web", "v1", "one")
		unknown, untyped := imageOf("unknown"), strings.Replace(manifest, `"mediaType": "`+registry.MediaTypeOCIManifest+`"`, `"x": 1`, 1)
		for name, c := range map[string]struct {
			in         awsecr.PutImageInput
			code, text string
		}{
			"the same again": {awsecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String("v1")}, "ImageAlreadyExistsException",
				"Image with digest '" + digest + "' and tag 'v1' already exists in the repository with name 'web' in registry with id '123456789012'"},
			"the same again, untagged": {awsecr.PutImageInput{ImageManifest: &manifest}, "ImageAlreadyExistsException",
				"Image with digest '" + digest + "' and tag 'null' already exists in the repository with name 'web' in registry with id '123456789012'"},
			"layers that are not there": {awsecr.PutImageInput{ImageManifest: &unknown}, "LayersNotFoundException",
				"Layers with digests '[" + digestOf([]byte("config of unknown")) + ", " + digestOf([]byte("unknown")) + "]' required for pushing image into repository with name 'web' in the registry with id '123456789012' do not exist"},
			"an index of images that are not there": {awsecr.PutImageInput{ImageManifest: aws.String(indexOf(manifest, unknown))}, "ReferencedImagesNotFoundException",
				"Images with digests '[" + digestOf([]byte(unknown)) + "]' required for pushing image into repository with name 'web' in the registry with id '123456789012' do not exist"},
			"another digest": {awsecr.PutImageInput{ImageManifest: &manifest, ImageDigest: aws.String(missing(1))}, "ImageDigestDoesNotMatchException",
				"The specified image digest '" + missing(1) + "' does not match the digest that was calculated for the image"},
			"no digest at all": {awsecr.PutImageInput{ImageManifest: &manifest, ImageDigest: aws.String("md5:12")}, "InvalidParameterException",
				`Invalid parameter at 'imageDigest' failed to satisfy constraint: 'invalid digest: "md5:12" has the algorithm "md5", want sha256 or sha512'`},
			"a tag that cannot be": {awsecr.PutImageInput{ImageManifest: &manifest, ImageTag: aws.String("a b")}, "InvalidParameterException",
				`Invalid parameter at 'imageTag' failed to satisfy constraint: '"a b", want 1 to 128 letters, digits and ._- that do not begin with . or -'`},
			"no JSON": {awsecr.PutImageInput{ImageManifest: aws.String("not JSON")}, "InvalidParameterException",
				"Invalid parameter at 'imageManifest' failed to satisfy constraint: 'invalid character 'o' in literal null (expecting 'u')'"},
			"a manifest of no type": {awsecr.PutImageInput{ImageManifest: &untyped}, "InvalidParameterException",
				"Invalid parameter at 'imageManifestMediaType' failed to satisfy constraint: 'not a manifest type that is kept: neither the request nor the manifest names one'"},
			"a manifest of two types": {awsecr.PutImageInput{ImageManifest: &manifest, ImageManifestMediaType: aws.String(registry.MediaTypeDockerManifest)}, "InvalidParameterException",
				"Invalid parameter at 'imageManifest' failed to satisfy constraint: 'it was sent as " + registry.MediaTypeDockerManifest + " and says that it is " + registry.MediaTypeOCIManifest + "'"},
			"no such repository": {awsecr.PutImageInput{ImageManifest: &manifest, RepositoryName: aws.String("db")}, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "db", account)},
			"a foreign registry": {awsecr.PutImageInput{ImageManifest: &manifest, RegistryId: aws.String(foreign)}, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "web", foreign)},
		} {
			t.Run(name, func(t *testing.T) {
				if c.in.RepositoryName == nil {
					c.in.RepositoryName = aws.String("web")
				}
				_, err := k.PutImage(t.Context(), &c.in)
				wantFault(t, err, c.code, c.text)
			})
		}
		put, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &untyped, ImageManifestMediaType: aws.String(registry.MediaTypeOCIManifest), ImageDigest: aws.String(digestOf([]byte(untyped)))})
		check(t, err)
		wantImage(t, *put.Image, untyped, "")
	})
}

func TestImagesThatCannotBeGot(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		digest, manifest := k.push("web", "v1", "one")
		got, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{
			{}, digested("latest"), digested("sha256:abc"), tagged("a b"),
			tagged("v2"), digested(missing(1)), both(missing(1), "v1"), both(digest, "v1"),
		}})
		check(t, err)
		if len(got.Images) != 1 {
			t.Fatalf("%d images, want 1", len(got.Images))
		}
		wantImage(t, got.Images[0], manifest, "v1")
		wantSame(t, "failures", failures(got.Failures), []string{
			" : MissingDigestAndTag, Invalid request parameters: both tag and digest cannot be null",
			"latest : InvalidImageDigest, Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
			`sha256:abc : InvalidImageDigest, Invalid request parameters: invalid digest: "sha256:abc" does not have 64 lower-case hexadecimal digits after sha256`,
			" a b: InvalidImageTag, Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9-_.]{0,127}'",
			" v2: ImageNotFound, Requested image not found",
			missing(1) + " : ImageNotFound, Requested image not found",
			missing(1) + " v1: ImageTagDoesNotMatchDigest, Invalid request parameters: given tag does not map to the given digest",
		})
	})
}

func TestImagesOfAcceptedTypesOnly(t *testing.T) {
	k := lite(t)
	k.push("web", "v1", "one")
	for accepted, want := range map[string][]string{
		registry.MediaTypeOCIManifest:    {},
		registry.MediaTypeDockerManifest: {" v1: ImageNotFound, Requested image not found in an accepted media type: its manifest is " + registry.MediaTypeOCIManifest},
	} {
		got, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("web"), AcceptedMediaTypes: []string{accepted}, ImageIds: []types.ImageIdentifier{tagged("v1")}})
		check(t, err)
		wantSame(t, accepted, failures(got.Failures), want)
		if len(got.Images)+len(got.Failures) != 1 {
			t.Errorf("%s: %d images and %d failures", accepted, len(got.Images), len(got.Failures))
		}
	}
}

func TestImagesAreDeleted(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		one, first := k.push("web", "v1", "one")
		_, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &first, ImageTag: aws.String("latest")})
		check(t, err)
		two, second := k.push("web", "", "two")
		list := indexOf(second)
		_, err = k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &list, ImageTag: aws.String("all")})
		check(t, err)
		remove := func(ids ...types.ImageIdentifier) *awsecr.BatchDeleteImageOutput {
			t.Helper()
			out, err := k.BatchDeleteImage(t.Context(), &awsecr.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: ids})
			check(t, err)
			return out
		}

		out := remove(tagged("v1"), tagged("v9"), types.ImageIdentifier{}, digested(two))
		wantSame(t, "gone", named(out.ImageIds), []string{one + " v1"})
		wantSame(t, "failures", failures(out.Failures), []string{
			" : MissingDigestAndTag, Invalid request parameters: both tag and digest cannot be null",
			" v9: ImageNotFound, Requested image not found",
			two + " : ImageReferencedByManifestList, Requested image referenced by manifest list: [" + digestOf([]byte(list)) + "]",
		})

		out = remove(digested(one), digested(two), tagged("all"))
		wantSame(t, "gone then", slices.Sorted(slices.Values(named(out.ImageIds))), slices.Sorted(slices.Values([]string{one + " latest", two + " ", digestOf([]byte(list)) + " all"})))
		wantSame(t, "failures then", failures(out.Failures), []string{})
		wantSame(t, "left", k.list("", 0)[0], []string{})
	})
}

// list lists the images of "web" by pages.
func (k kit) list(status types.TagStatus, size int32) (pages [][]string) {
	k.t.Helper()
	in := &awsecr.ListImagesInput{RepositoryName: aws.String("web")}
	if status != "" {
		in.Filter = &types.ListImagesFilter{TagStatus: status}
	}
	if size > 0 {
		in.MaxResults = &size
	}
	for listing := awsecr.NewListImagesPaginator(k, in); listing.HasMorePages(); {
		page, err := listing.NextPage(k.t.Context())
		check(k.t, err)
		pages = append(pages, named(page.ImageIds))
	}
	return pages
}

// described lists the images of "web" by pages, as "digest [tags]".
func (k kit) described(status types.TagStatus, size int32) (pages [][]string) {
	k.t.Helper()
	in := &awsecr.DescribeImagesInput{RepositoryName: aws.String("web"), MaxResults: &size, Filter: &types.DescribeImagesFilter{TagStatus: status}}
	for listing := awsecr.NewDescribeImagesPaginator(k, in); listing.HasMorePages(); {
		page, err := listing.NextPage(k.t.Context())
		check(k.t, err)
		texts := []string{}
		for _, d := range page.ImageDetails {
			texts = append(texts, fmt.Sprint(*d.ImageDigest, " ", d.ImageTags))
		}
		pages = append(pages, texts)
	}
	return pages
}

func TestListingsByFilterAndPage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		one, first := k.push("web", "v1", "one")
		two, _ := k.push("web", "", "two")
		three, _ := k.push("web", "v3", "three")
		_, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &first, ImageTag: aws.String("latest")})
		check(t, err)

		sorted := func(texts ...string) []string { return slices.Sorted(slices.Values(texts)) }
		ids := map[types.TagStatus][]string{
			types.TagStatusAny:      sorted(one+" latest", one+" v1", two+" ", three+" v3"),
			types.TagStatusTagged:   sorted(one+" latest", one+" v1", three+" v3"),
			types.TagStatusUntagged: {two + " "},
		}
		details := map[types.TagStatus][]string{
			types.TagStatusAny:      sorted(one+" [latest v1]", two+" []", three+" [v3]"),
			types.TagStatusTagged:   sorted(one+" [latest v1]", three+" [v3]"),
			types.TagStatusUntagged: {two + " []"},
		}
		for status := range ids {
			for size := int32(1); size < 5; size++ {
				wantPages(t, fmt.Sprint("list ", status, size), k.list(status, size), ids[status], int(size))
				wantPages(t, fmt.Sprint("describe ", status, size), k.described(status, size), details[status], int(size))
			}
		}
		wantPages(t, "list without a filter", k.list("", 0), ids[types.TagStatusAny], 100)
	})
}

func wantPages(t testing.TB, what string, pages [][]string, want []string, size int) {
	t.Helper()
	wantSame(t, what, slices.Concat(pages...), want)
	if n := (len(want) + size - 1) / size; len(pages) != n {
		t.Errorf("%s: %d pages, want %d", what, len(pages), n)
	}
}

func TestNoImageIsArchived(t *testing.T) {
	k := lite(t)
	k.push("web", "v1", "one")
	for status, want := range map[types.ImageStatusFilter]int{
		types.ImageStatusFilterAny: 1, types.ImageStatusFilterActive: 1, types.ImageStatusFilterArchived: 0,
	} {
		listed, err := k.ListImages(t.Context(), &awsecr.ListImagesInput{RepositoryName: aws.String("web"), Filter: &types.ListImagesFilter{ImageStatus: status}})
		check(t, err)
		described, err := k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String("web"), Filter: &types.DescribeImagesFilter{ImageStatus: status}})
		check(t, err)
		if len(listed.ImageIds) != want || len(described.ImageDetails) != want {
			t.Errorf("%s: %d listed, %d described, want %d", status, len(listed.ImageIds), len(described.ImageDetails), want)
		}
	}
}

func TestWhatDescribeImagesRefuses(t *testing.T) {
	k := lite(t)
	digest, _ := k.push("web", "v1", "one")
	one := []types.ImageIdentifier{tagged("v1")}
	for name, c := range map[string]struct {
		in         awsecr.DescribeImagesInput
		code, text string
	}{
		"a tag that is not there": {awsecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{tagged("v1"), tagged("v2")}}, "ImageNotFoundException",
			"The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the repository with name 'web' in the registry with id '123456789012'"},
		"a digest that is not there": {awsecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{digested(missing(1))}}, "ImageNotFoundException",
			"The image with imageId {imageDigest:'" + missing(1) + "', imageTag:'null'} does not exist within the repository with name 'web' in the registry with id '123456789012'"},
		"a tag of another digest": {awsecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{both(missing(1), "v1")}}, "ImageNotFoundException",
			"The image with imageId {imageDigest:'" + missing(1) + "', imageTag:'v1'} does not exist within the repository with name 'web' in the registry with id '123456789012'"},
		"an empty id":       {awsecr.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{}}}, "InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: 'Invalid request parameters: both tag and digest cannot be null'"},
		"ids and a size":    {awsecr.DescribeImagesInput{ImageIds: one, MaxResults: aws.Int32(1)}, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must be left out with imageIds'"},
		"ids and a filter":  {awsecr.DescribeImagesInput{ImageIds: one, Filter: &types.DescribeImagesFilter{}}, "InvalidParameterException", "Invalid parameter at 'filter' failed to satisfy constraint: 'must be left out with imageIds'"},
		"a made-up token":   {awsecr.DescribeImagesInput{NextToken: aws.String("xyz")}, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'invalid next token: xyz'"},
		"no repository":     {awsecr.DescribeImagesInput{RepositoryName: aws.String("db")}, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "db", account)},
		"a foreign one":     {awsecr.DescribeImagesInput{RegistryId: aws.String(foreign)}, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "web", foreign)},
		"no status of tags": {awsecr.DescribeImagesInput{Filter: &types.DescribeImagesFilter{TagStatus: "SOME"}}, "InvalidParameterException", "Invalid parameter at 'filter.tagStatus' failed to satisfy constraint: 'must satisfy enum value set: [TAGGED, UNTAGGED, ANY]'"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.RepositoryName == nil {
				c.in.RepositoryName = aws.String("web")
			}
			_, err := k.DescribeImages(t.Context(), &c.in)
			wantFault(t, err, c.code, c.text)
		})
	}
	found, err := k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{both(digest, "v1")}})
	check(t, err)
	if len(found.ImageDetails) != 1 || *found.ImageDetails[0].ImageDigest != digest {
		t.Errorf("by digest and tag: %s", asJSON(found.ImageDetails))
	}
}

// A token of one filter would skip or repeat images under another.
func TestTokensBelongToTheirFilter(t *testing.T) {
	k := lite(t)
	k.push("web", "v1", "one")
	k.push("web", "v2", "two")
	first, err := k.ListImages(t.Context(), &awsecr.ListImagesInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(1)})
	check(t, err)
	_, err = k.ListImages(t.Context(), &awsecr.ListImagesInput{RepositoryName: aws.String("web"), NextToken: first.NextToken, Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged}})
	wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'invalid next token: "+*first.NextToken+"'")
}
