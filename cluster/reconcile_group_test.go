package cluster_test

import (
	"slices"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
)

// ported is a definition whose port a target group may be given.
func (w keeping) ported() taskdef.Ref {
	spec := web()
	spec.NetworkMode = "bridge"
	spec.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
	return w.register("web", spec)
}

func to(group string) []cluster.LoadBalancer {
	return []cluster.LoadBalancer{{TargetGroup: group, Container: "web", Port: 80}}
}

// update changes the service called web.
func (w keeping) update(u cluster.ServiceUpdate) {
	w.Helper()
	_, err := w.UpdateService(w.Context(), account, "default", "web", u)
	wantErr(w.T, err, nil)
}

// serving are the tasks that the given ones still have among those that are to run.
func (w keeping) serving(of []string) (n int) {
	for _, t := range w.liveTasks() {
		if slices.Contains(of, t.ID) {
			n++
		}
	}
	return n
}

func (w keeping) liveIDs() (all []string) {
	for _, t := range w.liveTasks() {
		all = append(all, t.ID)
	}
	return all
}

// keep waits as until does, while none of the given tasks may go.
func (w keeping) keep(tasks []string, what string, ok func(cluster.Service) bool) {
	w.Helper()
	w.until(what, "web", func(s cluster.Service) bool {
		if n := w.serving(tasks); n != len(tasks) {
			w.Fatalf("before %s only %d of %d tasks that serve are left: %q", what, n, len(tasks), texts(s))
		}
		return ok(s)
	})
}

// replaced has the targets of a group be well until the service has only tasks that are targets.
func (w keeping) replaced(b *clustertest.Balancer, group string, before []string) {
	w.Helper()
	w.until("those of before have left", "web", func(s cluster.Service) bool {
		b.Say(group, cluster.TargetInitial, cluster.TargetHealthy)
		b.Say(group, cluster.TargetDraining, "")
		return w.serving(before) == 0 && s.Running == len(before)
	})
	w.steady("web", len(before))
}

func TestTasksServeOnWhileTheirTargetGroupIsGone(t *testing.T) {
	const gone, other = "arn:gone", "arn:other"
	balancer := &clustertest.Balancer{}
	keeps(t, func(config *cluster.Config) { *balancer = clustertest.Balancer{}; config.Balancer = balancer }, func(w keeping) {
		w.obedient('a', 2048, 2048)
		n := service("web", w.ported(), 2)
		n.Balancers = to(gone)
		w.serve(n)
		w.until("both are targets", "web", func(cluster.Service) bool {
			return balancer.Say(gone, cluster.TargetInitial, cluster.TargetHealthy) > 0
		})
		w.until("all of them", "web", func(s cluster.Service) bool {
			balancer.Say(gone, cluster.TargetInitial, cluster.TargetHealthy)
			return s.Deployments[0].State == cluster.RolloutCompleted
		})
		before := w.liveIDs()

		balancer.Lose(gone)
		w.update(cluster.ServiceUpdate{Force: true, Breaker: &cluster.Breaker{Enable: true}})
		w.keep(before, "the deployment has failed", func(s cluster.Service) bool { return s.Deployments[0].State == cluster.RolloutFailed })
		w.says("web", "could not be registered in (target-group arn:gone): One or more target groups not found")
		wantEqual(w.T, "tasks of before", w.serving(before), 2)

		w.update(cluster.ServiceUpdate{Balancers: new(to(other))})
		w.keep(before, "new ones are targets", func(cluster.Service) bool {
			return balancer.Say(other, cluster.TargetInitial, cluster.TargetInitial) == 4
		})
		w.replaced(balancer, other, before)
	})
}

// What a group cannot be given, for it has no such port, serves on until others are well in the group.
func TestTasksThatWereNoTargetsServeUntilOthersAre(t *testing.T) {
	const group = "arn:group"
	balancer := &clustertest.Balancer{}
	keeps(t, func(config *cluster.Config) { *balancer = clustertest.Balancer{}; config.Balancer = balancer }, func(w keeping) {
		w.obedient('a', 2048, 2048)
		w.serve(service("web", w.register("web", web()), 2))
		w.steady("web", 2)
		before := w.liveIDs()
		ref := w.ported()
		w.update(cluster.ServiceUpdate{Definition: &ref, Balancers: new(to(group))})
		w.keep(before, "new ones are targets", func(cluster.Service) bool {
			return balancer.Say(group, cluster.TargetInitial, cluster.TargetInitial) == 2
		})
		w.replaced(balancer, group, before)
	})
}

func TestATargetGroupThatIsNotThereIsRefused(t *testing.T) {
	balancer := &clustertest.Balancer{Missing: []string{"arn:none"}}
	keeps(t, func(config *cluster.Config) { config.Balancer = balancer }, func(w keeping) {
		n := service("web", w.ported(), 1)
		n.Balancers = to("arn:none")
		_, err := w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, cluster.ErrInvalid)
		n.Balancers = to("arn:group")
		w.serve(n)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Balancers: new(to("arn:none"))})
		wantErr(w.T, err, cluster.ErrInvalid)
		wantEqual(w.T, "target group", w.described("web").Balancers[0].TargetGroup, "arn:group")
	})
}
