package wiretest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/api/awswire"
)

var update = flag.Bool("access.update", false, "write what doors ask for now into their testdata/access.golden")

const accessFile = "testdata/access.golden"

// Access calls every operation of a door, with an input from each sample, as the root of Account, who
// may do everything. What the calls ask for is to be what testdata/access.golden says: operation,
// action, resource and condition keys. There, "aws:ResourceTag" stands for the resource's tags and
// "policy" for a policy of its own, both read only when a decision needs them.
func Access(t *testing.T, door *awswire.Service, samples ...Sample) {
	t.Helper()
	got := accessTable(t, door, samples)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(accessFile), 0o755), os.WriteFile(accessFile, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(accessFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range missing(got, string(want)) {
		t.Errorf("asked for, and not in %s: %s", accessFile, line)
	}
	for _, line := range missing(string(want), got) {
		t.Errorf("in %s, and not asked for: %s", accessFile, line)
	}
	if t.Failed() {
		t.Log("go test with -access.update writes the file anew")
	}
}

// missing are the lines of a that b has not.
func missing(a, b string) (lines []string) {
	have := strings.Split(b, "\n")
	for line := range strings.Lines(a) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(have, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func accessTable(t *testing.T, door *awswire.Service, samples []Sample) string {
	notes := &notes{}
	config := Serve(t, awswire.Config{Access: notes}, door)
	rows := [][4]string{{"operation", "action", "resource", "keys"}}
	for _, op := range door.Bound() {
		if op.Open {
			rows = append(rows, [4]string{op.Name, "-", "-", "open to every caller"})
			continue
		}
		for _, sample := range samples {
			notes.rows = nil
			answer := Call(t, config, door.API(), op.Name, sample.Fill(door.API(), op))
			if len(notes.rows) == 0 {
				t.Errorf("%s asks for nothing: %s", op.Name, answer.Body)
			}
			for _, row := range notes.rows {
				rows = append(rows, [4]string{op.Name, row[0], row[1], row[2]})
			}
		}
	}
	return table(rows)
}

// table writes each row once, in columns.
func table(rows [][4]string) string {
	var width [4]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	seen := map[[4]string]bool{}
	var b strings.Builder
	for _, row := range rows {
		if seen[row] {
			continue
		}
		seen[row] = true
		line := fmt.Sprintf("%-*s | %-*s | %-*s | %s", width[0], row[0], width[1], row[1], width[2], row[2], row[3])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// notes allows everything, and notes it: action, resource, keys.
type notes struct{ rows [][3]string }

func (n *notes) Authorize(_ context.Context, r *awswire.Request) error {
	n.rows = append(n.rows, [3]string{r.Action, r.Resource, keysOf(r)})
	return nil
}

func keysOf(r *awswire.Request) string {
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(r.Ask.Keys)) {
		if len(r.Ask.Keys[name]) == 0 {
			continue // the request has no such key
		}
		keys = append(keys, name+"="+strings.Join(r.Ask.Keys[name], ","))
	}
	if _, tagged := r.Values("aws:tagkeys"); tagged {
		keys = append(keys, "aws:TagKeys")
	}
	if r.Ask.Tags != nil {
		keys = append(keys, "aws:ResourceTag")
	}
	if r.Ask.Policy != nil {
		keys = append(keys, "policy")
	}
	return strings.Join(keys, " ")
}
