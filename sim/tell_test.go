package sim

import (
	"maps"
	"slices"
)

// tell says how much happened, and fails where so little did that nothing is proved by it.
func (w *world) tell() {
	tasks, err := w.tasks(w.t.Context())
	if err != nil {
		w.t.Error(err)
	}
	ends := map[string]int{}
	for _, t := range tasks {
		code, _ := t.Stop()
		ends[code]++
	}
	runs, restarts := 0, 0
	for _, id := range w.truth.names() {
		runs++
		restarts += max(0, w.truth.of(id).starts-1)
	}
	var asks []*request
	for _, c := range w.clients {
		asks = append(asks, c.asks...)
	}
	given := slices.DeleteFunc(asks, func(a *request) bool { return a.answer != accepted })
	w.t.Logf("%d machines of %d accounts, %d lives of the control plane: %d requests accepted, %d tasks %v, %d containers ran, %d were started anew, %d events, books right %d times, services %v",
		len(w.nodes), len(accounts), w.plane.starts.Load(), len(given), len(tasks), ends, runs, restarts, len(w.books.followed), w.books.audited, w.books.did)
	if len(tasks) == 0 || runs == 0 || w.books.audited == 0 || ends["EssentialContainerExited"] == 0 || slices.Contains(slices.Collect(maps.Values(w.books.did)), 0) {
		w.t.Error("too little happened to prove anything")
	}
}
