package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slipway/engine/enginetest"
	"slipway/engine/enginetest/facts"
)

// The first voyage: everything that README promises, by the genuine clients, on one running Slipway.
func TestVoyage(t *testing.T) {
	c := startCloud(t, "--account-id", "123456789012")
	layout := filepath.Join(t.TempDir(), "image")
	enginetest.BuildImage(t, layout, enginetest.Configure(t, enginetest.Image(t), func(config *v1.Config) {
		config.User, config.WorkingDir = "app", "/home/app"
		config.Env = append(config.Env, "FROM_IMAGE=yes")
	}))

	c.sail(t, []stage{
		{"who am I", whoAmI},
		{"registry", func(t *testing.T, c *cloud) { registryVoyage(t, c, layout) }},
		{"task", taskVoyage},
		{"container is real", realContainer},
		{"limits hold", limitsHold},
		{"group starts as one", groupStartsAsOne},
		{"essential container ends its task", essentialEnds},
		{"output", outputVoyage},
		{"published port", publishedPort},
		{"stop", stopVoyage},
		{"kill -9", killVoyage},
		{"slipway run", runVoyage},
	})
}

// stage is a part of a voyage.
type stage struct {
	name string
	sail func(*testing.T, *cloud)
}

// sail goes through stages on one running Slipway, each a test of its own.
func (c *cloud) sail(t *testing.T, stages []stage) {
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) {
			inner := *c
			inner.t = t
			stage.sail(t, &inner)
			c.cmd, c.ended = inner.cmd, inner.ended // kill -9 starts it anew
		})
	}
}

func whoAmI(t *testing.T, c *cloud) {
	want(t, c.aws("sts", "get-caller-identity", "--query", "[Account,Arn]", "--output", "text"), "123456789012\tarn:aws:iam::123456789012:root")
}

func registryVoyage(t *testing.T, c *cloud, layout string) {
	skopeo := program(t, "skopeo")
	ref := "docker://" + c.host() + "/voyage/app:v1"
	want(t, c.aws("ecr", "create-repository", "--repository-name", "voyage/app", "--query", "repository.repositoryUri", "--output", "text"), c.host()+"/voyage/app")
	login := exec.Command(skopeo, "login", "--tls-verify=false", "-u", "AWS", "--password-stdin", c.host())
	login.Stdin = strings.NewReader(c.aws("ecr", "get-login-password"))
	c.do(login)

	c.do(exec.Command(skopeo, "copy", "--dest-tls-verify=false", "oci:"+layout+":latest", ref))
	back := filepath.Join(t.TempDir(), "back")
	c.do(exec.Command(skopeo, "copy", "--src-tls-verify=false", ref, "oci:"+back+":latest"))
	want(t, blobsOf(t, back), blobsOf(t, layout))

	digest := c.aws("ecr", "describe-images", "--repository-name", "voyage/app", "--query", "imageDetails[0].imageDigest", "--output", "text")
	want(t, c.aws("ecr", "list-images", "--repository-name", "voyage/app", "--query", "imageIds[0].[imageDigest,imageTag]", "--output", "text"), digest+"\tv1")
	manifest := c.aws("ecr", "batch-get-image", "--repository-name", "voyage/app", "--image-ids", "imageTag=v1", "--query", "images[0].imageManifest", "--output", "text")
	if !strings.Contains(manifest, `"layers"`) {
		t.Errorf("batch-get-image gave %q", manifest)
	}
	c.do(exec.Command(skopeo, "copy", "--src-tls-verify=false", "--dest-tls-verify=false", ref, "docker://"+c.host()+"/voyage/app:doomed"))
	want(t, c.aws("ecr", "batch-delete-image", "--repository-name", "voyage/app", "--image-ids", "imageTag=doomed", "--query", "imageIds[0].imageTag", "--output", "text"), "doomed")

	c.aws("ecr", "create-repository", "--repository-name", "empty")
	c.aws("ecr", "delete-repository", "--repository-name", "empty")
	if _, err := c.tryAWS("ecr", "delete-repository", "--repository-name", "voyage/app"); err == nil || !strings.Contains(err.Error(), "RepositoryNotEmptyException") {
		t.Errorf("deleting a repository with images: %v", err)
	}
}

// blobsOf lists the blobs of a layout by the digests that name them: equal lists are equal bytes.
func blobsOf(t *testing.T, layout string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("layout %s has no blobs: %v", layout, err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return strings.Join(names, "\n")
}

func taskVoyage(t *testing.T, c *cloud) {
	c.aws("ecs", "create-cluster", "--cluster-name", "sea")
	file := filepath.Join(t.TempDir(), "task.json")
	writeFile(t, file, `{"family": "voyage", "containerDefinitions": [{
		"name": "app", "image": "`+c.host()+`/voyage/app:v1", "cpu": 128, "memory": 64, "essential": true,
		"command": ["print", "ahoy", "then", "sleep", "1s", "then", "exit", "7"],
		"environment": [{"name": "SHIP", "value": "slip"}],
		"logConfiguration": {"logDriver": "awslogs", "options": {
			"awslogs-group": "/voyage", "awslogs-create-group": "true", "awslogs-stream-prefix": "v"}}}]}`)
	want(t, c.aws("ecs", "register-task-definition", "--cli-input-json", "file://"+file, "--query", "taskDefinition.taskDefinitionArn", "--output", "text"),
		"arn:aws:ecs:us-east-1:123456789012:task-definition/voyage:1")
	task := c.aws("ecs", "run-task", "--cluster", "sea", "--task-definition", "voyage", "--query", "tasks[0].taskArn", "--output", "text")
	describe := func(query string) string {
		return c.aws("ecs", "describe-tasks", "--cluster", "sea", "--tasks", task, "--query", query, "--output", "text")
	}
	within(t, "RUNNING or past it", func() bool { s := describe("tasks[0].lastStatus"); return s == "RUNNING" || s == "STOPPED" })
	c.aws("ecs", "wait", "tasks-stopped", "--cluster", "sea", "--tasks", task)
	want(t, describe("tasks[0].[lastStatus,stopCode,stoppedReason,containers[0].exitCode]"),
		"STOPPED\tEssentialContainerExited\tEssential container in task exited\t7")

	if tasks := c.aws("ecs", "list-tasks", "--cluster", "sea", "--desired-status", "STOPPED", "--output", "text"); !strings.Contains(tasks, task) {
		t.Errorf("list-tasks does not tell of %s: %s", task, tasks)
	}
	instance := c.aws("ecs", "list-container-instances", "--cluster", "sea", "--query", "containerInstanceArns[0]", "--output", "text")
	want(t, c.aws("ecs", "describe-container-instances", "--cluster", "sea", "--container-instances", instance,
		"--query", "containerInstances[0].[status,agentConnected,runningTasksCount]", "--output", "text"), "ACTIVE\tTrue\t0")
	want(t, c.aws("ecs", "describe-clusters", "--clusters", "sea", "--query", "clusters[0].[status,registeredContainerInstancesCount]", "--output", "text"), "ACTIVE\t1")
	c.aws("ecs", "deregister-task-definition", "--task-definition", "voyage:1")
	want(t, c.aws("ecs", "list-task-definitions", "--family-prefix", "voyage", "--status", "INACTIVE", "--query", "length(taskDefinitionArns)"), "1")
	if _, err := c.tryAWS("ecs", "run-task", "--cluster", "sea", "--task-definition", "voyage:1"); err == nil || !strings.Contains(err.Error(), "TaskDefinition is inactive") {
		t.Errorf("running an inactive definition: %v", err)
	}
}

// app is a definition of one container of the voyage's image.
func (c *cloud) app(name string, command ...string) types.ContainerDefinition {
	return types.ContainerDefinition{
		Name: &name, Image: aws.String(c.host() + "/voyage/app:v1"), Memory: aws.Int32(64), Command: command,
	}
}

// run registers the containers as family and runs one task of it.
func (c *cloud) run(family string, containers ...types.ContainerDefinition) types.Task {
	c.t.Helper()
	_, err := c.ecs.RegisterTaskDefinition(c.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: containers})
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := c.ecs.RunTask(c.t.Context(), &ecs.RunTaskInput{TaskDefinition: &family})
	if err != nil || len(out.Tasks) != 1 {
		c.t.Fatalf("RunTask: %v, failures %v", err, out)
	}
	return out.Tasks[0]
}

// until waits for a task to get as far as status, and returns it.
func (c *cloud) until(status string, task types.Task) types.Task {
	c.t.Helper()
	within(c.t, "task "+status, func() bool {
		now, err := c.task(c.t.Context(), task)
		if err != nil {
			c.t.Fatal(err)
		}
		task = now
		if got := aws.ToString(task.LastStatus); got == "STOPPED" && status != "STOPPED" {
			c.t.Fatalf("the task stopped: %s", aws.ToString(task.StoppedReason))
		}
		return aws.ToString(task.LastStatus) == status
	})
	return task
}

// printed is what the containers of a task printed, as "slipway logs" tells it.
func (c *cloud) printed(task types.Task) string {
	c.t.Helper()
	return c.do(c.slipway("logs", taskID(task)))
}

func (c *cloud) facts(task types.Task) (f facts.Facts) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.printed(c.until("STOPPED", task))), &f); err != nil {
		c.t.Fatal(err)
	}
	return f
}

func realContainer(t *testing.T, c *cloud) {
	f := c.facts(c.run("facts", c.app("facts", "show")))
	if f.Pid != 1 || f.UID != 1000 || f.Dir != "/home/app" {
		t.Errorf("pid %d, uid %d, folder %s; want the image's user and folder in a pid namespace", f.Pid, f.UID, f.Dir)
	}
	for _, ns := range []string{"pid", "net", "mnt", "ipc", "uts"} {
		if ours, err := os.Readlink("/proc/self/ns/" + ns); err != nil || f.Namespaces[ns] == ours {
			t.Errorf("%s namespace %s is the host's", ns, f.Namespaces[ns])
		}
	}
	if !strings.Contains(strings.Join(f.Env, "\n"), "FROM_IMAGE=yes") {
		t.Errorf("the image's environment is missing: %v", f.Env)
	}
	if f.Status["Seccomp"] != "2" || f.Status["CapEff"] != "0000000000000000" {
		t.Errorf("Seccomp %s, CapEff %s; want a filter and, for a plain user, no capability", f.Status["Seccomp"], f.Status["CapEff"])
	}
	root := c.app("facts", "show")
	root.User = aws.String("root")
	if caps := c.facts(c.run("rootfacts", root)).Status["CapEff"]; caps != "00000000a80425fb" {
		t.Errorf("root in a container has capabilities %s, want Docker's default 00000000a80425fb", caps)
	}
}

func limitsHold(t *testing.T, c *cloud) {
	hog := c.app("hog", "eat", "200")
	task := c.until("STOPPED", c.run("hog", hog))
	if code := task.Containers[0].ExitCode; aws.ToInt32(code) != 137 || !strings.HasPrefix(aws.ToString(task.Containers[0].Reason), "OutOfMemoryError") {
		t.Errorf("exit code %d, reason %q; want 137 and OutOfMemoryError", aws.ToInt32(code), aws.ToString(task.Containers[0].Reason))
	}
}

func groupStartsAsOne(t *testing.T, c *cloud) {
	ghost := c.app("ghost")
	ghost.Image = aws.String(c.host() + "/voyage/app:missing")
	task := c.until("STOPPED", c.run("group", c.app("one", "print", "alive", "then", "wait"), c.app("two", "print", "alive", "then", "wait"), ghost))
	want(t, string(task.StopCode), "TaskFailedToStart")
	for _, text := range []string{"CannotPullContainerError", "voyage/app:missing"} {
		if reason := aws.ToString(task.StoppedReason); !strings.Contains(reason, text) {
			t.Errorf("reason %q does not tell %q", reason, text)
		}
	}
	want(t, c.printed(task), "")
	for _, one := range task.Containers {
		if one.ExitCode != nil {
			t.Errorf("container %s ran and exited with %d", *one.Name, *one.ExitCode)
		}
	}
}

func essentialEnds(t *testing.T, c *cloud) {
	helper := c.app("helper", "exit", "0")
	helper.Essential = aws.Bool(false)
	task := c.run("essential", c.app("main", "sleep", "1s", "then", "exit", "3"), c.app("other", "wait", "5"), helper)
	task = c.until("STOPPED", task)
	want(t, aws.ToString(task.StoppedReason), "Essential container in task exited")
	codes := map[string]int32{}
	for _, one := range task.Containers {
		codes[*one.Name] = aws.ToInt32(one.ExitCode)
	}
	if codes["main"] != 3 || codes["other"] != 5 || codes["helper"] != 0 {
		t.Errorf("exit codes %v, want main 3, other 5 by its SIGTERM, helper 0", codes)
	}
}

func outputVoyage(t *testing.T, c *cloud) {
	app := c.app("app", "flood", "300000", "then", "print", "last words", "then", "exit", "0")
	app.LogConfiguration = awslogs("/output", "o")
	task := c.run("output", app)

	tail := exec.Command(program(t, "aws"), "--endpoint-url", c.endpoint, "logs", "tail", "/output", "--follow", "--format", "short", "--since", "1h")
	tail.Env = append(c.env(), "PYTHONUNBUFFERED=1")
	pipe, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	task = c.until("STOPPED", task) // all that it printed is there by then
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	waitLine(t, bufio.NewReader(pipe), "last words")
	tail.Process.Kill()
	tail.Wait()

	events := c.aws("logs", "get-log-events", "--log-group-name", "/output", "--log-stream-name", "o/app/"+taskID(task), "--start-from-head", "--query", "events[].message", "--output", "json")
	var lines []string
	if err := json.Unmarshal([]byte(events), &lines); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(lines, ""); len(all) != 300000+len("end")+len("last words") {
		t.Errorf("%d bytes of output in %d events, want 300013", len(all), len(lines))
	}
	if got := c.do(c.slipway("logs", "-f", shortID(task))); !strings.HasSuffix(got, "end\nlast words\n") {
		t.Errorf("slipway logs -f ends with %q", got[max(0, len(got)-40):])
	}

	noGroup := c.app("app", "print", "x")
	noGroup.LogConfiguration = &types.LogConfiguration{LogDriver: "awslogs", Options: map[string]string{"awslogs-group": "/nowhere", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}}
	failed := c.until("STOPPED", c.run("nogroup", noGroup))
	if reason := aws.ToString(failed.StoppedReason); !strings.Contains(reason, "/nowhere") && !strings.Contains(reason, "log group does not exist") {
		t.Errorf("a missing log group gives %q", reason)
	}
}

func awslogs(group, prefix string) *types.LogConfiguration {
	return &types.LogConfiguration{LogDriver: "awslogs", Options: map[string]string{
		"awslogs-group": group, "awslogs-create-group": "true", "awslogs-stream-prefix": prefix, "awslogs-region": "us-east-1"}}
}

func waitLine(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("no line with %q: %v", text, err)
		}
	}
}

func publishedPort(t *testing.T, c *cloud) {
	port := freePort(t)
	app := c.app("web", "serve", "80", "ahoy")
	app.User = aws.String("root") // port 80
	app.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(port)}}
	task := c.until("RUNNING", c.run("web", app))
	within(t, "an answer of the published port", func() bool {
		body, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/", port))
		return err == nil && body == "ahoy"
	})
	if b := task.Containers[0].NetworkBindings; len(b) != 1 || aws.ToInt32(b[0].HostPort) != port {
		t.Errorf("network bindings %+v", b)
	}
	out, err := c.ecs.RunTask(t.Context(), &ecs.RunTaskInput{TaskDefinition: aws.String("web")})
	if err != nil || len(out.Failures) != 1 || aws.ToString(out.Failures[0].Reason) != "RESOURCE:PORTS" {
		t.Errorf("the same port again: %v, %+v", err, out.Failures)
	}
	c.stop(task)

	taken, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	failed := c.until("STOPPED", c.run("web", app))
	if reason := aws.ToString(failed.StoppedReason); !strings.Contains(reason, fmt.Sprint(port)) {
		t.Errorf("a port that a process holds gives %q, want its number", reason)
	}
}

func (c *cloud) stop(task types.Task) types.Task {
	c.t.Helper()
	if _, err := c.ecs.StopTask(c.t.Context(), &ecs.StopTaskInput{Cluster: task.ClusterArn, Task: task.TaskArn, Reason: aws.String("enough")}); err != nil {
		c.t.Fatal(err)
	}
	return c.until("STOPPED", task)
}

func stopVoyage(t *testing.T, c *cloud) {
	polite := c.until("RUNNING", c.run("polite", c.app("polite", "wait", "9")))
	within(t, "the program to wait", func() bool { return strings.Contains(c.printed(polite), "waiting") })
	polite = c.stop(polite)
	want(t, fmt.Sprint(polite.StopCode, aws.ToString(polite.StoppedReason), *polite.Containers[0].ExitCode), fmt.Sprint("UserInitiated", "enough", 9))

	rude := c.app("rude", "stubborn")
	rude.StopTimeout = aws.Int32(2)
	killed := c.until("RUNNING", c.run("rude", rude))
	within(t, "the program to be stubborn", func() bool { return strings.Contains(c.printed(killed), "waiting") })
	want(t, fmt.Sprint(*c.stop(killed).Containers[0].ExitCode), "137")
}

func killVoyage(t *testing.T, c *cloud) {
	long := c.until("RUNNING", c.run("long", c.app("long", "print", "before", "then", "wait", "4")))
	short := c.until("RUNNING", c.run("short", c.app("short", "sleep", "3s", "then", "print", "while away", "then", "exit", "6")))
	pid := containerPid(t, "wait 4")

	c.kill()
	if now := containerPid(t, "wait 4"); now != pid {
		t.Fatalf("the container did not go on: pid %s became %s", pid, now)
	}
	within(t, "the short one to end while nobody watches", func() bool { return !hasProcess("while away") })
	c.restart()

	short = c.until("STOPPED", short)
	want(t, fmt.Sprint(*short.Containers[0].ExitCode), "6")
	want(t, c.printed(short), "while away\n")
	want(t, containerPid(t, "wait 4"), pid)
	want(t, fmt.Sprint(*c.stop(long).Containers[0].ExitCode), "4")
}

// containerPid finds the test program whose arguments hold text.
func containerPid(t *testing.T, text string) string {
	t.Helper()
	out, err := exec.Command("pgrep", "-f", regexp.QuoteMeta(enginetest.ProgramPath)+".*"+text).Output()
	if err != nil {
		t.Fatalf("no process of a container has %q: %v", text, err)
	}
	return strings.TrimSpace(string(out))
}

func hasProcess(text string) bool {
	return exec.Command("pgrep", "-f", regexp.QuoteMeta(enginetest.ProgramPath)+".*"+text).Run() == nil
}

func runVoyage(t *testing.T, c *cloud) {
	run := c.slipway("run", "-e", "SHIP=slip", "voyage/app:v1", "print", "ahoy", "then", "exit", "5")
	out, err := run.Output()
	if run.ProcessState.ExitCode() != 5 || string(out) != "ahoy\n" {
		t.Errorf("slipway run: code %d, printed %q, %v", run.ProcessState.ExitCode(), out, err)
	}
	id := strings.TrimSpace(c.do(c.slipway("run", "-d", "voyage/app:v1", "wait")))
	if ps := c.do(c.slipway("ps")); !strings.Contains(ps, id[:12]) {
		t.Errorf("slipway ps does not show %s:\n%s", id, ps)
	}
	text := c.do(c.slipway("ps", "-a", "-o", "json"))
	var rows []types.Task
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) < 5 {
		t.Errorf("slipway ps -o json: %d rows, %v", len(rows), err)
	}
	if !strings.Contains(text, `"taskArn": "arn:`) || !strings.Contains(text, `"lastStatus": "`) || strings.Contains(text, "null") {
		t.Errorf("slipway ps -o json is not as aws ecs describe-tasks has it:\n%s", text)
	}
	c.do(c.slipway("stop", "--wait", shortTask(id)))
	missing := c.slipway("run", "nosuch")
	said, _ := missing.CombinedOutput()
	if missing.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), "hint: ") {
		t.Errorf("a missing image: %s", said)
	}
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
