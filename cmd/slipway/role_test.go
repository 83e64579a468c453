package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/engine/enginetest"
	"slipway/server"
)

const (
	trustsTasks = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	mayList     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecs:ListClusters","Resource":"*"}]}`
)

// A program that knows nothing of Slipway acts in the role of its task: it finds the way by what its
// environment says, may do what the role's policies allow, and only while its task runs.
func TestTaskRole(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	c.pushApp()
	c.pushWhoami()
	role := c.createRole("acting", trustsTasks)

	t.Run("an SDK program", func(t *testing.T) {
		task := c.until("STOPPED", c.runAs(role, "sdk", c.whoami("print")))
		want(t, c.printed(task), assumed(task, "acting")+"\n"+
			"AccessDeniedException: User: "+assumed(task, "acting")+" is not authorized to perform: ecs:ListClusters on resource: * because no identity-based policy allows the ecs:ListClusters action\n")
		c.allow("acting", mayList)
		task = c.until("STOPPED", c.runAs(role, "sdk", c.whoami("print")))
		if got := c.printed(task); !strings.Contains(got, ":cluster/default]") {
			t.Errorf("with a policy that allows it: %s", got)
		}
	})
	t.Run("no role", func(t *testing.T) {
		task := c.until("STOPPED", c.runAs("", "none", c.app("app", "show", "then", "knock", "169.254.170.2:80", "then", "get", "http://169.254.170.2/v2/credentials/x")))
		if got := c.printed(task); strings.Contains(got, "AWS_") || !strings.Contains(got, `"NotFound"`) {
			t.Errorf("a task without a role has %s", got)
		}
	})
	t.Run("a role that does not trust tasks", func(t *testing.T) {
		strange := c.createRole("strange", strings.Replace(trustsTasks, "ecs-tasks", "lambda", 1))
		task := c.until("STOPPED", c.runAs(strange, "strange", c.whoami("print")))
		if got := c.printed(task); !strings.Contains(got, "AccessDenied") || !strings.Contains(got, "role/strange") {
			t.Errorf("it is told %s", got)
		}
	})
	t.Run("its own and no other's", func(t *testing.T) { ownCredentials(t, c, role) })
	t.Run("refused when the task has ended", func(t *testing.T) { endedCredentials(t, c, role) })
	t.Run("kill -9", func(t *testing.T) {
		port := freePort(t)
		container := c.whoami("serve", "8080")
		container.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: &port}}
		task := c.until("RUNNING", c.runAs(role, "serve", container))
		c.wantPage(port, assumed(task, "acting"))
		c.kill()
		c.restart()
		c.wantPage(port, assumed(task, "acting"))
		c.stop(task)
	})
}

func ownCredentials(t *testing.T, c *cloud, role string) {
	first := c.until("RUNNING", c.runAs(role, "first", c.app("app", "show", "then", "wait")))
	var path string
	within(t, "the first to show its environment", func() bool {
		_, rest, _ := strings.Cut(c.printed(first), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=")
		path, _, _ = strings.Cut(rest, `"`)
		return path != ""
	})
	url := "http://169.254.170.2"
	second := c.until("STOPPED", c.runAs(role, "second", c.app("app", "get", url+path, "then", "get", url+"$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")))
	theirs, own, _ := strings.Cut(c.printed(second), "\n")
	if !strings.Contains(theirs, "NotFound") || strings.Contains(theirs, "ASIA") || !strings.Contains(own, `"AccessKeyId":"ASIA`) {
		t.Errorf("another task's are %s, its own %s", theirs, own)
	}
	c.stop(first)
}

// endedCredentials takes what a container is given out of it, and uses it from here.
func endedCredentials(t *testing.T, c *cloud, role string) {
	task := c.until("RUNNING", c.runAs(role, "leaky", c.app("app", "get", "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "then", "wait")))
	var given struct{ RoleArn, AccessKeyId, SecretAccessKey, Token, Expiration string }
	within(t, "credentials", func() bool {
		line, _, _ := strings.Cut(c.printed(task), "\n")
		return json.Unmarshal([]byte(line), &given) == nil
	})
	want(t, given.RoleArn, role)
	client := sts.New(sts.Options{
		BaseEndpoint: &c.endpoint, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(given.AccessKeyId, given.SecretAccessKey, given.Token),
	})
	who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatalf("while the task runs: %v", err)
	}
	want(t, aws.ToString(who.Arn), assumed(task, "acting"))
	c.stop(task)
	if who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); !isAPIError(err, "InvalidClientTokenId") {
		t.Errorf("when the task has stopped: %v, %v", who, err)
	}
	if strings.Contains(c.log.String(), given.SecretAccessKey) || strings.Contains(c.log.String(), given.Token) {
		t.Error("the credentials are in the log")
	}
}

func (c *cloud) pushWhoami() {
	c.t.Helper()
	program, err := enginetest.Compile(c.t.TempDir(), "slipway/engine/enginetest/whoami")
	if err != nil {
		c.t.Fatal(err)
	}
	image := enginetest.ImageOf(c.t, []enginetest.Entry{enginetest.Dir("bin", 0o755), enginetest.File("bin/program", 0o755, program)})
	enginetest.Push(c.t, c.host()+"/voyage/app:whoami", image, remote.WithAuth(c.registryLogin()))
}

func (c *cloud) whoami(command ...string) types.ContainerDefinition {
	container := c.app("app", command...)
	container.Image = aws.String(c.host() + "/voyage/app:whoami")
	return container
}

func (c *cloud) iam() *iam.Client {
	c.t.Helper()
	creds, err := server.ReadCredentials(c.data)
	if err != nil {
		c.t.Fatal(err)
	}
	return iam.New(iam.Options{
		BaseEndpoint: &c.endpoint, Region: creds.Region,
		Credentials: credentials.NewStaticCredentialsProvider(creds.AccessKeyID, creds.SecretAccessKey, ""),
	})
}

// createRole makes a role and returns its ARN.
func (c *cloud) createRole(name, trust string) string {
	c.t.Helper()
	out, err := c.iam().CreateRole(c.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		c.t.Fatal(err)
	}
	return aws.ToString(out.Role.Arn)
}

func (c *cloud) allow(role, policy string) {
	c.t.Helper()
	_, err := c.iam().PutRolePolicy(c.t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("test"), PolicyDocument: &policy})
	if err != nil {
		c.t.Fatal(err)
	}
}

// runAs runs a task with a role; "" is none.
func (c *cloud) runAs(role, family string, container types.ContainerDefinition) types.Task {
	c.t.Helper()
	in := &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: []types.ContainerDefinition{container}}
	if role != "" {
		in.TaskRoleArn = &role
	}
	if _, err := c.ecs.RegisterTaskDefinition(c.t.Context(), in); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.ecs.RunTask(c.t.Context(), &ecs.RunTaskInput{TaskDefinition: &family})
	if err != nil || len(out.Tasks) != 1 {
		c.t.Fatalf("RunTask: %v, failures %v", err, out)
	}
	return out.Tasks[0]
}

// assumed is who a task is in its role.
func assumed(task types.Task, role string) string {
	account := strings.Split(aws.ToString(task.TaskArn), ":")[4]
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, role, taskID(task))
}

// wantPage waits for a container to answer, and wants this answer.
func (c *cloud) wantPage(port int32, text string) {
	c.t.Helper()
	var got string
	within(c.t, "an answer", func() (ok bool) {
		var err error
		got, err = fetch(fmt.Sprintf("http://127.0.0.1:%d/", port))
		return err == nil
	})
	if got != text {
		c.t.Errorf("answered %q, want %q", got, text)
	}
}

// The same on a node of its own, whose agent is killed under the container and started again.
func TestTaskRoleOnAJoinedNode(t *testing.T) {
	t.Parallel()
	needRoot(t)
	c := startServer(t)
	a := joinAgent(t, c)
	c.connected(true)
	c.pushApp()
	c.pushWhoami()
	role := c.createRole("acting", trustsTasks)
	port := freePort(t)
	container := c.whoami("serve", "8080")
	container.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: &port}}
	task := c.until("RUNNING", c.runAs(role, "serve", container))
	c.wantPage(port, assumed(task, "acting"))
	a.kill()
	c.connected(false)
	a.start()
	c.connected(true)
	c.wantPage(port, assumed(task, "acting"))
	c.stop(task)
}

// BenchmarkStart is from a task's creation to its start, by what it tells of itself: a role costs no
// time before a container asks for its credentials, which "asking" waits for.
func BenchmarkStart(b *testing.B) {
	c := startCloud(b)
	c.pushApp()
	role := c.createRole("acting", trustsTasks)
	ask := []string{"get", "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}
	for _, variant := range []struct {
		name, role string
		command    []string
		reached    func(types.Task) *time.Time
	}{
		{"plain", "", []string{"wait"}, startedAt},
		{"role", role, []string{"wait"}, startedAt},
		{"asking", role, ask, stoppedAt},
		{"ending", "", []string{"print", "x"}, stoppedAt},
	} {
		b.Run(variant.name, func(b *testing.B) {
			c.t = b
			var took time.Duration
			for b.Loop() {
				task := c.runAs(variant.role, variant.name, c.app("app", variant.command...))
				within(b, "its time", func() bool {
					now, err := c.task(b.Context(), task)
					task = now
					return err == nil && variant.reached(task) != nil
				})
				took += variant.reached(task).Sub(*task.CreatedAt)
				b.StopTimer()
				c.stop(task)
				b.StartTimer()
			}
			b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/task")
		})
	}
	c.t = b
}

func startedAt(t types.Task) *time.Time { return t.StartedAt }
func stoppedAt(t types.Task) *time.Time { return t.ExecutionStoppedAt }
