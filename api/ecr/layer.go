package ecr

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"time"

	"slipway/api/awswire"
	"slipway/registry"
)

// partSize is what clients are asked to cut layers into. Parts of other sizes are taken as well.
const partSize = 10 << 20

func (d *door) batchCheckLayerAvailability(ctx context.Context, t target, in *BatchCheckLayerAvailabilityInput) (*BatchCheckLayerAvailabilityOutput, error) {
	out := &BatchCheckLayerAvailabilityOutput{Layers: []Layer{}, Failures: []LayerFailure{}}
	if _, err := d.registry.Repository(ctx, t.account, t.repository); err != nil {
		return nil, err
	}
	for _, said := range in.LayerDigests {
		digest, err := registry.ParseDigest(said)
		if err != nil {
			out.Failures = append(out.Failures, layerFailure(said, err))
			continue
		}
		layer, err := d.layer(ctx, t, digest)
		if err != nil {
			return nil, err
		}
		out.Layers = append(out.Layers, layer)
	}
	return out, nil
}

// layer says of a layer that is not there that it is unavailable. That is no failure: clients push it then.
func (d *door) layer(ctx context.Context, t target, digest registry.Digest) (Layer, error) {
	size, err := d.registry.BlobSize(ctx, t.account, t.repository, digest)
	if errors.Is(err, registry.ErrNoBlob) {
		return Layer{LayerDigest: new(string(digest)), LayerAvailability: new(LayerAvailabilityUnavailable)}, nil
	}
	return Layer{LayerDigest: new(string(digest)), LayerAvailability: new(LayerAvailabilityAvailable), LayerSize: &size}, err
}

func layerFailure(said string, err error) LayerFailure {
	code, reason := LayerFailureCodeInvalidLayerDigest, badDigest("layer", said, err)
	if said == "" {
		code, reason = LayerFailureCodeMissingLayerDigest, "Invalid request parameters: layer digest cannot be empty"
	}
	return LayerFailure{FailureCode: &code, FailureReason: &reason, LayerDigest: &said}
}

func (d *door) initiateLayerUpload(ctx context.Context, t target, _ *InitiateLayerUploadInput) (*InitiateLayerUploadOutput, error) {
	id, err := d.registry.StartUpload(ctx, t.account, t.repository)
	if errors.Is(err, registry.ErrNoRepository) {
		if made, failed := d.createOnPush(ctx, t); made {
			id, err = d.registry.StartUpload(ctx, t.account, t.repository)
		} else if failed != nil {
			err = failed
		}
	}
	if err != nil {
		return nil, err
	}
	return &InitiateLayerUploadOutput{UploadId: &id, PartSize: new(int64(partSize))}, nil
}

func (d *door) uploadLayerPart(ctx context.Context, t target, in *UploadLayerPartInput) (*UploadLayerPartOutput, error) {
	have, err := d.registry.UploadSize(ctx, t.account, t.repository, in.UploadId)
	if err != nil {
		return nil, err
	}
	if claimed := in.PartLastByte - in.PartFirstByte + 1; claimed != int64(len(in.LayerPartBlob)) {
		return nil, invalidPart(t, in, have, "The layer part has %d bytes, and from partFirstByte %d to partLastByte %d are %d",
			len(in.LayerPartBlob), in.PartFirstByte, in.PartLastByte, claimed)
	}
	size, err := d.registry.Append(ctx, t.account, t.repository, in.UploadId, in.PartFirstByte, bytes.NewReader(in.LayerPartBlob))
	if errors.Is(err, registry.ErrOffset) {
		return nil, invalidPart(t, in, size, "The layer part begins at byte %d, and the next byte of the upload with id '%s' is byte %d",
			in.PartFirstByte, in.UploadId, size)
	}
	if err != nil {
		return nil, err
	}
	return &UploadLayerPartOutput{
		LastByteReceived: new(size - 1),
		RegistryId:       &t.account, RepositoryName: &t.repository, UploadId: &in.UploadId,
	}, nil
}

// invalidPart tells the client from where to go on.
func invalidPart(t target, in *UploadLayerPartInput, have int64, format string, args ...any) error {
	fault := InvalidLayerPartException.Newf(format, args...).
		With("registryId", t.account).With("repositoryName", t.repository).With("uploadId", in.UploadId)
	if have > 0 {
		fault = fault.With("lastValidByteReceived", have-1)
	}
	return fault
}

func (d *door) completeLayerUpload(ctx context.Context, t target, in *CompleteLayerUploadInput) (*CompleteLayerUploadOutput, error) {
	digest, err := oneDigest(in.LayerDigests)
	if err != nil {
		return nil, err
	}
	known, err := d.checkComplete(ctx, t, in.UploadId, digest)
	if err != nil {
		return nil, err
	}
	_, err = d.registry.FinishUpload(ctx, t.account, t.repository, in.UploadId, digest)
	switch {
	case errors.Is(err, registry.ErrMismatch):
		return nil, InvalidLayerException.Newf("The layer digest '%s' does not match the digest that was calculated for the upload with id '%s'", digest, in.UploadId)
	case err != nil:
		return nil, err
	case known:
		return nil, LayerAlreadyExistsException.Newf("The layer with digest '%s' already exists within the repository with name '%s' in the registry with id '%s'",
			digest, t.repository, t.account)
	}
	return &CompleteLayerUploadOutput{
		LayerDigest: new(string(digest)),
		RegistryId:  &t.account, RepositoryName: &t.repository, UploadId: &in.UploadId,
	}, nil
}

// oneDigest refuses several digests of one layer: it would take several readings to check them.
func oneDigest(digests []string) (registry.Digest, error) {
	if len(digests) > 1 {
		return "", invalid("layerDigests", "must have one digest: several of one layer are not supported by Slipway")
	}
	digest, err := registry.ParseDigest(digests[0])
	if err != nil {
		return "", invalid("layerDigests", "%v", err)
	}
	return digest, nil
}

// checkComplete makes sure that the upload has bytes, and reports whether the layer is there already.
func (d *door) checkComplete(ctx context.Context, t target, upload string, digest registry.Digest) (known bool, err error) {
	size, err := d.registry.UploadSize(ctx, t.account, t.repository, upload)
	if err != nil {
		return false, err
	}
	if size == 0 {
		return false, &registry.Error{Cause: registry.ErrEmptyUpload, Account: t.account, Repository: t.repository, Upload: upload}
	}
	_, err = d.registry.BlobSize(ctx, t.account, t.repository, digest)
	if errors.Is(err, registry.ErrNoBlob) {
		return false, nil
	}
	return err == nil, err
}

// downloadLife is how long a download may wait to begin.
const downloadLife = time.Hour

// getDownloadURLForLayer gives a link into our own registry with a login in it, which can pull from
// the one repository and do nothing else.
func (d *door) getDownloadURLForLayer(ctx context.Context, t target, in *GetDownloadUrlForLayerInput) (*GetDownloadUrlForLayerOutput, error) {
	digest, err := registry.ParseDigest(in.LayerDigest)
	if err != nil {
		return nil, invalid("layerDigest", "%v", err)
	}
	_, err = d.registry.PulledSize(ctx, t.account, t.repository, digest)
	if errors.Is(err, registry.ErrNoBlob) { // it may come from another registry when it is read
		_, err = d.registry.PullBlobSize(ctx, t.account, t.repository, digest, d.mayImport(ctx, t))
	}
	if err != nil {
		return nil, err
	}
	pull := login(awswire.CallerOf(ctx), registry.Scope{Account: t.account, Repositories: []string{t.repository}, Actions: []registry.Action{registry.ActionPull}})
	pull.Expires = time.Now().Add(downloadLife)
	token, _, err := d.registry.Token(pull)
	if err != nil {
		return nil, err
	}
	link := d.endpoint(ctx) + "/v2/" + t.repository + "/blobs/" + string(digest) + "?" + url.Values{registry.LinkParameter: {token}}.Encode()
	return &GetDownloadUrlForLayerOutput{DownloadUrl: &link, LayerDigest: &in.LayerDigest}, nil
}
