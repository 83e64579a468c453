package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"slipway/engine/enginetest"
	"slipway/server"
)

// testdata/script is the command line as a person at a terminal meets it. Beside testscript's own
// words the scripts know:
//
//	exits CODE COMMAND...   run a command, which ends with that exit code
//	ready DIR               wait for the server with this data folder, and point AWS tools at it
//	[has:PROGRAM]           the program is installed; under SLIPWAY_TEST_ALL it must be
//	[root]                  the test runs as root
//	$PROGRAM                a static binary
func TestScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := enginetest.Compile(dir, "slipway/engine/enginetest/program"); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PROGRAM", filepath.Join(dir, "program"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("AWS_PAGER", "")
			return nil
		},
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "ready": ready},
		Condition: has,
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

func ready(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		creds, err := server.ReadCredentials(dir)
		if err != nil || !isReady(creds.Endpoint) {
			continue
		}
		for name, value := range variables(creds) {
			ts.Setenv(name, value)
		}
		return
	}
	ts.Fatalf("the server of %s is not ready", dir)
}

func has(condition string) (bool, error) {
	if condition == "root" {
		return os.Geteuid() == 0, nil
	}
	name, ok := strings.CutPrefix(condition, "has:")
	if !ok {
		return false, errors.New("unknown condition " + condition)
	}
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("SLIPWAY_TEST_ALL") != "" {
		return false, err
	}
	return err == nil, nil
}

// variables are what "slipway env" prints.
func variables(c server.Credentials) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": c.Endpoint, "AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey,
		"AWS_REGION": c.Region, "AWS_DEFAULT_REGION": c.Region,
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range rootCommand().Commands() {
		if c.Short == "" || !strings.Contains(c.Example, "slipway "+c.Name()) {
			t.Errorf("%q has the example %q", c.CommandPath(), c.Example)
		}
	}
}
