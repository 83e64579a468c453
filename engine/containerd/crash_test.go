package containerd

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

var crashRounds = flag.Int("crash.rounds", 8, "how often TestCrash kills")

// crashEnv makes this test binary a victim: its value holds what to do.
const crashEnv = "SLIPWAY_ENGINE_VICTIM"

type victim struct {
	Options Options
	Image   string
	Spec    *engine.Spec // nil: tasks, as fast as it can
	Exec    []string     // to be run in that
}

func TestMain(m *testing.M) {
	if order := os.Getenv(crashEnv); order != "" {
		suffer(order)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// suffer makes one container, or makes and removes tasks as fast as it can, until it is killed.
func suffer(order string) {
	var v victim
	must := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	must(json.Unmarshal([]byte(order), &v))
	e, err := New(v.Options)
	must(err)
	ctx := context.Background()
	go e.Run(ctx) // it never ends but with the process
	image, err := e.Pull(ctx, v.Image, engine.Login{})
	must(err)
	fmt.Println("working")
	if v.Spec != nil {
		v.Spec.Image = image
		must(e.Create(ctx, *v.Spec))
		if v.Exec != nil {
			must(e.Start(ctx, v.Spec.ID))
			_, err := e.Exec(ctx, v.Spec.ID, engine.Exec{Args: v.Exec, Stdout: os.Stdout})
			must(err)
		}
		select {} // it was too quick for its killer
	}
	var workers errgroup.Group
	for range 3 {
		workers.Go(func() error {
			for {
				if err := sufferOnce(ctx, e, image); err != nil {
					return err
				}
			}
		})
	}
	must(workers.Wait())
}

func sufferOnce(ctx context.Context, e *Engine, image engine.Image) error {
	task := ids.Hex(16)
	group := engine.Group{Limits: engine.Limits{MemoryLimit: 256 << 20}}
	if rand.IntN(2) == 0 {
		group.PID, group.IPC = engine.TaskWide, engine.TaskWide
	}
	namespace, err := e.Prepare(ctx, task, group)
	if err != nil {
		return err
	}
	spec := engine.Spec{ID: task + "-main", Task: task, Name: "main", Image: image, Namespace: namespace, Command: []string{"stubborn"},
		PID: group.PID, IPC: group.IPC, Init: true, OpenStdin: true, Terminal: rand.IntN(4) == 0,
		Mounts: []engine.Mount{{Kind: engine.TaskVolume, Source: "data", Path: "/seeded"}},
	}
	if rand.IntN(3) == 0 && disksBound() {
		spec.DiskLimit = 8 << 20
	}
	var both errgroup.Group
	both.Go(func() error {
		_, err := e.Attach(ctx, task, []engine.Port{{Container: 80, Protocol: "tcp"}, {Container: 53, Protocol: "udp"}})
		return err
	})
	both.Go(func() error { return e.Create(ctx, spec) })
	steps := []func() error{
		both.Wait,
		func() error { return e.Start(ctx, spec.ID) },
		func() error {
			_, err := e.Exec(ctx, spec.ID, engine.Exec{Args: []string{enginetest.ProgramPath, "exit", "3"}})
			return err
		},
		func() error { return e.Delete(ctx, spec.ID) },
		func() error { return e.RemoveOutput(spec.ID) },
		func() error { return e.Detach(ctx, task) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// However the engine dies, the next one finds all that it left, and can take it away. In a third
// of the rounds containerd dies with it.
func TestCrash(t *testing.T) {
	m := newMachine(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	b := body(t, m, m.start())
	if _, err := b.Engine.Pull(t.Context(), b.Image, engine.Login{}); err != nil {
		t.Fatal(err)
	}
	m.stop()
	for range *crashRounds {
		work := startVictim(t, m, victim{Image: b.Image})
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // a random instant is the point
		if random.IntN(3) == 0 {
			killContainerd(t, m)
		}
		work.kill(t)
		e := m.start()
		m.clear(e)
		checkWorks(t, e, b)
		m.stop()
		if left := m.leftovers(); len(left) > 0 {
			t.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
		}
	}
}

type process struct {
	cmd *exec.Cmd
	out *bufio.Scanner
}

func startVictim(t *testing.T, m *machine, v victim) process {
	t.Helper()
	v.Options = m.options
	v.Options.Log = nil
	order, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+string(order))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := process{cmd, bufio.NewScanner(out)}
	if !p.out.Scan() || p.out.Text() != "working" {
		t.Fatalf("the victim says %q", p.out.Text())
	}
	return p
}

// kill ends the victim, which must not have ended by itself.
func (p process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for p.out.Scan() {
		t.Errorf("the victim says %q", p.out.Text())
	}
	p.cmd.Wait()
}

func killContainerd(t *testing.T, m *machine) {
	t.Helper()
	pid, err := newDaemon(m.options, "").find()
	if err != nil {
		t.Fatal(err)
	}
	if pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func checkWorks(t *testing.T, e *Engine, b *enginetest.Body) {
	t.Helper()
	b.Engine = e
	t.Run("works", func(t *testing.T) {
		task := enginetest.NewTask(t, b)
		if _, err := e.Attach(t.Context(), task.ID, []engine.Port{{Container: 80, Protocol: "tcp"}}); err != nil {
			t.Fatal(err)
		}
		task.Run("main", "exit", "3").Exit(3)
	})
}
