package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What tasks use, as people look at it.
func TestStats(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	c.pushApp()
	busy := c.until("RUNNING", c.run("busy", c.app("burner", "burn"), c.app("idler", "wait")))
	c.until("RUNNING", c.run("other", c.app("other", "wait")))

	rows := map[string]usageRow{}
	var list []usageRow
	text := c.do(c.slipway("stats", taskID(busy), "--no-stream", "-o", "json"))
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		rows[r.Container] = r
	}
	burner, idler := rows["burner"], rows["idler"]
	if len(list) != 2 || burner.Task != taskID(busy) {
		t.Fatalf("the containers of one task: %s", text)
	}
	if burner.CPU <= idler.CPU || burner.MemoryLimit != 64<<20 || burner.Memory <= 0 || burner.Pids < 1 {
		t.Errorf("one that is busy and one that is not: %s", text)
	}
	all := c.do(c.slipway("stats", "--no-stream"))
	contains(t, "the table of all", all, "TASK", "burner", "idler", "other", "64.0MiB")

	watching, out := c.slipway("stats", taskID(busy)), &syncBuffer{}
	watching.Stdout, watching.Stderr = out, out
	if err := watching.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, "it to be shown again and again", func() bool { return strings.Count(out.String(), "burner") > 1 })
	c.stop(busy)
	watching.Wait()
	want(t, fmt.Sprint(watching.ProcessState.ExitCode()), "0")

	_, err := c.try(c.slipway("stats", "0123456789abcdef"))
	if err == nil || !strings.Contains(err.Error(), `no task "0123456789abcdef"`) {
		t.Errorf("of a task that is not there: %v", err)
	}
}
