package server

import (
	"context"
	"path/filepath"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/blob/s3"
)

// openBlobs opens where layers are kept.
func (s *Server) openBlobs(ctx context.Context) (blob.Store, error) {
	if s.config.Blobs == "" {
		return disk.Open(filepath.Join(s.config.Data, "blobs"))
	}
	return s3.Open(ctx, s.config.Blobs)
}
