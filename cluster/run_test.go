package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

func TestATaskFromItsStartToItsEnd(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]
		wantEqual(w.T, "status of a new task", task.Seen.Status, nodeapi.Pending)
		wantEqual(w.T, "group", task.Group, "family:web")

		node.Run(task.ID)
		wantEqual(w.T, "status of a running task", w.task(task.ID).Seen.Status, nodeapi.Running)

		node.Exit(task.ID, 3)
		over := w.task(task.ID)
		code, reason := over.Stop()
		wantEqual(w.T, "status", over.Seen.Status, nodeapi.Stopped)
		wantEqual(w.T, "exit code", *over.Container(0).ExitCode, 3)
		wantEqual(w.T, "stop code", code, "EssentialContainerExited")
		wantEqual(w.T, "reason", reason, "Essential container in task exited")
		wantEqual(w.T, "desired", over.Desired(), nodeapi.Stopped)
		if got := w.happened(task.ID); !slices.Equal(got, []string{"task.pending", "task.running", "task.stopped"}) {
			w.Errorf("events %v", got)
		}
	})
}

func TestTheFullestNodeWithRoomIsTakenWhereThatIsWanted(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		first, second := w.join('b', 250, 1024), w.join('a', 1024, 1024)
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 4, Strategies: []placement.Strategy{{Type: placement.Binpack, Field: "cpu"}}}
		var on []string
		for _, task := range w.run(run, 4) {
			on = append(on, task.Node[:1])
		}
		wantEqual(w.T, "nodes", strings.Join(on, " "), "b b a a")
		wantEqual(w.T, "cpu left on the first", w.instance(first.ID).Remaining().CPU, 50)
		wantEqual(w.T, "memory left on the second", w.instance(second.ID).Remaining().Memory, 824)
		_, pending := w.instance(second.ID).Tasks("default")
		wantEqual(w.T, "pending on the second", pending, 2)
	})
}

func TestEveryNodeSaysWhyItTakesNoMore(t *testing.T) {
	each(t, func(w world) {
		port := web()
		port.Containers[0].Ports = []taskdef.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
		ref := w.register("web", port)
		w.join('a', 50, 1024)
		w.join('b', 1024, 50)
		w.join('c', 1024, 1024)
		gone := w.join('d', 1024, 1024)
		if err := gone.Leave(); err != nil {
			w.Fatal(err)
		}
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 2})
		if err != nil || len(started.Tasks) != 1 || started.Tasks[0].Node[:1] != "c" {
			w.Fatalf("started %+v, error %v", started.Tasks, err)
		}
		var why []string
		for _, r := range started.Refused {
			why = append(why, r.Node[:1]+" "+string(r.Reason))
		}
		wantEqual(w.T, "refusals", strings.Join(why, ", "), "a RESOURCE:CPU, b RESOURCE:MEMORY, c RESOURCE:PORTS, d AGENT")
	})
}

func TestAPortThatANodeKeepsForItselfIsNotGiven(t *testing.T) {
	each(t, func(w world) {
		ssh := web()
		ssh.Containers[0].Ports = []taskdef.Port{{Container: 22, Host: 22, Protocol: "tcp"}}
		w.join('a', 1024, 1024)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: w.register("ssh", ssh), Count: 1})
		if err != nil || len(started.Tasks) > 0 || started.Refused[0].Reason != "RESOURCE:PORTS" {
			w.Errorf("started %+v, error %v", started, err)
		}
	})
}

func TestAPortThatATaskWasGivenIsTaken(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("any", spec), 1)[0]
		node.Run(task.ID) // is given 32768
		spec.Containers[0].Ports[0].Host = 32768
		fixed := w.register("fixed", spec)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: fixed, Count: 1})
		if err != nil || len(started.Tasks) > 0 || started.Refused[0].Reason != "RESOURCE:PORTS" {
			w.Errorf("started %+v, error %v", started, err)
		}
		node.Exit(task.ID, 0)
		w.runs(fixed, 1)
	})
}

func TestWhatCannotBeRun(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 1}
		try := func(change func(r *cluster.Run)) error {
			r := run
			change(&r)
			_, err := w.RunTask(w.Context(), account, r)
			return err
		}
		wantErr(w.T, try(func(*cluster.Run) {}), cluster.ErrNoInstances)
		w.join('a', 1024, 1024)
		wantErr(w.T, try(func(r *cluster.Run) { r.Cluster = "nope" }), cluster.ErrNoCluster)
		wantErr(w.T, try(func(r *cluster.Run) { r.Definition = taskdef.Ref{Family: "nope"} }), taskdef.ErrNotFound)
		wantText(w.T, try(func(r *cluster.Run) { r.Count = 0 }), cluster.ErrInvalid, "0 is not between 1 and 10")
		wantText(w.T, try(func(r *cluster.Run) { r.Count = 11 }), cluster.ErrInvalid, "11 is not between 1 and 10")
		wantText(w.T, try(func(r *cluster.Run) { r.Group = "service:web" }), cluster.ErrInvalid, `"service:web"`)
		wantText(w.T, try(func(r *cluster.Run) { r.StartedBy = "a\x00b" }), cluster.ErrInvalid, `"a\x00b"`)
		wantText(w.T, try(func(r *cluster.Run) { r.Tags = []cluster.Tag{{Key: "aws:x"}} }), cluster.ErrInvalid, `"aws:x"`)
		wantText(w.T, try(func(r *cluster.Run) { r.Overrides.Containers = []taskdef.ContainerOverride{{Name: "nope"}} }), cluster.ErrInvalid,
			"Override for container named nope is not a container in the TaskDefinition.")
		wantText(w.T, try(func(r *cluster.Run) {
			r.Overrides.Containers = []taskdef.ContainerOverride{{Name: "web", Memory: new(0)}}
		}), cluster.ErrInvalid, "containerDefinitions[0].memory: 0 MiB")
		wantText(w.T, try(func(r *cluster.Run) {
			r.Overrides.Containers = []taskdef.ContainerOverride{{Name: "web", Command: []string{strings.Repeat("x", 8192)}}}
		}), cluster.ErrInvalid, "Container Overrides length must be at most 8192")

		if _, err := w.Deregister(w.Context(), account, ref); err != nil {
			w.Fatal(err)
		}
		wantErr(w.T, try(func(*cluster.Run) {}), cluster.ErrInactiveRevision)
	})
}

func TestOverridesChangeOneRunAndNotTheDefinition(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers[0].Env = []taskdef.Variable{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}
		ref := w.register("web", spec)
		node := w.join('a', 1024, 1024)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Overrides: taskdef.Overrides{
			CPU: 256, Memory: 300,
			Containers: []taskdef.ContainerOverride{{Name: "web", Command: []string{"serve"}, Env: []taskdef.Variable{{Name: "A", Value: "one"}, {Name: "C", Value: "3"}}, CPU: new(200), Memory: new(299)}},
		}})
		if err != nil {
			w.Fatal(err)
		}
		wanted := node.Task(started.Tasks[0].ID, false)
		got := wanted.Containers[0]
		wantEqual(w.T, "command", strings.Join(got.Command, " "), "serve")
		wantEqual(w.T, "environment", strings.Join(got.Env, " "), "B=2 A=one C=3")
		wantEqual(w.T, "limits", fmt.Sprint(wanted.CPU, wanted.Memory, got.CPU, got.Memory), "256 300 200 299")
		left := w.instance(node.ID).Remaining()
		wantEqual(w.T, "left", fmt.Sprint(left.CPU, left.Memory), "768 724")

		d, err := w.Definition(w.Context(), account, ref)
		if err != nil || len(d.Spec.Containers[0].Env) != 2 || d.Spec.Containers[0].Command != nil {
			w.Errorf("the definition is now %+v, error %v", d.Spec, err)
		}
	})
}

func TestTheSameTokenRunsOnce(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 1024, 1024)
		run := cluster.Run{Cluster: "default", Definition: taskdef.Ref{Family: "web"}, Count: 2, Token: "again"}
		w.register("web", web())
		first, err := w.RunTask(w.Context(), account, run)
		if err != nil {
			w.Fatal(err)
		}
		w.register("web", web()) // that the family's latest is another now changes nothing
		second, err := w.RunTask(w.Context(), account, run)
		if err != nil || len(second.Tasks) != 2 || second.Tasks[0].ID != first.Tasks[0].ID || second.Tasks[1].ID != first.Tasks[1].ID {
			w.Errorf("the second run is of %+v, error %v", second.Tasks, err)
		}
		run.Count = 1
		_, err = w.RunTask(w.Context(), account, run)
		var reused *cluster.TokenReusedError
		if !errors.As(err, &reused) || len(reused.Tasks) != 2 || reused.Tasks[0] != first.Tasks[0].ID {
			w.Errorf("with other parameters: %v", err)
		}
		all, _, err := w.ListTasks(w.Context(), account, cluster.TaskFilter{Cluster: "default"}, cluster.Page{})
		if err != nil || len(all) != 2 {
			w.Errorf("tasks %v, error %v", all, err)
		}
	})
}

func TestATokenOfWhichNothingCameIsStillGood(t *testing.T) {
	each(t, func(w world) {
		full := w.join('a', 50, 50)
		run := cluster.Run{Cluster: "default", Definition: w.register("web", web()), Count: 1, Token: "once"}
		started, err := w.RunTask(w.Context(), account, run)
		if err != nil || len(started.Tasks) > 0 || started.Refused[0].Node != full.ID {
			w.Fatalf("started %+v, error %v", started, err)
		}
		w.join('b', 1024, 1024)
		if started, err = w.RunTask(w.Context(), account, run); err != nil || len(started.Tasks) != 1 {
			w.Errorf("started %+v, error %v", started, err)
		}
	})
}

func TestStartTaskTriesNoOtherNode(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		full, roomy := w.join('a', 50, 1024), w.join('b', 1024, 1024)
		missing := strings.Repeat("0", 32)
		started, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{full.ID, missing}})
		if err != nil || len(started.Tasks) > 0 || started.Refused[0].Reason != "RESOURCE:CPU" || started.Refused[1].Reason != "MISSING" {
			w.Errorf("started %+v, error %v", started, err)
		}
		started, err = w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{roomy.ID}})
		if err != nil || len(started.Tasks) != 1 || started.Tasks[0].Node != roomy.ID {
			w.Errorf("started %+v, error %v", started, err)
		}
		_, err = w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref})
		wantText(w.T, err, cluster.ErrInvalid, "Container instances cannot be empty.")
	})
}

func TestANodeOfAnotherClusterIsNoCandidate(t *testing.T) {
	each(t, func(w world) {
		w.create("own")
		hello := clusterHello('a', "own")
		own := w.joins(hello)
		_, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: w.register("web", web()), Count: 1})
		wantErr(w.T, err, cluster.ErrNoInstances)
		_, missing, err := w.Instances(w.Context(), account, "default", []string{own.ID})
		if err != nil || len(missing) != 1 {
			w.Errorf("missing %v, error %v", missing, err)
		}
		_, err = w.DeleteCluster(w.Context(), account, "own")
		wantErr(w.T, err, cluster.ErrClusterHasNodes)
	})
}

func TestAnImageIsPinnedWhenTheTaskIsPlaced(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		spec.Containers[0].Image = "127.0.0.1:4600/web:latest"
		spec.Containers = append(spec.Containers, taskdef.Container{Name: "foreign", Image: "example.com/x", Memory: new(10)})
		ref := w.register("web", spec)
		node := w.join('a', 1024, 1024)
		var digests []string
		for _, digest := range []string{"sha256:1", "sha256:2"} {
			w.images.Put("127.0.0.1:4600/web:latest", cluster.Image{Ref: "127.0.0.1:4600/web:latest", Digest: digest})
			wanted := node.Task(w.runs(ref, 1)[0].ID, false)
			own, foreign := wanted.Containers[0], wanted.Containers[1]
			digests = append(digests, own.Digest)
			if own.Ref != "127.0.0.1:4600/web:latest" || own.Login == nil || own.Login.Username != account {
				w.Errorf("our own image is wanted as %+v", own)
			}
			if foreign.Ref != "" || foreign.Digest != "" || foreign.Login != nil {
				w.Errorf("a foreign image is wanted as %+v", foreign)
			}
		}
		wantEqual(w.T, "digests", strings.Join(digests, " "), "sha256:1 sha256:2")
	})
}

// Many ask at once for the only place: one gets it, and all others are told why not.
func TestSixtyFourRunTasksForOnePlace(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 150, 150)
		ref := w.register("web", web())
		var all sync.WaitGroup
		var mu sync.Mutex
		placed, refused := 0, 0
		for range 64 {
			all.Go(func() {
				started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
				if err != nil {
					w.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				placed += len(started.Tasks)
				refused += len(started.Refused)
			})
		}
		all.Wait()
		wantEqual(w.T, "placed", placed, 1)
		wantEqual(w.T, "refused", refused, 63)
	})
}

// The same over two servers, which share nothing but the database.
func TestTwoServersNeverFillOnePlaceTwice(t *testing.T) {
	each(t, func(w world) {
		other := newWorld(w.T, w.db)
		w.join('a', 1000, 1000)
		ref := w.register("web", web())
		var all sync.WaitGroup
		var mu sync.Mutex
		placed := 0
		for i := range 24 {
			server := []world{w, other}[i%2]
			all.Go(func() {
				started, err := server.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
				if err != nil {
					w.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				placed += len(started.Tasks)
			})
		}
		all.Wait()
		wantEqual(w.T, "placed", placed, 10)
	})
}
