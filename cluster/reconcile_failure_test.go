package cluster_test

import (
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

// exits is a definition whose tasks end at once on obedient nodes.
func exits(code string) taskdef.Spec {
	spec := web()
	spec.Containers[0].Command = []string{"exit", code}
	return spec
}

func breaker(rollback bool) cluster.ServiceUpdate {
	return cluster.ServiceUpdate{Breaker: &cluster.Breaker{Enable: true, Rollback: rollback}}
}

// patient are rules under which a task must stand for a moment, which one that ends at once never does.
func patient(config *cluster.Config) { config.Services.Settle = 200 * time.Millisecond }

func TestTasksThatExitAtOnceAreTakenBack(t *testing.T) {
	keeps(t, patient, func(w keeping) {
		good, bad := w.register("web", web()), w.register("web", exits("3"))
		w.obedient('a', 1024, 1024)
		w.serve(service("web", good, 2))
		w.steady("web", 2)
		update := breaker(true)
		update.Definition = &bad
		_, err := w.UpdateService(w.Context(), account, "default", "web", update)
		wantErr(w.T, err, nil)
		w.says("web", "(deployment ecs-svc/")
		w.says("web", "exit code 3")
		w.says("web", "deployment failed: tasks failed to start.")
		w.says("web", "rolling back to deployment ecs-svc/")
		s := w.steady("web", 2)
		wantEqual(w.T, "definition after the rollback", s.Definition, good)
		found, _, err := w.ServiceDeployments(w.Context(), account, cluster.DeploymentFilter{Cluster: "default", Service: "web"}, cluster.Page{})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "the record of the bad one", found[0].Status, cluster.RolloutRollbackSuccessful)
		wantEqual(w.T, "its breaker", found[0].BreakerStatus, "TRIGGERED")
		if found[0].Rollback == nil || found[0].Rollback.Revision != found[1].Target.Revision {
			w.Errorf("rollback %+v, want one to revision %s", found[0].Rollback, found[1].Target.Revision)
		}
	})
}

func TestAFirstDeploymentThatFailsStaysFailed(t *testing.T) {
	keeps(t, patient, func(w keeping) {
		bad := w.register("web", exits("1"))
		w.obedient('a', 1024, 1024)
		n := service("web", bad, 1)
		n.Breaker = cluster.Breaker{Enable: true, Rollback: true}
		w.serve(n)
		s := w.says("web", "is failed: no tasks of it are started until the service is updated.")
		wantEqual(w.T, "state", s.Deployments[0].State, cluster.RolloutFailed)
		wantEqual(w.T, "failed tasks", s.Deployments[0].Failed, 3)
		for range 5 {
			_, _, err := w.keeper.Pass(w.Context())
			wantErr(w.T, err, nil)
		}
		wantEqual(w.T, "tasks of a failed service", w.described("web").Running+w.described("web").Pending, 0)
		found, _, _ := w.ServiceDeployments(w.Context(), account, cluster.DeploymentFilter{Cluster: "default", Service: "web"}, cluster.Page{})
		wantEqual(w.T, "its record", found[0].Status, cluster.RolloutStopped)
	})
}

// liveTasks are the tasks of a service that are wanted.
func (w keeping) liveTasks() []cluster.Task {
	w.Helper()
	ids, _, err := w.ListTasks(w.Context(), account, cluster.TaskFilter{Cluster: "default"}, cluster.Page{})
	if err != nil {
		w.Fatal(err)
	}
	found, _, err := w.Tasks(w.Context(), account, "default", ids)
	if err != nil {
		w.Fatal(err)
	}
	return found
}

func TestAnImageThatIsNotThereIsNamed(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		node := w.join('a', 1024, 1024)
		w.serve(service("web", ref, 1))
		w.until("there is a task", "web", func(s cluster.Service) bool { return s.Pending == 1 })
		task := w.liveTasks()[0]
		node.Report(nodeapi.TaskReport{ID: task.ID, Status: nodeapi.Stopped, StopCode: "TaskFailedToStart", StopReason: "CannotPullContainerError: example.com/web:1: not found",
			Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Stopped, Reason: "CannotPullContainerError: example.com/web:1: not found"}}})
		w.says("web", "(task "+task.ID+") stopped: CannotPullContainerError: example.com/web:1: not found. The next attempt is in")
	})
}

func TestAHealthCheckThatNeverPasses(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		spec := web()
		spec.Containers[0].Health = &taskdef.Health{Command: []string{"CMD-SHELL", "true"}, Interval: 5, Timeout: 2, Retries: 1}
		ref := w.register("web", spec)
		node := w.join('a', 1024, 1024)
		n := service("web", ref, 1)
		n.Breaker.Enable = true
		w.serve(n)
		for range 3 {
			w.until("there is a task", "web", func(s cluster.Service) bool { return s.Pending == 1 })
			for _, task := range w.liveTasks() {
				r := clustertest.Running(node.Task(task.ID, false))
				r.Containers[0].Health = "UNKNOWN"
				node.Report(r)
				for range 3 {
					_, _, err := w.keeper.Pass(w.Context())
					wantErr(w.T, err, nil)
				}
				wantEqual(w.T, "state before it is known to be well", w.described("web").Deployments[0].State, cluster.RolloutInProgress)
				r.Containers[0].Health = "UNHEALTHY"
				node.Report(r)
				w.says("web", "(task "+task.ID+") failed container health checks")
				node.Stop(task.ID)
			}
		}
		w.says("web", "deployment failed: tasks failed to start.")
	})
}

func TestWhatHasNoPlaceWaitsAndIsWoken(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.serve(service("web", ref, 2))
		w.says("web", "was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster.")
		w.obedient('a', 150, 1024)
		s := w.says("web", "The closest matching (container-instance "+strings.Repeat("a", 32)+") has insufficient CPU units available.")
		if s.Waiting == nil || s.Waiting.Count != 1 || s.Waiting.Since.IsZero() || len(s.Waiting.Refused) != 1 {
			w.Errorf("waiting %+v, want one task, since when, and one refusal", s.Waiting)
		}
		w.says("web", "is kept free for it.")
		w.obedient('b', 1024, 1024)
		s = w.steady("web", 2)
		if s.Waiting != nil {
			w.Errorf("waiting %+v after all have a place", s.Waiting)
		}
	})
}

func TestPortsThatClash(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		spec := web()
		spec.NetworkMode = "bridge"
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
		ref := w.register("web", spec)
		w.obedient('a', 1024, 1024)
		n := service("web", ref, 2)
		n.MinPercent = 0
		w.serve(n)
		w.says("web", "is already using a port required by your task.")
		s := w.until("one runs", "web", func(s cluster.Service) bool { return s.Running == 1 })
		wantEqual(w.T, "waiting", s.Waiting.Count, 1)
		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(1), Force: true})
		wantErr(w.T, err, nil)
		w.steady("web", 1) // the old one makes room for the new one
	})
}

func TestPercentagesThatAllowNoStep(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		n := service("web", ref, 1)
		n.MinPercent, n.MaxPercent = 50, 100
		w.serve(n)
		w.steady("web", 1)
		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Force: true})
		wantErr(w.T, err, nil)
		w.says("web", "was unable to stop or start tasks during a deployment because of the service deployment configuration.")
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{MaxPercent: new(200)})
		wantErr(w.T, err, nil)
		w.steady("web", 1)
	})
}

func TestADeploymentAmidADeploymentAndAScaleToNothing(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		one, two, three := w.register("web", web()), w.register("web", web()), w.register("web", web())
		w.obedient('a', 1024, 1024)
		n := service("web", one, 4)
		n.MaxPercent = 125
		w.serve(n)
		w.steady("web", 4)
		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Definition: &two})
		wantErr(w.T, err, nil)
		w.until("some of the second run", "web", func(s cluster.Service) bool { return s.Deployments[0].Running >= 1 })
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Definition: &three})
		wantErr(w.T, err, nil)
		w.until("some of the third run", "web", func(s cluster.Service) bool { return s.Deployments[0].Running >= 1 })
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(0)})
		wantErr(w.T, err, nil)
		w.steady("web", 0)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(2)})
		wantErr(w.T, err, nil)
		s := w.steady("web", 2)
		wantEqual(w.T, "definition", s.Definition, three)
	})
}

func TestAUserTakesADeploymentBack(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		one, two := w.register("web", web()), w.register("web", web())
		node := w.join('a', 1024, 1024)
		node.Obey()
		n := service("web", one, 4)
		n.MaxPercent = 125
		w.serve(n)
		w.steady("web", 4)
		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Definition: &two})
		wantErr(w.T, err, nil)
		w.until("some of the second run", "web", func(s cluster.Service) bool { return s.Deployments[0].Running >= 1 })
		records := func() []cluster.ServiceDeployment {
			found, _, err := w.ServiceDeployments(w.Context(), account, cluster.DeploymentFilter{Cluster: "default", Service: "web"}, cluster.Page{})
			wantErr(w.T, err, nil)
			return found
		}
		wantErr(w.T, w.StopServiceDeployment(w.Context(), account, records()[0].ID), nil)
		wantErr(w.T, w.StopServiceDeployment(w.Context(), account, records()[0].ID), cluster.ErrDeploymentOver)
		wantErr(w.T, w.StopServiceDeployment(w.Context(), account, "none"), cluster.ErrNoDeployment)
		s := w.steady("web", 4)
		wantEqual(w.T, "definition", s.Definition, one)
		wantEqual(w.T, "its record", records()[0].Status, cluster.RolloutRollbackSuccessful)
	})
}

func TestAMachineIsKeptForWhoHasWaitedLongest(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		small, large := w.register("small", web()), web()
		large.Containers[0].CPU = 900
		big := w.register("large", large)
		w.obedient('a', 1000, 1024)
		filler := w.runs(small, 2)
		w.serve(service("large", big, 1))
		w.says("large", "is kept free for it.")
		refused, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: small, Count: 1})
		if err != nil || len(refused.Tasks) != 0 || len(refused.Refused) != 1 || refused.Refused[0].Reason != placement.Reserved {
			w.Fatalf("a small task on a machine that is kept: %+v, error %v", refused, err)
		}
		w.serve(service("small", small, 1))
		w.says("small", "was unable to place a task")
		for _, task := range filler {
			_, err := w.StopTask(w.Context(), account, "default", task.ID, "")
			wantErr(w.T, err, nil)
		}
		w.steady("large", 1)
		w.steady("small", 1)
	})
}
