package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/durable"
)

// ledger is where the decisions to start containers anew are kept: a file for each task that has such, whole
// and synced before anything of the decision is done.
type ledger struct{ dir string }

// reruns are decisions by task and container.
type reruns map[string]map[string]*rerun

const ledgerSuffix = ".json"

func (l ledger) path(task string) string { return filepath.Join(l.dir, task+ledgerSuffix) }

func (l ledger) write(task string, decided map[string]*rerun) error {
	text, err := json.Marshal(decided)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if err := durable.SyncDir(filepath.Dir(l.dir)); err != nil {
		return err
	}
	return durable.WriteFile(l.path(task), text)
}

// remove forgets a task. There may be nothing to forget.
func (l ledger) remove(task string) error {
	if err := os.Remove(l.path(task)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read reads all that is kept. What is damaged, and what a crash left half written, is as if it were not there.
func (l ledger) read() (reruns, error) {
	all := reruns{}
	entries, err := os.ReadDir(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	for _, e := range entries {
		path := filepath.Join(l.dir, e.Name())
		task, is := strings.CutSuffix(e.Name(), ledgerSuffix)
		decided := map[string]*rerun{}
		if text, err := os.ReadFile(path); !is {
			err = os.Remove(path)
			slog.Debug("removed what a crash left", "file", path, "error", err)
		} else if err = errors.Join(err, json.Unmarshal(text, &decided)); err != nil {
			slog.Warn("the restarts of a task cannot be read", "file", path, "error", err)
		} else {
			all[task] = decided
		}
	}
	return all, err
}
