package main

import "testing"

func TestGarbageOfWhoIsBusy(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		percent     int
		looks, live uint64
		want        int
	}{
		{name: "at rest", percent: usualGC, looks: 1, live: 16 * mib, want: usualGC},
		{name: "busy", percent: usualGC, looks: busyLooks, live: 16 * mib, want: 400},
		{name: "still busy, with fewer looks", percent: 400, looks: 2, live: 32 * mib, want: 200},
		{name: "at rest again", percent: 400, looks: 0, live: 16 * mib, want: usualGC},
		{name: "busy, and keeping much", percent: usualGC, looks: 50, live: 500 * mib, want: usualGC},
		{name: "busy, and keeping next to nothing", percent: usualGC, looks: 50, live: 1 * mib, want: 1000},
		{name: "before the first look", percent: usualGC, looks: 0, live: 0, want: usualGC},
	} {
		if got := garbage(c.percent, c.looks, c.live); got != c.want {
			t.Errorf("%s: %d %%, want %d", c.name, got, c.want)
		}
	}
}
