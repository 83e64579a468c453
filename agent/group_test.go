package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// after has container b of a task wait for container a.
func after(t nodeapi.Task, condition string) nodeapi.Task {
	t.Containers[1].DependsOn = []nodeapi.Dependency{{Container: "a", Condition: condition}}
	return t
}

func TestAContainerWaitsForWhatItDependsOn(t *testing.T) {
	story(t, func(m *machine) {
		task := after(taskOf("sleep 5s then print ready then exit 0", "print go then wait"), "SUCCESS")
		task.Containers[0].Essential, task.Containers[1].Essential = false, true
		m.plane.run(task)
		m.plane.until("a runs", func() bool {
			r := m.plane.seen[taskID]
			return len(r.Containers) == 2 && r.Containers[0].Status == nodeapi.Running
		})
		time.Sleep(4 * time.Second)
		if r := m.plane.report(taskID); r.Status >= nodeapi.Running || m.called("Create") != 2 || m.called("Start") != 1 {
			m.t.Errorf("the task is %s with %d containers made and %d started, want both made, one started, and not RUNNING",
				r.Status, m.called("Create"), m.called("Start"))
		}
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.untilPrinted(taskID+"/a", "ready")
		m.plane.stop(taskID)
		m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "a", 0)
		m.empty()
	})
}

func TestATaskWhoseOrderCannotBeKeptEnds(t *testing.T) {
	const unresolved = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [a] for target [b] as dependency "
	for _, c := range []struct {
		script, condition string
		check             []string
		reason            string
		took              time.Duration // from the start of a
	}{
		{"sleep 1s then exit 2", "SUCCESS", nil, unresolved + "did not exit successfully.", time.Second},
		{"sleep 1h", "COMPLETE", nil, "CannotStartContainerError: dependency graph: container ordering dependency [a] for target [b] has timed out.", 3 * time.Minute},
		{"sleep 1h", "HEALTHY", []string{"CMD", "exit", "1"}, unresolved + "is unhealthy.", 30 * time.Second},
		{"sleep 1h", "HEALTHY", []string{"CMD", "sleep", "1h"}, unresolved + "is unhealthy.", 45 * time.Second},
		{"sleep 1h", "HEALTHY", []string{"CMD", "/missing/program"}, unresolved + "is unhealthy.", 30 * time.Second},
		{"sleep 4s then exit 0", "HEALTHY", []string{"CMD", "exit", "0"}, unresolved + "has exited.", 4 * time.Second},
	} {
		t.Run(c.condition+" "+strings.Join(append(c.check, c.script), " "), func(t *testing.T) {
			story(t, func(m *machine) {
				task := after(taskOf(c.script, "wait"), c.condition)
				task.Containers[0].Essential, task.Containers[1].Essential = false, true
				if c.check != nil {
					task.Containers[0].Health = &nodeapi.HealthCheck{Command: c.check, Interval: 10 * time.Second, Timeout: 5 * time.Second, Retries: 3}
				}
				begin := time.Now()
				m.plane.run(task)
				stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
				m.wantStop(stopped, "TaskFailedToStart", c.reason)
				if got := stopped.Containers[1]; got.Reason != c.reason || got.ExitCode != nil {
					m.t.Errorf("the container that waited is told as %+v", got)
				}
				if took := stopped.StoppingAt.Sub(begin); took < c.took || took > c.took+time.Second {
					m.t.Errorf("it took %s, want %s", took, c.took)
				}
				if n := m.called("Start"); n != 1 {
					m.t.Errorf("%d containers started, want one", n)
				}
				m.empty()
			})
		})
	}
}

func TestATaskIsEndedInTheReverseOfItsOrder(t *testing.T) {
	story(t, func(m *machine) {
		task := after(taskOf("stubborn", "stubborn"), "START")
		task.Containers[0].StopTimeout, task.Containers[1].StopTimeout = 5*time.Second, 7*time.Second
		m.plane.run(task)
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		if took := stopped.ExecStoppedAt.Sub(stopped.StoppingAt); took != 12*time.Second {
			m.t.Errorf("ended after %s, want the 7 s of b and then the 5 s of a", took)
		}
	})
}

// untilHealth waits until container a is told to be so.
func (m *machine) untilHealth(health string) {
	m.t.Helper()
	m.plane.until("a is "+health, func() bool {
		r := m.plane.seen[taskID]
		return len(r.Containers) > 0 && r.Containers[0].Health == health
	})
}

func TestHealthIsToldAndStopsNothing(t *testing.T) {
	story(t, func(m *machine) {
		var sick atomic.Bool
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Exec" && sick.Load() {
				return errors.New("no")
			}
			return nil
		})
		task := taskOf("sleep 10h", "sleep 10h")
		task.Containers[0].Health = &nodeapi.HealthCheck{Command: []string{"CMD", "exit", "0"}, Interval: 10 * time.Second, Timeout: time.Second, Retries: 2}
		m.plane.run(task)
		m.untilHealth("UNKNOWN")
		if got := m.plane.untilStatus(taskID, nodeapi.Running).Containers[1].Health; got != "" {
			m.t.Errorf("a container without a check is told as %q", got)
		}
		m.untilHealth("HEALTHY")
		sick.Store(true)
		m.untilHealth("UNHEALTHY")
		time.Sleep(time.Hour)
		sick.Store(false)
		m.untilHealth("HEALTHY")

		m.kill() // a new agent knows nothing of it, until it has looked for itself
		m.plane.change(func() { delete(m.plane.seen, taskID) })
		sick.Store(true) // so that its first look does not tell at once
		m.start()
		m.untilHealth("UNKNOWN")
		sick.Store(false)
		m.untilHealth("HEALTHY")
		if r := m.plane.report(taskID); r.Status != nodeapi.Running || m.called("Create") != 2 || m.called("Signal") != 0 {
			m.t.Errorf("the task is %s after %d containers were made and %d signals sent", r.Status, m.called("Create"), m.called("Signal"))
		}
		checks := m.called("Exec")
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		time.Sleep(time.Hour)
		if n := m.called("Exec"); n > checks+4 {
			m.t.Errorf("checked %d times more after it had ended", n-checks)
		}
	})
}

// restarting is a task whose container a is started anew whenever it has run for a minute.
func restarting(scripts ...string) nodeapi.Task {
	t := taskOf(scripts...)
	t.Containers[0].Restart = &nodeapi.Restart{AttemptPeriod: time.Minute, IgnoredExitCodes: []int{7}}
	return t
}

func (m *machine) untilRestarts(n int) nodeapi.TaskReport {
	m.t.Helper()
	m.plane.until("a was started anew", func() bool {
		r := m.plane.seen[taskID]
		return len(r.Containers) > 0 && r.Containers[0].Restarts >= n
	})
	return m.plane.report(taskID)
}

func TestAContainerIsStartedAnew(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(restarting("print x then sleep 2m then print y then exit 4", "wait"))
		began := m.plane.untilStatus(taskID, nodeapi.Running)
		again := m.untilRestarts(2)
		if got := again.Containers[0]; again.Status != nodeapi.Running || got.Status != nodeapi.Running || got.ExitCode != nil || got.Restarts != 2 {
			m.t.Errorf("reported as %s with %+v, want both RUNNING, and no exit code", again.Status, got)
		}
		if !again.StartedAt.Equal(began.StartedAt) {
			m.t.Errorf("the task is told to have started at %s, want as before at %s", again.StartedAt, began.StartedAt)
		}
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "UserInitiated", "enough")
		m.wantExit(stopped, "a", 137)
		m.plane.untilPrinted(taskID+"/a", "x", "y", "x", "y", "x")
		if n := m.called("Prepare"); n != 1 {
			m.t.Errorf("prepared %d times, want once", n)
		}
		m.empty()
		m.wantNoLedger()
	})
}

// wantNoLedger wants nothing to be kept of restarts.
func (m *machine) wantNoLedger() {
	m.t.Helper()
	if left, _ := filepath.Glob(filepath.Join(m.dir, "restarts", "*")); len(left) > 0 {
		m.t.Errorf("left in the folder: %v", left)
	}
}

func TestAContainerThatKeepsFailingEndsItsTask(t *testing.T) {
	for script, code := range map[string]int{"sleep 59s then exit 4": 4, "sleep 2m then exit 7": 7} {
		t.Run(script, func(t *testing.T) {
			story(t, func(m *machine) {
				m.plane.run(restarting(script, "wait"))
				stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
				m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
				m.wantExit(stopped, "a", code)
				if got := stopped.Containers[0].Restarts; got != 0 {
					m.t.Errorf("told to have been started anew %d times", got)
				}
				m.empty()
			})
		})
	}
}

// An agent dies when the container is deleted and not yet made anew: nothing of it is there but the note.
func TestARestartOutlivesTheAgent(t *testing.T) {
	for _, at := range []string{"Delete", "Create", "Start"} {
		t.Run(at, func(t *testing.T) {
			story(t, func(m *machine) {
				m.plane.run(restarting("print x then sleep 2m then exit 4"))
				m.plane.untilStatus(taskID, nodeapi.Running)
				reached := make(chan struct{}, 1)
				m.intercept(func(ctx context.Context, call, _ string) error {
					if call == at {
						reached <- struct{}{}
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				})
				<-reached
				m.kill()
				m.intercept(nil)
				time.Sleep(time.Hour)
				m.start()
				if again := m.untilRestarts(1); again.Containers[0].Restarts != 1 {
					m.t.Errorf("told to have been started anew %d times, want once", again.Containers[0].Restarts)
				}
				m.plane.untilPrinted(taskID+"/a", "x", "x")
				m.plane.stop(taskID)
				m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "a", 137)
				m.empty()
				m.wantNoLedger()
			})
		})
	}
}

// A task that is ended while its container is deleted and not made anew is told with how that ended.
func TestATaskThatEndsWhileItsContainerIsStartedAnewKeepsTheExitCode(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(restarting("sleep 2m then exit 4"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Create" {
				return engine.ErrUnavailable
			}
			return nil
		})
		time.Sleep(3 * time.Minute)
		m.kill()
		m.plane.stop(taskID)
		m.start()
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantExit(stopped, "a", 4)
		if got := stopped.Containers[0].Restarts; got != 0 {
			m.t.Errorf("told to have been started anew %d times, want not once", got)
		}
		m.empty()
		m.wantNoLedger()
	})
}

// secret is a task that is given a password and a login.
func secret(scripts ...string) nodeapi.Task {
	t := taskOf(scripts...)
	t.Secret = true
	t.Containers[0].Env = []string{"PLAIN=as defined"}
	return t
}

func TestSecretsReachTheContainerTheyAreFor(t *testing.T) {
	story(t, func(m *machine) {
		logins := &loginsSeen{Engine: m.engine}
		m.kill()
		m.under = logins
		m.start()
		m.plane.run(secret("env PASSWORD then env PLAIN then wait", "env PASSWORD then wait"))
		m.plane.untilPrinted(taskID+"/a", "secret of a", "as defined", "waiting")
		m.plane.untilPrinted(taskID+"/b", "", "waiting")
		want := nodeapi.CredentialsRequest{Node: m.plane.hellos[0].Node, Session: planeSession, Task: taskID}
		if asked := m.asked(); len(asked) != 1 || asked[0] != want {
			m.t.Errorf("the control plane was asked %+v, want once %+v", asked, want)
		}
		if got := logins.passwords(); !slices.Equal(got, []string{"image-a secret login", "image-b "}) {
			m.t.Errorf("pulled with %q", got)
		}
		m.wantNowhere("secret")
	})
}

// loginsSeen is an engine that remembers with what it was asked to pull.
type loginsSeen struct {
	engine.Engine
	mu sync.Mutex
	by []string
}

func (l *loginsSeen) Pull(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	l.mu.Lock()
	l.by = append(l.by, ref+" "+login.Password)
	l.mu.Unlock()
	return l.Engine.Pull(ctx, ref, login)
}

func (l *loginsSeen) passwords() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.by)
	return l.by
}

// wantNowhere wants a text to be in no file of the agent's folder.
func (m *machine) wantNowhere(text string) {
	m.t.Helper()
	looked := 0
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		looked++
		held, err := os.ReadFile(path)
		if strings.Contains(string(held), text) {
			m.t.Errorf("%s holds %q", path, held)
		}
		return err
	})
	if err != nil || looked == 0 {
		m.t.Errorf("looked at %d files: %v", looked, err)
	}
}

func TestSecretsThatAreRefusedEndTheTask(t *testing.T) {
	refused := errs.New(errs.Denied, "ResourceInitializationError: unable to pull secrets or registry auth: no")
	story(t, func(m *machine) {
		tries := 0
		m.plane.change(func() {
			m.plane.fault = func(call string) (before, after error) {
				if call != "Secrets" {
					return nil, nil
				}
				if tries++; tries < 20 {
					return errAway, nil
				}
				return refused, nil
			}
		})
		m.plane.run(secret("wait"))
		m.wantStop(m.plane.untilStatus(taskID, nodeapi.Stopped), "TaskFailedToStart", refused.Error())
		if n := m.called("Pull") + m.called("Create"); n != 0 {
			m.t.Errorf("%d images pulled or containers made", n)
		}
		m.empty()
	})
}

// A container with secrets is started anew with those that it had, though the control plane is away.
func TestSecretsLastForRestarts(t *testing.T) {
	story(t, func(m *machine) {
		task := secret("env PASSWORD then sleep 2m then exit 1")
		task.Containers[0].Restart = &nodeapi.Restart{AttemptPeriod: time.Minute}
		m.plane.run(task)
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.change(func() { m.plane.fault = func(string) (error, error) { return errAway, nil } })
		time.Sleep(3 * time.Minute)
		m.plane.change(func() { m.plane.fault = nil })
		m.plane.untilPrinted(taskID+"/a", "secret of a", "secret of a")
		if asked := m.asked(); len(asked) != 1 {
			m.t.Errorf("the control plane was asked %d times, want once", len(asked))
		}
		m.wantNowhere("secret of a")
	})
}

// A note of a task of which nothing else is left, here or there, is forgotten.
func TestANoteThatIsLeftGoes(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		left := ledger{filepath.Join(m.dir, "restarts")}
		if err := left.write(taskID, map[string]*rerun{"a": {Count: 1, Started: time.Now(), Code: 3}}); err != nil {
			m.t.Fatal(err)
		}
		m.start()
		time.Sleep(time.Minute)
		m.wantNoLedger()
		if n := m.called("Create"); n != 0 {
			m.t.Errorf("%d containers made", n)
		}
	})
}

// A look at the engine that was taken before a container was made anew shows it as it was, and changes nothing.
func TestAnOldLookDoesNotUndoARestart(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		old := &oldLooks{Engine: m.engine}
		m.under = old
		m.start()
		deleting, deleted := make(chan struct{}), make(chan struct{})
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Delete" {
				close(deleting)
				<-deleted
			}
			return nil
		})
		m.plane.run(restarting("print x then sleep 2m then exit 4"))
		<-deleting
		m.intercept(nil)
		old.hold() // it sees the container that has ended
		close(deleted)
		m.untilRestarts(1)
		old.letGo()
		time.Sleep(time.Minute)
		if creates, deletes := m.called("Create"), m.called("Delete"); creates != 2 || deletes != 1 {
			m.t.Errorf("made %d times and deleted %d times, want made twice and deleted once", creates, deletes)
		}
		if r := m.plane.report(taskID); r.Status != nodeapi.Running || r.Containers[0].Restarts != 1 {
			m.t.Errorf("told %s, started anew %d times, want RUNNING and once", r.Status, r.Containers[0].Restarts)
		}
	})
}
