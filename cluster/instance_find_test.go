package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/cluster"
)

func TestFindInstances(t *testing.T) {
	each(t, func(w world) {
		w.create("web")
		big, small := w.join('a', 4096, 4096), w.join('b', 1024, 1024)
		w.joins(clusterHello('c', "web"))
		w.provider("racks", "rack-1")
		w.provider("desks", "desk-1")
		if _, err := w.SetProviders(w.Context(), account, "default", []string{"racks", "desks"}, nil); err != nil {
			t.Fatal(err)
		}
		say := func(id, name, value string) {
			if err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: id, Name: name, Value: value}}); err != nil {
				t.Fatal(err)
			}
		}
		say(big.ID, "zone", "north")
		say(big.ID, cluster.AttributeGroup, "rack-1")
		say(small.ID, "zone", "south")
		tag := cluster.Tag{Key: cluster.AttributeGroup, Value: "desk-1"}
		if err := w.Tag(w.Context(), account, cluster.InstanceARN(region, account, "default", small.ID), []cluster.Tag{tag}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the provider of a", w.instance(big.ID).Provider, "racks")
		wantEqual(t, "the provider of b", w.instance(small.ID).Provider, "desks")
		ref := w.register("web", web())
		started, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Group: "blue", Nodes: []string{small.ID}})
		if err != nil || len(started.Tasks) != 1 {
			t.Fatal(started, err)
		}
		small.Run(started.Tasks[0].ID)

		for _, c := range []struct{ expression, want string }{
			{"attribute:zone == north", "a"},
			{"attribute:zone exists", "a b"},
			{"attribute:zone != north and agentConnected == true", "b"},
			{"attribute:zone in [north, south]", "a b"},
			{"attribute:ecs.cpu-architecture =~ x86.*", "a b"},
			{"tag:slipway.group == desk-1", "b"},
			{"task:group == blue", "b"},
			{"not(task:group == blue)", "a"},
			{"runningTasksCount > 0", "b"},
			{"attribute:nobody == x", ""},
			{"ec2InstanceId == " + big.ID, "a"},
		} {
			ids, next, err := w.FindInstances(w.Context(), account, "default", "", c.expression, cluster.Page{})
			if got := initials(ids); got != c.want || next != "" || err != nil {
				t.Errorf("%s finds %q, next %q, error %v; want %q", c.expression, got, next, err, c.want)
			}
		}
		first, next, err := w.FindInstances(w.Context(), account, "default", cluster.Active, "attribute:zone exists", cluster.Page{Limit: 1})
		wantEqual(t, "the first page", fmt.Sprintln(initials(first), next != "", err), "a true <nil>\n")
		second, last, err := w.FindInstances(w.Context(), account, "default", cluster.Active, "attribute:zone exists", cluster.Page{Limit: 1, Token: next})
		wantEqual(t, "the second page", fmt.Sprintln(initials(second), last == "", err), "b true <nil>\n")
		_, _, err = w.FindInstances(w.Context(), account, "default", cluster.Active, "attribute:zone !exists", cluster.Page{Token: next})
		wantText(t, err, cluster.ErrInvalid, "Invalid token")
		none, _, err := w.FindInstances(w.Context(), account, "default", cluster.Draining, "attribute:zone exists", cluster.Page{})
		wantEqual(t, "draining ones", fmt.Sprintln(initials(none), err), " <nil>\n")
		inWeb, _, err := w.FindInstances(w.Context(), account, "web", "", "agentConnected == true", cluster.Page{})
		wantEqual(t, "those of the other cluster", fmt.Sprintln(initials(inWeb), err), "a b c <nil>\n")

		_, _, err = w.FindInstances(w.Context(), account, "default", "", "attribute:zone = north", cluster.Page{})
		wantText(t, err, cluster.ErrInvalid, "filter: Invalid expression: at column 16")
		_, _, err = w.FindInstances(w.Context(), account, "none", "", "agentConnected == true", cluster.Page{})
		wantErr(t, err, cluster.ErrNoCluster)
	})
}

// initials are the names that the nodes of tests have.
func initials(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id[:1]
	}
	return strings.Join(names, " ")
}
