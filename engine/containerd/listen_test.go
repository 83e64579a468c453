package containerd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

// answer serves a word on the port at which tasks look for credentials.
func answer(t *testing.T, e *Engine, word string) {
	t.Helper()
	l, err := e.Listen(t.Context(), 80)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, word) })}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-ended })
}

// ask runs a program in a task of its own and tells what it got.
func ask(t *testing.T, e *Engine, image string) string {
	t.Helper()
	body := enginetest.Body{Engine: e, Image: image}
	task := enginetest.NewTask(t, &body)
	attach(t, e, task.ID)
	c := task.Run("main", "get", "http://"+engine.HostAddress+"/")
	c.Exit(0)
	return c.Printed()
}

// Two nodes on a machine have the same address, and each its own tasks; what listens on the machine's
// port of the same number is in nobody's way.
func TestNodesOnAMachineListenApart(t *testing.T) {
	ref := enginetest.Registry(t) + "/test/program:latest"
	enginetest.Push(t, ref, enginetest.Image(t))
	if l, err := net.Listen("tcp", ":80"); err == nil {
		defer l.Close()
	}
	one, other := newMachine(t).start(), newMachine(t).start()
	answer(t, one, "one")
	answer(t, other, "other")
	for e, word := range map[*Engine]string{one: "one\n", other: "other\n"} {
		if got := ask(t, e, ref); got != word {
			t.Errorf("a task of %q got %q", word, got)
		}
	}
}

// What an engine that was killed had opened leads nowhere once the next one is there, and is open again
// when that opens it.
func TestThePortsOfAKilledEngineAreTakenOver(t *testing.T) {
	m := newMachine(t)
	former := m.start()
	if _, err := former.Listen(t.Context(), 80); err != nil {
		t.Fatal(err)
	}
	e := m.start()
	attach(t, e, ids.Hex(16))
	if led := leads(t, m); len(led) != 0 {
		t.Errorf("still led away: %v", led)
	}
	for range 2 {
		if _, err := e.Listen(t.Context(), 80); err != nil {
			t.Fatal(err)
		}
		if led := leads(t, m); len(led) != 1 {
			t.Errorf("led away: %v, want one rule", led)
		}
	}
}

// leads are the rules that lead tasks to a port of the machine.
func leads(t *testing.T, m *machine) (rules []string) {
	t.Helper()
	out, err := iptables(context.Background(), "nat", "-S", "PREROUTING")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "-i "+m.options.Bridge) && strings.Contains(line, "REDIRECT") {
			rules = append(rules, line)
		}
	}
	return rules
}

func TestListenOnNoPort(t *testing.T) {
	e := newMachine(t).start()
	for _, port := range []int{0, -1, 65536} {
		if l, err := e.Listen(t.Context(), port); err == nil || !strings.Contains(err.Error(), fmt.Sprint(port)) {
			t.Errorf("listening on %d: %v, %v", port, l, err)
		}
	}
}
