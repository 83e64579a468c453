package main

import (
	"path/filepath"
	"strings"
	"testing"

	"slipway/agent"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// A machine that was removed joins again by a new token, in its folder and under its name; the token that it
// has used may stay on its command line, or be thrown away.
func TestAMachineJoinsAgainByANewToken(t *testing.T) {
	t.Parallel()
	needRoot(t)
	c := startServer(t)
	data := t.TempDir()
	id, err := agent.NodeID(data)
	if err != nil {
		t.Fatal(err)
	}
	heard := func(j joining) error {
		t.Helper()
		i, err := j.identity(t.Context(), &node{data: data}, strings.NewReader(""))
		if err != nil {
			return err
		}
		_, err = i.Client().Report(t.Context(), nodeapi.Report{Node: id})
		return err
	}
	first := joining{url: c.nodes, token: c.invite()}
	starts := map[string]joining{"the same command": first, "no token": {}, "a token file that is gone": {url: c.nodes, file: filepath.Join(data, "gone")}}
	if err := heard(first); err != nil {
		t.Fatal(err)
	}
	for name, j := range starts {
		if err := heard(j); err != nil {
			t.Errorf("started anew with %s: %v", name, err)
		}
	}
	if code, said := runToEnd(t, "node", "remove", id, "--data", c.data); code != 0 {
		t.Fatal(said)
	}
	for name, j := range starts {
		if err := heard(j); errs.KindOf(err) != errs.Denied {
			t.Errorf("removed, and started with %s: %v, want it denied", name, err)
		}
	}
	if err := heard(joining{token: c.invite()}); err != nil {
		t.Errorf("with a new token: %v", err)
	}
}
