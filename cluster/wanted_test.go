package cluster_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/cluster/taskdef/taskdeftest"
	"slipway/nodeapi"
)

var update = flag.Bool("update", false, "write what is told now into testdata")

// What a node is told of a task that uses most of what there is, as testdata/wanted.json shows it.
func TestWhatANodeIsTold(t *testing.T) {
	const file = "testdata/wanted.json"
	each(t, func(w world) {
		node := w.join('a', 4096, 4096)
		id := w.runs(w.register("web", taskdeftest.Whole()), 1)[0].ID
		text, err := json.MarshalIndent(node.Task(id, false), "", "  ")
		if err != nil {
			w.Fatal(err)
		}
		got := regexp.MustCompile(id).ReplaceAllString(string(text), "TASK") + "\n"
		got = regexp.MustCompile("TASK/[0-9a-f-]{36}").ReplaceAllString(got, "TASK/ID")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				w.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			w.Errorf("the node is told\n%swant\n%s(error %v)", got, want, err)
		}
	})
}

// What says that there is nothing is not told at all.
func TestWhatANodeIsNotTold(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers[0].Health = &taskdef.Health{Command: []string{"NONE"}, Interval: 30, Timeout: 5, Retries: 3}
		spec.Containers[0].Restart = &taskdef.Restart{}
		spec.Containers[0].Linux = &taskdef.Linux{Swappiness: new(5)}
		node := w.join('a', 4096, 4096)
		told := node.Task(w.runs(w.register("web", spec), 1)[0].ID, false)
		if c := told.Containers[0]; c.Health != nil || c.Restart != nil || c.Swappiness != nil || told.Secret {
			w.Errorf("the node is told %+v", told)
		}
	})
}

// A log group that one container wants made is made for all of its task: their logs are opened together.
func TestALogGroupIsMadeForAllContainers(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		to := func(group, create string) *taskdef.Log {
			return &taskdef.Log{Driver: "awslogs", Options: map[string]string{"awslogs-group": group, "awslogs-create-group": create}}
		}
		spec.Containers[0].Log = to("/app", "false")
		init, apart := spec.Containers[0], spec.Containers[0]
		init.Name, init.Log, apart.Name, apart.Log = "init", to("/app", "true"), "apart", to("/other", "false")
		spec.Containers = append(spec.Containers, init, apart)
		node := w.join('a', 4096, 4096)
		told := node.Task(w.runs(w.register("web", spec), 1)[0].ID, false)
		for i, want := range []bool{true, true, false} {
			if c := told.Containers[i]; c.Log.CreateGroup != want {
				w.Errorf("the group of %s is to be made: %v, want %v", c.Name, c.Log.CreateGroup, want)
			}
		}
	})
}

func TestRangesOfPorts(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}, {Range: "8000-8002", Protocol: "tcp"}, {Range: "9000-9001", Protocol: "udp"}}
		node := w.join('a', 4096, 4096)
		id := w.runs(w.register("web", spec), 1)[0].ID
		wantEqual(w.T, "ports that the node opens", len(node.Task(id, false).Containers[0].Ports), 6)
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Running, Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Running, Ports: []nodeapi.Port{
			{Container: 80, Host: 32768, Protocol: "tcp"},
			{Container: 8000, Host: 40000, Protocol: "tcp"}, {Container: 8001, Host: 40001, Protocol: "tcp"}, {Container: 8002, Host: 40002, Protocol: "tcp"},
			{Container: 9000, Host: 50000, Protocol: "udp"}, {Container: 9001, Host: 50007, Protocol: "udp"},
		}}}})
		got := w.task(id).Bindings(0)
		want := []cluster.Binding{{80, 32768, 1, "tcp"}, {8000, 40000, 3, "tcp"}, {9000, 50000, 1, "udp"}, {9001, 50007, 1, "udp"}}
		if len(got) != len(want) {
			w.Fatalf("bindings %v, want %v", got, want)
		}
		for i := range want {
			wantEqual(w.T, "binding", got[i], want[i])
		}
	})
}

func TestHowWellATaskIs(t *testing.T) {
	check := &taskdef.Health{Command: []string{"CMD", "true"}, Interval: 5, Timeout: 2, Retries: 1}
	spec := taskdef.Spec{Containers: []taskdef.Container{
		{Name: "a", Image: "a", Essential: true, Memory: new(10), Health: check},
		{Name: "b", Image: "b", Essential: true, Memory: new(10), Health: check},
		{Name: "c", Image: "c", Essential: true, Memory: new(10)},
		{Name: "d", Image: "d", Memory: new(10), Health: check},
	}}
	each(t, func(w world) {
		node := w.join('a', 4096, 4096)
		id := w.runs(w.register("web", spec), 1)[0].ID
		for _, c := range []struct{ a, b, d, want string }{
			{"", "", "", "UNKNOWN"},
			{"HEALTHY", "UNKNOWN", "HEALTHY", "UNKNOWN"},
			{"HEALTHY", "HEALTHY", "UNHEALTHY", "HEALTHY"},
			{"UNHEALTHY", "HEALTHY", "HEALTHY", "UNHEALTHY"},
			{"HEALTHY", "HEALTHY", "HEALTHY", "HEALTHY"}, // and well again
		} {
			report := nodeapi.TaskReport{ID: id, Status: nodeapi.Running}
			for name, health := range map[string]string{"a": c.a, "b": c.b, "c": "HEALTHY", "d": c.d} {
				report.Containers = append(report.Containers, nodeapi.ContainerReport{Name: name, Status: nodeapi.Running, Health: health})
			}
			node.Report(report)
			got := w.task(id)
			wantEqual(w.T, "health", got.Health(), c.want)
			wantEqual(w.T, "health of one without a check", got.ContainerHealth(2), "UNKNOWN")
		}
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Running, Containers: []nodeapi.ContainerReport{{Name: "a", Status: nodeapi.Running, Health: "UNKNOWN", Restarts: 2}}})
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Running, Containers: []nodeapi.ContainerReport{{Name: "a", Status: nodeapi.Running, Health: "HEALTHY", Restarts: 1}}})
		late := w.task(id)
		wantEqual(w.T, "restarts", late.Container(0).Restarts, 2)
		wantEqual(w.T, "health after a late report", late.ContainerHealth(0), "UNKNOWN")
		again := w.join('a', 4096, 4096)
		wantEqual(w.T, "restarts that the node is told of", again.Task(id, false).Containers[0].Restarts, 2)
	})
}

// A container may be well before its task runs, as when another waits for that.
func TestHowWellATaskIsOnceItRuns(t *testing.T) {
	check := &taskdef.Health{Command: []string{"CMD", "true"}, Interval: 5, Timeout: 2, Retries: 1}
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "a", Image: "a", Essential: true, Memory: new(10), Health: check}}}
	each(t, func(w world) {
		node := w.join('a', 4096, 4096)
		id := w.runs(w.register("web", spec), 1)[0].ID
		for _, c := range []struct {
			status       nodeapi.Status
			health, want string
		}{
			{nodeapi.Pending, "UNKNOWN", "UNKNOWN"},
			{nodeapi.Running, "HEALTHY", "HEALTHY"},
			{nodeapi.Pending, "UNKNOWN", "HEALTHY"}, // late
			{nodeapi.Running, "UNHEALTHY", "UNHEALTHY"},
		} {
			node.Report(nodeapi.TaskReport{ID: id, Status: c.status, Containers: []nodeapi.ContainerReport{{Name: "a", Status: nodeapi.Running, Health: c.health}}})
			wantEqual(w.T, "health", w.task(id).Health(), c.want)
		}
	})
}
