package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/blob/s3/s3test"
	"slipway/engine/enginetest"
	"slipway/engine/enginetest/facts"
)

const mayRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameters","secretsmanager:GetSecretValue","s3:GetObject"],"Resource":"*"}]}`

// What a task definition asks for is what its containers find.
func TestDefinition(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	c.pushApp()
	role := c.createRole("pull", trustsTasks)
	c.allow("pull", mayRead)
	failing := c.failing() // takes a minute, in which there is other work
	t.Run("a container", func(t *testing.T) { wholeContainer(t, c) })
	t.Run("a privileged container", func(t *testing.T) { rootContainer(t, c) })
	t.Run("order, volumes and health", func(t *testing.T) { orderVoyage(t, c) })
	t.Run("secrets", func(t *testing.T) { secretVoyage(t, c, role) })
	t.Run("a login by reference", func(t *testing.T) { loginVoyage(t, c, role) })
	t.Run("networks", func(t *testing.T) { networkVoyage(t, c) })
	t.Run("shared namespaces", func(t *testing.T) { sharingVoyage(t, c) })
	t.Run("a restart", func(t *testing.T) { restartVoyage(t, c, failing) })
}

// define registers a definition and runs one task of it.
func (c *cloud) define(in *ecs.RegisterTaskDefinitionInput, run *ecs.RunTaskInput) types.Task {
	c.t.Helper()
	made, err := c.ecs.RegisterTaskDefinition(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	run.TaskDefinition = made.TaskDefinition.TaskDefinitionArn
	out, err := c.ecs.RunTask(c.t.Context(), run)
	if err != nil || len(out.Tasks) != 1 {
		c.t.Fatalf("RunTask: %v, failures %v", err, out)
	}
	return out.Tasks[0]
}

// printedBy is what one container of a task printed.
func (c *cloud) printedBy(task types.Task, container string) string {
	c.t.Helper()
	return c.do(c.slipway("logs", taskID(task), "--container", container))
}

func contains(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s lacks %q: %s", what, word, text)
		}
	}
}

// Each option of a container, as the processes in it see it.
func wholeContainer(t *testing.T, c *cloud) {
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "note"), []byte("from the machine"), 0o644); err != nil {
		t.Fatal(err)
	}
	container := c.app("whole", "show", "then", "read", "/etc/hosts", "then", "read", "/etc/resolv.conf", "then", "read", "/proc/sys/net/core/somaxconn",
		"then", "read", "/host/note", "then", "tty", "then", "try", "/dev/nothing", "then", "get", "$ECS_CONTAINER_METADATA_URI_V4")
	container.User, container.WorkingDirectory, container.Hostname = aws.String("0"), aws.String("/tmp"), aws.String("ship")
	container.Environment = []types.KeyValuePair{{Name: aws.String("OPEN"), Value: aws.String("a b")}}
	container.ReadonlyRootFilesystem, container.DockerSecurityOptions = aws.Bool(true), []string{"no-new-privileges"}
	container.PseudoTerminal, container.Interactive = aws.Bool(true), aws.Bool(true)
	container.Ulimits = []types.Ulimit{{Name: types.UlimitNameCore, SoftLimit: 4096, HardLimit: 8192}}
	container.DnsServers, container.DnsSearchDomains = []string{"192.0.2.53"}, []string{"sea.example"}
	container.ExtraHosts = []types.HostEntry{{Hostname: aws.String("lighthouse"), IpAddress: aws.String("192.0.2.7")}}
	container.SystemControls = []types.SystemControl{{Namespace: aws.String("net.core.somaxconn"), Value: aws.String("99")}}
	container.MountPoints = []types.MountPoint{{SourceVolume: aws.String("host"), ContainerPath: aws.String("/host"), ReadOnly: aws.Bool(true)}}
	container.DockerLabels = map[string]string{"team": "a"}
	container.LinuxParameters = &types.LinuxParameters{
		Capabilities: &types.KernelCapabilities{Add: []string{"SYS_PTRACE"}, Drop: []string{"ALL"}}, InitProcessEnabled: aws.Bool(true), SharedMemorySize: aws.Int32(16),
		Devices: []types.Device{{HostPath: aws.String("/dev/null"), ContainerPath: aws.String("/dev/nothing"), Permissions: []types.DeviceCgroupPermission{"read", "write"}}},
		Tmpfs:   []types.Tmpfs{{ContainerPath: aws.String("/scratch"), Size: 8, MountOptions: []string{"noexec"}}},
	}
	task := c.until("STOPPED", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("whole"), ContainerDefinitions: []types.ContainerDefinition{container},
		RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureX8664, OperatingSystemFamily: types.OSFamilyLinux},
		Volumes:         []types.Volume{{Name: aws.String("host"), Host: &types.HostVolumeProperties{SourcePath: &host}}},
	}, &ecs.RunTaskInput{}))
	shown, rest, _ := strings.Cut(c.printed(task), "\n")
	var f facts.Facts
	if err := json.Unmarshal([]byte(shown), &f); err != nil {
		t.Fatalf("%v: %s %s", err, shown, aws.ToString(task.StoppedReason))
	}
	want(t, fmt.Sprintf("%d %s %s %v", f.UID, f.Dir, f.Hostname, f.Pid > 1), "0 /tmp ship true") // whose first process is the init
	want(t, strings.Join([]string{f.Status["NoNewPrivs"], f.Status["CapEff"], f.Limits["Max core file size"]}, " "), "1 0000000000080000 4096 8192")
	contains(t, "the environment", strings.Join(f.Env, "\n"), "OPEN=a b")
	contains(t, "what is mounted", f.Mounts["/"]+f.Mounts["/dev/shm"]+f.Mounts["/scratch"]+f.Mounts["/host"], " ro,", "size=16384k", "noexec", "size=8192k")
	contains(t, "what it prints", rest, "192.0.2.7\tlighthouse", "nameserver 192.0.2.53", "search sea.example", "99", "from the machine", "in true", "out true", "opened /dev/nothing", `"team":"a"`)
	contains(t, "the host's folder", f.Mounts["/host"], "ro,")
}

// rootContainer: a privileged container has all that root has, in the processes of the machine where it asks for them.
func rootContainer(t *testing.T, c *cloud) {
	container := c.app("root", "show")
	container.User, container.Privileged = aws.String("0"), aws.Bool(true)
	f := c.facts(c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("root"), PidMode: types.PidModeHost, EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 21}, ContainerDefinitions: []types.ContainerDefinition{container},
	}, &ecs.RunTaskInput{}))
	ours, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	want(t, f.Namespaces["pid"], ours)
	if sysAdmin, err := strconv.ParseUint(f.Status["CapEff"], 16, 64); err != nil || sysAdmin>>21&1 == 0 {
		t.Errorf("its capabilities are %s, without SYS_ADMIN", f.Status["CapEff"])
	}
}

// orderVoyage: a container that ends well comes first, one that is healthy second, and the last uses what the others
// have; a volume by name outlives them all.
func orderVoyage(t *testing.T, c *cloud) {
	depends := func(name string, condition types.ContainerCondition) []types.ContainerDependency {
		return []types.ContainerDependency{{ContainerName: &name, Condition: condition}}
	}
	mounts := []types.MountPoint{{SourceVolume: aws.String("own"), ContainerPath: aws.String("/own")}, {SourceVolume: aws.String("shared"), ContainerPath: aws.String("/shared")}}
	seed := c.app("seed", "write", "/own/note", "own", "then", "write", "/shared/note", "shared")
	seed.User, seed.Essential, seed.MountPoints = aws.String("0"), aws.Bool(false), mounts
	served := c.app("served", "wait")
	served.MountPoints, served.DependsOn = mounts, depends("seed", types.ContainerConditionSuccess)
	served.HealthCheck = &types.HealthCheck{Command: []string{"CMD", enginetest.ProgramPath, "read", "/own/note"}, Interval: aws.Int32(5), Timeout: aws.Int32(60)}
	last := c.app("last", "read", "/own/note", "then", "read", "/shared/note", "then", "wait")
	last.DependsOn, last.StartTimeout = depends("served", types.ContainerConditionHealthy), aws.Int32(300)
	last.VolumesFrom = []types.VolumeFrom{{SourceContainer: aws.String("served"), ReadOnly: aws.Bool(true)}}
	volumes := []types.Volume{{Name: aws.String("own")}, {Name: aws.String("shared"), DockerVolumeConfiguration: &types.DockerVolumeConfiguration{Scope: types.ScopeShared, Autoprovision: aws.Bool(true)}}}

	task := c.until("RUNNING", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("order"), Volumes: volumes, ContainerDefinitions: []types.ContainerDefinition{last, served, seed},
	}, &ecs.RunTaskInput{}))
	within(t, "the last to read", func() bool { return strings.Contains(c.printedBy(task, "last"), "own") })
	contains(t, "the last", c.printedBy(task, "last"), "own", "shared")
	within(t, "the task to be told healthy", func() bool {
		now, err := c.task(t.Context(), task)
		return err == nil && now.HealthStatus == types.HealthStatusHealthy
	})
	c.stop(task)

	late := c.app("late", "read", "/shared/note", "then", "try", "/own/note")
	late.MountPoints = mounts
	over := c.until("STOPPED", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("late"), Volumes: volumes, ContainerDefinitions: []types.ContainerDefinition{late},
	}, &ecs.RunTaskInput{}))
	contains(t, "another task", c.printed(over), "shared", "no such file")
}

// secretVoyage: values that are kept elsewhere are in the environment of a container, and nowhere else.
func secretVoyage(t *testing.T, c *cloud, role string) {
	c.aws("ssm", "put-parameter", "--name", "/web/key", "--type", "SecureString", "--value", "hunter2-parameter")
	secret := c.aws("secretsmanager", "create-secret", "--name", "web", "--secret-string", `{"password":"hunter2-secret"}`, "--query", "ARN", "--output", "text")
	container := c.app("app", "env", "KEY", "then", "env", "PASSWORD")
	container.LogConfiguration = nil
	container.Secrets = []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String("/web/key")}, {Name: aws.String("PASSWORD"), ValueFrom: aws.String(secret + ":password::")}}
	container.Command = []string{"env", "KEY", "then", "env", "PASSWORD"}
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("secret"), ExecutionRoleArn: &role, ContainerDefinitions: []types.ContainerDefinition{container}}
	task := c.until("STOPPED", c.define(in, &ecs.RunTaskInput{}))
	want(t, c.printed(task), "hunter2-parameter\nhunter2-secret\n")
	if described := c.aws("ecs", "describe-tasks", "--tasks", taskID(task)) + c.aws("ecs", "describe-task-definition", "--task-definition", "secret"); strings.Contains(described, "hunter2") {
		t.Errorf("described as %s", described)
	}
	within(t, "the reading to be in the audit", func() bool {
		events := c.aws("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=GetParameters", "--output", "json")
		if strings.Contains(events, "hunter2") {
			t.Fatalf("the audit says %s", events)
		}
		return strings.Contains(events, "ecs-tasks.amazonaws.com")
	})
	if log := c.log.String(); strings.Contains(log, "hunter2") {
		t.Errorf("the log says %s", log)
	}

	container.Secrets = []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String("/web/missing")}}
	in.ContainerDefinitions = []types.ContainerDefinition{container}
	failed := c.until("STOPPED", c.define(in, &ecs.RunTaskInput{}))
	want(t, string(failed.StopCode), "TaskFailedToStart")
	contains(t, "the reason", aws.ToString(failed.StoppedReason), "ResourceInitializationError: unable to pull secrets or registry auth", "invalid parameters: [/web/missing]")
}

// loginVoyage: an image of a registry that wants a login is pulled with one that is kept as a secret.
func loginVoyage(t *testing.T, c *cloud, role string) {
	registry := enginetest.Registry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, password, _ := r.BasicAuth()
			if strings.HasPrefix(r.URL.Path, "/v2/private/") && r.Method == http.MethodGet && (name != "ann" || password != "hunter2-login") {
				w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	enginetest.Push(t, registry+"/private/app:v1", enginetest.Image(t))
	secret := c.aws("secretsmanager", "create-secret", "--name", "registry/login", "--secret-string", `{"username":"ann","password":"hunter2-login"}`, "--query", "Name", "--output", "text")
	container := c.app("app", "print", "ahoy")
	container.Image = aws.String(registry + "/private/app:v1")
	container.RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: &secret}
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("login"), ExecutionRoleArn: &role, ContainerDefinitions: []types.ContainerDefinition{container}}
	task := c.until("STOPPED", c.define(in, &ecs.RunTaskInput{}))
	if got := c.printed(task); got != "ahoy\n" {
		t.Errorf("it prints %q and stopped because %s", got, aws.ToString(task.StoppedReason))
	}
}

// networkVoyage: each mode is the network that it says.
func networkVoyage(t *testing.T, c *cloud) {
	none := c.facts(c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("none"), NetworkMode: types.NetworkModeNone, ContainerDefinitions: []types.ContainerDefinition{c.app("app", "show")},
	}, &ecs.RunTaskInput{}))
	if !slices.Equal(none.Links, []string{"lo"}) {
		t.Errorf("without a network it has %v", none.Links)
	}

	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	host := c.facts(c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("host"), NetworkMode: types.NetworkModeHost, ContainerDefinitions: []types.ContainerDefinition{c.app("app", "show")},
	}, &ecs.RunTaskInput{}))
	want(t, host.Namespaces["net"], ours)

	ranged := c.app("app", "serve", "8080", "from a range")
	ranged.PortMappings = []types.PortMapping{{ContainerPortRange: aws.String("8080-8082")}}
	wide := c.until("RUNNING", c.run("range", ranged))
	port := 0
	for _, b := range wide.Containers[0].NetworkBindings {
		first, _, _ := strings.Cut(aws.ToString(b.HostPortRange), "-")
		if n, err := strconv.Atoi(first); err == nil {
			port = n
		} else if aws.ToInt32(b.ContainerPort) == 8080 {
			port = int(aws.ToInt32(b.HostPort))
		}
	}
	c.wantPage(int32(port), "from a range")
	c.stop(wide)

	served := c.app("app", "serve", "8080", "from its own address")
	served.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080)}}
	vpc := &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}
	task := c.until("RUNNING", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("vpc"), NetworkMode: types.NetworkModeAwsvpc, ContainerDefinitions: []types.ContainerDefinition{served},
	}, &ecs.RunTaskInput{NetworkConfiguration: vpc}))
	interfaces := task.Containers[0].NetworkInterfaces
	if len(interfaces) != 1 || len(task.Attachments) != 1 || len(task.Containers[0].NetworkBindings) > 0 {
		t.Fatalf("its interfaces are %v, its attachments %v, its bindings %v", interfaces, task.Attachments, task.Containers[0].NetworkBindings)
	}
	var got string
	within(t, "an answer from its address", func() (ok bool) {
		got, err = fetch("http://" + net.JoinHostPort(aws.ToString(interfaces[0].PrivateIpv4Address), "8080") + "/")
		return err == nil
	})
	want(t, got, "from its own address")
	c.stop(task)
}

// sharingVoyage: containers of a task see each other's processes and memory where they are told to.
func sharingVoyage(t *testing.T, c *cloud) {
	first := c.app("first", "shmput", "77", "in memory", "then", "write", "/own/ready", "yes", "then", "wait")
	first.User, first.MountPoints = aws.String("0"), []types.MountPoint{{SourceVolume: aws.String("own"), ContainerPath: aws.String("/own")}}
	first.HealthCheck = &types.HealthCheck{Command: []string{"CMD", enginetest.ProgramPath, "read", "/own/ready"}, Interval: aws.Int32(5), Timeout: aws.Int32(60)}
	second := c.app("second", "shmget", "77", "then", "show", "then", "wait")
	second.User, second.DependsOn = aws.String("0"), []types.ContainerDependency{{ContainerName: aws.String("first"), Condition: types.ContainerConditionHealthy}}
	task := c.until("RUNNING", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("sharing"), PidMode: types.PidModeTask, IpcMode: types.IpcModeTask, ContainerDefinitions: []types.ContainerDefinition{first, second},
		Volumes: []types.Volume{{Name: aws.String("own")}},
	}, &ecs.RunTaskInput{}))
	within(t, "the second to show", func() bool { return strings.Contains(c.printedBy(task, "second"), "Processes") })
	contains(t, "the second", c.printedBy(task, "second"), "in memory", "shmput 77")
	c.stop(task)
}

// failing runs a container that fails after a minute, and is then started anew.
func (c *cloud) failing() types.Task {
	c.t.Helper()
	container := c.app("failing", "print", "began", "then", "sleep", "61s", "then", "exit", "3")
	container.RestartPolicy = &types.ContainerRestartPolicy{Enabled: aws.Bool(true), RestartAttemptPeriod: aws.Int32(60)}
	return c.until("RUNNING", c.run("restart", container))
}

// restartVoyage: what a container prints once it was started anew goes on.
func restartVoyage(t *testing.T, c *cloud, task types.Task) {
	for deadline := time.Now().Add(5 * time.Minute); strings.Count(c.printed(task), "began") < 2; time.Sleep(time.Second) {
		if now, err := c.task(t.Context(), task); err != nil || aws.ToString(now.LastStatus) != "RUNNING" || time.Now().After(deadline) {
			t.Fatalf("it is %s because %s, error %v, and printed %s", aws.ToString(now.LastStatus), aws.ToString(now.StoppedReason), err, c.printed(task))
		}
	}
	c.stop(task)
}

// Files of variables lie in a bucket beside the blobs.
func TestEnvironmentFilesReachContainers(t *testing.T) {
	bucket := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	dir := filepath.Join(bucket.Dir, "config")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "web.env"), []byte("# for web\nFILE=from the file\nOPEN=from the file\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	location, err := url.Parse(bucket.Location("registry"))
	if err != nil {
		t.Fatal(err)
	}
	c := startCloud(t, "--blobs", location.String())
	c.pushApp()
	role := c.createRole("pull", trustsTasks)
	c.allow("pull", mayRead)
	container := c.app("app", "env", "FILE", "then", "env", "OPEN")
	container.Environment = []types.KeyValuePair{{Name: aws.String("OPEN"), Value: aws.String("from the definition")}}
	container.EnvironmentFiles = []types.EnvironmentFile{{Type: types.EnvironmentFileTypeS3, Value: aws.String("arn:aws:s3:::config/web.env")}}
	task := c.until("STOPPED", c.define(&ecs.RegisterTaskDefinitionInput{
		Family: aws.String("files"), ExecutionRoleArn: &role, ContainerDefinitions: []types.ContainerDefinition{container},
	}, &ecs.RunTaskInput{}))
	if got := c.printed(task); got != "from the file\nfrom the definition\n" {
		t.Errorf("it prints %q and stopped because %s", got, aws.ToString(task.StoppedReason))
	}
}
