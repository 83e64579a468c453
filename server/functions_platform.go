package server

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"slipway/functions"
	"slipway/internal/errs"
	"slipway/registry"
)

// machines are architectures of functions, as images name them.
var machines = map[string]string{"x86_64": "amd64", "arm64": "arm64"}

// mostConfig bounds what is read of an image's configuration.
const mostConfig = 1 << 20

// platform is what a machine must be for an image, or for one of those that an index names.
type platform struct {
	Architecture string `json:"architecture"`
}

// checkPlatform returns functions.ErrImage unless an image, which name says in our own registry, runs on an architecture.
func (i functionImages) checkPlatform(ctx context.Context, owner, ref, digest, name, architecture string) error {
	repository, _ := splitReference(strings.TrimPrefix(ref, i.host+"/"))
	m, err := i.registry.Manifest(ctx, owner, repository, registry.ImageID{Digest: registry.Digest(digest)})
	if err != nil {
		return err
	}
	found, err := i.platforms(ctx, owner, repository, m.Raw)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return errs.Say(functions.ErrImage, "The image manifest, config or layer media type for the source image %s is not supported.", name)
	case !slices.Contains(found, machines[architecture]):
		return errs.Say(functions.ErrImage, "Source image %s is for %s, and the architecture of the function is %s.", name, strings.Join(found, ", "), architecture)
	}
	return nil
}

// platforms are the architectures that a manifest, or an index, is for.
func (i functionImages) platforms(ctx context.Context, owner, repository string, raw []byte) (found []string, err error) {
	var manifest struct {
		Config    struct{ Digest registry.Digest }
		Manifests []struct{ Platform platform }
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.Platform.Architecture != "" {
			found = append(found, m.Platform.Architecture)
		}
	}
	if manifest.Config.Digest == "" {
		return found, nil
	}
	config, err := i.registry.OpenBlob(ctx, owner, repository, manifest.Config.Digest)
	if err != nil {
		return nil, err
	}
	defer config.Close()
	var one platform
	if json.NewDecoder(io.LimitReader(config, mostConfig)).Decode(&one) != nil || one.Architecture == "" {
		return nil, nil // it is something else than an image
	}
	return []string{one.Architecture}, nil
}
