package agent

import (
	"context"
	"strings"
	"sync"
	"time"

	"slipway/engine"
	"slipway/internal/loop"
)

// lookPeriod is how often the engine is looked at though it has woken nobody.
const lookPeriod = 10 * time.Second

// view is what the engine shows at one time.
type view struct {
	containers []engine.Container
	tasks      []string // that hold anything; only in the first view
	outputs    []string // of which there is output; only in the first view
	reruns     reruns   // of containers that earlier agents have started anew; only in the first view
	deeds      uint64   // that the agent had done when it began to look
}

// watchEngine looks at the engine at once, and whenever a container may have ended.
func (a *Agent) watchEngine(ctx context.Context) {
	var hints sync.WaitGroup
	defer hints.Wait()
	hints.Go(func() {
		for range a.config.Engine.Exits(ctx) {
			a.lookAgain()
		}
	})
	first := true
	loop.Run(ctx, "look at the engine", lookPeriod, a.wake, func(ctx context.Context) error {
		v, err := a.look(ctx, first)
		if err != nil {
			return err
		}
		first = false
		a.tell(ctx, func(time.Time) { a.sees(v) })
		return nil
	})
}

// lookAgain has the engine looked at soon.
func (a *Agent) lookAgain() { wakes(a.wake) }

// wakes has a loop come round soon.
func wakes(loop chan<- struct{}) {
	select {
	case loop <- struct{}{}:
	default: // it will
	}
}

// look lists what there is; the first time also what earlier agents left without a container.
func (a *Agent) look(ctx context.Context, first bool) (v view, err error) {
	v.deeds = a.deeds.Load()
	if v.containers, err = a.config.Engine.List(ctx); err != nil || !first {
		return v, err
	}
	if v.tasks, err = a.config.Engine.Tasks(ctx); err != nil {
		return v, err
	}
	if v.outputs, err = a.config.Engine.Outputs(); err != nil {
		return v, err
	}
	v.reruns, err = a.ledger.read()
	return v, err
}

// sees takes a view of the engine.
func (a *Agent) sees(v view) {
	a.looked = true
	there := map[string]bool{}
	for _, e := range v.containers {
		there[e.ID] = true
		a.seesContainer(e, v.deeds)
	}
	a.findsLeft(v)
	for _, w := range a.tasks {
		for _, c := range w.containers {
			if !there[c.id] && c.changed <= v.deeds {
				c.missing()
			}
		}
		if w.doubt <= v.deeds {
			w.doubt = 0
		}
		a.dirty[w] = true
	}
}

// seesContainer takes what a view shows of a container, unless the agent has made it or taken it away since.
func (a *Agent) seesContainer(e engine.Container, deeds uint64) {
	w := a.task(e.Task)
	if w == nil {
		return
	}
	c := w.container(e.Name)
	c.id = e.ID
	if c.changed <= deeds {
		c.sees(e)
	}
}

// findsLeft takes up what earlier agents have left.
func (a *Agent) findsLeft(v view) {
	for _, id := range v.tasks {
		a.task(id)
	}
	for _, id := range v.outputs {
		a.seesOutput(id)
	}
	for id, decided := range v.reruns {
		if w := a.task(id); w != nil {
			w.decided(decided)
		}
	}
}

// seesOutput takes up output of a container, of which nothing else may be left.
func (a *Agent) seesOutput(id string) {
	task, name, ok := strings.Cut(id, "-")
	if !ok {
		return
	}
	if w := a.task(task); w != nil {
		w.container(name).printed = true
	}
}
