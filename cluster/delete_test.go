package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
)

func TestADeletedDefinitionGoesOnceNoTaskUsesIt(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		ref := w.register("web", web())
		id := w.runs(ref, 1)[0].ID
		arn := cluster.DefinitionARN(region, account, "web", 1)
		if err := w.Tag(w.Context(), account, arn, []cluster.Tag{{Key: "team", Value: "a"}}); err != nil {
			w.Fatal(err)
		}
		_, err := w.DeleteDefinition(w.Context(), account, ref)
		wantErr(w.T, err, cluster.ErrActiveRevision)
		if _, err := w.Deregister(w.Context(), account, ref); err != nil {
			w.Fatal(err)
		}
		for range 2 { // once is as good as twice
			d, err := w.DeleteDefinition(w.Context(), account, ref)
			if err != nil || d.Status != cluster.Deleting || d.DeleteAsked.IsZero() {
				w.Fatalf("deleted as %+v, error %v", d, err)
			}
		}
		_, err = w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
		wantErr(w.T, err, cluster.ErrInactiveRevision)
		d, err := w.Deregister(w.Context(), account, ref)
		if err != nil || d.Status != cluster.Deleting {
			w.Errorf("deregistered once more it is %s, error %v", d.Status, err)
		}

		w.sweepDefinitions()
		wantEqual(w.T, "while its task runs", w.listed(cluster.Deleting), "web:1")
		node.Run(id)
		node.Exit(id, 0)
		w.sweepDefinitions()
		wantEqual(w.T, "once its task has stopped", w.listed(cluster.Deleting), "")
		_, err = w.Definition(w.Context(), account, ref)
		wantErr(w.T, err, taskdef.ErrNotFound)
		_, err = w.Tags(w.Context(), account, arn)
		wantErr(w.T, err, cluster.ErrNoResource)
		if families, _, err := w.ListFamilies(w.Context(), account, "", "", cluster.Page{}); err != nil || len(families) > 0 {
			w.Errorf("families %v, error %v", families, err)
		}
		if got, want := w.happened("task-definition/web:1"), "definition.registered definition.deregistered definition.delete-requested definition.deleted"; strings.Join(got, " ") != want {
			w.Errorf("events %v", got)
		}
		wantEqual(w.T, "the next revision", w.register("web", web()).Revision, 2)
	})
}

func TestDefinitionsThatCannotBeDeleted(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		for _, missing := range []taskdef.Ref{{Family: "web", Revision: 9}, {Family: "nope", Revision: 1}} {
			_, err := w.DeleteDefinition(w.Context(), account, missing)
			wantErr(w.T, err, taskdef.ErrNotFound)
		}
		_, err := w.DeleteDefinition(w.Context(), "210987654321", ref)
		wantErr(w.T, err, taskdef.ErrNotFound)
		_, err = w.DeleteDefinition(w.Context(), account, taskdef.Ref{Family: "web"})
		wantErr(w.T, err, cluster.ErrNoRevision)
	})
}

func (w world) sweepDefinitions() {
	w.Helper()
	if err := w.DeleteUnused(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w world) listed(status string) string {
	w.Helper()
	refs, _, err := w.ListDefinitions(w.Context(), account, cluster.DefinitionFilter{Status: status}, cluster.Page{})
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, ref := range refs {
		names = append(names, ref.String())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
