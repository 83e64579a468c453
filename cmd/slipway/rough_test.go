package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/engine/enginetest"
)

// Rough sea: images that mean harm, clients of other make, and an end in good order, on one running Slipway.
func TestRoughSea(t *testing.T) {
	c := startCloud(t, "--log-level", "debug")
	c.pushApp()
	c.sail(t, []stage{
		{"hostile images", hostileImages},
		{"ctr", ctrVoyage},
		{"docker", dockerVoyage},
		{"a run that is no success", failedRuns},
		{"the output of several containers", outputOfSeveral},
		{"an end and a new start", endVoyage},
		{"secrets", secretsStay},
	})
}

// A hostile layer either does not run, and the reason says so, or runs and does no harm: no file of the
// host is written, removed or read, and no device is opened.
func hostileImages(t *testing.T, c *cloud) {
	host := t.TempDir() // stands for the host's files
	const secret = "known to the host alone"
	writeFile(t, filepath.Join(host, "secret"), secret)
	up := strings.Repeat("../", 20) + host[1:]
	evil := []byte("evil")
	link := func(kind byte, name, target string) enginetest.Entry {
		return enginetest.Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o644}}
	}
	device := func(kind byte, name string, major, minor int64) enginetest.Entry {
		return enginetest.Entry{Header: tar.Header{Typeflag: kind, Name: name, Mode: 0o666, Devmajor: major, Devminor: minor}}
	}
	stories := []struct {
		name    string
		layer   []enginetest.Entry
		command []string
	}{
		{"dots", []enginetest.Entry{enginetest.File(up+"/dots", 0o644, evil)}, nil},
		{"absolute", []enginetest.Entry{enginetest.File(host+"/absolute", 0o644, evil)}, nil},
		{"link-to-folder", []enginetest.Entry{link(tar.TypeSymlink, "out", host), enginetest.File("out/through", 0o644, evil)}, nil},
		{"link-to-root", []enginetest.Entry{link(tar.TypeSymlink, "root2", "/"), enginetest.File("root2"+host+"/through", 0o644, evil)}, nil},
		{"link-by-dots", []enginetest.Entry{link(tar.TypeSymlink, "out", up), enginetest.File("out/through", 0o644, evil)}, nil},
		{"link-read", []enginetest.Entry{link(tar.TypeSymlink, "stolen", host+"/secret")}, []string{"read", "/stolen"}},
		{"hard-link", []enginetest.Entry{link(tar.TypeLink, "stolen", host+"/secret")}, []string{"read", "/stolen"}},
		{"hard-link-by-dots", []enginetest.Entry{link(tar.TypeLink, "stolen", up+"/secret")}, []string{"read", "/stolen"}},
		{"hard-link-by-link", []enginetest.Entry{link(tar.TypeSymlink, "out", host), link(tar.TypeLink, "stolen", "out/secret")}, []string{"read", "/stolen"}},
		{"whiteout", []enginetest.Entry{enginetest.File(up+"/.wh.secret", 0o644, nil)}, nil},
		{"whiteout-by-link", []enginetest.Entry{link(tar.TypeSymlink, "out", host), enginetest.File("out/.wh.secret", 0o644, nil)}, nil},
		{"opaque", []enginetest.Entry{link(tar.TypeSymlink, "out", host), enginetest.File("out/.wh..wh..opq", 0o644, nil)}, nil},
		{"memory-device", []enginetest.Entry{device(tar.TypeChar, "device", 1, 1)}, []string{"try", "/device"}},
		{"disk-device", []enginetest.Entry{device(tar.TypeBlock, "device", major(t), 0)}, []string{"try", "/device"}},
	}
	if _, err := c.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("hostile")}); err != nil {
		t.Fatal(err)
	}
	login := remote.WithAuth(c.registryLogin())
	tasks := map[string]types.Task{}
	for _, s := range stories {
		image := enginetest.Push(t, c.host()+"/hostile:"+s.name, enginetest.Image(t, s.layer), login)
		app := c.app(s.name, append(s.command, "then", "print", "alive")...)
		if s.command == nil {
			app.Command = []string{"print", "alive"}
		}
		app.Image = &image
		tasks[s.name] = c.run(s.name, app)
	}
	for name, task := range tasks {
		task = c.until("STOPPED", task)
		printed, reason := c.printed(task), aws.ToString(task.StoppedReason)
		ran := task.Containers[0].ExitCode != nil
		if !ran && !strings.Contains(reason, "CannotPullContainerError") {
			t.Errorf("%s did not run, for %q", name, reason)
		}
		if strings.Contains(printed, secret) || strings.Contains(printed, "opened") {
			t.Errorf("%s has got hold of what is the host's: %s", name, printed)
		}
	}
	files, err := os.ReadDir(host)
	if err != nil || len(files) != 1 {
		t.Errorf("the host has %v, %v; want what was there, alone", files, err)
	}
	if text, err := os.ReadFile(filepath.Join(host, "secret")); err != nil || string(text) != secret {
		t.Errorf("the host's file is %q, %v", text, err)
	}
}

// major is the number of the driver of the disk that the root folder is on.
func major(t *testing.T) int64 {
	t.Helper()
	var root syscall.Stat_t
	if err := syscall.Stat("/", &root); err != nil {
		t.Fatal(err)
	}
	return int64(root.Dev >> 8 & 0xfff)
}

// ctr is containerd's own client; it borrows the containerd of the node, in a namespace of its own.
func ctrVoyage(t *testing.T, c *cloud) {
	socket := readNode(t, filepath.Join(c.data, "agent")).socket
	ctr := func(args ...string) (string, error) {
		return c.try(exec.Command(program(t, "ctr"), append([]string{"--address", socket, "--namespace", "voyage"}, args...)...))
	}
	c.newRegistryUser("ctr")
	pushed := enginetest.Push(t, c.host()+"/ctr:v1", enginetest.Image(t), remote.WithAuth(c.registryLogin()))
	_, digest, _ := strings.Cut(pushed, "@")
	ref := c.host() + "/ctr:v1"

	if out, err := ctr("images", "pull", "--plain-http", ref); err == nil {
		t.Errorf("ctr has pulled without a password: %s", out)
	}
	password := c.aws("ecr", "get-login-password")
	if out, err := ctr("images", "pull", "--plain-http", "--user", "AWS:"+password, ref); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if list, err := ctr("images", "list"); err != nil || !strings.Contains(list, digest) {
		t.Errorf("ctr has %s, %v, want %s", list, err, digest)
	}
	if out, err := ctr("images", "remove", "--sync", ref); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// docker pushes an image that then runs as a task, and pulls what slipway pushed.
func dockerVoyage(t *testing.T, c *cloud) {
	docker := startDocker(t, c)
	login := docker("login", "--username", "AWS", "--password-stdin", c.host())
	login.Stdin = strings.NewReader(c.aws("ecr", "get-login-password"))
	c.do(login)

	tool := filepath.Join(t.TempDir(), "tool")
	if _, err := enginetest.Compile(filepath.Dir(tool), "slipway/engine/enginetest/program"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(filepath.Dir(tool), "program"), tool); err != nil {
		t.Fatal(err)
	}
	pushed := strings.TrimSpace(c.do(c.slipway("push", tool, "tool:v1")))
	c.do(docker("pull", "--quiet", c.host()+"/tool:v1"))
	want(t, strings.TrimSpace(c.do(docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", c.host()+"/tool:v1"))),
		strings.Replace(pushed, ":v1@", "@", 1))

	c.do(exec.Command("tar", "-C", filepath.Dir(tool), "-cf", tool+".tar", "tool"))
	image := c.host() + "/from-docker:v1"
	c.aws("ecr", "create-repository", "--repository-name", "from-docker")
	c.do(docker("import", "--change", `ENTRYPOINT ["/tool"]`, tool+".tar", image))
	c.do(docker("push", "--quiet", image))
	want(t, c.do(c.slipway("run", "from-docker:v1", "print", "ahoy from docker")), "ahoy from docker\n")
	c.do(docker("image", "rm", image))
	c.do(docker("pull", "--quiet", image))
}

// startDocker starts a docker daemon that shares nothing with any other, and gives what makes commands for it.
func startDocker(t *testing.T, c *cloud) func(args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	daemon, err1 := exec.LookPath("dockerd")
	client, err2 := exec.LookPath("docker")
	if err := errors.Join(err1, err2); err != nil {
		t.Skip(err) // which package has them differs between Debian's releases, so nobody installs them for us
	}
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	docker := func(args ...string) *exec.Cmd {
		return exec.Command(client, append([]string{"--config", filepath.Join(dir, "config"), "--host", socket}, args...)...)
	}
	cmd := exec.Command(daemon, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", socket, "--iptables=false", "--ip6tables=false", "--bridge=none")
	said := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		syscall.Unmount(filepath.Join(dir, "data"), syscall.MNT_DETACH) // some daemons leave their root mounted on itself
	})
	within(t, "docker's daemon to answer", func() bool {
		select {
		case <-ended:
			t.Skipf("dockerd does not run here: %s", said)
		default:
		}
		return docker("info").Run() == nil
	})
	return docker
}

// slipway run ends as its container ended, or says why there was none to end.
func failedRuns(t *testing.T, c *cloud) {
	for _, r := range []struct {
		args string
		code int
		want string
	}{
		{"run --entrypoint /nowhere voyage/app:v1", 125, "/nowhere"},
		{"run voyage/app:v2", 125, "CannotPullContainerError"},
		{"run -m 99999999 voyage/app:v1", 1, "slipway: no machine has room for the task: "},
		{"run -m 99999999 voyage/app:v1", 1, "RESOURCE:MEMORY"},
		{"run -m 99999999 voyage/app:v1", 1, "\nhint: "},
		{"run voyage/app:v1 exit 9", 9, ""},
	} {
		cmd := c.slipway(strings.Fields(r.args)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != r.code || !strings.Contains(string(out), r.want) {
			t.Errorf("slipway %s: exit code %d, want %d; said %q, want %q", r.args, code, r.code, out, r.want)
		}
	}

	interrupted := c.slipway("run", "voyage/app:v1", "print", "interrupt me", "then", "wait", "3")
	out := &syncBuffer{}
	interrupted.Stdout, interrupted.Stderr = out, out
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, "the program to wait", func() bool { return strings.Contains(out.String(), "waiting") })
	interrupted.Process.Signal(os.Interrupt)
	interrupted.Wait()
	want(t, fmt.Sprint(interrupted.ProcessState.ExitCode()), "130")
	within(t, "the program to be gone", func() bool { return !hasProcess("interrupt me") })
}

// slipway logs tells several containers apart, and one of them on demand.
func outputOfSeveral(t *testing.T, c *cloud) {
	other := c.app("two", "print", "from the second")
	other.Essential = aws.Bool(false)
	task := c.until("STOPPED", c.run("several", c.app("one", "sleep", "300ms", "then", "print", "from the first"), other))
	id := taskID(task)
	want(t, c.printed(task), "one | from the first\ntwo | from the second\n")
	want(t, c.do(c.slipway("logs", "-c", "two", id)), "from the second\n")
	if line := c.do(c.slipway("logs", "-t", "-c", "one", id[:16])); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z from the first\n$`).MatchString(line) {
		t.Errorf("with time: %q", line)
	}
	for args, words := range map[string]string{
		"logs -c three " + id: fmt.Sprintf("slipway: task %s has no container \"three\"\n", id[:16]),
		"logs nonsense":       "slipway: no task \"nonsense\"\nhint: ",
	} {
		if out, err := c.try(c.slipway(strings.Fields(args)...)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("slipway %s: %s, %v", args, out, err)
		}
	}
	out, err := c.try(c.slipway("logs", ""))
	if err == nil || !strings.Contains(err.Error(), "hint: give more digits of its id") {
		t.Errorf("a name that means many tasks: %s, %v", out, err)
	}
}

// SIGTERM ends Slipway with exit code 0 and leaves containers alone; the next start finds them.
func endVoyage(t *testing.T, c *cloud) {
	task := c.until("RUNNING", c.run("tame", c.app("tame", "print", "before the end", "then", "wait", "7")))
	within(t, "the program to wait", func() bool { return strings.Contains(c.printed(task), "waiting") })
	pid := containerPid(t, "before the end")
	if offered := c.do(c.slipway("__complete", "stop", taskID(task)[:4])); !strings.HasPrefix(offered, shortID(task)) {
		t.Errorf("a shell is offered %q", offered)
	}

	c.end()
	want(t, containerPid(t, "before the end"), pid)
	c.restart()
	want(t, fmt.Sprint(*c.stop(task).Containers[0].ExitCode), "7")
	want(t, c.printed(task), "before the end\nwaiting\ngot SIGTERM\n")
}

// After all that no log has a secret in it, not even the tokens by which nodes pulled.
func secretsStay(t *testing.T, c *cloud) {
	engine, err := os.ReadFile(filepath.Join(c.data, "agent", "containerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := c.secrets()
	secrets["a login token"] = "slipway1."
	for name, secret := range secrets {
		for where, text := range map[string]string{"the log": c.log.String(), "containerd's log": string(engine)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", name, where)
			}
		}
	}
	entries, err := os.ReadDir(c.data)
	if err != nil || len(entries) < 6 {
		t.Fatalf("the data folder has %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}
