package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

func TestReportsMayComeTwiceAndLate(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", web()), 1)[0].ID
		wanted := node.Task(id, false)
		running, exited := clustertest.Running(wanted), clustertest.Exited(wanted, 7)

		for _, report := range []nodeapi.TaskReport{exited, running, exited, running} {
			ack := node.Report(report)
			if late := report.Status < nodeapi.Stopped; late != slices.Equal(ack.Unknown, []string{id}) {
				w.Fatalf("a report of %s of a task that is over: unknown are %v, want it named only if it says that it is not", report.Status, ack.Unknown)
			}
		}
		over := w.task(id)
		wantEqual(w.T, "status", over.Seen.Status, nodeapi.Stopped)
		wantEqual(w.T, "exit code", *over.Container(0).ExitCode, 7)
		if !over.Seen.StartedAt.Equal(running.StartedAt) || over.Container(0).RuntimeID == "" {
			w.Errorf("what only the late report knew is lost: %+v", over.Seen)
		}
		if got := w.happened(id); !slices.Equal(got, []string{"task.pending", "task.stopped"}) {
			w.Errorf("events %v", got)
		}
	})
}

// A report of a container's health that comes after a newer one changes nothing; one of a run that is new does.
func TestHealthIsThatOfTheLatestReport(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		spec := web()
		spec.Containers[0].Health = &taskdef.Health{Command: []string{"CMD", "true"}, Interval: 5, Timeout: 2, Retries: 2}
		id := w.runs(w.register("checked", spec), 1)[0].ID
		first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		report := func(health string, since time.Time, restarts int) nodeapi.TaskReport {
			r := clustertest.Running(node.Task(id, false))
			r.Containers[0].Health, r.Containers[0].HealthSince, r.Containers[0].Restarts = health, since, restarts
			return r
		}
		for _, step := range []struct {
			report nodeapi.TaskReport
			want   string
		}{
			{report("UNKNOWN", time.Time{}, 0), "UNKNOWN"},
			{report("HEALTHY", first, 0), "HEALTHY"},
			{report("UNKNOWN", time.Time{}, 0), "HEALTHY"}, // late
			{report("UNHEALTHY", first.Add(time.Minute), 0), "UNHEALTHY"},
			{report("HEALTHY", first, 0), "UNHEALTHY"}, // late
			{report("UNKNOWN", time.Time{}, 1), "UNKNOWN"},
		} {
			node.Report(step.report)
			wantEqual(w.T, "health", w.task(id).Health(), step.want)
		}
	})
}

func TestANodeSpeaksOnlyOfItsOwnTasks(t *testing.T) {
	each(t, func(w world) {
		owner, other := w.join('a', 1024, 1024), w.join('b', 1, 1)
		id := w.runs(w.register("web", web()), 1)[0].ID
		never := strings.Repeat("0", 32)

		ack := other.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Stopped}, nodeapi.TaskReport{ID: never, Status: nodeapi.Running}, nodeapi.TaskReport{ID: "\x00", Status: nodeapi.Running})
		if !slices.Equal(ack.Unknown, []string{id, never, "\x00"}) {
			w.Errorf("unknown are %q", ack.Unknown)
		}
		wantEqual(w.T, "status", w.task(id).Seen.Status, nodeapi.Pending)
		owner.Run(id)
		wantEqual(w.T, "status", w.task(id).Seen.Status, nodeapi.Running)
	})
}

func TestAReportOfNoState(t *testing.T) {
	each(t, func(w world) {
		_, err := w.Report(w.Context(), nodeapi.Report{Node: "a", Tasks: []nodeapi.TaskReport{{ID: "x", Status: 9}}})
		wantText(w.T, err, cluster.ErrReport, "state 9")
	})
}

func TestContainersThatWereNotAskedForAreNotRecorded(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", web()), 1)[0].ID
		report := clustertest.Running(node.Task(id, false))
		report.Containers = append(report.Containers, nodeapi.ContainerReport{Name: "stranger", Status: nodeapi.Running})
		node.Report(report)
		wantEqual(w.T, "containers", len(w.task(id).Seen.Containers), 1)
	})
}

// A task that fails before it has containers is stopped with all of its containers.
func TestATaskWhoseImageCannotBePulled(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers = append(spec.Containers, taskdef.Container{Name: "side", Image: "side", Memory: new(10)})
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", spec), 1)[0].ID
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Stopped, StopCode: "TaskFailedToStart", StopReason: "CannotPullContainerError: example.com/web:1: not found",
			Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Stopped, Reason: "CannotPullContainerError: example.com/web:1: not found"}}})
		over := w.task(id)
		code, _ := over.Stop()
		wantEqual(w.T, "stop code", code, "TaskFailedToStart")
		wantEqual(w.T, "the other container", over.Container(1).Status, nodeapi.Stopped)
		wantEqual(w.T, "cpu that is back", w.instance(node.ID).Remaining().CPU, 1024)
	})
}

func TestOutputGoesWhereTheDefinitionSays(t *testing.T) {
	each(t, func(w world) {
		owner, other := w.join('a', 1024, 1024), w.join('b', 1, 1)
		id := w.runs(w.register("web", web()), 1)[0].ID
		piece := nodeapi.Output{Task: id, Container: "web", Log: nodeapi.Log{Group: "/of/somebody/else"}, Offset: 5, Next: 8, Events: []nodeapi.Event{{Time: 1, Message: "hi"}}}

		ack, err := w.Output(w.Context(), owner.ID, piece)
		if err != nil || ack.Next != 8 {
			w.Fatalf("ack %+v, error %v", ack, err)
		}
		kept := w.logs.Kept()
		if len(kept) != 1 || kept[0].Log != (nodeapi.Log{Group: "/slipway/default", Stream: "web/web/" + id, CreateGroup: true}) || kept[0].Events[0].Message != "hi" {
			w.Errorf("kept %+v", kept)
		}
		_, err = w.Output(w.Context(), other.ID, piece)
		wantErr(w.T, err, cluster.ErrNoTask)
		piece.Container = "stranger"
		_, err = w.Output(w.Context(), owner.ID, piece)
		wantText(w.T, err, cluster.ErrNoTask, "stranger")
	})
}
