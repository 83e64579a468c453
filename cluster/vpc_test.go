package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
)

func inVPC() taskdef.Spec {
	s := web()
	s.NetworkMode = "awsvpc"
	s.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
	return s
}

func TestATaskWithAnAddressOfItsOwn(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		ref := w.register("web", inVPC())
		d, err := w.Definition(w.Context(), account, ref)
		if err != nil || d.Spec.Containers[0].Ports[0].Host != 80 {
			w.Fatalf("registered %+v, error %v", d.Spec, err)
		}
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 2, VPC: &taskdef.VPC{Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}}})
		if err != nil || len(started.Tasks) != 2 {
			w.Fatalf("two of them hold no port of the node: %+v, error %v", started, err)
		}
		id := started.Tasks[0].ID
		wanted := node.Task(id, false)
		if wanted.Network != "awsvpc" || len(wanted.Containers[0].Ports) > 0 {
			w.Errorf("the node is told of %q, and ports %v", wanted.Network, wanted.Containers[0].Ports)
		}
		a, ok := w.task(id).Attachment()
		if !ok || a.Status != "ATTACHING" || a.Subnet != "subnet-1" || a.Address != "" {
			w.Errorf("at first its interface is %+v", a)
		}
		node.Run(id)
		b, _ := w.task(id).Attachment()
		if b.ID != a.ID || b.Status != "ATTACHED" || b.Address != "10.88.0.2" {
			w.Errorf("once it runs its interface is %+v", b)
		}
		node.Exit(id, 0)
		if over, _ := w.task(id).Attachment(); over.Status != "DELETED" {
			w.Errorf("in the end its interface is %+v", over)
		}
		if got := w.task(id).VPC; !slices.Equal(got.SecurityGroups, []string{"sg-1"}) {
			w.Errorf("it is kept as %+v", got)
		}
	})
}

func TestNetworksThatDoNotFit(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 1024, 1024)
		vpc, bridge := w.register("vpc", inVPC()), w.register("bridge", web())
		subnets := []string{"subnet-1"}
		for _, c := range []struct {
			ref  taskdef.Ref
			vpc  *taskdef.VPC
			want string
		}{
			{vpc, nil, "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
			{bridge, &taskdef.VPC{Subnets: subnets}, "Network Configuration is not valid for the given networkMode of this task definition."},
			{vpc, &taskdef.VPC{}, "subnets can not be empty."},
			{vpc, &taskdef.VPC{Subnets: make([]string, 17)}, "subnets: 17 are more than 16."},
			{vpc, &taskdef.VPC{Subnets: subnets, SecurityGroups: make([]string, 6)}, "securityGroups: 6 are more than 5."},
			{vpc, &taskdef.VPC{Subnets: []string{"a\x00"}}, "is not the id of a subnet or security group."},
			{vpc, &taskdef.VPC{Subnets: subnets, PublicAddress: true}, "Assign public IP is not supported for this launch type."},
		} {
			_, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: c.ref, Count: 1, VPC: c.vpc})
			wantText(w.T, err, cluster.ErrInvalid, c.want)
		}
	})
}

// A task goes to machines of its architecture, and to no other.
func TestTasksOfAnArchitecture(t *testing.T) {
	each(t, func(w world) {
		arm := clustertest.Hello('b', 1024, 1024)
		arm.Attributes = map[string]string{"ecs.cpu-architecture": "arm64"}
		w.join('a', 1024, 1024)
		spec := web()
		spec.Platform = &taskdef.Platform{Architecture: "ARM64"}
		ref := w.register("web", spec)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
		if err != nil || len(started.Tasks) > 0 || !slices.Equal(started.Refused, []placement.Refusal{{Node: strings.Repeat("a", 32), Reason: placement.Lacking, Detail: "ecs.cpu-architecture must be arm64 and is x86_64"}}) {
			w.Errorf("without such a machine: %+v, error %v", started, err)
		}
		b := w.joins(arm)
		wantEqual(w.T, "node", w.runs(ref, 1)[0].Node, b.ID)
	})
}
