package server

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"slipway/blob/disk"
	"slipway/blob/s3"
	"slipway/blob/sealed"
	"slipway/registry"
)

// openBlobs opens where layers are kept.
func (s *Server) openBlobs(ctx context.Context) (sealed.Inner, error) {
	if s.config.Blobs == "" {
		return disk.Open(filepath.Join(s.config.Data, "blobs"))
	}
	bucket, err := s3.Open(ctx, s.config.Blobs)
	if err != nil {
		return nil, err
	}
	s.files = bucket
	return bucket, nil
}

// openBeside opens where other bytes are kept, beside layers and apart from them: no name that the registry has for
// anything is below it.
func (s *Server) openBeside(ctx context.Context, name string) (sealed.Inner, error) {
	if s.config.Blobs == "" {
		return disk.Open(filepath.Join(s.config.Data, name))
	}
	location, err := url.Parse(s.config.Blobs)
	if err != nil {
		return nil, s3.ErrLocation // err would repeat what may be a secret
	}
	location.Path = strings.TrimSuffix(location.Path, "/") + "-" + name
	return s3.Open(ctx, location.String())
}

// openSpool is where layers of other registries wait until they are kept: beside the data, which has room
// for them, and not where the machine has its temporary files.
func (s *Server) openSpool() (registry.Option, error) {
	dir := filepath.Join(s.config.Data, "spool")
	return registry.SpoolIn(dir), os.MkdirAll(dir, 0o700)
}
