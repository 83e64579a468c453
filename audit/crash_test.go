package audit

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

var crashRounds = flag.Int("crash.rounds", 20, "how often TestCrash kills a process that records, on each database")

const childDatabase, childFolder = "AUDIT_CRASH_DATABASE", "AUDIT_CRASH_FOLDER"

// The test binary is the process that is killed as well.
func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		if err := recordUntilKilled(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// recordUntilKilled is the child: two goroutines record calls one after the other and print the
// number of each that was acknowledged, while the room moves them.
func recordUntilKilled(ctx context.Context) error {
	db, err := store.Open(ctx, os.Getenv(childDatabase))
	if err != nil {
		return err
	}
	keys, err := seal.Open(ctx, db, seal.Fixed(sealtest.Master('m'), "test"), "crash")
	if err != nil {
		return err
	}
	c, err := New(ctx, db, os.Getenv(childFolder), keys, Config{})
	if err != nil {
		return err
	}
	go c.Run(ctx)
	go func() {
		for { // far more often than a loop would, so that every line of it is hit
			c.move(ctx)
			c.spool.tend()
		}
	}()
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for n := 0; ; n++ {
				e := runTask(fmt.Sprintf("%d/%d/%d", os.Getpid(), g, n))
				e.UserAgent = strings.Repeat("x", n%500)
				if id, err := c.Record(e); err == nil {
					fmt.Printf("%s %s\n", id, e.RequestID)
				}
				if n%100 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// killOne runs a child, kills it at some instant, and returns the calls that it acknowledged: the id
// of each record and what was asked for.
func killOne(t *testing.T, url, dir string) (acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDatabase+"="+url, childFolder+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			cmd.Wait() // it was killed
			return acknowledged
		}
		must(t, err)
		if len(acknowledged) == 0 {
			time.AfterFunc(rand.N(150*time.Millisecond), func() { cmd.Process.Kill() })
		}
		acknowledged = append(acknowledged, strings.TrimSpace(line))
	}
}

// A process is killed at any instant, again and again: every call that it acknowledged is recorded,
// once, in the order in which it was made, and the chain holds.
func TestCrash(t *testing.T) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return t.TempDir() + "/slipway.db" },
		"postgres": func() string { return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url, dir := url(), t.TempDir()
			var acknowledged []string
			for range *crashRounds {
				acknowledged = append(acknowledged, killOne(t, url, dir)...)
			}
			checkCrash(t, url, dir, acknowledged)
		})
	}
}

func checkCrash(t *testing.T, url, dir string, acknowledged []string) {
	t.Helper()
	db, err := store.Open(t.Context(), url)
	must(t, err)
	defer db.Close()
	c := open(t, db, dir)
	must(t, c.move(t.Context()))
	found := lookup(t, c, us, Query{})

	at := map[string]Entry{}
	for i, e := range found {
		at[e.ID] = e
		if i > 0 && !e.Time.Before(found[i-1].Time) {
			t.Fatalf("%s does not come before %s", e.ID, found[i-1].ID)
		}
	}
	if len(at) != len(found) {
		t.Errorf("%d records, %d of them different", len(found), len(at))
	}
	latest := map[string]string{} // id of the latest record of each goroutine
	for _, line := range acknowledged {
		id, request, _ := strings.Cut(line, " ")
		who, n, err := cutLast(request)
		must(t, err)
		e, ok := at[id]
		if !ok || e.RequestID != request || len(e.UserAgent) != n%500 {
			t.Fatalf("%s was acknowledged, and there is %+v", line, e)
		}
		if id <= latest[who] {
			t.Fatalf("%s comes before %s, which was recorded before it", id, latest[who])
		}
		latest[who] = id
	}
	if more := len(found) - len(acknowledged); more < 0 || more > 2**crashRounds {
		t.Errorf("%d more than were acknowledged: more than were under way", more)
	}
	seen := verify(t, c, us)
	t.Logf("%d calls acknowledged, %d found, in %d chunks", len(acknowledged), len(found), seen.Chunks)
}

// cutLast takes the number off the end of a request's name.
func cutLast(request string) (who string, n int, err error) {
	i := strings.LastIndexByte(request, '/')
	n, err = strconv.Atoi(request[i+1:])
	return request[:i], n, err
}
