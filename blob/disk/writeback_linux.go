package disk

import (
	"os"
	"syscall"
)

// writebackStep is how many bytes are handed to the disk at a time.
const writebackStep = 4 << 20

// writeback lets the disk begin with bytes as they come, so that the sync at the end finds little left to do.
type writeback struct {
	f    *os.File
	from int64 // what comes before is on its way
}

func (w *writeback) upTo(end int64) {
	if end-w.from < writebackStep {
		return
	}
	const syncFileRangeWrite = 2
	// A hint: where it is not served, the sync at the end does it all.
	_ = syscall.SyncFileRange(int(w.f.Fd()), w.from, end-w.from, syncFileRangeWrite)
	w.from = end
}
