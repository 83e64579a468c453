package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// onEach counts the live tasks of the default cluster by machine, by the first letter of its id.
func (w keeping) onEach() map[string]int {
	w.Helper()
	n := map[string]int{}
	for _, t := range w.liveTasks() {
		n[t.Node[:1]]++
	}
	return n
}

func id(name byte) string { return strings.Repeat(string(name), 32) }

func TestADrainMovesTasksFirst(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 2))
		w.steady("web", 2)
		w.obedient('b', 1024, 1024)
		_, _, err := w.SetInstanceState(w.Context(), account, "default", []string{id('a')}, cluster.Draining)
		wantErr(w.T, err, nil)
		w.until("all are on the other machine", "web", func(s cluster.Service) bool {
			if s.Running < 2 {
				w.Errorf("%d running while draining, want 2 throughout", s.Running)
			}
			return w.onEach()["b"] == 2 && w.onEach()["a"] == 0
		})
		w.steady("web", 2)
		_, err = w.DeregisterInstance(w.Context(), account, "default", id('a'), false)
		wantErr(w.T, err, nil)
	})
}

func TestTasksOfAMachineThatIsAwayAreReplaced(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		a := w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 2))
		w.steady("web", 2)
		wantErr(w.T, a.Leave(), nil)
		w.obedient('b', 1024, 1024)
		w.until("both have others in their place", "web", func(s cluster.Service) bool { return w.onEach()["b"] == 2 && s.Running == 2 })
		w.steady("web", 2)
		w.obedient('a', 1024, 1024)
		s := w.steady("web", 2)
		wantEqual(w.T, "desired", s.Desired, 2)
	})
}

func TestAllMachinesVanish(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		a := w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 2))
		w.steady("web", 2)
		wantErr(w.T, a.Leave(), nil)
		w.says("web", "The closest matching (container-instance "+id('a')+") has the agent disconnected.")
		w.obedient('a', 1024, 1024)
		w.steady("web", 2)
	})
}

func TestAServiceIsDeletedWhileItsMachineIsAway(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		a := w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 1))
		w.steady("web", 1)
		task := w.liveTasks()[0].ID
		wantErr(w.T, a.Leave(), nil)
		_, err := w.DeleteService(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		w.until("it is gone", "web", func(s cluster.Service) bool { return s.Status == cluster.Inactive })
		wantEqual(w.T, "its task is wanted stopped", w.task(task).Wanted.Stop, true)
	})
}

func TestDaemonsComeBeforeReplicasAndFollowTheMachines(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		replicas := service("a-replicas", ref, 4)
		w.serve(replicas)
		daemon := service("daemon", ref, 0)
		daemon.Strategy, daemon.MinPercent, daemon.MaxPercent = cluster.Daemon, 0, 100
		w.serve(daemon)
		w.obedient('a', 250, 1024) // room for two
		s := w.steady("daemon", 1)
		wantEqual(w.T, "desired of one machine", s.Desired, 1)
		w.until("a replica has the rest", "a-replicas", func(s cluster.Service) bool { return s.Running == 1 })
		w.obedient('b', 1024, 1024)
		s = w.steady("daemon", 2)
		wantEqual(w.T, "desired of two machines", s.Desired, 2)
		w.steady("a-replicas", 4)
		_, _, err := w.SetInstanceState(w.Context(), account, "default", []string{id('b')}, cluster.Draining)
		wantErr(w.T, err, nil)
		w.steady("daemon", 1)
	})
}

func TestProtectedTasksOutliveADeployment(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		one, two := w.register("web", web()), w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", one, 2))
		w.steady("web", 2)
		kept := w.liveTasks()[0].ID
		alone := w.runs(one, 1)[0].ID
		done, failed, err := w.Protect(w.Context(), account, "default", []string{kept, alone, id('f')}, time.Hour)
		wantErr(w.T, err, nil)
		if len(done) != 1 || done[0].Task != kept || len(failed) != 2 {
			w.Fatalf("protected %v, failed %v, want one and two", done, failed)
		}
		_, err = w.StopTask(w.Context(), account, "default", alone, "")
		wantErr(w.T, err, nil)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Definition: &two})
		wantErr(w.T, err, nil)
		w.says("web", "was unable to stop 1 tasks because they are protected.")
		wantEqual(w.T, "a protected task wanted stopped", w.task(kept).Wanted.Stop, false)
		_, _, err = w.Protect(w.Context(), account, "default", []string{kept}, 0)
		wantErr(w.T, err, nil)
		w.steady("web", 2)
		wantEqual(w.T, "the task wanted stopped", w.task(kept).Wanted.Stop, true)
	})
}

func TestRebalancing(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 4))
		w.steady("web", 4)
		w.obedient('b', 1024, 1024)
		moves, err := w.Rebalance(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		wantEqual(w.T, "moves", len(moves), 2)
		wantEqual(w.T, "tasks of b after a dry run", w.onEach()["b"], 0)
		_, err = w.Rebalance(w.Context(), account, "default", "", false)
		wantErr(w.T, err, nil)
		w.until("they are spread", "web", func(s cluster.Service) bool {
			if s.Running < 4 {
				w.Errorf("%d running while moving, want 4 throughout", s.Running)
			}
			return w.onEach()["a"] == 2 && w.onEach()["b"] == 2
		})
		w.steady("web", 4)
		moves, err = w.Rebalance(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		wantEqual(w.T, "moves of what is balanced", len(moves), 0)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Rebalancing: new(true)})
		wantErr(w.T, err, nil)
		w.obedient('c', 1024, 1024)
		w.until("one is on the third machine by itself", "web", func(s cluster.Service) bool { return w.onEach()["c"] == 1 })
		w.steady("web", 4)
	})
}

func TestBalancersAreAskedAndLeftFirst(t *testing.T) {
	balancer := &clustertest.Balancer{}
	keeps(t, func(config *cluster.Config) { *balancer = clustertest.Balancer{}; config.Balancer = balancer }, func(w keeping) {
		const group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"
		spec := web()
		spec.NetworkMode = "bridge"
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
		ref := w.register("web", spec)
		node := w.obedient('a', 1024, 1024)
		n := service("web", ref, 2)
		n.Balancers = []cluster.LoadBalancer{{TargetGroup: group, Container: "web", Port: 80}}
		w.serve(n)
		w.says("web", " targets in (target-group "+group+")")
		w.until("both are targets", "web", func(cluster.Service) bool {
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetInitial) == 2
		})
		for _, task := range w.liveTasks() {
			wantEqual(w.T, "the port of "+task.ID, balancer.Port(task.ID), 32768)
		}
		wantEqual(w.T, "state before the targets are well", w.described("web").Deployments[0].State, cluster.RolloutInProgress)
		balancer.Say(group, cluster.TargetInitial, cluster.TargetHealthy)
		w.steady("web", 2)

		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(1)})
		wantErr(w.T, err, nil)
		w.until("one leaves its balancer", "web", func(cluster.Service) bool {
			return balancer.Say(group, cluster.TargetDraining, cluster.TargetDraining) == 1
		})
		wantEqual(w.T, "running while connections end", w.described("web").Running, 2)
		w.says("web", "has begun draining connections on 1 tasks.")
		balancer.Say(group, cluster.TargetDraining, "")
		w.steady("web", 1)

		balancer.Say(group, cluster.TargetHealthy, cluster.TargetUnhealthy)
		w.says("web", "failed ELB health checks in (target-group "+group+"): Health checks failed")
		w.until("the sick one leaves", "web", func(cluster.Service) bool {
			balancer.Say(group, cluster.TargetDraining, "")
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetHealthy) > 0
		})
		w.steady("web", 1)

		dead := w.liveTasks()[0]
		node.Report(nodeapi.TaskReport{ID: dead.ID, Status: nodeapi.Stopped, StopReason: "killed"})
		w.until("the dead one is no target", "web", func(cluster.Service) bool { return balancer.Say(group, cluster.TargetDraining, "") == 1 })
		w.until("another is one", "web", func(cluster.Service) bool {
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetHealthy) > 0
		})
		w.steady("web", 1)
	})
}

// A server that has just begun has not asked the targets yet: what was well is not stopped for that, as it would be
// if it had never been.
func TestTargetsThatWereWellAreGivenTimeToSaySo(t *testing.T) {
	balancer := &clustertest.Balancer{}
	keeps(t, func(config *cluster.Config) { *balancer = clustertest.Balancer{}; config.Balancer = balancer }, func(w keeping) {
		const group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"
		spec := web()
		spec.NetworkMode = "bridge"
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
		ref := w.register("web", spec)
		w.obedient('a', 1024, 1024)
		n := service("web", ref, 2)
		n.Balancers = []cluster.LoadBalancer{{TargetGroup: group, Container: "web", Port: 80}}
		w.serve(n)
		w.until("both are targets", "web", func(cluster.Service) bool {
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetInitial) == 2
		})
		balancer.Say(group, cluster.TargetInitial, cluster.TargetHealthy)
		w.steady("web", 2)

		balancer.Say(group, cluster.TargetHealthy, cluster.TargetInitial)
		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Force: true})
		wantErr(w.T, err, nil)
		w.until("two more are targets, and none has left", "web", func(cluster.Service) bool {
			if left := balancer.Say(group, cluster.TargetDraining, cluster.TargetDraining); left > 0 {
				w.Fatalf("%d tasks that were well are taken away before anybody asked them", left)
			}
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetInitial) == 4
		})
		balancer.Say(group, cluster.TargetInitial, cluster.TargetHealthy)
		w.until("the old ones leave", "web", func(cluster.Service) bool { return balancer.Say(group, cluster.TargetDraining, "") > 0 })
		w.until("all of them", "web", func(s cluster.Service) bool {
			balancer.Say(group, cluster.TargetDraining, "")
			return s.Running == 2
		})
		w.steady("web", 2)
	})
}

func TestATargetGroupThatIsNotThereIsNamed(t *testing.T) {
	balancer := &clustertest.Balancer{Refuses: errs.New(errs.NotFound, "One or more target groups not found")}
	keeps(t, func(config *cluster.Config) { config.Balancer = balancer }, func(w keeping) {
		spec := web()
		spec.NetworkMode = "bridge"
		spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
		ref := w.register("web", spec)
		w.obedient('a', 1024, 1024)
		n := service("web", ref, 1)
		n.Balancers = []cluster.LoadBalancer{{TargetGroup: "arn:none", Container: "web", Port: 80}}
		w.serve(n)
		s := w.says("web", "was unable to register targets in (target-group arn:none): One or more target groups not found")
		wantEqual(w.T, "state", s.Deployments[0].State, cluster.RolloutInProgress)
		_, err := w.DeleteService(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		w.until("it is gone", "web", func(s cluster.Service) bool { return s.Status == cluster.Inactive })
	})
}

func TestAServiceOutlivesItsServer(t *testing.T) {
	keeps(t, func(config *cluster.Config) { config.Services.Lease = time.Hour }, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 1))
		w.steady("web", 1)
		other := w.NewKeeper(account, "default")
		_, more, err := other.Pass(w.Context())
		if err != nil || !more || other.Leads() {
			w.Fatalf("a second server: more %v, leads %v, error %v", more, other.Leads(), err)
		}
		w.keeper.Release(w.Context())
		_, _, err = other.Pass(w.Context())
		if err != nil || !other.Leads() {
			w.Fatalf("after the first has left: leads %v, error %v", other.Leads(), err)
		}
	})
}

func TestALoopKeepsServices(t *testing.T) {
	keeps(t, func(config *cluster.Config) { config.Services.Lease = 0 }, func(w keeping) {
		ctx, stop := context.WithCancel(w.Context())
		ended := make(chan struct{})
		go func() { w.Control.Run(ctx); close(ended) }()
		defer func() { stop(); <-ended }()
		ref := w.register("web", web())
		node := w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 2))
		by := func(what string, ok func() bool) {
			w.Helper()
			for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					w.Fatalf("it never came to be that %s: %q", what, texts(w.described("web")))
				}
			}
		}
		by("both run", func() bool { return w.described("web").Running == 2 })
		dead := w.liveTasks()[0].ID
		node.Report(nodeapi.TaskReport{ID: dead, Status: nodeapi.Stopped, StopReason: "killed"})
		by("the dead one has another in its place", func() bool { return w.described("web").Running == 2 && w.task(dead).Seen.Status == nodeapi.Stopped })
		_, err := w.DeleteService(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		by("it is gone", func() bool { return w.described("web").Status == cluster.Inactive })
	})
}
