package sim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/engine"
	"slipway/nodeapi"
	"slipway/store"
)

// tasks reads every task there is, of all accounts.
func (w *world) tasks(ctx context.Context) (all []cluster.Task, err error) {
	_, err = ask(w.plane, func(s *server) (none struct{}, err error) {
		for _, account := range accounts {
			for _, name := range clusters {
				some, err := tasksOf(ctx, s, account, name)
				if err != nil {
					return none, err
				}
				all = append(all, some...)
			}
		}
		return none, nil
	})
	return all, err
}

func tasksOf(ctx context.Context, s *server, account, name string) (all []cluster.Task, err error) {
	for _, stopped := range []bool{false, true} {
		page := cluster.Page{}
		for first := true; first || page.Token != ""; first = false {
			var ids []string
			if ids, page.Token, err = s.ListTasks(ctx, account, cluster.TaskFilter{Cluster: name, Stopped: stopped}, page); err != nil {
				return nil, err
			}
			found, _, err := s.Tasks(ctx, account, name, ids)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// live are the tasks that have not stopped. It is asked often, so it reads no more than it must.
func (w *world) live() (all []cluster.Task, err error) {
	_, err = ask(w.plane, func(s *server) (none struct{}, err error) {
		return none, s.db.View(w.t.Context(), func(tx *store.Tx) error {
			all = nil
			return tx.Each(`select id, account, cluster, family, node, desired, status from tasks where status < 8`, nil, func(rows *sql.Rows) error {
				var t cluster.Task
				var desired nodeapi.Status
				err := rows.Scan(&t.ID, &t.Account, &t.Cluster, &t.Family, &t.Node, &desired, &t.Seen.Status)
				t.Wanted.Stop = desired == nodeapi.Stopped
				all = append(all, t)
				return err
			})
		})
	})
	return all, err
}

// agree fails while a task is on its way, or a machine runs anything else than what is wanted of it.
func (w *world) agree() error {
	tasks, err := w.live()
	if err != nil {
		return err
	}
	loose, err := w.rest()
	if err != nil {
		return err
	}
	wanted := map[string]map[string]bool{} // by node: ids of tasks, and whether they must run
	for _, t := range tasks {
		if loose[t.ID] {
			set(wanted, t, false)
			continue
		}
		if t.Wanted.Stop || t.Seen.Status != nodeapi.Running {
			return fmt.Errorf("task %s of %s is %s on %s", t.ID, t.Family, t.Seen.Status, t.Node)
		}
		set(wanted, t, true)
	}
	for _, m := range w.nodes {
		if err := m.runsOnly(w.t.Context(), wanted[m.node]); err != nil {
			return err
		}
	}
	found, err := ask(w.plane, func(s *server) ([]cluster.Instance, error) { return w.instances(w.t.Context(), s) })
	for _, i := range found {
		if !i.Connected {
			return fmt.Errorf("machine %s is not connected", i.ID)
		}
	}
	return err
}

func set(wanted map[string]map[string]bool, t cluster.Task, runs bool) {
	if wanted[t.Node] == nil {
		wanted[t.Node] = map[string]bool{}
	}
	wanted[t.Node][t.ID] = runs
}

// runsOnly fails while a machine has anything of another task, or of one of these that must run nothing that does.
func (m *machine) runsOnly(ctx context.Context, wanted map[string]bool) error {
	containers, err1 := m.engine.List(ctx)
	there, err2 := m.engine.Tasks(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for _, id := range there {
		if _, known := wanted[id]; !known {
			return fmt.Errorf("machine %s has something of task %s", m.node, id)
		}
	}
	for id, must := range wanted {
		if must && !slices.ContainsFunc(containers, func(c engine.Container) bool { return c.Task == id && c.State == engine.Running }) {
			return fmt.Errorf("task %s does not run on %s", id, m.node)
		}
	}
	return nil
}

// stopForgotten stops the tasks of requests that were given up.
func (w *world) stopForgotten() error {
	tasks, err := w.live()
	for _, t := range tasks {
		_, failed := ask(w.plane, func(s *server) (cluster.Task, error) {
			return s.StopTask(w.t.Context(), t.Account, t.Cluster, t.ID, "the end")
		})
		err = errors.Join(err, failed)
	}
	return err
}

// empty fails while anything is left of any task, on a machine or in the record.
func (w *world) empty() error {
	tasks, err := w.live()
	if err != nil {
		return err
	}
	for _, t := range tasks {
		return fmt.Errorf("task %s of %s is %s on %s", t.ID, t.Family, t.Seen.Status, t.Node)
	}
	for _, m := range w.nodes {
		if err := m.empty(w.t.Context()); err != nil {
			return err
		}
	}
	tasks, err = w.tasks(w.t.Context())
	for _, t := range tasks {
		if n := w.plane.roles.Live(cluster.TaskARN(region, t.Account, t.Cluster, t.ID)); n > 0 {
			return fmt.Errorf("task %s is over and has %d credentials", t.ID, n)
		}
	}
	return err
}

func (m *machine) empty(ctx context.Context) error {
	if err := m.runsOnly(ctx, nil); err != nil {
		return err
	}
	outputs, err := m.engine.Outputs()
	if err != nil || len(outputs) > 0 {
		return fmt.Errorf("machine %s has the outputs %v: %w", m.node, outputs, err)
	}
	restarts, err := filepath.Glob(filepath.Join(m.dir, "agent", "restarts", "*"))
	if err != nil || len(restarts) > 0 {
		return fmt.Errorf("machine %s has the notes %v: %w", m.node, restarts, err)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "agent", "node-id")); err != nil {
		return err
	}
	return nil
}

// judge compares what was promised, what the record says and what really happened, when all is over.
func (w *world) judge() error {
	tasks, err := w.tasks(w.t.Context())
	if err != nil {
		return err
	}
	byID, byToken := map[string]cluster.Task{}, map[string][]string{}
	for _, t := range tasks {
		byID[t.ID] = t
		byToken[t.StartedBy] = append(byToken[t.StartedBy], t.ID)
		w.judgeTask(t)
	}
	for _, id := range w.truth.tasks() {
		if _, known := byID[id]; !known {
			w.truth.fail("task %s ran, and nobody knows of it", id)
		}
	}
	for _, c := range w.clients {
		c.judge(w.truth, byID, byToken)
	}
	_, err = ask(w.plane, func(s *server) (struct{}, error) { return struct{}{}, w.judgeEvents(s, byID) })
	return err
}

// judge wants every request to have been answered by the truth.
func (c *client) judge(truth *truth, byID map[string]cluster.Task, byToken map[string][]string) {
	for _, a := range c.asks {
		ran := byToken[a.token]
		slices.Sort(ran)
		slices.Sort(a.ids)
		switch {
		case a.answer == accepted && !slices.Equal(ran, a.ids):
			truth.fail("request %s was told of the tasks %v, and there are %v", a.token, a.ids, ran)
		case a.answer == refused && len(ran) > 0:
			truth.fail("request %s was refused, and there are %v", a.token, ran)
		case len(ran) > a.count:
			truth.fail("request %s for %d tasks made %v", a.token, a.count, ran)
		}
	}
	for id := range c.stop {
		if t := byID[id]; !t.Wanted.Stop && t.Seen.StopCode == "" {
			truth.fail("the stop of task %s was acknowledged, and is not known", id)
		}
	}
}

// judgeTask wants a task to have ended, and to tell of each container what became of it.
func (w *world) judgeTask(t cluster.Task) {
	if code, reason := t.Stop(); t.Seen.Status != nodeapi.Stopped || reason == "" {
		w.truth.fail("task %s of %s is %s with %q, %q", t.ID, t.Family, t.Seen.Status, code, reason)
	}
	for i, spec := range t.Spec.Containers {
		w.judgeContainer(t, spec, t.Container(i))
	}
}

func (w *world) judgeContainer(t cluster.Task, spec taskdef.Container, told nodeapi.ContainerReport) {
	id := t.ID + "-" + spec.Name
	really := w.truth.of(id)
	is := fmt.Sprintf("container %s of %s is told as %+v (exit code %s), and was started %d times to %v on %s of %s",
		id, t.Family, told, number(told.ExitCode), really.starts, really.codes, really.node, really.account)
	switch {
	case told.Status != nodeapi.Stopped:
		w.truth.fail("%s: it is not stopped", is)
	case really.starts == 0 && told.ExitCode != nil && *told.ExitCode != 137:
		w.truth.fail("%s: it never ran", is)
	case really.starts == 0:
		return
	case really.node != t.Node || really.account != t.Account:
		w.truth.fail("%s: it belongs to %s, on %s", is, t.Account, t.Node)
	case really.final > 0 && really.starts != really.final && spec.Restart == nil:
		w.truth.fail("%s: it ran again when it was known to have run, and was lost", is)
	case really.wiped && told.ExitCode != nil && !slices.Contains(really.codes, *told.ExitCode):
		w.truth.fail("%s: the exit code is none that it had", is)
	case really.wiped:
		return
	case really.starts != len(really.codes):
		w.truth.fail("%s: it did not end as often as it was started", is)
	case really.starts != 1+told.Restarts || told.Restarts > 0 && spec.Restart == nil:
		w.truth.fail("%s: it ran too often", is)
	case told.ExitCode == nil || *told.ExitCode != really.codes[len(really.codes)-1]:
		w.truth.fail("%s: the exit code is another", is)
	}
	if kept := w.plane.logs.of(id); strings.TrimRight(kept, "\n") != strings.TrimRight(really.printed.String(), "\n") {
		w.truth.fail("%s: it printed %q, and %q was kept", is, really.printed.String(), kept)
	}
}

func number(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}
