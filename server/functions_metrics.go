package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"slipway/functions/fleet"
)

// fleetMeter tells the numbers of the fleet when they are asked for.
type fleetMeter struct {
	fleet *fleet.Fleet

	sandboxes, calls, waiting, running, machines, held, skew *prometheus.Desc
}

func newFleetMeter(f *fleet.Fleet) *fleetMeter {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("slipway_functions_"+name, help, labels, nil)
	}
	return &fleetMeter{
		fleet:     f,
		sandboxes: describe("sandboxes", "Sandboxes of functions, by what they do.", "state"),
		calls:     describe("calls_total", "Calls of functions: all, and those that began cold, that were throttled, that failed before they began, and that a superseded release answered.", "kind"),
		waiting:   describe("calls_waiting", "Calls that wait for a sandbox."),
		running:   describe("calls_running", "Calls in sandboxes."),
		machines:  describe("machines", "Machines on which functions run."),
		held:      describe("holds", "Sandboxes that have room on machines."),
		skew:      describe("release_skew_seconds", "The greatest age of a superseded release when it was given a call, in this minute and the one before."),
	}
}

// Describe satisfies prometheus.Collector.
func (m *fleetMeter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.sandboxes, m.calls, m.waiting, m.running, m.machines, m.held, m.skew} {
		out <- d
	}
}

// Collect satisfies prometheus.Collector.
func (m *fleetMeter) Collect(out chan<- prometheus.Metric) {
	s := m.fleet.Stats()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for state, n := range s.Sandboxes {
		gauge(m.sandboxes, float64(n), state)
	}
	for kind, n := range map[string]int64{"all": s.Calls, "cold": s.Cold, "throttled": s.Throttled, "failed": s.Failed, "stale": s.Stale} {
		out <- prometheus.MustNewConstMetric(m.calls, prometheus.CounterValue, float64(n), kind)
	}
	gauge(m.waiting, float64(s.Waiting))
	gauge(m.running, float64(s.Running))
	gauge(m.machines, float64(s.Machines))
	gauge(m.held, float64(s.Holds))
	gauge(m.skew, s.Skew.Seconds())
}
