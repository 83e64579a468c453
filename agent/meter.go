package agent

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

var errMeter = errs.New(errs.Internal, "the load of the machine cannot be read")

// meter measures how much of the machine is in use. Source: proc(5). It goes by what was used since it was read
// last, and by what it told then, so that what lasts a moment counts for little.
type meter struct {
	dir  string // "/proc"
	last ticks
	load *nodeapi.Load
}

// ticks counts the time of all processors since the machine started, in hundredths of a second.
type ticks struct{ busy, all uint64 }

// fewTicks is how much time must lie between two readings for the one to tell anything beside the other.
const fewTicks = 50

func newMeter(dir string) *meter {
	m := &meter{dir: dir}
	m.last, _ = m.ticks() // where it fails, the first reading tells why
	return m
}

// read tells the load, or nil as long as too little time has passed to know it.
func (m *meter) read() (*nodeapi.Load, error) {
	now, err := m.ticks()
	if err != nil {
		return nil, err
	}
	memory, err := m.memory()
	if err != nil || now.all < m.last.all+fewTicks {
		return m.load, err
	}
	fresh := nodeapi.Load{CPU: share(now.busy-min(now.busy, m.last.busy), now.all-m.last.all), Memory: memory}
	if m.load != nil {
		fresh.CPU = (fresh.CPU + m.load.CPU) / 2
	}
	m.last, m.load = now, &fresh
	return m.load, nil
}

func share(part, all uint64) float64 { return min(1, float64(part)/float64(max(all, 1))) }

// ticks reads the first line of stat: user nice system idle iowait irq softirq steal. What another
// machine on the same processor took is busy: it is not there to be had.
func (m *meter) ticks() (t ticks, err error) {
	text, err := os.ReadFile(filepath.Join(m.dir, "stat"))
	if err != nil {
		return t, fmt.Errorf("%w: %w", errMeter, err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return t, fmt.Errorf("%w: stat begins with %.80q", errMeter, line)
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return t, fmt.Errorf("%w: stat begins with %.80q", errMeter, line)
		}
		t.all += n
		if idle := i == 3 || i == 4; !idle {
			t.busy += n
		}
	}
	return t, nil
}

// memory is the share of the machine's memory that nobody could be given now.
func (m *meter) memory() (float64, error) {
	f, err := os.Open(filepath.Join(m.dir, "meminfo"))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errMeter, err)
	}
	defer f.Close()
	amounts := map[string]uint64{}
	for lines := bufio.NewScanner(f); len(amounts) < 2 && lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if name == "MemTotal" || name == "MemAvailable" {
			if amounts[name], err = strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err != nil {
				return 0, fmt.Errorf("%w: meminfo: %w", errMeter, err)
			}
		}
	}
	total, left := amounts["MemTotal"], amounts["MemAvailable"]
	if total == 0 || left > total {
		return 0, fmt.Errorf("%w: meminfo tells %d kB of %d available", errMeter, left, total)
	}
	return share(total-left, total), nil
}
