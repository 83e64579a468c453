package cluster_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/store"
	"slipway/store/storetest"
)

// A database of before there were books has them from its tasks, and the tasks have their models.
func TestBooksAreMadeOfTheTasksThatAreThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := events.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), "cluster", before(t, "0006_")); err != nil {
			t.Fatal(err)
		}
		idle, busy := strings.Repeat("a", 32), strings.Repeat("b", 32)
		old := world{T: t, db: db}
		for _, node := range []string{idle, busy} {
			old.exec(`insert into instances (id, account, cluster, status, registered, version, engine, cpu, memory, ports, attributes, joins, session, seen, changed)
				values ($1, $2, '', 'ACTIVE', 1, '1.0', 'fake 1', 300, 300, '[22]', '{}', 1, 'there', 1, 1)`, node, clustertest.Account)
		}
		spec, err := json.Marshal(web())
		if err != nil {
			t.Fatal(err)
		}
		for i, status := range []int{4, 2, 8} {
			old.exec(`insert into tasks (id, account, cluster, family, revision, node, created, task_group, started_by, launch, overrides, spec, images, cpu, memory, ports,
				desired, stop_code, stop_reason, stop_asked, status, seen, bound, settled) values ($1, $2, 'default', 'web', 1, $3, 1, 'family:web', '', 'EC2', '{}',
				$5, '[{}]', 100, 50, '', 4, '', '', 0, $4, '{}', '', 0)`,
				strings.Repeat(string(rune('0'+i)), 32), clustertest.Account, busy, status, string(spec))
		}

		w := newWorld(t, db)
		w.wantBooks()
		for node, left := range map[string]int{idle: 300, busy: 100} {
			wantEqual(t, "cpu left of "+node, w.instance(node).Remaining().CPU, left)
		}
		wantEqual(t, "image of an old task", w.task(strings.Repeat("0", 32)).Spec.Containers[0].Image, "example.com/web:1")
		if placed := w.run(cluster.Run{Cluster: "default", Definition: w.register("web", web()), Count: 10}, 4); len(placed) != 4 {
			t.Errorf("%d tasks found a place", len(placed))
		}
		w.wantBooks()
	})
}

// before are the steps of the schema whose names come before one.
func before(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	all := os.DirFS("schema")
	steps := fstest.MapFS{}
	names, err := fs.Glob(all, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n < name {
			text, err := fs.ReadFile(all, n)
			if err != nil {
				t.Fatal(err)
			}
			steps[n] = &fstest.MapFile{Data: text}
		}
	}
	return steps
}
