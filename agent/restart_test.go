package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

func TestARestartedAgentFindsEverything(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("print before then sleep 30m then print after then exit 9")
		task.Containers[0].Ports = []nodeapi.Port{{Container: 80, Protocol: "tcp"}}
		m.plane.run(task)
		before := m.plane.untilStatus(taskID, nodeapi.Running)
		m.kill()
		m.plane.change(func() { delete(m.plane.seen, taskID) })
		m.start()

		m.plane.until("the new agent tells the address", func() bool { return m.plane.seen[taskID].Address != "" })
		after := m.plane.report(taskID)
		if !after.StartedAt.Equal(before.StartedAt) || !slices.Equal(after.Containers[0].Ports, before.Containers[0].Ports) {
			m.t.Errorf("the new agent tells\n%+v, want as before\n%+v", after, before)
		}
		m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "a", 9)
		m.plane.untilPrinted(taskID+"/a", "before", "after")
		if n := m.called("Create"); n != 1 {
			m.t.Errorf("created %d times, want once", n)
		}
		m.empty()
	})
}

func TestAnExitWhileNobodyLooksIsToldLater(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("print x then sleep 1m then print y then exit 4"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.kill()
		time.Sleep(time.Hour)
		m.start()
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
		m.wantExit(stopped, "a", 4)
		if got := stopped.ExecStoppedAt.Sub(stopped.StartedAt); got != time.Minute {
			m.t.Errorf("ran for %v, want the minute that it did", got)
		}
		m.plane.untilPrinted(taskID+"/a", "x", "y")
		m.empty()
	})
}

func TestAControlPlaneThatIsAwayStopsNothing(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("sleep 1m then print bye then exit 4"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.plane.change(func() { m.plane.fault = func(string) (error, error) { return errAway, nil } })
		time.Sleep(time.Hour)
		if n := m.called("Delete"); n != 0 {
			m.t.Errorf("%d containers deleted before their end is written down, want none", n)
		}
		m.plane.change(func() { m.plane.fault = nil })
		m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "a", 4)
		m.plane.untilPrinted(taskID+"/a", "bye")
		m.empty()
	})
}

func TestWhatTheControlPlaneDoesNotKnowIsStoppedOnlyWhenItSaysSo(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.kill()

		silent := true // it takes no reports yet
		m.plane.change(func() {
			delete(m.plane.wanted, taskID)
			m.plane.fault = func(call string) (error, error) {
				if call == "Report" && silent {
					return errAway, nil
				}
				return nil, nil
			}
		})
		m.start()
		time.Sleep(time.Hour)
		if n := m.called("Signal") + m.called("Delete"); n != 0 {
			m.t.Errorf("the task was touched %d times before the control plane denied it", n)
		}
		m.plane.change(func() { silent = false })
		m.empty()
	})
}

func TestWhatTheControlPlaneKnowsStoppedIsClearedAway(t *testing.T) {
	story(t, func(m *machine) {
		m.intercept(func(_ context.Context, call, _ string) error {
			if call == "Delete" {
				return errors.New("busy")
			}
			return nil
		})
		m.plane.run(taskOf("print once then exit 0"))
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.kill()
		m.intercept(nil)
		m.start()
		m.empty()
		m.plane.untilPrinted(taskID+"/a", "once")
	})
}

func TestLeftoversOfATaskWithoutContainersAreClearedAway(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		if _, err := m.engine.Attach(m.t.Context(), taskID, []engine.Port{{Container: 80, Protocol: "tcp"}}); err != nil {
			m.t.Fatal(err)
		}
		m.start()
		m.empty()
	})
}

func TestLateNewsOfATaskThatIsOverDoesNotRunItAgain(t *testing.T) {
	story(t, func(m *machine) {
		task := taskOf("exit 0")
		m.plane.run(task)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.empty()
		m.plane.change(func() { delete(m.plane.seen, taskID); delete(m.plane.wanted, taskID) })
		synctest.Wait()
		m.plane.run(task) // as a frame that was under way when the end was acknowledged
		time.Sleep(time.Minute)
		if n := m.called("Create"); n != 1 {
			m.t.Errorf("created %d times, want once", n)
		}
	})
}

func TestAnOldLookAtTheEngineChangesNothing(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		old := &oldLooks{Engine: m.engine}
		m.under = old
		m.start()
		time.Sleep(time.Second)
		old.hold()
		m.plane.run(taskOf("wait", "wait")) // comes up while a look from before it is on its way
		m.plane.untilStatus(taskID, nodeapi.Running)
		old.letGo()
		time.Sleep(time.Minute)
		if r := m.plane.report(taskID); r.Status != nodeapi.Running {
			m.t.Errorf("the task is %s: %s, want it running", r.Status, r.StopReason)
		}
		old.hold()
		m.plane.stop(taskID)
		time.Sleep(time.Minute)
		old.letGo()
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		if n := m.called("Create"); n != 2 {
			m.t.Errorf("created %d times, want each container once", n)
		}
		m.empty()
	})
}

// oldLooks is an engine that may hold a look up on its way to the agent.
type oldLooks struct {
	engine.Engine
	mu  sync.Mutex
	way chan struct{} // nil: the way is free
}

func (o *oldLooks) List(ctx context.Context) ([]engine.Container, error) {
	list, err := o.Engine.List(ctx)
	o.mu.Lock()
	way := o.way
	o.mu.Unlock()
	if way != nil {
		<-way
	}
	return list, err
}

// hold holds up the next look, and waits until it is on its way.
func (o *oldLooks) hold() {
	o.mu.Lock()
	o.way = make(chan struct{})
	o.mu.Unlock()
	time.Sleep(2 * lookPeriod)
}

func (o *oldLooks) letGo() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.way)
	o.way = nil
}

func TestATaskWhoseContainersAreGoneIsNotRunAgain(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		m.kill()
		if err := m.engine.Delete(m.t.Context(), taskID+"-a"); err != nil {
			m.t.Fatal(err)
		}
		m.start()
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
		if c := stopped.Containers[0]; c.ExitCode != nil || c.Reason != "The container is gone from its machine" {
			m.t.Errorf("the container is reported as %+v", c)
		}
		if n := m.called("Create"); n != 1 {
			m.t.Errorf("created %d times, want once", n)
		}
		m.empty()
	})
}

func TestAContainerTakenAwayEndsItsTask(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("wait", "wait 3"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		if err := m.engine.Delete(m.t.Context(), taskID+"-a"); err != nil {
			m.t.Fatal(err)
		}
		stopped := m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.wantStop(stopped, "EssentialContainerExited", "Essential container in task exited")
		m.wantExit(stopped, "b", 3)
		m.empty()
	})
}

func TestAReportThatIsRefusedHoldsUpNoOther(t *testing.T) {
	story(t, func(m *machine) {
		other := taskOf("wait")
		other.ID = "ffffffffffffffffffffffffffffffff"
		refuse := &refusing{plane: m.plane, task: taskID}
		m.kill()
		m.control = refuse
		m.start()
		m.plane.change(func() { m.plane.wanted[taskID], m.plane.wanted[other.ID] = taskOf("wait"), other })
		m.plane.untilStatus(other.ID, nodeapi.Running)
		m.plane.stop(other.ID)
		m.plane.untilStatus(other.ID, nodeapi.Stopped)
	})
}

// refusing is a plane that wants to hear nothing of one task.
type refusing struct {
	*plane
	task string
}

func (r *refusing) Report(ctx context.Context, report nodeapi.Report) (nodeapi.ReportAck, error) {
	if slices.ContainsFunc(report.Tasks, func(t nodeapi.TaskReport) bool { return t.ID == r.task }) {
		return nodeapi.ReportAck{}, errNoGroup
	}
	return r.plane.Report(ctx, report)
}

func TestANodeKeepsItsName(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.until("the node has joined", func() bool { return len(m.plane.hellos) == 1 })
		m.kill()
		m.start()
		m.plane.until("the node has joined again", func() bool { return len(m.plane.hellos) == 2 })
		first, second := m.plane.hellos[0], m.plane.hellos[1]
		if first.Node != second.Node || !nodeID.MatchString(first.Node) {
			m.t.Errorf("the node is %q, then %q", first.Node, second.Node)
		}
		if first.Engine != "fake 1" || first.CPU != 2048 || first.Memory != 1024 || first.Cluster != "default" {
			m.t.Errorf("the node says %+v of itself", first)
		}
	})
}
