package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// source makes databases that keep what they have said they keep, in spite of a power cut.
type source struct {
	name    string
	dir     string
	made    int
	process *exec.Cmd // PostgreSQL; nil for SQLite
}

func openSource(dir, name string) (*source, error) {
	s := &source{name: name, dir: dir}
	switch name {
	case "sqlite":
		return s, nil
	case "postgres":
		return s, s.startPostgres()
	}
	return nil, errors.New("-db: there are sqlite and postgres")
}

// next makes a new database and returns its address.
func (s *source) next(ctx context.Context) (string, error) {
	s.made++
	name := fmt.Sprint("bench", s.made)
	if s.process == nil {
		return filepath.Join(s.dir, name+".db"), nil
	}
	return s.url(name), s.sql(ctx, "create database "+name)
}

// drop takes the newest database away.
func (s *source) drop(ctx context.Context) error {
	name := fmt.Sprint("bench", s.made)
	if s.process != nil {
		return s.sql(ctx, "drop database "+name+" with (force)")
	}
	var all []error
	for _, end := range []string{".db", ".db-wal", ".db-shm"} {
		if err := os.Remove(filepath.Join(s.dir, name+end)); !errors.Is(err, os.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (s *source) folder() string { return filepath.Join(s.dir, "postgres") }

func (s *source) url(database string) string {
	return fmt.Sprintf("postgres://slipway@/%s?host=%s", database, s.folder())
}

func (s *source) sql(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// startPostgres starts a private server. It is as it comes, but for its memory, and for having no network.
func (s *source) startPostgres() error {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return errors.New("it needs PostgreSQL (apt-get install postgresql)")
	}
	bin, folder := found[len(found)-1], s.folder()
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Chmod(s.dir, 0o711)); err != nil {
		return err
	}
	as, err := asPostgres(folder)
	if err != nil {
		return err
	}
	data := filepath.Join(folder, "data")
	create := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=slipway", "--auth=trust", "--locale=C", "--encoding=UTF8")
	create.SysProcAttr, create.Dir = as, folder
	if said, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	s.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", folder, "-h", "", "-c", "max_connections=100",
		"-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB")
	s.process.SysProcAttr, s.process.Dir = as, folder
	if err := s.process.Start(); err != nil {
		return err
	}
	for range 200 {
		if err = s.sql(context.Background(), "select 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.Join(err, s.close())
}

func (s *source) close() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Signal(syscall.SIGINT)
	return errors.Join(err, s.process.Wait())
}

// asPostgres has root run the server as the user of that name, for PostgreSQL refuses to be root.
func asPostgres(folder string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us first
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(folder, uid, gid)); err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}
