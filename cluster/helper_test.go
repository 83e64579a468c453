package cluster_test

import (
	"errors"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	account = clustertest.Account
	region  = clustertest.Region
)

// world is a control plane over an empty database, and what is around it.
type world struct {
	*testing.T
	*cluster.Control
	db     *store.DB
	images *clustertest.Images
	logs   *clustertest.Logs
	roles  *clustertest.Roles
}

// each tells a story once on SQLite and once on PostgreSQL.
func each(t *testing.T, story func(w world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { story(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) world {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	roles := clustertest.NewRoles()
	control, images, logs := clustertest.NewWithRoles(t, db, roles)
	return world{t, control, db, images, logs, roles}
}

// web is a definition of one container that holds 100 units of cpu and 100 MiB.
func web() taskdef.Spec {
	return taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, CPU: 100, Memory: new(100)}}}
}

func (w world) register(family string, spec taskdef.Spec) taskdef.Ref {
	w.Helper()
	d, err := w.Register(w.Context(), account, "arn:aws:iam::123456789012:root", family, spec, nil)
	if err != nil {
		w.Fatalf("register %s: %v", family, err)
	}
	return d.Ref
}

func (w world) create(names ...string) {
	w.Helper()
	for _, name := range names {
		if _, err := w.CreateCluster(w.Context(), account, name, nil); err != nil {
			w.Fatalf("create cluster %s: %v", name, err)
		}
	}
}

func (w world) join(name byte, cpu, memory int) *clustertest.Node {
	w.Helper()
	return clustertest.Join(w.T, w.Control, clustertest.Hello(name, cpu, memory))
}

// runs runs count copies in the default cluster and fails unless all are placed.
func (w world) runs(ref taskdef.Ref, count int) []cluster.Task {
	w.Helper()
	started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: count})
	if err != nil || len(started.Tasks) != count || len(started.Refused) > 0 {
		w.Fatalf("run %d of %s: %d tasks, refused %v, error %v", count, ref, len(started.Tasks), started.Refused, err)
	}
	return started.Tasks
}

func (w world) task(id string) cluster.Task {
	w.Helper()
	found, missing, err := w.Tasks(w.Context(), account, "default", []string{id})
	if err != nil || len(missing) > 0 {
		w.Fatalf("task %s: missing %v, error %v", id, missing, err)
	}
	return found[0]
}

func (w world) instance(id string) cluster.Instance {
	w.Helper()
	found, missing, err := w.Instances(w.Context(), account, "default", []string{id})
	if err != nil || len(missing) > 0 {
		w.Fatalf("instance %s: missing %v, error %v", id, missing, err)
	}
	return found[0]
}

// happened returns the types of all events about subjects that contain part, in order.
func (w world) happened(part string) (kinds []string) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *store.Tx) error {
		kinds = nil
		all, err := events.Read(tx, 0, 10_000)
		for _, e := range all {
			if strings.Contains(e.Subject, part) {
				kinds = append(kinds, e.Type)
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return kinds
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// wantText fails unless err is of that cause and its text contains what it should name.
func wantText(t *testing.T, err, cause error, text string) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one of %q that says %q", err, cause, text)
	}
}

func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func clusterHello(name byte, serves string) nodeapi.Hello {
	hello := clustertest.Hello(name, 1024, 1024)
	hello.Cluster = serves
	return hello
}

func (w world) joins(hello nodeapi.Hello) *clustertest.Node {
	w.Helper()
	return clustertest.Join(w.T, w.Control, hello)
}
