package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"slipway/server"
	"slipway/store"
)

// What keeps Slipway from starting is told in one line that names it, and changes nothing.
func TestStartsThatAreRefused(t *testing.T) {
	c := startServer(t, "--account-id", "123456789012")
	host, port, _ := net.SplitHostPort(c.host())
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	fresh := func() string { return filepath.Join(t.TempDir(), "data") }

	for _, r := range []struct {
		name string
		args []string
		want string // what it says, to its beginning
	}{
		{"the data folder of another", []string{"--data", c.data},
			fmt.Sprintf("slipway: the data folder is in use by another slipway: %s is held by process %d\nhint: stop the other one, or give this one a folder of its own with --data DIR\n", c.data, c.cmd.Process.Pid)},
		{"a port in use", []string{"--data", fresh(), "--listen", c.host()},
			fmt.Sprintf("slipway: API listener: listen tcp %s:%s: bind: address already in use\nhint: choose another address with --listen HOST:PORT\n", host, port)},
		{"an admin port in use", []string{"--data", fresh(), "--admin", c.host()},
			fmt.Sprintf("slipway: admin listener: listen tcp %s:%s: bind: address already in use\nhint: choose another address with --admin HOST:PORT\n", host, port)},
		{"an address that is none", []string{"--data", fresh(), "--listen", "nonsense"},
			"slipway: API listener: listen tcp: address nonsense: missing port in address\n"},
		{"an account that is none", []string{"--data", fresh(), "--account-id", "12345"},
			"slipway: an account id is twelve digits, not \"12345\"\n"},
		{"a region that is none", []string{"--data", fresh(), "--region", "US East"},
			"slipway: region \"US East\": want lower-case letters and digits, in parts separated by hyphens, as us-east-1\n"},
		{"an address to tell that is none", []string{"--data", fresh(), "--advertise", "http://192.0.2.7:4600"},
			"slipway: advertise \"http://192.0.2.7:4600\": want HOST:PORT, as 192.0.2.7:4600\n"},
		{"a store that is none", []string{"--data", fresh(), "--store", "mysql://ann:hunter2@db/slipway"},
			"slipway: store \"mysql\": want postgres://USER@HOST/DATABASE, or nothing for SQLite in the data folder\n"},
		{"a store that nobody serves", []string{"--data", fresh(), "--store", "postgres://ann:hunter2@127.0.0.1:1/slipway"},
			"slipway: open postgres database: failed to connect to `user=ann database=slipway`:"},
		{"a file for a folder", []string{"--data", file},
			fmt.Sprintf("slipway: data folder: mkdir %s: not a directory\n", file)},
	} {
		t.Run(r.name, func(t *testing.T) {
			code, said := runToEnd(t, append([]string{"server", "--listen", "127.0.0.1:0", "--admin", "off"}, r.args...)...)
			if code != 1 || !strings.HasPrefix(said, r.want) || strings.Contains(said, "hunter2") {
				t.Errorf("exit code %d and\n%swant 1 and\n%s", code, said, r.want)
			}
		})
	}
	if !isReady(c.endpoint) {
		t.Error("the one that runs was disturbed")
	}
}

// A data folder is what it was made to be. A start that is refused leaves it as it was.
func TestDataFolderOfAnother(t *testing.T) {
	c := startServer(t, "--account-id", "123456789012")
	if _, err := c.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
	before := c.everything()
	c.end()
	refused := func(want string, args ...string) {
		t.Helper()
		code, said := runToEnd(t, append([]string{"server", "--data", c.data, "--listen", "127.0.0.1:0", "--admin", "off"}, args...)...)
		if code != 1 || said != want {
			t.Errorf("exit code %d and\n%swant 1 and\n%s", code, said, want)
		}
	}

	refused("slipway: the data belongs to another account: it was made for account 123456789012, not for 210987654321\n", "--account-id", "210987654321")

	steps, err := filepath.Glob("../../registry/schema/*.sql")
	if err != nil || len(steps) == 0 {
		t.Fatalf("the registry's steps: %v, %v", steps, err)
	}
	c.setVersion("registry", 99)
	refused(fmt.Sprintf("slipway: the data was written by a newer version of Slipway: registry is at step 99, this version knows %d\n", len(steps)))
	c.setVersion("registry", len(steps))

	key := filepath.Join(c.data, "master.key")
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, key, strings.Repeat("x", len(right)))
	code, said := runToEnd(t, "server", "--data", c.data, "--listen", "127.0.0.1:0", "--admin", "off")
	if code != 1 || !strings.Contains(said, "master key") {
		t.Errorf("under another master key: exit code %d and %s", code, said)
	}
	writeFile(t, key, string(right))

	c.start("127.0.0.1:0")
	want(t, c.everything(), before)
}

// A first start that is cut at any instant is no obstacle to the next one, and keys that somebody may
// have been told stay good.
func TestFirstStartIsCut(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	var told server.Credentials
	for life := time.Duration(0); life < 200*time.Millisecond; life += 20 * time.Millisecond {
		cmd := exec.Command("slipway", "server", "--data", data, "--listen", "127.0.0.1:0", "--admin", "off")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(life)
		cmd.Process.Kill()
		cmd.Wait()
		now, err := server.ReadCredentials(data)
		if told != (server.Credentials{}) && (err != nil || now.AccessKeyID != told.AccessKeyID || now.SecretAccessKey != told.SecretAccessKey) {
			t.Errorf("after %v the credentials are %+v, %v, want %+v", life, now, err, told)
		}
		told = now
	}
	c := launch(t, "server", data)
	if told != (server.Credentials{}) && c.secrets()["the root's secret"] != told.SecretAccessKey {
		t.Error("the last start has made another key")
	}
	if _, err := c.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{}); err != nil {
		t.Error(err)
	}
}

// setVersion makes the database one that has seen another version of a room.
func (c *cloud) setVersion(room string, step int) {
	c.t.Helper()
	db, err := store.Open(c.t.Context(), filepath.Join(c.data, "slipway.db"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(c.t.Context(), func(tx *store.Tx) error {
		changed, err := tx.Exec(`update store_migrations set version = $1 where room = $2`, step, room)
		if changed != 1 {
			c.t.Errorf("room %s is not in the database", room)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// SIGTERM lets requests in flight end well, takes no new ones, and ends with exit code 0.
func TestSIGTERMDrains(t *testing.T) {
	c := startServer(t)
	r := c.newRegistryUser("web")
	data := bytes.Repeat([]byte("drain"), 1<<18)
	begun := r.call(t, "POST", "/v2/web/blobs/uploads/", nil)
	conn, req := r.beginPatch(t, begun.location, 0, len(data))
	defer conn.Close()
	c.terminateUnder(conn, data[:1<<18])

	if _, err := conn.Write(data[1<<18:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatalf("the request in flight is answered %v, %v", resp, err)
	}
	c.wantEnd()

	c.restart()
	if a := r.call(t, "PUT", begun.location+"?digest="+digestOf(data), nil); a.status != http.StatusCreated {
		t.Errorf("what was answered is lost: %d %s", a.status, a.body)
	}
}

// Who does not want to wait for requests in flight signals once more.
func TestSecondSIGTERMEndsAtOnce(t *testing.T) {
	c := startServer(t)
	r := c.newRegistryUser("web")
	begun := r.call(t, "POST", "/v2/web/blobs/uploads/", nil)
	conn, _ := r.beginPatch(t, begun.location, 0, 1<<20)
	defer conn.Close()
	c.terminateUnder(conn, make([]byte, 1<<18))

	c.cmd.Process.Signal(syscall.SIGTERM)
	<-c.ended
	if status := c.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %s", c.cmd.ProcessState)
	}
	c.restart()
}

// terminateUnder asks the process to end while a request that has sent part of its body is in flight.
func (c *cloud) terminateUnder(conn net.Conn, part []byte) {
	c.t.Helper()
	if _, err := conn.Write(part); err != nil {
		c.t.Fatal(err)
	}
	within(c.t, "the server to have the request", func() bool { return c.uploaded() > 0 })
	c.cmd.Process.Signal(syscall.SIGTERM)
	within(c.t, "no new request to be taken", func() bool {
		other, err := net.Dial("tcp", c.host())
		if err == nil {
			other.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// uploaded is how many bytes the files of unfinished uploads have.
func (c *cloud) uploaded() (size int64) {
	files, _ := filepath.Glob(filepath.Join(c.data, "blobs/uploads/*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	return size
}

// The data folder is its owner's alone, and no secret in it is anywhere else.
func TestSecretsStayInTheDataFolder(t *testing.T) {
	c := startServer(t, "--log-level", "debug")
	r := c.newRegistryUser("web")
	r.push(t, "web", []byte("a layer"))
	r.call(t, "POST", "/v2/web/blobs/uploads/", nil)
	stranger := *r
	stranger.password = "guess"
	stranger.call(t, "GET", "/v2/", nil)
	c.everything()

	files := 0
	err := filepath.WalkDir(c.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Fatalf("%d files, %v", files, err)
	}

	secrets := c.secrets()
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	database, err := os.ReadFile(filepath.Join(c.data, "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range secrets {
		for where, text := range map[string]string{"the log": c.log.String(), "the process list": string(args), "the database": string(database)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", name, where)
			}
		}
	}
	if strings.Contains(c.log.String(), r.password) {
		t.Error("a login token is in the log")
	}
}

// secrets are what the data folder keeps from others.
func (c *cloud) secrets() map[string]string {
	c.t.Helper()
	creds, err := server.ReadCredentials(c.data)
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]string{"the root's secret": creds.SecretAccessKey}
	for _, name := range []string{"master.key"} {
		text, err := os.ReadFile(filepath.Join(c.data, name))
		if err != nil || len(text) < 16 {
			c.t.Fatalf("%s: %v", name, err)
		}
		all[name] = strings.TrimSpace(string(text))
	}
	return all
}

// runToEnd runs a command that is to end by itself, and tells its exit code and all that it said.
func runToEnd(t testing.TB, args ...string) (code int, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "slipway", args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
