package server

import (
	"context"
	"os"
	"path/filepath"

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

// openSpool is where layers of other registries wait until they are kept: beside the data, which has room
// for them, and not where the machine has its temporary files.
func (s *Server) openSpool() (registry.Option, error) {
	dir := filepath.Join(s.config.Data, "spool")
	return registry.SpoolIn(dir), os.MkdirAll(dir, 0o700)
}
