package agent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// begin asks the node for a stream, and returns the control plane's end of it.
func (m *machine) begin(s nodeapi.Stream) *nodeapi.Line {
	m.t.Helper()
	s.ID, s.Secret = ids.Hex(16), ids.Hex(16)
	m.plane.change(func() { m.plane.asks = append(m.plane.asks, s) })
	return nodeapi.NewLine(<-m.plane.streams)
}

// inside begins a program in container a of the task.
func (m *machine) inside(args ...string) *nodeapi.Line {
	m.t.Helper()
	return m.begin(nodeapi.Stream{Exec: &nodeapi.Exec{Task: taskID, Container: "a", Args: args}})
}

// heard is all that came until the end of a stream, which is closed then.
func (m *machine) heard(l *nodeapi.Line) (stdout, stderr string, end nodeapi.End) {
	m.t.Helper()
	defer l.Close()
	for {
		kind, piece, err := l.Receive()
		if err != nil {
			m.t.Errorf("after %q: %v", stdout, err)
			return stdout, stderr, end
		}
		switch kind {
		case nodeapi.Stdout:
			stdout += string(piece)
		case nodeapi.Stderr:
			stderr += string(piece)
		case nodeapi.StreamEnds:
			if err := json.Unmarshal(piece, &end); err != nil {
				m.t.Error(err)
			}
			return stdout, stderr, end
		}
	}
}

func (m *machine) wantEnd(l *nodeapi.Line, stdout, stderr string, end nodeapi.End) {
	m.t.Helper()
	out, warnings, got := m.heard(l)
	if out != stdout || warnings != stderr || got.ExitCode != end.ExitCode || got.Kind != end.Kind || (end.Error == "") != (got.Error == "") {
		m.t.Errorf("it printed %q and %q and ended with %+v; want %q, %q, %+v", out, warnings, got, stdout, stderr, end)
	}
}

func TestExec(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)

		m.wantEnd(m.inside("print", "hello", "then", "warn", "careful", "then", "exit", "7"), "hello\n", "careful\n", nodeapi.End{ExitCode: 7})
		m.wantEnd(m.inside("/missing/program"), "", "", nodeapi.End{Error: "why", Kind: "invalid"})
		m.wantEnd(m.begin(nodeapi.Stream{Exec: &nodeapi.Exec{Task: taskID, Container: "nobody", Args: []string{"exit"}}}), "", "", nodeapi.End{Error: "why", Kind: "not found"})

		l := m.inside("cat", "then", "print", "end")
		l.Send(nodeapi.Stdin, []byte("typed "))
		l.Send(nodeapi.Stdin, []byte("twice\n"))
		l.Send(nodeapi.StdinEnd, nil)
		m.wantEnd(l, "typed twice\nend\n", "", nodeapi.End{})
	})
}

// A program that reads nothing holds up nobody, and is given no more than the window.
func TestExecThatReadsNothing(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		l := m.inside("sleep", "10s", "then", "print", "done")
		piece := make([]byte, nodeapi.MaxPiece)
		for range nodeapi.Window / nodeapi.MaxPiece {
			if err := l.Send(nodeapi.Stdin, piece); err != nil {
				t.Fatal(err)
			}
		}
		m.wantEnd(l, "done\n", "", nodeapi.End{})

		l = m.inside("stubborn")
		for range nodeapi.Window/nodeapi.MaxPiece + 1 {
			l.Send(nodeapi.Stdin, piece)
		}
		if _, _, end := m.heard(l); end.Error == "" {
			t.Errorf("who sends more than the window goes on: %+v", end)
		}
	})
}

// What was read may be sent anew.
func TestExecTellsWhatWasRead(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		l := m.inside("cat")
		want := bytes.Repeat([]byte("0123456789abcdef"), nodeapi.MaxPiece/16)
		go l.Send(nodeapi.Stdin, want)
		var printed []byte
		for taken := 0; taken < len(want) || len(printed) < len(want); {
			switch kind, piece, err := l.Receive(); {
			case err != nil:
				t.Fatal(err)
			case kind == nodeapi.Taken:
				taken += int(binary.BigEndian.Uint32(piece))
			case kind == nodeapi.Stdout:
				printed = append(printed, piece...)
			}
		}
		if !bytes.Equal(printed, want) {
			t.Errorf("%d bytes came back otherwise than they were", len(printed))
		}
		go l.Send(nodeapi.StdinEnd, nil)
		m.wantEnd(l, "", "", nodeapi.End{})
	})
}

// When the line ends so does the program, whoever ended it; and when the program's container does.
func TestExecEnds(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		for range 2 * maxStreams { // each leaves its place to the next
			m.inside("stubborn").Close()
			time.Sleep(time.Second)
		}
		m.wantEnd(m.inside("print", "again"), "again\n", "", nodeapi.End{})

		l := m.inside("stubborn")
		m.plane.stop(taskID)
		m.wantEnd(l, "waiting\n", "", nodeapi.End{ExitCode: 137})
		m.plane.untilStatus(taskID, nodeapi.Stopped)
	})
}

func TestStreamsAreBounded(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		var open []*nodeapi.Line
		for range maxStreams {
			open = append(open, m.inside("stubborn"))
		}
		time.Sleep(time.Second) // in the bubble: all have begun
		m.wantEnd(m.inside("print"), "", "", nodeapi.End{Error: "why", Kind: errs.Throttled.String()})
		for _, l := range open {
			l.Close()
		}
	})
}

func TestUsage(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("stubborn", "stubborn"))
		m.plane.untilStatus(taskID, nodeapi.Running)
		l := m.begin(nodeapi.Stream{Stats: &nodeapi.Stats{Tasks: []string{taskID, "another"}, Period: 5 * time.Second}})
		defer l.Close()
		var before nodeapi.Usage
		for i := range 3 {
			kind, piece, err := l.Receive()
			var u nodeapi.Usage
			if err != nil || kind != nodeapi.Used || json.Unmarshal(piece, &u) != nil || len(u.Containers) != 2 {
				t.Fatalf("look %d: %d %s, %v", i, kind, piece, err)
			}
			if i > 0 {
				passed, used := u.Containers[0].Read.Sub(before.Containers[0].Read), u.Containers[0].CPU-before.Containers[0].CPU
				if passed != 5*time.Second || used != passed {
					t.Errorf("look %d: %v of %v", i, used, passed)
				}
			}
			if names := u.Containers[0].Container + u.Containers[1].Container; names != "ab" && names != "ba" {
				t.Errorf("containers %s", names)
			}
			before = u
		}
	})
}
