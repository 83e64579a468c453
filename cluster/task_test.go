package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/nodeapi"
)

func TestTheFirstToStopATaskGivesTheReason(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]
		node.Run(task.ID)
		for _, reason := range []string{"enough", "more than enough"} {
			stopped, err := w.StopTask(w.Context(), account, "default", task.ID, reason)
			if err != nil {
				w.Fatal(err)
			}
			code, why := stopped.Stop()
			wantEqual(w.T, "stop", code+": "+why, "UserInitiated: enough")
			wantEqual(w.T, "status", stopped.Seen.Status, nodeapi.Running)
			wantEqual(w.T, "desired", stopped.Desired(), nodeapi.Stopped)
		}
		wantEqual(w.T, "what the node is told", node.Task(task.ID, true).StopReason, "enough")
		node.Stop(task.ID)
		over, err := w.StopTask(w.Context(), account, "default", task.ID, "late")
		if err != nil || over.Seen.Status != nodeapi.Stopped {
			w.Errorf("%+v, error %v", over, err)
		}
		if got := w.happened(task.ID); !slices.Equal(got, []string{"task.pending", "task.running", "task.stop-requested", "task.stopped"}) {
			w.Errorf("events %v", got)
		}
	})
}

func TestTasksThatAreNotThere(t *testing.T) {
	each(t, func(w world) {
		w.create("other")
		w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]
		never := strings.Repeat("0", 32)

		_, missing, err := w.Tasks(w.Context(), account, "default", []string{never, "\x00"})
		if err != nil || len(missing) != 2 {
			w.Errorf("missing %q, error %v", missing, err)
		}
		_, missing, err = w.Tasks(w.Context(), account, "other", []string{task.ID})
		if err != nil || len(missing) != 1 {
			w.Errorf("in another cluster: missing %v, error %v", missing, err)
		}
		_, _, err = w.Tasks(w.Context(), "210987654321", "default", []string{task.ID})
		wantErr(w.T, err, cluster.ErrNoCluster)
		_, err = w.StopTask(w.Context(), account, "default", never, "")
		wantErr(w.T, err, cluster.ErrNoTask)
	})
}

func TestTasksAreListedByWhatTheyAre(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 2048, 2048)
		webRef, jobRef := w.register("web", web()), w.register("job", web())
		webs := w.runs(webRef, 3)
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: jobRef, Count: 1, StartedBy: "cron", Launch: "EXTERNAL"})
		if err != nil {
			w.Fatal(err)
		}
		job := started.Tasks[0]
		node.Exit(webs[0].ID, 0)
		if _, err := w.StopTask(w.Context(), account, "default", webs[1].ID, ""); err != nil {
			w.Fatal(err)
		}
		for _, c := range []struct {
			filter cluster.TaskFilter
			want   []string
		}{
			{cluster.TaskFilter{}, []string{webs[2].ID, job.ID}},
			{cluster.TaskFilter{Stopped: true}, []string{webs[0].ID, webs[1].ID}},
			{cluster.TaskFilter{Family: "web"}, []string{webs[2].ID}},
			{cluster.TaskFilter{StartedBy: "cron"}, []string{job.ID}},
			{cluster.TaskFilter{Launch: "EXTERNAL"}, []string{job.ID}},
			{cluster.TaskFilter{Node: node.ID, Family: "job"}, []string{job.ID}},
			{cluster.TaskFilter{Node: strings.Repeat("0", 32)}, nil},
			{cluster.TaskFilter{StartedBy: "\x00"}, nil},
		} {
			c.filter.Cluster = "default"
			var got []string
			page := cluster.Page{Limit: 1}
			for {
				ids, next, err := w.ListTasks(w.Context(), account, c.filter, page)
				if err != nil {
					w.Fatal(err)
				}
				got = append(got, ids...)
				if page.Token = next; next == "" {
					break
				}
			}
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				w.Errorf("%+v: %v, want %v", c.filter, got, c.want)
			}
		}
		found, _, err := w.Clusters(w.Context(), account, []string{"default"})
		if err != nil || found[0].Running != 0 || found[0].Pending != 3 || found[0].Instances != 1 {
			w.Errorf("counts %+v, error %v", found, err)
		}
	})
}

func TestTags(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 2048, 2048)
		d, err := w.Register(w.Context(), account, "me", "web", web(), []cluster.Tag{{Key: "team", Value: "def"}, {Key: "size", Value: "s"}})
		if err != nil {
			w.Fatal(err)
		}
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1, Tags: []cluster.Tag{{Key: "team", Value: "own"}}, PropagateTags: true})
		if err != nil {
			w.Fatal(err)
		}
		task := started.Tasks[0]
		if want := []cluster.Tag{{Key: "size", Value: "s"}, {Key: "team", Value: "own"}}; !slices.Equal(w.task(task.ID).Tags, want) {
			w.Errorf("tags of the task %v, want %v", w.task(task.ID).Tags, want)
		}
		for _, resource := range []string{
			cluster.ClusterARN(region, account, "default"), cluster.DefinitionARN(region, account, "web", 1),
			cluster.TaskARN(region, account, "default", task.ID), cluster.InstanceARN(region, account, "default", node.ID),
		} {
			if err := w.Tag(w.Context(), account, resource, []cluster.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: ""}}); err != nil {
				w.Fatalf("%s: %v", resource, err)
			}
			if err := w.Untag(w.Context(), account, resource, []string{"a", "team", "size", "never"}); err != nil {
				w.Fatal(err)
			}
			tags, err := w.Control.Tags(w.Context(), account, resource)
			if err != nil || !slices.Equal(tags, []cluster.Tag{{Key: "b"}}) {
				w.Errorf("%s has %v, error %v", resource, tags, err)
			}
		}
		if got := w.instance(node.ID).Tags; !slices.Equal(got, []cluster.Tag{{Key: "b"}}) {
			w.Errorf("the instance has %v", got)
		}
		w.create("over")
		if _, err := w.DeleteCluster(w.Context(), account, "over"); err != nil {
			w.Fatal(err)
		}
		for resource, want := range map[string]error{
			cluster.ClusterARN(region, account, "over"):                          cluster.ErrInvalid,
			cluster.ClusterARN(region, account, "nope"):                          cluster.ErrNoResource,
			cluster.ClusterARN(region, "210987654321", "default"):                cluster.ErrNoResource,
			cluster.TaskARN(region, account, "default", strings.Repeat("0", 32)): cluster.ErrNoResource,
			cluster.DefinitionARN(region, account, "web", 2):                     cluster.ErrNoResource,
			"arn:aws:ecs:us-east-1:123456789012:service/default/web":             cluster.ErrNoResource,
			"arn:aws:ecs:us-east-1:123456789012:task-set/default/web/1":          cluster.ErrInvalid,
			"arn:aws:ecr:us-east-1:123456789012:repository/web":                  cluster.ErrInvalid,
			"web": cluster.ErrInvalid,
		} {
			_, err := w.Control.Tags(w.Context(), account, resource)
			wantErr(w.T, err, want)
		}
	})
}
