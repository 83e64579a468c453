package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// journal keeps records and happenings until they are handed over.
type journal struct {
	config Config
	wake   chan struct{}

	mu       sync.Mutex
	records  []Record
	spare    []Record // to go on with while others are handed over
	happened []Happening
	lost     int // records for which there was no room
}

func newJournal(c Config) *journal {
	return &journal{config: c, wake: make(chan struct{}, 1), records: make([]Record, 0, c.Batch), spare: make([]Record, 0, c.Batch)}
}

// most is how many batches are kept while none can be handed over. What comes then is lost, and said to be.
const most = 64

// add writes down an execution.
func (j *journal) add(r Record) {
	j.mu.Lock()
	if len(j.records) < most*j.config.Batch {
		j.records = append(j.records, r)
	} else {
		j.lost++
	}
	full := len(j.records) == j.config.Batch
	j.mu.Unlock()
	if full {
		j.knock()
	}
}

// tell writes down what happened, to be told at once but not by the caller.
func (j *journal) tell(h Happening) {
	h.At = time.Now()
	j.mu.Lock()
	j.happened = append(j.happened, h)
	j.mu.Unlock()
	j.knock()
}

func (j *journal) knock() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run hands over what there is until ctx ends, and then the rest.
func (j *journal) run(ctx context.Context) {
	tick := time.NewTicker(j.config.Flush)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-j.wake:
		case <-tick.C:
		}
		j.flush()
	}
}

func (j *journal) flush() {
	j.mu.Lock()
	records, happened, lost := j.records, j.happened, j.lost
	j.records, j.happened, j.lost = j.spare[:0], nil, 0
	j.mu.Unlock()
	if lost > 0 {
		slog.Warn("executions are not written down: more came than could be handed over", "executions", lost)
	}
	for _, h := range happened {
		j.config.Tell(h)
	}
	if len(records) > 0 {
		j.config.Records(records)
	}
	clear(records)
	j.spare = records
}
