package cluster_test

import (
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/store"
	"slipway/store/storetest"
)

// fast are rules under which nothing takes long.
func fast(config *cluster.Config) {
	config.Services = cluster.ServiceRules{Away: time.Millisecond, Settle: time.Nanosecond, Backoff: time.Nanosecond, MaxBackoff: time.Microsecond, Reserve: time.Nanosecond, Look: time.Nanosecond, Lease: time.Nanosecond}
}

// keeping is a world whose services are looked after.
type keeping struct {
	world
	keeper *cluster.Keeper
}

// keeps tells a story of services on both databases.
func keeps(t *testing.T, change func(*cluster.Config), story func(w keeping)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { story(newKeeping(t, db, change)) })
}

func newKeeping(t *testing.T, db *store.DB, change func(*cluster.Config)) keeping {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	c := clustertest.NewWithConfig(t, db, func(config *cluster.Config) {
		fast(config)
		if change != nil {
			change(config)
		}
	})
	w := keeping{world: world{T: t, Control: c, db: db}}
	w.keeper = c.NewKeeper(account, "default")
	return w
}

// obedient joins a node that does what is wanted of it.
func (w keeping) obedient(name byte, cpu, memory int) *clustertest.Node {
	w.Helper()
	n := w.join(name, cpu, memory)
	n.Obey()
	return n
}

// until passes until it is as wanted.
func (w keeping) until(what, name string, ok func(cluster.Service) bool) cluster.Service {
	w.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if _, _, err := w.keeper.Pass(w.Context()); err != nil {
			w.Fatalf("pass: %v", err)
		}
		s := w.described(name)
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			w.Fatalf("it never came to be that %s: %d running, %d pending, deployments %+v, events %q", what, s.Running, s.Pending, s.Deployments, texts(s))
		}
		time.Sleep(time.Millisecond)
	}
}

func (w keeping) steady(name string, running int) cluster.Service {
	w.Helper()
	return w.until("it is steady", name, func(s cluster.Service) bool {
		return s.Running == running && s.Pending == 0 && len(s.Deployments) == 1 && s.Deployments[0].State == cluster.RolloutCompleted && strings.Contains(texts(s)[0], "steady state")
	})
}

// texts are the events of a service, newest first.
func texts(s cluster.Service) []string {
	all := []string{"none"}
	if len(s.Events) > 0 {
		all = nil
	}
	for _, e := range s.Events {
		all = append(all, e.Text)
	}
	return all
}

// says waits for an event that contains text.
func (w keeping) says(name, text string) cluster.Service {
	w.Helper()
	return w.until("its events say "+text, name, func(s cluster.Service) bool { return strings.Contains(strings.Join(texts(s), "\n"), text) })
}

func TestAServiceComesUpRollsAndGoes(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		one, two := w.register("web", web()), w.register("web", web())
		w.obedient('a', 1024, 1024)
		w.serve(service("web", one, 3))
		s := w.steady("web", 3)
		first := s.Deployments[0].ID
		w.says("web", "has started 3 tasks: (task ")
		w.says("web", "(deployment "+first+") deployment completed.")

		_, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Definition: &two})
		wantErr(w.T, err, nil)
		s = w.steady("web", 3)
		wantEqual(w.T, "definition", s.Definition, two)
		found, _, err := w.ServiceDeployments(w.Context(), account, cluster.DeploymentFilter{Cluster: "default", Service: "web"}, cluster.Page{})
		wantErr(w.T, err, nil)
		wantEqual(w.T, "records", len(found), 2)
		wantEqual(w.T, "the second", found[0].Status, cluster.RolloutSuccessful)
		wantEqual(w.T, "tasks of the second", found[0].Target.Running, 3)

		_, err = w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(1)})
		wantErr(w.T, err, nil)
		w.steady("web", 1)
		_, err = w.DeleteService(w.Context(), account, "default", "web", true)
		wantErr(w.T, err, nil)
		w.until("it is gone", "web", func(s cluster.Service) bool { return s.Status == cluster.Inactive && s.Running == 0 })
		w.serve(service("web", one, 1))
		w.steady("web", 1)
	})
}
