package sandbox

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"slipway/agent/runtimeapi"
	"slipway/nodeapi"
)

// How much of a log is kept on the way, and in which pieces it goes.
const (
	mostEvent   = 256 << 10 // bytes of one event, as CloudWatch Logs has it
	mostPending = 1 << 20   // bytes of a sandbox's log that wait for the store; what is more is dropped, and counted
	mostLook    = 256 << 10 // bytes of output that one look takes, where more is dropped than kept
	tailSize    = 4 << 10   // bytes that a caller is shown
	eventCost   = 64        // bytes that an event takes beside its text
)

// journal is the log of one sandbox: what its processes print, and what the platform says in between, in order. Nothing of it waits for the store: it is gathered here, and shipped from here (ship.go).
type journal struct {
	mu      sync.Mutex
	outputs []*output
	closed  bool
	heard   func(stream string, at time.Time, line []byte) // nil: nobody
	tail    []byte                                         // the last of what was logged since reset
	pending []nodeapi.Event
	size    int64 // of pending
	number  int64 // of the first pending event
	flying  int   // events of pending that are being shipped
	dropped int64 // events since the last that was kept
	skipped int64 // bytes of output that were not read, since then
}

// openJournal begins to read what functions print.
func openJournal(file string) (*journal, error) {
	j := &journal{}
	return j, j.read(runtimeapi.FunctionLog, file)
}

// read begins to read what is printed into a file, too.
func (j *journal) read(stream, file string) error {
	o, err := openOutput(stream, file)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.outputs = append(j.outputs, o)
	return nil
}

// say adds lines of the platform, after all that was printed until now, and gives the last bytes of the log then where
// they are wanted.
func (j *journal) say(tail bool, lines ...string) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	j.take(now, true)
	for _, line := range lines {
		j.add(now, line)
	}
	if !tail {
		return nil
	}
	return bytes.Clone(j.tail[max(0, len(j.tail)-tailSize):])
}

// look takes what was printed since the last look.
func (j *journal) look() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.take(time.Now(), false)
}

// begin adds the line with which a call begins. A tail begins with it.
func (j *journal) begin(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	j.take(now, true)
	j.tail = j.tail[:0]
	j.add(now, line)
}

// hear has every line told that is printed from now on.
func (j *journal) hear(heard func(stream string, at time.Time, line []byte)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heard = heard
}

// take reads all outputs on, under the lock. An unfinished line is a whole one where that is said.
func (j *journal) take(now time.Time, whole bool) {
	if j.closed {
		return
	}
	for _, o := range j.outputs {
		o.read(j.room(), func(line []byte) { j.line(o.stream, now, line) }, j.skip)
		if whole {
			o.finish(func(line []byte) { j.line(o.stream, now, line) })
		}
	}
}

// skip notes what was not read.
func (j *journal) skip(bytes int64) { j.skipped += bytes }

// room is how much of the output may be read at once.
func (j *journal) room() int64 {
	return max(mostLook, mostPending-j.size)
}

func (j *journal) line(stream string, now time.Time, line []byte) {
	if j.heard != nil {
		j.heard(stream, now, line)
	}
	j.add(now, string(line))
}

// add puts an event into the log, where there is room.
func (j *journal) add(now time.Time, text string) {
	j.tail = append(append(j.tail, text...), '\n')
	if len(j.tail) > 4*tailSize {
		j.tail = append(j.tail[:0], j.tail[len(j.tail)-tailSize:]...)
	}
	if text == "" { // which the store has no room for
		return
	}
	cost := int64(len(text) + eventCost)
	if j.size+cost > mostPending {
		j.dropped++
		return
	}
	j.tellDropped(now)
	j.pending = append(j.pending, nodeapi.Event{Time: now.UnixMilli(), Message: text})
	j.size += cost
}

// tellDropped says how much is missing at this place.
func (j *journal) tellDropped(now time.Time) {
	var what string
	switch {
	case j.dropped == 0 && j.skipped == 0:
		return
	case j.skipped == 0:
		what = fmt.Sprintf("%d lines", j.dropped)
	case j.dropped == 0:
		what = fmt.Sprintf("%d bytes", j.skipped)
	default:
		what = fmt.Sprintf("%d lines and %d bytes more", j.dropped, j.skipped)
	}
	text := "slipway: " + what + " are missing here: the function prints faster than its log takes"
	j.dropped, j.skipped = 0, 0
	j.pending = append(j.pending, nodeapi.Event{Time: now.UnixMilli(), Message: text})
	j.size += int64(len(text) + eventCost)
}

// batch takes pending events for the store, up to so many bytes; they stay until shipped says that they are there.
func (j *journal) batch(most int64) (first int64, events []nodeapi.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.pending) == 0 {
		j.tellDropped(time.Now())
	}
	var size int64
	for n, e := range j.pending {
		if size += int64(len(e.Message) + eventCost); size > most && n > 0 {
			break
		}
		j.flying = n + 1
	}
	return j.number, j.pending[:j.flying:j.flying]
}

// shipped forgets what batch has given.
func (j *journal) shipped() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.pending[:j.flying] {
		j.size -= int64(len(e.Message) + eventCost)
	}
	j.number += int64(j.flying)
	j.pending = append([]nodeapi.Event(nil), j.pending[j.flying:]...)
	j.flying = 0
}

// empty says that nothing waits for the store.
func (j *journal) empty() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.pending) == 0 && j.dropped == 0 && j.skipped == 0
}

// close gives up the outputs. Nothing more is taken from them.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, o := range j.outputs {
		o.file.Close()
	}
}
