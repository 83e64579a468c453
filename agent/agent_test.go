package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

func TestATaskRunsToItsEnd(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("print hello then print world then sleep 1m then exit 3"))
		running := m.plane.untilStatus(taskID, nodeapi.Running)
		if running.StartedAt.IsZero() || running.PullStoppedAt.IsZero() || running.Address == "" {
			m.t.Errorf("reported as running without its times or address: %+v", running)
		}
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
		m.wantExit(stopped, "a", 3)
		if ran := stopped.ExecStoppedAt.Sub(stopped.StartedAt); ran != time.Minute {
			m.t.Errorf("ran for %v, want a minute", ran)
		}
		if got := m.plane.lines(taskID + "/a"); !slices.Equal(got, []string{"hello", "world"}) {
			m.t.Errorf("printed %q by the time it is told stopped, want hello and world", got)
		}
		if got := m.plane.steps[taskID]; !slices.IsSorted(got) || !slices.Contains(got, nodeapi.Running) || !slices.Contains(got, nodeapi.Deprovisioning) {
			m.t.Errorf("reported in the states %v, want each in its order", got)
		}
		m.empty()
	})
}

func TestSmallNewsGoesWithTheNextStep(t *testing.T) {
	story(t, func(m *machine) {
		slow := time.Duration(0)
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Pull" {
				time.Sleep(slow)
			}
			return nil
		})
		synctest.Wait() // the session stands, and nothing is wanted
		reports := 0
		m.plane.change(func() {
			m.plane.fault = func(call string) (before, after error) {
				if call == "Report" {
					reports++
				}
				return nil, nil
			}
		})

		m.plane.run(taskOf("sleep 1h"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		if reports != 1 {
			m.t.Errorf("a task that comes up at once was told in %d reports, want 1", reports)
		}

		slow = time.Minute
		later := taskOf("sleep 1h")
		later.ID = strings.Repeat("1", 32)
		m.plane.run(later)
		pulling := m.plane.untilStatus(later.ID, nodeapi.Pending)
		if pulling.PullStartedAt.IsZero() || pulling.Status != nodeapi.Pending {
			m.t.Errorf("a long pull was told as %+v, want PENDING and since when it is pulled", pulling)
		}
		m.plane.stop(taskID)
		m.plane.stop(later.ID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.plane.untilStatus(later.ID, nodeapi.Stopped)
		m.empty()
	})
}

func TestAGroupStartsOnlyWhenAllOfItIsThere(t *testing.T) {
	story(t, func(m *machine) {
		slow := make(chan struct{})
		m.intercept(func(ctx context.Context, call, about string) error {
			if call == "Pull" && about == "image-b" {
				<-slow
			}
			return nil
		})
		m.plane.run(taskOf("wait", "wait"))
		synctest.Wait()
		if n := m.called("Attach"); n != 1 {
			t.Errorf("attached %d times while an image is pulled, want it beside", n)
		}
		if n := m.called("Create") + m.called("Start"); n != 0 {
			t.Errorf("%d containers made while an image is missing, want none", n)
		}
		close(slow)
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

func TestContainersAreMadeWhileTheNetworkIs(t *testing.T) {
	story(t, func(m *machine) {
		slow := make(chan struct{})
		m.intercept(func(ctx context.Context, call, about string) error {
			if call == "Attach" {
				<-slow
			}
			return nil
		})
		m.plane.run(taskOf("wait"))
		synctest.Wait()
		if created, started := m.called("Create"), m.called("Start"); created != 1 || started != 0 {
			t.Errorf("created %d, started %d before the network is there, want 1 and 0", created, started)
		}
		close(slow)
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

func TestStopIsPolite(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait 143"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "UserInitiated", "enough")
		m.wantExit(stopped, "a", 143)
		m.plane.untilPrinted(taskID+"/a", "waiting", "got SIGTERM")
		m.empty()
	})
}

func TestStopIsNotPoliteForEver(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("stubborn", "stubborn")
		task.Containers[1].StopTimeout = 5 * time.Second
		m.plane.run(task)
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "UserInitiated", "enough")
		m.wantExit(stopped, "a", 137)
		m.wantExit(stopped, "b", 137)
		if took := stopped.ExecStoppedAt.Sub(stopped.StoppingAt); took != 30*time.Second {
			t.Errorf("killed after %v, want 30 s", took)
		}
		if n := m.called("Signal"); n != 4 {
			t.Errorf("%d signals, want one of each kind for each container", n)
		}
	})
}

func TestAStopCancelsThePull(t *testing.T) {
	story(t, func(m *machine) {
		m.intercept(func(ctx context.Context, call, about string) error {
			if call == "Pull" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		m.plane.run(taskOf("wait"))
		synctest.Wait()
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "UserInitiated", "enough")
		if c := stopped.Containers[0]; c.ExitCode != nil || c.Reason != "" || c.Status != nodeapi.Stopped {
			t.Errorf("the container that never was is reported as %+v", c)
		}
		m.empty()
	})
}

func TestOnlyEssentialContainersEndATask(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait", "exit 7"))
		m.plane.until("b has exited", func() bool {
			r := m.plane.seen[taskID]
			return r.Status == nodeapi.Running && r.Containers[1].ExitCode != nil
		})
		if r := m.plane.report(taskID); r.Status != nodeapi.Running || *r.Containers[1].ExitCode != 7 {
			t.Errorf("reported as %+v, want it running, with b exited with 7", r)
		}
		m.plane.stop(taskID)
		m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "b", 7)
	})
}

func TestAnEssentialExitEndsTheOthers(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("sleep 1s then exit 1", "wait 143", "stubborn"))
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
		m.wantExit(stopped, "a", 1)
		m.wantExit(stopped, "b", 143)
		m.wantExit(stopped, "c", 137)
		if took := stopped.ExecStoppedAt.Sub(stopped.StartedAt); took != time.Second {
			t.Errorf("execution stopped after %v, want the second that the essential container ran", took)
		}
	})
}

func TestOutOfMemoryIsTold(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("eat 200")
		task.Containers[0].Memory = 64
		m.plane.run(task)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantExit(stopped, "a", 137)
		if got := stopped.Containers[0].Reason; got != "OutOfMemoryError: Container killed due to memory usage" {
			t.Errorf("reason %q", got)
		}
	})
}

func TestPortsAreTold(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("wait", "wait")
		task.Containers[0].Ports = []nodeapi.Port{{Container: 80, Protocol: "tcp"}, {Container: 53, Host: 5353, Protocol: "udp"}}
		task.Containers[1].Ports = []nodeapi.Port{{Container: 81, Protocol: "tcp"}}
		m.plane.run(task)
		running := m.plane.untilStatus(taskID, nodeapi.Running)
		a, b := running.Containers[0].Ports, running.Containers[1].Ports
		if len(a) != 2 || a[0].Host == 0 || a[1] != (nodeapi.Port{Container: 53, Host: 5353, Protocol: "udp"}) {
			t.Errorf("ports of a are %+v", a)
		}
		if len(b) != 1 || b[0].Container != 81 || b[0].Host == 0 {
			t.Errorf("ports of b are %+v", b)
		}
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

func TestATaskCannotStart(t *testing.T) {
	for _, c := range []struct {
		name      string
		prepare   func(m *machine, task *nodeapi.Task)
		container string // that is blamed
		reason    string
	}{
		{"unknown image", func(m *machine, _ *nodeapi.Task) {
			m.intercept(func(_ context.Context, call, about string) error {
				if call == "Pull" && about == "image-b" {
					return fmt.Errorf("%w: manifest unknown", engine.ErrPull)
				}
				return nil
			})
		}, "b", "CannotPullContainerError: image-b: cannot pull image: manifest unknown"},
		{"registry away", func(m *machine, _ *nodeapi.Task) {
			m.intercept(func(_ context.Context, call, about string) error {
				if call == "Pull" && about == "image-b" {
					return fmt.Errorf("pull image-b: connection refused")
				}
				return nil
			})
		}, "b", "CannotPullContainerError: pull image-b: connection refused"},
		{"bad user", func(m *machine, _ *nodeapi.Task) {
			m.intercept(func(_ context.Context, call, about string) error {
				if call == "Create" && about == taskID+"-b" {
					return fmt.Errorf("%w: no user nobody", engine.ErrCreate)
				}
				return nil
			})
		}, "b", "CannotCreateContainerError: cannot create container: no user nobody"},
		{"program found missing early", func(m *machine, _ *nodeapi.Task) {
			m.intercept(func(_ context.Context, call, about string) error {
				if call == "Create" && about == taskID+"-b" {
					return fmt.Errorf("%w: no such file", engine.ErrStart)
				}
				return nil
			})
		}, "b", "CannotStartContainerError: cannot start container: no such file"},
		{"program missing", func(_ *machine, task *nodeapi.Task) {
			task.Containers[1].Command = []string{"/missing/x"}
		}, "b", `CannotStartContainerError: cannot start container ` + taskID + `-b: exec: "/missing/x": no such file or directory`},
		{"no log group", func(m *machine, task *nodeapi.Task) {
			task.Containers[1].Log.Group = "nowhere"
			m.plane.noGroup["nowhere"] = true
		}, "b", "ResourceInitializationError: failed to open the log of container b: log group not found: nowhere"},
		{"port in use", func(m *machine, task *nodeapi.Task) {
			task.Containers[1].Ports = []nodeapi.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
			m.intercept(func(_ context.Context, call, _ string) error {
				if call == "Attach" {
					return fmt.Errorf("%w: 8080/tcp is held by process 77", engine.ErrPortInUse)
				}
				return nil
			})
		}, "b", "CannotStartContainerError: host port in use: 8080/tcp is held by process 77"},
		{"no network", func(m *machine, _ *nodeapi.Task) {
			m.intercept(func(_ context.Context, call, _ string) error {
				if call == "Attach" {
					return fmt.Errorf("no such plugin")
				}
				return nil
			})
		}, "", "ResourceInitializationError: failed to connect the task to the network: no such plugin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(m *machine) {
				task := taskOf("wait 143", "wait")
				c.prepare(m, &task)
				m.plane.run(task)
				stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
				m.wantStop(stopped, "TaskFailedToStart", c.reason)
				for _, seen := range stopped.Containers {
					if blamed := seen.Reason != ""; blamed != (seen.Name == c.container) || blamed && seen.Reason != c.reason {
						t.Errorf("container %s has reason %q, want it of %q", seen.Name, seen.Reason, c.container)
					}
					if seen.Status != nodeapi.Stopped {
						t.Errorf("container %s is %s, want none left running", seen.Name, seen.Status)
					}
				}
				m.empty()
			})
		})
	}
}

func TestPassingTroubleIsSurvived(t *testing.T) {
	story(t, func(m *machine) {
		var mu sync.Mutex
		failed := map[string]int{}
		m.intercept(func(_ context.Context, call, about string) error {
			mu.Lock()
			defer mu.Unlock()
			if failed[call]++; failed[call] < 4 {
				return fmt.Errorf("trouble with %s", call)
			}
			return nil
		})
		m.plane.run(taskOf("wait 5"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "UserInitiated", "enough")
		m.wantExit(stopped, "a", 5)
		m.intercept(nil)
		m.empty()
	})
}

func TestAnEngineThatIsAwayIsWaitedFor(t *testing.T) {
	story(t, func(m *machine) {
		begin := time.Now()
		m.intercept(func(_ context.Context, call, _ string) error {
			if time.Since(begin) < 10*time.Minute {
				return engine.ErrUnavailable
			}
			return nil
		})
		m.plane.run(taskOf("wait"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

// A machine whose control plane was away for long is back before calls of functions stop waiting for it, which they do for 10 s.
func TestASessionIsOpenedSoonHoweverLongThereWasNone(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		var tries []time.Time
		m.control = awayPlane{m.plane, func() { tries = append(tries, time.Now()) }}
		m.start()
		time.Sleep(10 * time.Minute)
		m.kill()
		for i := 1; i < len(tries); i++ {
			if pause := tries[i].Sub(tries[i-1]); pause > 5*time.Second {
				m.t.Fatalf("after try %d there is none for %v", i, pause)
			}
		}
		if n := len(tries); n < 100 || n > 600 {
			m.t.Errorf("there are %d tries in ten minutes", n)
		}
	})
}

// awayPlane is a control plane that no session reaches.
type awayPlane struct {
	*plane
	tried func()
}

func (p awayPlane) Session(context.Context, nodeapi.Hello, func(nodeapi.Frame) error) error {
	p.tried()
	return errAway
}
