package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"slipway/blob"
	"slipway/cluster"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/registry"
	"slipway/runtimes"
)

// Runtime satisfies functions.Images. The images are in repositories of the root account, and everybody's sandboxes may
// pull them. What was pushed for a runtime comes before what is built in, which is
// written into the registry when it is first needed.
func (i functionImages) Runtime(ctx context.Context, account, runtime, architecture string) (fleet.Image, error) {
	if !runtimes.IsKnown(runtime) {
		return fleet.Image{}, errs.Say(functions.ErrRuntime, "The runtime parameter of %s is not supported. Slipway runs %s.", runtime, strings.Join(runtimes.Known, ", "))
	}
	found, err := i.pushed(ctx, account, runtimes.Repository(runtime), architecture)
	if err != nil || found.Digest != "" {
		return found, err
	}
	if !runtimes.IsBuiltIn(runtime) {
		return fleet.Image{}, errs.Say(functions.ErrRuntime, "The runtime parameter of %s is not supported yet on %s: there is no image %s:%s in the registry. "+
			`"make runtimes", in Slipway's source, makes it and pushes it there.`, runtime, architecture, runtimes.Repository(runtime), architecture)
	}
	return i.builtIn(ctx, account, architecture)
}

// pushed finds an image of the root account. What is not there has no digest.
func (i functionImages) pushed(ctx context.Context, account, repository, tag string) (fleet.Image, error) {
	digest, _, err := i.registry.Resolve(ctx, i.root, repository, tag)
	if errs.KindOf(err) == errs.NotFound {
		return fleet.Image{}, nil
	}
	if err != nil {
		return fleet.Image{}, err
	}
	image := cluster.Image{Ref: i.host + "/" + repository + ":" + tag, Digest: string(digest), Owner: i.root}
	return fleet.Image{Name: image.Ref, Digest: image.Digest, Login: func(ctx context.Context) (*nodeapi.Login, error) {
		login, err := i.images.Login(ctx, account, image)
		return &login, err
	}}, nil
}

// builtIn finds the image that is built in, and writes it before if it is not there.
func (i functionImages) builtIn(ctx context.Context, account, architecture string) (fleet.Image, error) {
	tag := runtimes.BaseTag(architecture)
	found, err := i.pushed(ctx, account, runtimes.BaseRepository, tag)
	if err != nil || found.Digest != "" {
		return found, err
	}
	failed := i.write(ctx, architecture, tag)
	if found, err = i.pushed(ctx, account, runtimes.BaseRepository, tag); err != nil || found.Digest != "" {
		return found, err // another server may have been quicker
	}
	return fleet.Image{}, fmt.Errorf("write the image for programs that bring all they need: %w", failed)
}

func (i functionImages) write(ctx context.Context, architecture, tag string) error {
	image, err := runtimes.Base(architecture, certificates())
	if err != nil {
		return err
	}
	_, err = i.registry.CreateRepository(ctx, i.root, runtimes.BaseRepository, registry.Mutability{}, nil)
	if err != nil && !errors.Is(err, registry.ErrRepositoryExists) {
		return err
	}
	for _, b := range [][]byte{image.Config, image.Layer} {
		if err := i.writeBlob(ctx, b); err != nil {
			return err
		}
	}
	_, _, err = i.registry.PutManifest(ctx, i.root, runtimes.BaseRepository, registry.Push{Raw: image.Manifest, Tag: tag})
	return err
}

func (i functionImages) writeBlob(ctx context.Context, b []byte) error {
	upload, err := i.registry.StartUpload(ctx, i.root, runtimes.BaseRepository)
	if err != nil {
		return err
	}
	if _, err := i.registry.Append(ctx, i.root, runtimes.BaseRepository, upload, 0, bytes.NewReader(b)); err != nil {
		return err
	}
	_, err = i.registry.FinishUpload(ctx, i.root, runtimes.BaseRepository, upload, blob.DigestOf(b))
	return err
}

// certificateFiles are where systems keep the authorities that they trust: Debian, Fedora and Amazon Linux, openSUSE, Alpine.
var certificateFiles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// certificates are the authorities that this machine trusts; nil: it does not say.
func certificates() []byte {
	for _, file := range certificateFiles {
		if text, err := os.ReadFile(file); err == nil {
			return text
		}
	}
	return nil
}
