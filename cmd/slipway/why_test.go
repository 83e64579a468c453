package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// Why a task is where it is, and why none took another, as people ask for it; and who is busy.
func TestWhyAndTop(t *testing.T) {
	t.Parallel()
	c := startCloud(t, "--attribute", "zone=north")
	c.pushApp()
	id := strings.TrimSpace(c.do(c.slipway("run", "-d", "--strategy", "spread:attribute:zone", "--strategy", "binpack:cpu", "--constraint", "memberOf:attribute:zone == north", "voyage/app:v1", "burn")))
	task, err := c.findTask(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.until("RUNNING", task)
	why := c.do(c.slipway("why", id[:16]))
	contains(t, "why it is there", why, "task "+id[:16]+" of family:run-app-", "by spread attribute:zone, then binpack cpu, where memberOf attribute:zone == north")
	if strings.Contains(why, "REASON") {
		t.Errorf("nothing was refused, and yet %s", why)
	}

	out, err := c.try(c.slipway("run", "-m", "99999999", "voyage/app:v1"))
	if err == nil {
		t.Fatalf("a task that fits nowhere runs: %s", out)
	}
	text := err.Error()
	contains(t, "the refusal", text, "no machine has room for the task: ", "RESOURCE:MEMORY (99999999 MiB of memory are needed, ", `"slipway why family:run-app-`)
	_, group, _ := strings.Cut(text, `"slipway why `)
	group, _, _ = strings.Cut(group, `"`)
	contains(t, "why it is nowhere", c.do(c.slipway("why", group)), group+" wanted 1 at ", ", and machines took 0\n", "MACHINE", "RESOURCE:MEMORY", "MiB of memory more have to be free on ", "or each task has to ask for no more than ")
	var answer whyAnswer
	if err := json.Unmarshal([]byte(c.do(c.slipway("why", strings.TrimPrefix(group, "family:"), "-o", "json"))), &answer); err != nil {
		t.Fatal(err)
	}
	if r := answer.Refusal; answer.Task != nil || r == nil || r.Wanted != 1 || len(r.Machines) != 1 || r.Reasons[0].Reason != "RESOURCE:MEMORY" {
		t.Errorf("as JSON: %+v", answer)
	}
	_, err = c.try(c.slipway("run", "--constraint", "memberOf:attribute:zone == south", "voyage/app:v1"))
	contains(t, "a machine that does not fit", err.Error(), "no machine fits what is wanted for the task: ", "MemberOf placement constraint unsatisfied (")

	var top topTable
	if err := json.Unmarshal([]byte(c.do(c.slipway("top", "-o", "json"))), &top); err != nil {
		t.Fatal(err)
	}
	if len(top.Machines) != 1 || len(top.Tasks) != 1 || top.Tasks[0].Task != id || top.Tasks[0].CPU <= 0 || top.Machines[0].HeldCPU != 128 || !top.Machines[0].Connected {
		t.Errorf("top: %+v", top)
	}
	contains(t, "top", c.do(c.slipway("top")), "MACHINE", "ACTIVE", "TASK", id[:12])
	topOnATerminal(t, c, id)
}

// topOnATerminal shows all anew, until it is interrupted.
func topOnATerminal(t *testing.T, c *cloud, id string) {
	ours, theirs := openTerminal(t)
	resize(t, ours, 120, 40)
	cmd := c.slipway("top")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	shown := &syncBuffer{}
	go io.Copy(shown, ours) // until the terminal is gone
	within(t, "it to be shown again and again", func() bool { return strings.Count(shown.String(), id[:12]) > 1 })
	ours.Write([]byte{3}) // Ctrl-C
	cmd.Wait()
	want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "0")
}
