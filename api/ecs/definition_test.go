package ecs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"pgregory.net/rapid"

	"slipway/cluster/clustertest"
)

type object = map[string]any

// Whatever is registered is described as it was given, with what ECS fills in; and what is described,
// registered anew, is described the same.
func TestWhatIsRegisteredIsDescribed(t *testing.T) {
	s := newStory(t)
	rapid.Check(t, func(t *rapid.T) {
		given := anyDefinition(t)
		first := registered(t, s, given)
		if at := missing(given, first, ""); at != "" {
			t.Fatalf("%s was given, and is not described:\n%s\n%s", at, text(given), text(first))
		}
		again := object{}
		for member := range inputs {
			if value, ok := first[member]; ok {
				again[member] = value
			}
		}
		second := registered(t, s, again)
		for _, member := range []string{"revision", "registeredAt", "taskDefinitionArn"} {
			delete(first, member)
			delete(second, member)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("described\n%s\nand then\n%s", text(first), text(second))
		}
	})
}

// inputs are the members of a described definition that one registers.
var inputs = set("family", "cpu", "memory", "networkMode", "pidMode", "ipcMode", "ephemeralStorage", "runtimePlatform", "volumes",
	"requiresCompatibilities", "taskRoleArn", "executionRoleArn", "containerDefinitions")

func set(words ...string) map[string]bool {
	all := map[string]bool{}
	for _, w := range words {
		all[w] = true
	}
	return all
}

// registered registers a definition and returns it as it is described.
func registered(t *rapid.T, s *story, definition object) object {
	status, body := s.post("RegisterTaskDefinition", text(definition))
	var out struct{ TaskDefinition object }
	if err := json.Unmarshal(body, &out); err != nil || status != 200 {
		t.Fatalf("%s\nis answered with %d %s", text(definition), status, body)
	}
	_, body = s.post("DescribeTaskDefinition", text(object{"taskDefinition": out.TaskDefinition["taskDefinitionArn"]}))
	var described struct{ TaskDefinition object }
	if err := json.Unmarshal(body, &described); err != nil || !reflect.DeepEqual(out, described) {
		t.Fatalf("registered %s\ndescribed %s", text(out), body)
	}
	return described.TaskDefinition
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// missing finds something given that is not in what is there, by its path.
func missing(given, there any, path string) string {
	switch given := given.(type) {
	case object:
		has, _ := there.(object)
		for name, value := range given {
			if at := missing(value, has[name], path+"."+name); at != "" {
				return at
			}
		}
	case []any:
		has, _ := there.([]any)
		if len(has) != len(given) {
			return path
		}
		for i := range given {
			if at := missing(given[i], has[i], fmt.Sprintf("%s[%d]", path, i)); at != "" {
				return at
			}
		}
	default:
		if fmt.Sprint(given) != fmt.Sprint(there) {
			return path
		}
	}
	return ""
}

// maybe puts members into an object, each or not.
func maybe(t *rapid.T, into object, members object) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if rapid.Bool().Draw(t, name) {
			into[name] = members[name]
		}
	}
}

func some(t *rapid.T, words ...any) any { return rapid.SampledFrom(words).Draw(t, "some") }

func from(t *rapid.T, least, most int) any {
	return float64(rapid.IntRange(least, most).Draw(t, "number"))
}

// anyDefinition is a definition that can run.
func anyDefinition(t *rapid.T) object {
	mode := rapid.SampledFrom([]string{"bridge", "awsvpc", "host", "none"}).Draw(t, "mode")
	d := object{"family": "web", "networkMode": mode, "executionRoleArn": "arn:aws:iam::123456789012:role/pull", "volumes": []any{
		object{"name": "own"}, object{"name": "host", "host": object{"sourcePath": "/srv"}},
		object{"name": "docker", "dockerVolumeConfiguration": object{"scope": "shared", "autoprovision": true}},
	}}
	maybe(t, d, object{
		"cpu": "2048", "memory": "4096", "pidMode": some(t, "task", "host"), "ipcMode": some(t, "task", "none"), "ephemeralStorage": object{"sizeInGiB": from(t, 21, 200)},
		"runtimePlatform": object{"cpuArchitecture": some(t, "X86_64", "ARM64"), "operatingSystemFamily": "LINUX"}, "requiresCompatibilities": []any{"EC2"},
		"taskRoleArn": "arn:aws:iam::123456789012:role/web",
	})
	var containers []any
	for i := range rapid.IntRange(1, 3).Draw(t, "containers") {
		containers = append(containers, anyContainer(t, i, mode))
	}
	d["containerDefinitions"] = containers
	return d
}

func anyContainer(t *rapid.T, i int, mode string) object {
	c := object{"name": fmt.Sprint("c", i), "image": "nginx", "memory": from(t, 6, 512), "essential": i == 0}
	maybe(t, c, object{
		"cpu": from(t, 0, 512), "command": []any{"a", "b c"}, "entryPoint": []any{"/entry"}, "user": "1000:1000", "workingDirectory": "/srv",
		"environment": []any{object{"name": "A", "value": some(t, "", "1", "a=b")}}, "secrets": []any{object{"name": "S", "valueFrom": "/web/key"}},
		"environmentFiles":      []any{object{"type": "s3", "value": "arn:aws:s3:::config/web.env"}},
		"repositoryCredentials": object{"credentialsParameter": "arn:aws:secretsmanager:us-east-1:123456789012:secret:web-AbCdEf"},
		"startTimeout":          from(t, 2, 120), "stopTimeout": from(t, 0, 120), "healthCheck": anyHealth(t), "restartPolicy": anyRestart(t),
		"mountPoints":     []any{object{"sourceVolume": some(t, "own", "host", "docker"), "containerPath": "/mnt", "readOnly": some(t, true, false)}},
		"linuxParameters": anyLinux(t), "readonlyRootFilesystem": some(t, true, false), "privileged": some(t, true, false),
		"dockerSecurityOptions": []any{"no-new-privileges"}, "ulimits": []any{object{"name": "nofile", "softLimit": from(t, -1, 10), "hardLimit": float64(-1)}},
		"dockerLabels": object{"team": "a"}, "dnsServers": []any{"10.0.0.1"}, "dnsSearchDomains": []any{"example.com"},
		"interactive": some(t, true, false), "pseudoTerminal": some(t, true, false), "versionConsistency": "enabled",
	})
	if mode != "awsvpc" {
		maybe(t, c, object{"hostname": "web", "extraHosts": []any{object{"hostname": "db", "ipAddress": "10.0.0.9"}}})
	}
	if mode != "host" {
		maybe(t, c, object{"systemControls": []any{object{"namespace": "net.core.somaxconn", "value": "99"}}})
	}
	if mode != "none" {
		maybe(t, c, object{"portMappings": []any{anyPort(t, i, mode)}})
	}
	if i > 0 {
		maybe(t, c, object{"dependsOn": []any{object{"containerName": "c0", "condition": "START"}}, "volumesFrom": []any{object{"sourceContainer": "c0", "readOnly": true}}})
	}
	return c
}

func anyPort(t *rapid.T, i int, mode string) object {
	p := object{"protocol": some(t, "tcp", "udp")}
	if mode != "host" && rapid.Bool().Draw(t, "range") {
		p["containerPortRange"] = fmt.Sprintf("%d-%d", 8000+100*i, 8010+100*i)
		return p
	}
	p["containerPort"] = float64(1000 + i)
	if mode == "bridge" {
		p["hostPort"] = some(t, float64(0), float64(2000+i))
	}
	maybe(t, p, object{"name": fmt.Sprint("port-", i), "appProtocol": some(t, "http", "grpc")})
	return p
}

func anyHealth(t *rapid.T) object {
	h := object{"command": []any{"CMD-SHELL", "true"}}
	maybe(t, h, object{"interval": from(t, 5, 300), "timeout": from(t, 2, 120), "retries": from(t, 1, 10), "startPeriod": from(t, 0, 300)})
	return h
}

func anyRestart(t *rapid.T) object {
	r := object{"enabled": true}
	maybe(t, r, object{"ignoredExitCodes": []any{from(t, 0, 255)}, "restartAttemptPeriod": from(t, 60, 1800)})
	return r
}

func anyLinux(t *rapid.T) object {
	l := object{}
	maybe(t, l, object{
		"capabilities": object{"add": []any{"SYS_PTRACE"}, "drop": []any{"ALL"}}, "initProcessEnabled": some(t, true, false),
		"devices":          []any{object{"hostPath": "/dev/fuse", "containerPath": "/dev/fuse", "permissions": []any{"read", "write"}}},
		"sharedMemorySize": from(t, 1, 64), "maxSwap": from(t, 0, 64), "swappiness": from(t, 0, 100),
		"tmpfs": []any{object{"containerPath": "/run", "size": from(t, 1, 64), "mountOptions": []any{"noexec"}}},
	})
	return l
}

// still is a fuzz test that helpers may be called with while it fuzzes.
type still struct{ testing.TB }

func (still) Helper()                  {}
func (still) Context() context.Context { return context.Background() }

// Whatever a caller sends is refused, or kept, described, and told to a node.
func FuzzDefinition(f *testing.F) {
	s := newStory(still{f})
	s.node = clustertest.Join(still{f}, s.control, clustertest.Hello('a', 1<<30, 1<<30))
	for _, seed := range []string{
		`{"family":"web","containerDefinitions":[{"name":"web","image":"nginx","memory":64}]}`,
		`{"family":"web","networkMode":"awsvpc","containerDefinitions":[{"name":"web","image":"nginx","memory":64,"portMappings":[{"containerPortRange":"80-90"}]}]}`,
		`{"family":"web","volumes":[{"name":"v"}],"containerDefinitions":[{"name":"web","image":"nginx","memory":64,"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}],"healthCheck":{"command":["CMD","true"]},"restartPolicy":{"enabled":true}}]}`,
		`{"family":"web","executionRoleArn":"r","containerDefinitions":[{"name":"a","image":"a","memory":64,"secrets":[{"name":"A","valueFrom":"arn:aws:ssm:us-east-1:123456789012:parameter/a"}]},{"name":"b","image":"b","memory":64,"essential":false,"dependsOn":[{"containerName":"a","condition":"START"}],"linuxParameters":{"tmpfs":[{"containerPath":"/t","size":1}]}}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) { wantKept(t, s, input) })
}

// The same of definitions that could run, but for one value that is another.
func TestSpoiledDefinitionsAreRefusedOrRun(t *testing.T) {
	s := newStory(t)
	s.node = clustertest.Join(t, s.control, clustertest.Hello('a', 1<<30, 1<<30))
	rapid.Check(t, func(t *rapid.T) {
		definition := anyDefinition(t)
		var spots []func(any)
		find(definition, &spots)
		junk := []any{nil, "", "x", "a\x00b", "/", "../..", -1.0, 0.0, 1.0, 65536.0, 2147483647.0, true, []any{}, []any{"x"}, object{}, object{"name": "x"}}
		rapid.SampledFrom(spots).Draw(t, "spot")(rapid.SampledFrom(junk).Draw(t, "junk"))
		wantKept(t, s, text(definition))
	})
}

// find collects what replaces each value inside of v.
func find(v any, spots *[]func(any)) {
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			find(v[name], spots)
			*spots = append(*spots, func(by any) { v[name] = by })
		}
	case []any:
		for i := range v {
			find(v[i], spots)
			*spots = append(*spots, func(by any) { v[i] = by })
		}
	}
}

type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// wantKept sends a definition, and fails unless it is refused, or kept, described and told to a node.
func wantKept(t failing, s *story, input string) {
	t.Helper()
	status, body := s.post("RegisterTaskDefinition", input)
	if status == 400 {
		return
	}
	var out struct{ TaskDefinition object }
	if err := json.Unmarshal(body, &out); err != nil || status != 200 {
		t.Fatalf("%s\nis answered with %d %s", input, status, body)
	}
	_, described := s.post("DescribeTaskDefinition", text(object{"taskDefinition": out.TaskDefinition["taskDefinitionArn"]}))
	var again struct{ TaskDefinition object }
	if err := json.Unmarshal(described, &again); err != nil || !reflect.DeepEqual(out, again) {
		t.Fatalf("registered %s\ndescribed %s", body, described)
	}
	wantTold(t, s, out.TaskDefinition)
}

// wantTold runs a definition, if it can be, and waits until the node is told of the task.
func wantTold(t failing, s *story, definition object) {
	t.Helper()
	run := object{"taskDefinition": definition["taskDefinitionArn"]}
	if definition["networkMode"] == "awsvpc" {
		run["networkConfiguration"] = object{"awsvpcConfiguration": object{"subnets": []any{"subnet-1"}}}
	}
	status, body := s.post("RunTask", text(run))
	var out struct{ Tasks []struct{ TaskArn string } }
	if err := json.Unmarshal(body, &out); err != nil || status != 200 {
		t.Fatalf("%s\nruns with %d %s", text(definition), status, body)
	}
	for _, task := range out.Tasks {
		id := task.TaskArn[len(task.TaskArn)-32:]
		told := s.node.Task(id, false)
		if len(told.Containers) != len(definition["containerDefinitions"].([]any)) {
			t.Fatalf("the node is told %+v of %s", told, text(definition))
		}
		s.node.Report(clustertest.Exited(told, 0))
	}
}

func TestTheSDKDeletesDefinitions(t *testing.T) {
	client, s := sdk(t)
	old, active := register(t, client, "web"), register(t, client, "web")
	task := run(t, client, old, "sleep")
	if _, err := client.DeregisterTaskDefinition(t.Context(), &awsecs.DeregisterTaskDefinitionInput{TaskDefinition: &old}); err != nil {
		t.Fatal(err)
	}
	out, err := client.DeleteTaskDefinitions(t.Context(), &awsecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{old, active}})
	if err != nil || len(out.TaskDefinitions) != 1 || out.TaskDefinitions[0].Status != types.TaskDefinitionStatusDeleteInProgress || out.TaskDefinitions[0].DeleteRequestedAt == nil {
		t.Fatalf("deleted %+v, error %v", out, err)
	}
	if len(out.Failures) != 1 || *out.Failures[0].Arn != active {
		t.Errorf("failures %+v", out.Failures)
	}
	if _, err := client.StopTask(t.Context(), &awsecs.StopTaskInput{Task: task.TaskArn}); err != nil {
		t.Fatal(err)
	}
	stopped := awsecs.NewTasksStoppedWaiter(client, func(o *awsecs.TasksStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	if err := stopped.Wait(t.Context(), &awsecs.DescribeTasksInput{Tasks: []string{*task.TaskArn}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { s.control.Run(ctx); close(ran) }()
	for err = nil; err == nil; time.Sleep(10 * time.Millisecond) {
		_, err = client.DescribeTaskDefinition(t.Context(), &awsecs.DescribeTaskDefinitionInput{TaskDefinition: &old})
	}
	wantFault[*types.ClientException](t, err, "Unable to describe task definition.")
	stop()
	<-ran
}
