package storetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"slipway/internal/memorytest"
)

// server is a running PostgreSQL that listens on a socket in its own folder and nowhere else.
type server struct {
	dir  string
	keep io.Closer // the script's standard input: the server lives while it is open
}

func (s server) url(database string) string {
	return fmt.Sprintf("postgres://slipway@/%s?host=%s", database, s.dir)
}

// privateServer starts the server of this test process at the first call.
var privateServer = sync.OnceValues(startServer)

// The script keeps the server until its standard input closes, which happens when the test
// process ends in whatever way, and then takes everything away.
const script = `
set -e
trap 'rm -rf "$DIR"' EXIT
"$BIN/initdb" --pgdata="$DIR/data" --username=slipway --auth=trust --no-sync --locale=C --encoding=UTF8 >"$DIR/log" 2>&1 || { cat "$DIR/log"; exit 1; }
"$BIN/postgres" -D "$DIR/data" -k "$DIR" -h "" -F -c max_connections=200 -c shared_buffers=32MB \
	-c synchronous_commit=off -c full_page_writes=off -c max_wal_size=64MB -c min_wal_size=32MB >>"$DIR/log" 2>&1 </dev/null &
server=$!
for i in $(seq 200); do
	"$BIN/pg_isready" -q -h "$DIR" -U slipway && break
	kill -0 $server || { cat "$DIR/log"; exit 1; }
	sleep 0.05
done
echo ready
cat >/dev/null
kill -INT $server
wait $server || true
`

func startServer() (server, error) {
	bin, err := binaries()
	if err != nil {
		return server{}, err
	}
	dir, err := os.MkdirTemp(memorytest.Folder(), "slipway-pg-") // a new database is hundreds of files: a disk takes ten times as long
	if err != nil {
		return server{}, err
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BIN="+bin, "DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C of the tests must not hit it first
	if err := asPostgres(cmd, dir); err != nil {
		return server{}, err
	}
	keep, err := startAndWait(cmd)
	return server{dir, keep}, err
}

// binaries finds the newest installed PostgreSQL.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	return filepath.Dir(path), err
}

// asPostgres runs the server as the user "postgres" when we are root, which PostgreSQL refuses to be.
func asPostgres(cmd *exec.Cmd, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(dir, uid, gid)
}

func startAndWait(cmd *exec.Cmd) (io.Closer, error) {
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() == "ready" {
			return stdin, nil
		}
		said.WriteString(lines.Text() + "\n")
	}
	return nil, fmt.Errorf("PostgreSQL did not start: %s", said.String())
}
