package cluster_test

import (
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
)

func TestAClusterThatIsDeletedEndsItsServices(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		_, err := w.CreateCluster(w.Context(), account, "doomed", []cluster.Tag{cluster.DeleteAll})
		wantErr(w.T, err, nil)
		node := w.joins(clusterHello('a', "doomed"))
		node.Obey()
		n := service("web", ref, 2)
		n.Cluster = "doomed"
		w.serve(n)
		w.keeper = w.NewKeeper(account, "doomed")
		for running := 0; running < 2; {
			_, _, err := w.keeper.Pass(w.Context())
			wantErr(w.T, err, nil)
			found, _, _ := w.Services(w.Context(), account, "doomed", []string{"web"})
			running = found[0].Running
		}
		_, err = w.DeleteCluster(w.Context(), account, "doomed")
		wantErr(w.T, err, nil)
		for status := ""; status != cluster.Inactive; {
			_, _, err := w.keeper.Pass(w.Context())
			wantErr(w.T, err, nil)
			wantErr(w.T, w.Leaving(w.Context()), nil)
			found, _, _ := w.Clusters(w.Context(), account, []string{"doomed"})
			status = found[0].Status
		}
		kinds := w.happened("service/doomed/web")
		if len(kinds) != 3 || kinds[0] != "service.created" || kinds[2] != "service.deleted" {
			w.Errorf("events of the service: %v", kinds)
		}
		wantEqual(w.T, "the last of the cluster", last(w.happened("cluster/doomed")), "cluster.deleted")
	})
}

func last(all []string) string { return all[len(all)-1] }

func TestAnAccountThatIsClosedEndsItsServices(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 2))
		w.steady("web", 2)
		wantErr(w.T, w.DeregisterAccount(w.Context(), account), nil)
		w.until("it is gone", "web", func(s cluster.Service) bool { return s.Status == cluster.Inactive })
	})
}

func TestAServiceKeepsADefinitionThatIsDeregistered(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", ref, 1))
		w.steady("web", 1)
		_, err := w.Deregister(w.Context(), account, ref)
		wantErr(w.T, err, nil)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(2)})
		wantErr(w.T, err, nil)
		w.steady("web", 2)
		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(0)})
		wantErr(w.T, err, nil)
		w.steady("web", 0)
		_, err = w.DeleteDefinition(w.Context(), account, ref)
		wantErr(w.T, err, nil)
		wantErr(w.T, w.DeleteUnused(w.Context()), nil)
		_, err = w.Definition(w.Context(), account, ref)
		wantErr(w.T, err, nil)
		_, err = w.DeleteService(w.Context(), account, "default", "web", false)
		wantErr(w.T, err, nil)
		w.until("it is gone", "web", func(s cluster.Service) bool { return s.Status == cluster.Inactive })
		wantErr(w.T, w.DeleteUnused(w.Context()), nil)
		_, err = w.Definition(w.Context(), account, ref)
		wantErr(w.T, err, taskdef.ErrNotFound)
	})
}
