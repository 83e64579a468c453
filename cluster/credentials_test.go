package cluster_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

const webRole = "arn:aws:iam::123456789012:role/web"

// acting is web with a role.
func acting() taskdef.Spec {
	s := web()
	s.TaskRole = webRole
	return s
}

// exec changes rows behind the room's back, as time or a crash would.
func (w world) exec(query string, args ...any) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func arnOf(task string) string {
	return "arn:aws:ecs:us-east-1:123456789012:task/default/" + task
}

func TestATaskIsGivenItsRole(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		named := acting()
		named.TaskRole = "web" // a definition may give the name alone
		for family, spec := range map[string]taskdef.Spec{"arn": acting(), "name": named} {
			id := w.runs(w.register(family, spec), 1)[0].ID
			wanted := node.Task(id, false)
			wantEqual(w.T, "the role that the node is told", wanted.Role, webRole)
			for range 2 {
				given, err := node.Credentials(id)
				if err != nil || given.Role != webRole || given.SecretAccessKey == "" || given.Expires.IsZero() {
					w.Fatalf("given %v, error %v", given, err)
				}
				told, _ := json.Marshal(node.Frames())
				if strings.Contains(string(told), given.SecretAccessKey) || strings.Contains(string(told), given.AccessKeyID) {
					w.Errorf("credentials are in a frame: %s", told)
				}
			}
			wantEqual(w.T, "live credentials", w.roles.Live(arnOf(id)), 2)
		}
	})
}

// Which of it is wrong is not told.
func TestCredentialsAreForTheTasksOwnNode(t *testing.T) {
	each(t, func(w world) {
		node, other := w.join('a', 1024, 1024), w.join('b', 1, 1)
		tasks := w.runs(w.register("acting", acting()), 2)
		mine, over := tasks[0].ID, tasks[1].ID
		roleless := w.runs(w.register("roleless", web()), 1)[0].ID
		node.Run(mine)
		node.Exit(over, 0)

		_, foreign := other.Credentials(mine)
		_, missing := node.Credentials(strings.Repeat("0", 32))
		_, stopped := node.Credentials(over)
		_, none := node.Credentials(roleless)
		_, mad := node.Credentials("\x00")
		for _, err := range []error{foreign, missing, stopped, none, mad} {
			if !errors.Is(err, cluster.ErrNoCredentials) || err.Error() != foreign.Error() {
				w.Errorf("refused with %v, want the same everywhere: %v", err, foreign)
			}
		}
		for _, session := range []string{"", other.Session(), "\x00"} {
			for _, id := range []string{node.ID, strings.Repeat("0", 32), "\x00"} {
				_, err := w.Credentials(w.Context(), nodeapi.CredentialsRequest{Node: id, Session: session, Task: mine})
				wantEqual(w.T, "kind of refusal of a wrong session", errs.KindOf(err), errs.Unavailable)
			}
		}
		wantEqual(w.T, "live credentials", w.roles.Live(arnOf(mine)), 0)
	})
}

// A node that has left has no session, and one that is empty opens nothing.
func TestCredentialsNeedASession(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		node.Leave()
		for _, session := range []string{"", node.Session()} {
			_, err := w.Credentials(w.Context(), nodeapi.CredentialsRequest{Node: node.ID, Session: session, Task: id})
			wantEqual(w.T, "kind of refusal", errs.KindOf(err), errs.Unavailable)
		}
		if _, err := w.join('a', 1024, 1024).Credentials(id); err != nil {
			w.Errorf("the next session of the node: %v", err)
		}
	})
}

func TestCredentialsEndBeforeTheTaskIsSeenStopped(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		node.Run(id)
		if _, err := node.Credentials(id); err != nil {
			w.Fatal(err)
		}
		revoked := 0
		w.roles.Revoking = func(task string) error {
			revoked++
			wantEqual(w.T, "the task", task, arnOf(id))
			wantEqual(w.T, "its status while they are ended", w.task(id).Seen.Status, nodeapi.Running)
			return nil
		}
		node.Exit(id, 0)
		wantEqual(w.T, "how often they were ended", revoked, 1)
		wantEqual(w.T, "live credentials", w.roles.Live(arnOf(id)), 0)
		_, err := node.Credentials(id)
		wantErr(w.T, err, cluster.ErrNoCredentials)
	})
}

// Another node's word ends nothing.
func TestOnlyTheOwnNodeEndsCredentials(t *testing.T) {
	each(t, func(w world) {
		node, other := w.join('a', 1024, 1024), w.join('b', 1, 1)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		if _, err := node.Credentials(id); err != nil {
			w.Fatal(err)
		}
		other.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Stopped}, nodeapi.TaskReport{ID: "\x00", Status: nodeapi.Stopped})
		wantEqual(w.T, "live credentials", w.roles.Live(arnOf(id)), 1)
	})
}

func TestATaskThatStopsWhileItIsGivenCredentials(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		w.roles.Issuing = func(string, string) error { node.Exit(id, 0); return nil }
		_, err := node.Credentials(id)
		wantErr(w.T, err, cluster.ErrNoCredentials)
		wantEqual(w.T, "live credentials", w.roles.Live(arnOf(id)), 0)
	})
}

// What a running task holds stays good when the node joins anew in the middle of an answer.
func TestASessionThatEndsWhileItIsGivenCredentials(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		if _, err := node.Credentials(id); err != nil {
			w.Fatal(err)
		}
		w.roles.Issuing = func(string, string) error { w.join('a', 1024, 1024); return nil }
		_, err := node.Credentials(id)
		wantEqual(w.T, "kind of refusal", errs.KindOf(err), errs.Unavailable)
		if w.roles.Live(arnOf(id)) == 0 {
			w.Error("the credentials that the task had are ended")
		}
	})
}

func TestARoleThatIsRefusedSaysWhy(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		denied := errs.New(errs.Denied, "the role does not trust tasks")
		w.roles.Issuing = func(string, string) error { return denied }
		_, err := node.Credentials(id)
		wantText(w.T, err, denied, id)
	})
}

// A task is given credentials while it ends, but not for ever.
func TestATaskThatIsToStopActsUntilItShouldHaveStopped(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		spec := acting()
		spec.Containers[0].StopTimeout = new(90)
		id := w.runs(w.register("acting", spec), 1)[0].ID
		node.Run(id)
		if _, err := w.StopTask(w.Context(), account, "default", id, ""); err != nil {
			w.Fatal(err)
		}
		const second = 1_000_000
		for _, step := range []struct {
			later   int // seconds
			refused bool
		}{{0, false}, {100, false}, {60, true}} {
			w.exec(`update tasks set stop_asked = stop_asked - $2 where id = $1`, id, step.later*second)
			_, err := node.Credentials(id)
			if errors.Is(err, cluster.ErrNoCredentials) != step.refused {
				w.Errorf("%d seconds later: %v, want it refused: %v", step.later, err, step.refused)
			}
		}
	})
}

// Credentials that could not be ended with their task, or came to be after it, are found by its row.
func TestCredentialsThatAreLeftAreEnded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("acting", acting()), 1)[0].ID
		if _, err := node.Credentials(id); err != nil {
			t.Fatal(err)
		}
		away := errors.New("away")
		w.roles.Revoking = func(string) error { return away }
		node.Exit(id, 0)
		wantEqual(t, "status", w.task(id).Seen.Status, nodeapi.Stopped)
		wantErr(t, w.RevokeStopped(t.Context()), away)
		wantEqual(t, "live credentials, while they cannot be ended", w.roles.Live(arnOf(id)), 1)

		w.roles.Revoking = nil
		w.wantRevoked(id)
		if _, err := w.roles.Issue(t.Context(), account, webRole, arnOf(id)); err != nil { // one that was under way
			t.Fatal(err)
		}
		w.wantRevoked(id)

		w.wantForgotten(restless(t, db), id, false) // for another may be under way still
		w.exec(`update tasks set issued = issued - 60000000 where id = $1`, id)
		w.wantRevoked(id)
		w.roles.Revoking = func(string) error { t.Error("looked at again, though nothing can be left"); return nil }
		w.wantRevoked(id)
		w.wantForgotten(restless(t, db), id, true)
	})
}

func (w world) wantRevoked(id string) {
	w.Helper()
	if err := w.RevokeStopped(w.Context()); err != nil {
		w.Fatal(err)
	}
	wantEqual(w.T, "live credentials", w.roles.Live(arnOf(id)), 0)
}

func (w world) wantForgotten(pruner world, id string, is bool) {
	w.Helper()
	if err := pruner.Prune(w.Context()); err != nil {
		w.Fatal(err)
	}
	_, missing, err := w.Tasks(w.Context(), account, "default", []string{id})
	if err != nil || (len(missing) == 1) != is {
		w.Errorf("forgotten: %v, error %v, want it forgotten: %v", missing, err, is)
	}
}
