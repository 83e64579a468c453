package server

import (
	"cmp"
	"context"

	"slipway/cluster"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// functionImages tells functions about images: those of runtimes, and those of our own registry.
type functionImages struct {
	images
	root string // the account whose repositories hold the images of runtimes
}

var _ functions.Images = functionImages{}

// Find satisfies functions.Images. As on AWS an image must be in a registry of ours.
func (i functionImages) Find(ctx context.Context, account, name, architecture string) (fleet.Image, error) {
	found, err := i.images.Find(ctx, account, name)
	if err != nil {
		return fleet.Image{}, err
	}
	if found.Digest == "" {
		return fleet.Image{}, errs.Say(functions.ErrImage, "Source image %s does not exist. Provide a valid source image.", name)
	}
	if err := i.checkPlatform(ctx, cmp.Or(found.Owner, account), found.Ref, found.Digest, name, architecture); err != nil {
		return fleet.Image{}, err
	}
	return fleet.Image{Name: found.Ref, Digest: found.Digest}, nil
}

// Login satisfies functions.Images.
func (i functionImages) Login(ctx context.Context, account string, image fleet.Image) (*nodeapi.Login, error) {
	found, err := i.images.Find(ctx, account, image.Name)
	if err != nil {
		return nil, err
	}
	login, err := i.images.Login(ctx, account, cluster.Image{Ref: image.Name, Owner: found.Owner})
	return &login, err
}
