package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// How many tasks one report tells of, and how soon one that failed is made again.
const (
	reportBatch = 100
	firstReport = 100 * time.Millisecond
	lastReport  = 5 * time.Second
	gather      = 500 * time.Millisecond // that news waits for more
)

// reporter tells the control plane of tasks, one report at a time: what happens
// while one is on its way goes into the next, so a task has at most its last state to tell.
type reporter struct {
	busy  bool
	again time.Time     // not before
	wait  time.Duration // grows while the control plane is away
	limit int           // tasks in a report: one, while looking for the one that is refused
	alarm *time.Timer
}

// note sees whether there is something new to tell of a task. A step forward is told at once; the
// rest waits a little, for on the way up it is nearly always followed by a step.
func (a *Agent) note(w *worker, now time.Time) {
	r := w.report()
	if reflect.DeepEqual(r, w.told) {
		return
	}
	switch {
	case steps(r) > steps(w.told):
		w.due = now
	case w.revision == w.heard:
		w.due = now.Add(gather)
	}
	w.told = r
	w.revision++
}

// steps counts how far a task and its containers are beyond PENDING, where all begin.
func steps(r nodeapi.TaskReport) int {
	beyond := func(s nodeapi.Status) int { return int(max(s, nodeapi.Pending) - nodeapi.Pending) }
	n := beyond(r.Status)
	for _, c := range r.Containers {
		n += beyond(c.Status)
	}
	return n
}

// untold are the tasks that the control plane does not know to be as they are.
func (a *Agent) untold() []*worker {
	var untold []*worker
	for _, w := range a.tasks {
		if w.revision > w.heard && w.told.ID != "" && (w.want != nil || w.orphan) {
			untold = append(untold, w)
		}
	}
	return untold
}

func firstDue(batch []*worker) time.Time {
	return slices.MinFunc(batch, func(a, b *worker) int { return a.due.Compare(b.due) }).due
}

func (a *Agent) sendReports(ctx context.Context, now time.Time) {
	r := &a.reports
	if r.busy || !a.looked {
		return
	}
	batch := a.untold()
	if len(batch) == 0 {
		r.limit = reportBatch
		return
	}
	if when := later(r.again, firstDue(batch)); now.Before(when) {
		a.reportLater(ctx, when.Sub(now))
		return
	}
	r.busy = true
	a.report(ctx, batch[:min(len(batch), r.limit)])
}

// reportLater has the main loop come by again.
func (a *Agent) reportLater(ctx context.Context, wait time.Duration) {
	if a.reports.alarm != nil {
		a.reports.alarm.Stop()
	}
	a.reports.alarm = time.AfterFunc(wait, func() { a.tell(ctx, func(time.Time) {}) })
}

func (a *Agent) report(ctx context.Context, batch []*worker) {
	report := nodeapi.Report{Node: a.hello.Node}
	revisions := make([]int, len(batch))
	for i, w := range batch {
		report.Tasks = append(report.Tasks, w.told)
		revisions[i] = w.revision
	}
	a.work.Go(func() {
		ack, err := a.config.ControlPlane.Report(ctx, report)
		a.tell(ctx, func(now time.Time) {
			a.reports.busy = false
			if err != nil {
				a.notReported(batch, revisions, err, now)
				return
			}
			a.reports.wait = 0
			for i, w := range batch {
				a.acknowledged(w, revisions[i], report.Tasks[i].Status)
			}
			a.deny(ack.Unknown)
		})
	})
}

// acknowledged notes that the control plane has a task written down as it was at a revision.
func (a *Agent) acknowledged(w *worker, revision int, status nodeapi.Status) {
	w.heard = max(w.heard, revision)
	w.acked = max(w.acked, status)
	a.dirty[w] = true
}

// deny notes which tasks the control plane does not know. One that it has asked for in this session it must know.
func (a *Agent) deny(unknown []string) {
	for _, id := range unknown {
		if w := a.tasks[id]; w != nil && w.orphan {
			w.denied = true
		}
	}
}

// notReported tries again, for ever if the control plane is away. Of a report that is
// refused the tasks are told one by one, and the one that is at fault is told again when it has changed.
func (a *Agent) notReported(batch []*worker, revisions []int, err error, now time.Time) {
	r := &a.reports
	if kind := errs.KindOf(err); kind == errs.Unavailable || kind == errs.Internal || kind == errs.Throttled {
		r.wait = min(max(2*r.wait, firstReport), lastReport)
		r.again = now.Add(r.wait/2 + rand.N(r.wait))
		return
	}
	if len(batch) > 1 {
		r.limit = 1
		return
	}
	slog.Error("the control plane refuses a report", "task", batch[0].id, "status", batch[0].told.Status, "error", err)
	batch[0].heard = max(batch[0].heard, revisions[0])
}
