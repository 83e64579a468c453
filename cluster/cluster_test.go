package cluster_test

import (
	"slices"
	"testing"

	"slipway/cluster"
)

func TestDefaultClusterIsThereFromTheStart(t *testing.T) {
	each(t, func(w world) {
		found, missing, err := w.Clusters(w.Context(), account, []string{"default", "nope"})
		if err != nil || len(found) != 1 || !slices.Equal(missing, []string{"nope"}) {
			w.Fatalf("found %v, missing %v, error %v", found, missing, err)
		}
		wantEqual(w.T, "status", found[0].Status, cluster.Active)
	})
}

func TestCreatingAClusterTwiceMakesOne(t *testing.T) {
	each(t, func(w world) {
		first, err := w.CreateCluster(w.Context(), account, "web", []cluster.Tag{{Key: "team", Value: "a"}})
		if err != nil {
			w.Fatal(err)
		}
		second, err := w.CreateCluster(w.Context(), account, "web", []cluster.Tag{{Key: "team", Value: "b"}})
		if err != nil {
			w.Fatal(err)
		}
		if !second.Created.Equal(first.Created) || !slices.Equal(second.Tags, first.Tags) {
			w.Errorf("the second is %+v, the first was %+v", second, first)
		}
		if got := w.happened("cluster/web"); !slices.Equal(got, []string{"cluster.created"}) {
			w.Errorf("events %v", got)
		}
	})
}

func TestClustersOfAnotherAccountLookMissing(t *testing.T) {
	each(t, func(w world) {
		w.create("web")
		found, missing, err := w.Clusters(w.Context(), "210987654321", []string{"web", "never"})
		if err != nil || len(found) > 0 || len(missing) != 2 {
			w.Errorf("found %v, missing %v, error %v", found, missing, err)
		}
		_, err = w.DeleteCluster(w.Context(), "210987654321", "web")
		wantErr(w.T, err, cluster.ErrNoCluster)
	})
}

func TestClusterNamesAreChecked(t *testing.T) {
	each(t, func(w world) {
		for _, name := range []string{"", "a b", "a/b", "ä", "a\x00"} {
			_, err := w.CreateCluster(w.Context(), account, name, nil)
			wantErr(w.T, err, cluster.ErrInvalid)
			_, err = w.DeleteCluster(w.Context(), account, name)
			wantErr(w.T, err, cluster.ErrNoCluster)
		}
	})
}

func TestClustersAreListedPageByPage(t *testing.T) {
	each(t, func(w world) {
		w.create("c", "a", "b", "d")
		var all []string
		page := cluster.Page{Limit: 2}
		for {
			names, next, err := w.ListClusters(w.Context(), account, page)
			if err != nil || len(names) > 2 {
				w.Fatalf("page %v, error %v", names, err)
			}
			all = append(all, names...)
			if page.Token = next; next == "" {
				break
			}
		}
		if !slices.Equal(all, []string{"a", "b", "c", "d", "default"}) {
			w.Errorf("listed %v", all)
		}
		_, _, err := w.ListClusters(w.Context(), account, cluster.Page{Token: "AAAA"})
		wantErr(w.T, err, cluster.ErrInvalid)
	})
}

func TestAClusterInUseIsNotDeleted(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]

		_, err := w.DeleteCluster(w.Context(), account, "default")
		wantErr(w.T, err, cluster.ErrClusterInUse)

		node.Exit(task.ID, 0)
		deleted, err := w.DeleteCluster(w.Context(), account, "default") // the node serves all clusters: it is not this one's own
		if err != nil || deleted.Status != cluster.Inactive {
			w.Fatalf("deleted %+v, error %v", deleted, err)
		}
		again, err := w.DeleteCluster(w.Context(), account, "default")
		if err != nil || again.Status != cluster.Inactive {
			w.Errorf("deleted again: %+v, error %v", again, err)
		}
		names, _, err := w.ListClusters(w.Context(), account, cluster.Page{})
		if err != nil || len(names) > 0 {
			w.Errorf("listed %v, error %v", names, err)
		}
		_, err = w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: task.Ref, Count: 1})
		wantErr(w.T, err, cluster.ErrInactiveCluster)
		wantEqual(w.T, "the old task", w.task(task.ID).ID, task.ID)

		w.create("default")
		w.runs(task.Ref, 1)
	})
}
