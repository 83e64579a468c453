package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/fake"
	"slipway/nodeapi"
)

// stocked is an engine that finds the same bytes wherever an archive is said to lie.
type stocked struct {
	*fake.Engine
	data []byte
}

// Load satisfies engine.Loader.
func (s *stocked) Load(ctx context.Context, a engine.Archive) (engine.Image, error) {
	a.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s.data)), nil }
	return s.Engine.Load(ctx, a)
}

func digestOf(data string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(data))) }

// archiveStory has the agent load archives that hold what is in the stock.
func archiveStory(t *testing.T, tell func(m *machine, stock *stocked)) {
	t.Helper()
	story(t, func(m *machine) {
		m.kill()
		stock := &stocked{m.engine, []byte("one")}
		m.under = stock
		m.start()
		tell(m, stock)
	})
}

// A container that is started anew is of the archive's image that it was of, though there is another one now.
func TestAnArchiveIsWhatItWasFirst(t *testing.T) {
	archiveStory(t, func(m *machine, stock *stocked) {
		task := taskOf("sleep 2m then exit 3")
		task.Containers[0].Image = "https://far.example/app.tar?sign=secret"
		task.Containers[0].Restart = &nodeapi.Restart{AttemptPeriod: time.Minute}
		m.plane.run(task)
		first := m.plane.untilStatus(taskID, nodeapi.Running)
		stock.data = []byte("two")
		m.plane.until("it is started anew", func() bool { return m.plane.seen[taskID].Containers[0].Restarts == 1 })
		second := m.plane.report(taskID)
		for _, r := range []nodeapi.TaskReport{first, second} {
			if got := r.Containers[0].Digest; got != digestOf("one") {
				m.t.Errorf("it runs %s, want %s", got, digestOf("one"))
			}
		}
		m.plane.stop(taskID)
		m.empty()

		task.ID = strings.Repeat("1", 32)
		m.plane.run(task)
		if got := m.plane.untilStatus(task.ID, nodeapi.Running).Containers[0].Digest; got != digestOf("two") {
			m.t.Errorf("the next task runs %s, want %s", got, digestOf("two"))
		}
		m.plane.stop(task.ID)
		m.empty()
	})
}

func TestAnArchiveThatIsPinnedIsThatOrNone(t *testing.T) {
	archiveStory(t, func(m *machine, stock *stocked) {
		task := taskOf("exit 4")
		task.Containers[0].Image = "https://far.example/app.tar?sign=secret#" + digestOf("one")
		m.plane.run(task)
		m.wantExit(m.plane.untilStatus(taskID, nodeapi.Stopped), "a", 4)

		other := taskOf("exit 4")
		other.ID = strings.Repeat("1", 32)
		other.Containers[0].Image = "https://far.example/app.tar?sign=secret#" + digestOf("two")
		m.plane.run(other)
		m.wantStop(m.plane.untilStatus(other.ID, nodeapi.Stopped), "TaskFailedToStart", "CannotPullContainerError: cannot pull image https://far.example/app.tar#"+
			digestOf("two")+": it holds "+digestOf("one")+", not "+digestOf("two"))
		m.empty()
	})
}
