package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/agent/runtimeapi"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// printing is a journal over a file that a test writes to.
type printing struct {
	*testing.T
	*journal
	file *os.File
}

func newPrinting(t *testing.T) *printing {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); j.close() })
	return &printing{t, j, f}
}

func (p *printing) print(text string) {
	p.Helper()
	if _, err := p.file.WriteString(text); err != nil {
		p.Fatal(err)
	}
}

// ships gives what goes to the store, and has it arrived.
func (p *printing) ships() (texts []string) {
	_, events := p.batch(1 << 30)
	for _, e := range events {
		texts = append(texts, e.Message)
	}
	p.shipped()
	return texts
}

func TestWhatIsPrintedAndWhatIsSaidAreInOrder(t *testing.T) {
	p := newPrinting(t)
	p.print("before\nunfin")
	p.begin("START")
	p.print("one\n\ntwo")
	p.look()
	p.print(" words\nlast")
	p.say(false, "END", "REPORT")
	p.print("after\n")
	p.look()
	want := []string{"before", "unfin", "START", "one", "two words", "last", "END", "REPORT", "after"}
	if got := p.ships(); !slices.Equal(got, want) {
		t.Errorf("the log is %q, want %q", got, want)
	}
	if got := string(p.say(true)); got != "START\none\n\ntwo words\nlast\nEND\nREPORT\nafter\n" {
		t.Errorf("the tail is %q", got)
	}
}

func TestTailsAreShort(t *testing.T) {
	p := newPrinting(t)
	for n := range 1000 {
		p.say(false, fmt.Sprintf("line %0100d", n))
	}
	if tail := string(p.say(true)); len(tail) != tailSize || !strings.HasSuffix(tail, "999\n") {
		t.Errorf("the tail has %d bytes", len(tail))
	}
}

func TestLongLinesAreCut(t *testing.T) {
	p := newPrinting(t)
	p.print(strings.Repeat("ä", mostEvent) + "\n")
	p.look()
	got := p.ships()
	if len(got) != 2 || len(got[0]) != mostEvent || strings.Join(got, "") != strings.Repeat("ä", mostEvent) {
		t.Errorf("there are %d pieces", len(got))
	}
	p.print(strings.Repeat("x", mostEvent-1) + "ä\n")
	p.look()
	if got := p.ships(); len(got) != 2 || got[1] != "ä" {
		t.Errorf("a rune is cut: %d pieces", len(got))
	}
}

// Who prints faster than the store takes loses what is too much, and is told how much that was.
func TestWhatIsTooMuchIsCounted(t *testing.T) {
	p := newPrinting(t)
	line := strings.Repeat("x", 1000)
	const lines = 3000
	for range lines {
		p.say(false, line)
	}
	kept := len(p.ships())
	if kept >= lines || kept < 900 {
		t.Fatalf("%d lines are kept", kept)
	}
	p.say(false, "room again")
	want := []string{fmt.Sprintf("slipway: %d lines are missing here: the function prints faster than its log takes", lines-kept), "room again"}
	if got := p.ships(); !slices.Equal(got, want) {
		t.Errorf("then there is %q, want %q", got, want)
	}
}

// Whose lines they are is told to who hears them; the log has all.
func TestWhoPrintedIsHeard(t *testing.T) {
	p := newPrinting(t)
	aside, err := os.Create(filepath.Join(t.TempDir(), "aside"))
	if err != nil {
		t.Fatal(err)
	}
	defer aside.Close()
	if err := p.read(runtimeapi.ExtensionLog, aside.Name()); err != nil {
		t.Fatal(err)
	}
	var heard []string
	p.hear(func(stream string, _ time.Time, line []byte) { heard = append(heard, stream+" "+string(line)) })
	for range 2 {
		p.print("of the function\n")
		if _, err := aside.WriteString("of an extension\nunfin"); err != nil {
			t.Fatal(err)
		}
		p.look()
		if _, err := aside.WriteString("ished"); err != nil {
			t.Fatal(err)
		}
		p.say(false, "of the platform")
	}
	want := []string{"function of the function", "extension of an extension", "extension unfinished"}
	if !slices.Equal(heard, append(want, want...)) {
		t.Errorf("heard %q", heard)
	}
	all := []string{"of the function", "of an extension", "unfinished", "of the platform"}
	if got := p.ships(); !slices.Equal(got, append(all, all...)) {
		t.Errorf("shipped %q", got)
	}
}

func TestFloodsDoNotFillTheDisk(t *testing.T) {
	p := newPrinting(t)
	for range 8 {
		p.print(strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000))
		p.look()
	}
	if p.size > mostPending {
		t.Errorf("%d bytes wait", p.size)
	}
	if p.outputs[0].freed < 79<<20/2 {
		t.Errorf("the disk has %d bytes back", p.outputs[0].freed)
	}
	p.ships()
	p.print("still there\n")
	p.look()
	got := p.ships()
	if len(got) != 2 || !strings.HasPrefix(got[0], "slipway: ") || !strings.Contains(got[0], " bytes ") || got[1] != "still there" {
		t.Errorf("then there is %q", got)
	}
}

// A store that is slow or away keeps no call waiting, and gets everything once, in order.
func TestTheStoreIsAway(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		plane := newPlane()
		plane.fail = errs.New(errs.Unavailable, "away")
		s := &shipper{node: "node", printed: plane.Printed, logs: map[string]*source{}}
		file := filepath.Join(dir, "output")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(file)
		if err != nil {
			t.Fatal(err)
		}
		s.follow(&source{sandbox: "sb", journal: j})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.run(ctx) }()
		var want []string
		for n := range 50 {
			want = append(want, fmt.Sprint("line ", n))
			j.say(false, want[n])
			time.Sleep(shipPeriod / 3)
		}
		plane.mu.Lock()
		plane.fail = nil
		plane.mu.Unlock()
		time.Sleep(2 * shipAgain)
		if got := plane.log("sb"); !slices.Equal(got, want) {
			t.Errorf("the log is %q", got)
		}
		j.say(false, "the last")
		s.leave("sb")
		stop()
		<-done
		if got := plane.log("sb"); got[len(got)-1] != "the last" || len(s.logs) != 0 {
			t.Errorf("the log ends with %q, and %d are left", got[len(got)-1], len(s.logs))
		}
	})
}

// What one log group refuses is dropped, and takes nothing of another with it.
func TestTheStoreRefuses(t *testing.T) {
	var kept []string
	s := &shipper{printed: func(_ context.Context, _ string, all []nodeapi.Printed) error {
		for _, p := range all {
			if p.Sandbox == "refused" {
				return errs.New(errs.NotFound, "the log group was deleted")
			}
		}
		for _, p := range all {
			kept = append(kept, p.Sandbox)
		}
		return nil
	}, logs: map[string]*source{}}
	for _, name := range []string{"first", "refused", "second"} {
		p := newPrinting(t)
		p.say(false, name)
		s.follow(&source{sandbox: name, journal: p.journal})
	}
	if err := s.ship(t.Context()); err != nil {
		t.Error(err)
	}
	if slices.Sort(kept); !slices.Equal(kept, []string{"first", "second"}) || !s.empty() {
		t.Errorf("kept are %q", kept)
	}
	s.printed = func(context.Context, string, []nodeapi.Printed) error { return errors.New("down") }
	s.logs["first"].journal.say(false, "more")
	if err := s.ship(t.Context()); err == nil || s.empty() {
		t.Errorf("what is down took it: %v", err)
	}
}
