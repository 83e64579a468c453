package oci_test

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is the docker command with a daemon of its own, which knows nothing of any other.
type engine struct {
	t    *testing.T
	path string
	args []string
}

func startDocker(t *testing.T) engine {
	t.Helper()
	daemon := tool(t, "dockerd")
	d := engine{t, tool(t, "docker"), nil}
	if os.Geteuid() != 0 {
		t.Skip("dockerd needs root")
	}
	dir := t.TempDir()
	socket := "unix://" + filepath.Join(dir, "d.sock")
	d.args = []string{"--config", filepath.Join(dir, "config"), "-H", socket}
	cmd := exec.Command(daemon, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", socket, "--iptables=false", "--ip6tables=false", "--bridge=none")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		syscall.Unmount(filepath.Join(dir, "data"), syscall.MNT_DETACH) // some daemons leave their root mounted on itself
	})
	for exec.CommandContext(t.Context(), d.path, append(d.args, "info")...).Run() != nil {
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("dockerd does not run here: %v\n%s", err, said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return d
}

func (d engine) run(stdin string, args ...string) string {
	d.t.Helper()
	return strings.TrimSpace(run(d.t, stdin, d.path, append(d.args, args...)...))
}

func TestDocker(t *testing.T) {
	e := startDocker(t)
	d := newDoor(t)
	image := d.host() + "/team/web:v1"
	e.run(d.token, "login", "--username", "AWS", "--password-stdin", d.host())

	id := e.run(archive(t), "import", "-", image)
	e.run("", "push", "-q", image)
	e.run("", "push", "-q", image) // again: the layer is there already
	e.run("", "rmi", image)
	e.run("", "pull", "-q", image)
	if got := e.run("", "inspect", "--format", "{{.Id}}", image); got != id {
		t.Errorf("docker pulled %s, pushed %s", got, id)
	}
	cmd := exec.CommandContext(t.Context(), e.path, append(e.args, "pull", d.host()+"/nowhere:v1")...)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "aws ecr create-repository --repository-name nowhere") {
		t.Errorf("docker pull of a missing repository says: %s", out)
	}
}

// archive is a file system of one file.
func archive(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text := "hello\n"
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
