package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

var (
	crashRounds = flag.Int("crash.rounds", 6, "how often TestCrash kills Slipway")
	crashSeed   = flag.Uint64("crash.seed", uint64(time.Now().UnixNano()), "seed of TestCrash")
)

// TestCrash kills Slipway with -9 at random instants while images are pushed and tasks are run.
// What was acknowledged is there at the end: every pushed image pulls, every task has ended as
// its program did, with all that it printed, once; and nothing is left on the machine.
func TestCrash(t *testing.T) {
	t.Logf("go test ./cmd/slipway -run TestCrash -crash.rounds %d -crash.seed %d", *crashRounds, *crashSeed)
	dice := rand.New(rand.NewPCG(*crashSeed, 0))
	c := startCloud(t)
	h := &crashTest{cloud: c, login: c.registryLogin()}
	h.prepare()

	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for worker := range 2 {
		workers.Go(func() { h.pushImages(ctx, rand.New(rand.NewPCG(*crashSeed, uint64(10+worker)))) })
		workers.Go(func() { h.runTasks(ctx, rand.New(rand.NewPCG(*crashSeed, uint64(20+worker)))) })
	}
	for range *crashRounds {
		time.Sleep(time.Duration(100+dice.IntN(1400)) * time.Millisecond)
		c.kill()
		c.restart()
	}
	time.Sleep(time.Second)
	stop()
	workers.Wait()

	t.Logf("%d kills; acknowledged: %d images, %d tasks", *crashRounds, len(h.images), len(h.tasks))
	if len(h.images) == 0 || len(h.tasks) == 0 {
		t.Fatal("nothing was acknowledged: the test shows nothing")
	}
	h.checkImages()
	h.checkTasks()
	h.checkNothingLeft()
}

type crashTest struct {
	*cloud
	login authn.Authenticator

	mu     sync.Mutex
	images map[string]v1.Hash // what was pushed: reference to digest
	tasks  []crashTask
}

type crashTask struct {
	task types.Task
	line string
	code int32
}

// registryLogin is asked for once and lasts: a token outlives the server that gave it.
func (c *cloud) registryLogin() authn.Authenticator {
	c.t.Helper()
	login, err := c.client.login(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return login
}

func (h *crashTest) prepare() {
	h.t.Helper()
	for _, repository := range []string{"app", "pushed"} {
		if _, err := h.ecr.CreateRepository(h.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository}); err != nil {
			h.t.Fatal(err)
		}
	}
	enginetest.Push(h.t, h.host()+"/app:v1", enginetest.Image(h.t), remote.WithAuth(h.login))
	_, err := h.ecs.RegisterTaskDefinition(h.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("app"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(h.host() + "/app:v1"), Memory: aws.Int32(32), Cpu: 16}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.images = map[string]v1.Hash{}
}

func (h *crashTest) pushImages(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		ref := fmt.Sprintf("%s/pushed:%x", h.host(), dice.Uint64())
		image, err := random.Image(int64(1+dice.IntN(2<<20)), int64(1+dice.IntN(4)))
		if err != nil {
			h.t.Error(err)
			return
		}
		digest, _ := image.Digest()
		tag, _ := name.NewTag(ref, name.Insecure)
		if remote.Write(tag, image, remote.WithContext(ctx), remote.WithAuth(h.login)) == nil {
			h.mu.Lock()
			h.images[ref] = digest
			h.mu.Unlock()
		}
	}
}

func (h *crashTest) runTasks(ctx context.Context, dice *rand.Rand) {
	client := ecs.New(h.ecs.Options(), func(o *ecs.Options) { o.RetryMaxAttempts = 1 })
	for ctx.Err() == nil {
		line, code := ids.Hex(8), int32(dice.IntN(100))
		out, err := client.RunTask(ctx, &ecs.RunTaskInput{
			TaskDefinition: aws.String("app"), ClientToken: &line,
			Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
				Name:    aws.String("app"),
				Command: []string{"print", line, "then", "sleep", fmt.Sprintf("%dms", dice.IntN(3000)), "then", "print", "end", "then", "exit", fmt.Sprint(code)},
			}}},
		})
		if err == nil && len(out.Tasks) == 1 {
			h.mu.Lock()
			h.tasks = append(h.tasks, crashTask{out.Tasks[0], line, code})
			h.mu.Unlock()
		}
		time.Sleep(time.Duration(100+dice.IntN(300)) * time.Millisecond) // the machine is small
	}
}

func (h *crashTest) checkImages() {
	for ref, digest := range h.images {
		tag, _ := name.NewTag(ref, name.Insecure)
		image, err := remote.Image(tag, remote.WithAuth(h.login))
		if err != nil {
			h.t.Errorf("pushed image %s is lost: %v", ref, err)
			continue
		}
		if got, err := image.Digest(); err != nil || got != digest {
			h.t.Errorf("pushed image %s has digest %s, want %s (%v)", ref, got, digest, err)
		}
		if err := validate.Image(image); err != nil {
			h.t.Errorf("pushed image %s: %v", ref, err)
		}
	}
}

func (h *crashTest) checkTasks() {
	for _, want := range h.tasks {
		task := h.until("STOPPED", want.task)
		code := task.Containers[0].ExitCode
		if code == nil || *code != want.code {
			h.t.Errorf("task %s: exit code %v, want %d: %s", taskID(task), aws.ToInt32(code), want.code, aws.ToString(task.StoppedReason))
		}
		if got := h.printed(task); got != want.line+"\nend\n" {
			h.t.Errorf("task %s printed %q, want %q once", taskID(task), got, want.line)
		}
	}
}

// checkNothingLeft holds the books against the machine.
func (h *crashTest) checkNothingLeft() {
	ctx := h.t.Context()
	list, err := h.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{})
	if err != nil || len(list.ContainerInstanceArns) != 1 {
		h.t.Fatalf("container instances %v, %v", list, err)
	}
	within(h.t, "all resources to be back", func() bool {
		out, err := h.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{ContainerInstances: list.ContainerInstanceArns})
		if err != nil {
			h.t.Fatal(err)
		}
		i := out.ContainerInstances[0]
		return i.RunningTasksCount == 0 && resourcesText(i.RemainingResources) == resourcesText(i.RegisteredResources)
	})
	within(h.t, "no process of a container to be left", func() bool { return !hasProcess("then print end then exit") })
}

func resourcesText(all []types.Resource) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintln(&b, aws.ToString(r.Name), r.IntegerValue, r.StringSetValue)
	}
	return b.String()
}
