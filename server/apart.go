package server

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"slipway/internal/loop"
	"slipway/store"
	"slipway/store/lease"
)

//go:embed schema
var schema embed.FS

const (
	servers        lease.Table = "servers"
	serversTopic               = "servers"
	serverLife                 = 90 * time.Second // for which a server that says nothing is thought to be there
	bytesApart                 = "another server is over the same database, and one of the two keeps bytes in its own data folder: images, objects and code of functions that come to it cannot be read at the other"
	bytesApartHint             = "start all servers with the same --blobs s3://BUCKET/PREFIX"
)

// neighbour is a server over the same database, as this one reads of it.
type neighbour struct {
	id, at string
	folder bool
}

// openApart makes ready that servers over one database know of each other.
func (s *Server) openApart(ctx context.Context) error {
	if s.db.Dialect() != "postgres" {
		return nil
	}
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	if err := s.db.Migrate(ctx, "servers", files); err != nil {
		return err
	}
	return s.db.Update(ctx, s.leave)
}

// runApart says that this server is there, and warns of every other that comes whose bytes are elsewhere, until ctx ends.
func (s *Server) runApart(ctx context.Context) {
	if s.db.Dialect() != "postgres" {
		return
	}
	wake, stop := s.db.Watch(serversTopic)
	defer stop()
	told := map[string]bool{}
	loop.Run(ctx, "servers", serverLife/3, wake, func(ctx context.Context) error {
		found, err := s.meet(ctx)
		if err == nil {
			s.warnApart(found, told)
		}
		return err
	})
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.db.Update(leaving, s.leave); err != nil {
		slog.Info("the other servers learn somewhat later that this one has ended", "error", err)
	}
}

// meet says that this server is there and reads which others are.
func (s *Server) meet(ctx context.Context) (found []neighbour, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		found = nil
		known, err := tx.Exec(`update servers set until = $2 where name = $1 and until > $3`, s.id, store.Micros(tx.Now.Add(serverLife)), store.Micros(tx.Now))
		if err == nil && known == 0 {
			err = s.enter(tx)
		}
		if err != nil {
			return err
		}
		return tx.Each(`select name, at, folder from servers where name <> $1 and until > $2`, []any{s.id, store.Micros(tx.Now)}, func(rows *sql.Rows) error {
			var n neighbour
			var folder int64
			err := rows.Scan(&n.id, &n.at, &folder)
			n.folder = folder > 0
			found = append(found, n)
			return err
		})
	})
	return found, err
}

// enter makes this server known to the others.
func (s *Server) enter(tx *store.Tx) error {
	folder := 0
	if s.inFolder() {
		folder = 1
	}
	if _, err := servers.Take(tx, s.id, s.id, serverLife); err != nil {
		return err
	}
	tx.Touch(serversTopic)
	_, err := tx.Exec(`update servers set at = $2, folder = $3 where name = $1`, s.id, s.config.Advertise, folder)
	return err
}

// leave takes back that this server is there, or what was said of it before it was started anew.
func (s *Server) leave(tx *store.Tx) error { return servers.DropAll(tx, s.id) }

// inFolder reports whether bytes are in this server's own data folder.
func (s *Server) inFolder() bool { return s.config.Blobs == "" }

// warnApart warns once of each neighbour that has not the bytes that this server has, or the other way round.
func (s *Server) warnApart(found []neighbour, told map[string]bool) {
	for _, n := range found {
		if !told[n.id] && (n.folder || s.inFolder()) {
			told[n.id] = true
			slog.Warn(bytesApart, "server", s.config.Advertise, "other", n.at, "hint", bytesApartHint)
		}
	}
}
