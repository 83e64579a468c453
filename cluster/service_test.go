package cluster_test

import (
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
)

// service is a wish for tasks of ref, with what the API fills in.
func service(name string, ref taskdef.Ref, desired int) cluster.NewService {
	return cluster.NewService{Cluster: "default", Name: name, ServiceSpec: cluster.ServiceSpec{Revision: cluster.Revision{Definition: ref}, Desired: desired, MinPercent: 100, MaxPercent: 200}}
}

func (w world) serve(n cluster.NewService) cluster.Service {
	w.Helper()
	s, err := w.CreateService(w.Context(), account, n)
	if err != nil {
		w.Fatalf("create service %s: %v", n.Name, err)
	}
	return s
}

func (w world) described(name string) cluster.Service {
	w.Helper()
	found, missing, err := w.Services(w.Context(), account, "default", []string{name})
	if err != nil || len(missing) > 0 {
		w.Fatalf("service %s: missing %v, error %v", name, missing, err)
	}
	return found[0]
}

func TestAServiceIsCreatedChangedAndDeleted(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		n := service("web", ref, 2)
		n.Token, n.Tags = "once", []cluster.Tag{{Key: "team", Value: "blue"}}
		made := w.serve(n)
		wantEqual(w.T, "status", made.Status, cluster.Active)
		wantEqual(w.T, "deployments", len(made.Deployments), 1)
		wantEqual(w.T, "state", made.Deployments[0].State, cluster.RolloutInProgress)
		again := w.serve(n)
		wantEqual(w.T, "the same request made", again.Deployments[0].ID, made.Deployments[0].ID)
		n.Token = "twice"
		_, err := w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, cluster.ErrServiceExists)

		_, err = w.DeleteService(w.Context(), account, "default", "web", false)
		wantErr(w.T, err, cluster.ErrServiceInUse)
		updated, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(0)})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "deployments after a change of the number", len(updated.Deployments), 1)
		updated, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Force: true})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "deployments after a forced one", len(updated.Deployments), 2)
		wantEqual(w.T, "the one that was first", updated.Deployments[1].Status, cluster.Active)
		found, _, err := w.ServiceDeployments(w.Context(), account, cluster.DeploymentFilter{Cluster: "default", Service: "web"}, cluster.Page{})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "records", len(found), 2)
		wantEqual(w.T, "the first record", found[1].Status, cluster.RolloutStopped)
		revisions, missing, err := w.ServiceRevisions(w.Context(), account, []string{found[0].Target.Revision, "no"})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "revisions", len(revisions), 1)
		wantEqual(w.T, "missing", len(missing), 1)

		deleted, err := w.DeleteService(w.Context(), account, "default", "web", false)
		wantErr(w.T, err, nil)
		wantEqual(w.T, "status of one that goes", deleted.Status, cluster.Draining)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(1)})
		wantErr(w.T, err, cluster.ErrServiceInactive)
		_, err = w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, cluster.ErrServiceDraining)
	})
}

func TestWhatNoServiceCanBe(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		for text, change := range map[string]func(*cluster.NewService){
			"Invalid service name":             func(n *cluster.NewService) { n.Name = "a b" },
			"schedulingStrategy":               func(n *cluster.NewService) { n.Strategy = "MANY" },
			"desiredCount: -1":                 func(n *cluster.NewService) { n.Desired = -1 },
			"minimumHealthyPercent: 101":       func(n *cluster.NewService) { n.MinPercent = 101 },
			"maximumPercent: 99":               func(n *cluster.NewService) { n.MaxPercent = 99 },
			"cannot be 100 as this will block": func(n *cluster.NewService) { n.MaxPercent = 100 },
			"does not exist in the task": func(n *cluster.NewService) {
				n.Balancers = []cluster.LoadBalancer{{TargetGroup: "arn", Container: "db", Port: 80}}
			},
			"did not have a container port 80": func(n *cluster.NewService) {
				n.Balancers = []cluster.LoadBalancer{{TargetGroup: "arn", Container: "web", Port: 80}}
			},
			"only valid for services":      func(n *cluster.NewService) { n.GracePeriod = 5 },
			"propagateTags":                func(n *cluster.NewService) { n.PropagateTags = "ALL" },
			"Network Configuration is not": func(n *cluster.NewService) { n.VPC = &taskdef.VPC{Subnets: []string{"subnet-1"}} },
		} {
			n := service("web", ref, 1)
			change(&n)
			_, err := w.CreateService(w.Context(), account, n)
			wantText(w.T, err, cluster.ErrInvalid, text)
		}
		n := service("web", taskdef.Ref{Family: "none"}, 1)
		_, err := w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, taskdef.ErrNotFound)
		n = service("web", ref, 1)
		n.Cluster = "none"
		_, err = w.CreateService(w.Context(), account, n)
		wantErr(w.T, err, cluster.ErrNoCluster)
	})
}
