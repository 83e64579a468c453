package agent

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestWhatIsKeptOfRestarts(t *testing.T) {
	l := ledger{filepath.Join(t.TempDir(), "restarts")}
	if got, err := l.read(); err != nil || len(got) != 0 {
		t.Errorf("before anything is kept: %v, %v", got, err)
	}
	if err := l.remove("never kept"); err != nil {
		t.Error(err)
	}
	started := time.Now().Round(0) // as the engine tells it, to the nanosecond
	first := map[string]*rerun{"a": {Count: 1, Started: started, Ended: started.Add(time.Hour), Code: 3, OOM: true, Digest: "sha256:a"}}
	second := map[string]*rerun{"a": {Count: 2, Failed: "no"}, "b": {Count: 1}}
	for task, decided := range (reruns{"t1": first, "t2": second}) {
		if err := l.write(task, decided); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"damaged.json": `{"a":`, "t1.json.123": "half"} { // the latter a crash has left
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.read()
	if err != nil || len(got) != 2 || !got["t1"]["a"].Started.Equal(started) || !reflect.DeepEqual(got["t2"], second) {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := l.remove("t1"); err != nil {
		t.Error(err)
	}
	if got, err := l.read(); err != nil || len(got) != 1 {
		t.Errorf("after one is forgotten: %v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(l.dir, "t1.json.123")); !os.IsNotExist(err) {
		t.Errorf("what a crash left is still there: %v", err)
	}
}
