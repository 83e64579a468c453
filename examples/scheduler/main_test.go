package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/nodeapi"
	"slipway/schedulers"
	"slipway/server"
)

// cloud is a running control plane whose machines run nothing.
type cloud struct {
	testing.TB
	*server.Server
	creds server.Credentials
	ecs   *ecs.Client
}

func startCloud(t testing.TB) *cloud {
	t.Helper()
	data := t.TempDir()
	s, err := server.Open(t.Context(), server.Config{Data: data, Listen: "127.0.0.1:0", Admin: "off", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		s.Close()
	})
	creds, err := server.ReadCredentials(data)
	if err != nil {
		t.Fatal(err)
	}
	client := ecs.New(ecs.Options{BaseEndpoint: &creds.Endpoint, Region: creds.Region, Credentials: credentials.NewStaticCredentialsProvider(creds.AccessKeyID, creds.SecretAccessKey, "")})
	return &cloud{t, s, creds, client}
}

// join has a machine join that takes tasks and never starts one.
func (c *cloud) join(name string, memory int, price string) {
	c.Helper()
	ctx, leave := context.WithCancel(context.Background())
	joined, ended := make(chan struct{}, 1), make(chan error, 1)
	hello := nodeapi.Hello{Node: strings.Repeat(name, 32), Version: "1.0.0", Engine: "none", CPU: 1 << 20, Memory: memory, Attributes: map[string]string{"price": price}}
	go func() {
		ended <- c.Node().Session(ctx, hello, func(nodeapi.Frame) error {
			select {
			case joined <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	c.Cleanup(func() {
		leave()
		<-ended
	})
	select {
	case <-joined:
	case err := <-ended:
		c.Fatalf("machine %s did not join: %v", name, err)
	}
}

func (c *cloud) env() []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL="+c.creds.Endpoint, "AWS_ACCESS_KEY_ID="+c.creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+c.creds.SecretAccessKey, "AWS_REGION="+c.creds.Region, "AWS_CONFIG_FILE=/dev/null")
}

// build makes a program of the example outside of the tree of Slipway, as a user would.
func build(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err1 := os.ReadFile(filepath.Join(root, "go.sum"))
	source, err2 := os.ReadFile("main.go")
	module, err3 := os.ReadFile(filepath.Join(root, "go.mod"))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	_, needs, _ := strings.Cut(string(module), "\n") // the same versions: nothing is looked up
	files := map[string]string{
		"main.go": string(source), "go.sum": string(sums),
		"go.mod": "module example.com/cheap\n" + needs + "\nrequire slipway v0.0.0\nreplace slipway => " + root + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-mod=mod", "-o", "cheap", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return filepath.Join(dir, "cheap")
}

// run starts the program, and ends it with the test.
func (c *cloud) run(program string, args ...string) (kill func()) {
	c.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stderr = c.env(), os.Stderr
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	c.Cleanup(kill)
	return kill
}

// register makes a definition of tasks of 6 GiB.
func (c *cloud) register() {
	c.Helper()
	_, err := c.ecs.RegisterTaskDefinition(c.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{{
		Name: aws.String("web"), Image: aws.String("example.com/web:1"), Memory: aws.Int32(6 << 10)}}})
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cloud) write(name, text string, mode fs.FileMode) {
	c.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		c.Fatal(err)
	}
}

// place runs a task by the scheduler, and tells on which machine.
func (c *cloud) place() string {
	c.Helper()
	out, err := c.ecs.RunTask(c.Context(), &ecs.RunTaskInput{TaskDefinition: aws.String("web"), PlacementStrategy: []types.PlacementStrategy{{Type: "scheduler", Field: aws.String("cheap")}}})
	if err != nil || len(out.Tasks) != 1 {
		c.Fatalf("run: %+v, error %v", out, err)
	}
	arn := *out.Tasks[0].ContainerInstanceArn
	return arn[len(arn)-1:]
}

// within calls ok until it says so: a minute is more than any machine needs.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A program that was built outside of Slipway places tasks of a server that knows nothing of it; when it is
// killed tasks are placed all the same, and it goes on when it is back.
func TestPlacesTasksFromOutside(t *testing.T) {
	c := startCloud(t)
	c.join("a", 64<<10, "5")
	c.join("b", 8<<10, "1")
	c.join("c", 16<<10, "1")
	c.join("d", 64<<10, "")
	c.register()
	c.call("PutScheduler", `{"name": "cheap", "deadline": 5000, "fallback": [{"type": "binpack", "field": "memory"}]}`)
	program := build(t)
	kill := c.run(program, "-name", "cheap")
	within(t, "the scheduler to be connected", func() bool { return strings.Contains(c.call("ListSchedulers", "{}"), `"connected":true`) })
	if said := c.call("TestScheduler", `{"name": "cheap", "taskDefinition": "web"}`); !strings.Contains(said, `"rank":["c`) {
		t.Errorf("tried, it said %s", said)
	}
	got := ""
	for range 5 {
		got += c.place()
	}
	if strings.Count(got, "b") != 1 || strings.Count(got, "c") != 2 || strings.Count(got, "a") != 2 {
		t.Errorf("placed on %s, want two on c, one on b, and when both are full two on a", got)
	}

	kill()
	within(t, "it to be missed", func() bool { return strings.Contains(c.call("ListSchedulers", "{}"), `"connected":false`) })
	c.place()
	if all := c.call("ListSchedulers", "{}"); !strings.Contains(all, `"failure":"it has no line to this server"`) {
		t.Errorf("it does %s", all)
	}
	c.run(program, "-name", "cheap")
	within(t, "it to be back", func() bool { return strings.Contains(c.call("ListSchedulers", "{}"), `"connected":true`) })
	c.place()
}

// The scheduler that docs/schedulers.md shows in another language does the same as this one.
func TestPlainHTTP(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("SLIPWAY_TEST_ALL") == "" {
		t.Skip("needs python3")
	}
	if err != nil {
		t.Fatal(err)
	}
	c := startCloud(t)
	c.join("a", 64<<10, "5")
	c.join("b", 16<<10, "1")
	c.register()
	c.call("PutScheduler", `{"name": "cheap", "deadline": 5000}`)
	dir := t.TempDir()
	c.write(filepath.Join(dir, "cheap.py"), inDocs(t, "python"), 0o644)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join(dir, "slipway"), "#!/bin/sh\n"+asSlipway+"=1 exec '"+self+"' \"$@\"\n", 0o755)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	c.run(python, filepath.Join(dir, "cheap.py"), "cheap")
	within(t, "the scheduler to be connected", func() bool { return strings.Contains(c.call("ListSchedulers", "{}"), `"connected":true`) })
	got := ""
	for range 3 {
		got += c.place()
	}
	if all := c.call("ListSchedulers", "{}"); strings.Count(got, "b") != 2 || strings.Count(got, "a") != 1 || !strings.Contains(all, `"asked":3,"failed":0`) {
		t.Errorf("placed on %s, want two on b and, when it is full, one on a; it did %s", got, all)
	}
}

// inDocs is the program in docs/schedulers.md.
func inDocs(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/schedulers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), "```"+language+"\n")
	program, _, ends := strings.Cut(rest, "```")
	if !begins || !ends {
		t.Fatalf("docs/schedulers.md shows nothing in %s", language)
	}
	return program
}

func TestCheapest(t *testing.T) {
	node := func(id, price string, memory int) schedulers.Node {
		return schedulers.Node{ID: id, Status: "ACTIVE", Connected: true, FreeCPU: 10, FreeMemory: memory, Attributes: map[string]string{"price": price}}
	}
	s := &schedulers.State{Nodes: map[string]schedulers.Node{}}
	for _, n := range []schedulers.Node{node("a", "2", 9), node("b", "1.5", 7), node("c", "1.5", 8), node("d", "", 100), node("e", "0", 1)} {
		s.Nodes[n.ID] = n
	}
	got := strings.Join(cheapest(s, schedulers.Question{Count: 1, CPU: 1, Memory: 5}).Rank, " ")
	if got != "c b a d" {
		t.Errorf("ranked %s", got)
	}
	if a := cheapest(s, schedulers.Question{Count: 1, CPU: 100}); !a.Pass {
		t.Errorf("where nothing fits it answers %+v", a)
	}
}
