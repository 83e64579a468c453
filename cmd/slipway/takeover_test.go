package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/blob/s3/s3test"
	"slipway/store"
	"slipway/store/storetest"
)

// startBeside starts another "slipway server" over the database and the bucket of c and with its master key, which
// tells clients and machines to ask c.
func (c *cloud) startBeside() *cloud {
	c.t.Helper()
	data := filepath.Join(c.t.TempDir(), "data")
	giveMasterKey(c.t, c.data, data)
	return launch(c.t, "server", data, append(slices.Clone(c.args[:4]), "--advertise", c.host(), "--nodes", freeAddress(c.t, "127.0.0.1"))...)
}

// giveMasterKey copies the master key from one data folder to another, which it makes.
func giveMasterKey(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(from, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
}

// leader is who looks after the services of the default cluster, and did so at a time.
func leader(t *testing.T, url string, at time.Time) (owner string) {
	t.Helper()
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	within(t, "somebody to look after the services", func() bool {
		return db.Row(t.Context(), `select owner from cluster_leases where until > $1`, store.Micros(at.Add(lease))).Scan(&owner) == nil
	})
	return owner
}

// lease is how long a server has the services from the moment that it takes or keeps them.
const lease = 6 * time.Second

// registerWeb makes a new revision of the family "web", whose tasks print a text.
func (c *cloud) registerWeb(text string) {
	c.t.Helper()
	app := c.app("main", "print", text, "then", "wait")
	app.Memory, app.Cpu = aws.Int32(32), 16
	if _, err := c.ecs.RegisterTaskDefinition(c.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{app}}); err != nil {
		c.t.Fatal(err)
	}
}

// newest is the service's task that was made last, and the number of its deployments.
func (c *cloud) newest() (made time.Time, revision string, deployments int) {
	c.t.Helper()
	s, err := c.service(c.t.Context(), "default", "web")
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := c.ecs.ListTasks(c.t.Context(), &ecs.ListTasksInput{ServiceName: aws.String("web")})
	if err != nil || len(list.TaskArns) == 0 {
		return made, "", len(s.Deployments)
	}
	out, err := c.ecs.DescribeTasks(c.t.Context(), &ecs.DescribeTasksInput{Tasks: list.TaskArns})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, task := range out.Tasks {
		if task.CreatedAt.After(made) {
			made, revision = *task.CreatedAt, lastPart(task.TaskDefinitionArn)
		}
	}
	return made, revision, len(s.Deployments)
}

// Of two servers over one database one looks after the services. It is killed with -9 in the midst of a rollout, and
// the other one brings that to its end.
func TestARolloutOutlivesItsServer(t *testing.T) {
	needRoot(t)
	url := storetest.PostgresURL(t) // before the servers, so that it outlives them
	bucket := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	stays := startServer(t, "--store", url, "--blobs", bucket.Location("layers"))
	dies := stays.startBeside()
	joinAgent(t, stays)
	t.Cleanup(stays.deleteServices)
	stays.pushApp()
	stays.registerWeb("old")
	if _, err := stays.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(4),
		DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(75), MaximumPercent: aws.Int32(100)}}); err != nil {
		t.Fatal(err)
	}
	stays.kill() // so that the services are the other one's, whoever was first
	leads := leader(t, url, time.Now())
	stays.restart()
	steady := func() bool {
		s, err := stays.service(t.Context(), "default", "web")
		return err == nil && isSteady(s)
	}
	within(t, "the service to be steady", steady)

	stays.registerWeb("new")
	if _, err := stays.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String("web")}); err != nil {
		t.Fatal(err)
	}
	within(t, "the rollout to begin", func() bool { _, revision, _ := stays.newest(); return revision == "web:2" })
	want(t, leader(t, url, time.Now().Add(-lease)), leads)
	dies.kill()
	killed := time.Now()
	if _, _, deployments := stays.newest(); deployments != 2 {
		t.Fatalf("the service has %d deployments: the rollout was over too soon to show anything", deployments)
	}
	within(t, "the other server to have the services", func() bool { return leader(t, url, time.Now().Add(-lease)) != leads })
	t.Logf("the other server had the services %.1f s after the kill", time.Since(killed).Seconds())
	within(t, "the other server to go on", func() bool { made, _, _ := stays.newest(); return made.After(killed) })
	t.Logf("the other server went on %.1f s after the kill", time.Since(killed).Seconds())
	within(t, "the rollout to end", steady)
	t.Logf("the rollout was over %.1f s after the kill", time.Since(killed).Seconds())
	dies.start("127.0.0.1:0")
}
