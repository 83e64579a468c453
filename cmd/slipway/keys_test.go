package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slipway/server"
	"slipway/store/storetest"
)

var (
	keysRounds = flag.Int("keys.rounds", 8, "how often TestRotationIsKilled kills Slipway")
	keysSeed   = flag.Uint64("keys.seed", uint64(time.Now().UnixNano()), "seed of TestRotationIsKilled")
)

// A server that is killed with -9 at random instants of a rotation finds a key that opens every
// secret at its next start: the root key is what it was.
func TestRotationIsKilled(t *testing.T) {
	t.Logf("go test ./cmd/slipway -run TestRotationIsKilled -keys.rounds %d -keys.seed %d", *keysRounds, *keysSeed)
	t.Run("sqlite", func(t *testing.T) { rotationIsKilled(t, startServer(t)) })
	t.Run("postgres", func(t *testing.T) { rotationIsKilled(t, startServer(t, "--store", storetest.PostgresURL(t))) })
}

func rotationIsKilled(t *testing.T, c *cloud) {
	dice := rand.New(rand.NewPCG(*keysSeed, 0))
	first, err := server.ReadCredentials(c.data)
	if err != nil {
		t.Fatal(err)
	}
	for range *keysRounds {
		rotate := exec.Command("slipway", "keys", "rotate", "--data", c.data)
		if err := rotate.Start(); err != nil {
			t.Fatal(err)
		}
		var waiting sync.WaitGroup
		waiting.Go(func() { rotate.Wait() })
		time.Sleep(time.Duration(dice.IntN(60)) * time.Millisecond) // the command itself takes some to start
		c.kill()
		waiting.Wait()
		c.restart()
		now, err := server.ReadCredentials(c.data)
		if err != nil || now.AccessKeyID != first.AccessKeyID || now.SecretAccessKey != first.SecretAccessKey {
			t.Fatalf("the root key is another one: %v", err)
		}
	}
	if code, said := runToEnd(t, "keys", "rotate", "--data", c.data); code != 0 {
		t.Errorf("the last rotation: exit code %d: %s", code, said)
	}
	report, err := server.NewControl(c.data).Keys(t.Context())
	if err != nil || len(report.Masters) != 1 || len(report.Keys) != 1 {
		t.Errorf("in the end: %+v, %v", report, err)
	}
	if left, err := filepath.Glob(filepath.Join(c.data, "master.key?*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
