package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"slipway/agent"
	"slipway/engine"
	"slipway/engine/fake"
	"slipway/nodeapi"
)

// What each machine offers.
const (
	machineCPU    = 2048 // units of 1/1024 of a core
	machineMemory = 2048 // MiB
)

// machine is one machine: an engine, whose containers go on whatever happens, and an agent that is killed and started anew.
type machine struct {
	account string
	cluster string // that it serves; "": every one of its account
	node    string
	dir     string
	engine  *fake.Engine
	frail   *frail
	line    *line
	dice    *dice
	away    atomic.Bool // its engine is
	truth   *truth
	boots   int
	lost    atomic.Int64 // since when nobody reaches it, as UnixNano; 0: it is reached

	stop context.CancelFunc
	done chan struct{}
}

// newMachine puts a machine into the world; its agent does not run yet.
func newMachine(w *world, number int) (*machine, error) {
	m := &machine{
		account: accounts[number%len(accounts)], dir: filepath.Join(w.dir, "nodes", ids32(number)),
		dice: newDice(w.seed, uint64(number)<<8), truth: w.truth,
	}
	if number%5 == 4 {
		m.cluster = edge
	}
	m.frail = &frail{dice: newDice(w.seed, uint64(number)<<8+1), bad: w.stormy.Load, away: m.away.Load, truth: w.truth}
	m.line = &line{plane: w.plane, account: m.account, dice: newDice(w.seed, uint64(number)<<8+2), bad: w.stormy.Load, broken: make(chan struct{})}
	return m, m.boot()
}

// boot gives the machine an engine that has nothing.
func (m *machine) boot() error {
	m.boots++
	outputs := filepath.Join(m.dir, fmt.Sprint("outputs-", m.boots))
	if err := os.MkdirAll(outputs, 0o700); err != nil {
		return err
	}
	program := m.truth.program(m)
	m.engine = fake.New(fake.Options{Dir: outputs, Images: map[string]fake.Program{image: program, pinned: program}})
	m.frail.Engine = m.engine
	return nil
}

// wipe takes all containers away, with the agent dead. Tasks that are known to have run must not run again.
func (m *machine) wipe(ctx context.Context) error {
	known, err := ask(m.line.plane, func(s *server) (map[string]bool, error) { return s.knownToRun(ctx, m.node) })
	if err != nil {
		known = nil // there is nobody to know
	}
	m.engine.Close()
	if err := m.truth.wiped(m.engine, known); err != nil {
		return err
	}
	return m.boot()
}

// start starts an agent, which knows no more than what is on the machine.
func (m *machine) start() error {
	a, err := agent.New(agent.Config{
		Engine: m.frail, ControlPlane: m.line, Dir: filepath.Join(m.dir, "agent"), Cluster: m.cluster, Version: "sim",
		CPU: machineCPU, Memory: machineMemory, Ports: []int{22}, Disk: func() (float64, error) { return 0, nil },
		Load: func() (*nodeapi.Load, error) { return nil, nil },
	})
	if err != nil {
		return err
	}
	switch m.node {
	case "":
		m.node = a.Node()
	case a.Node():
	default:
		return fmt.Errorf("machine %s calls itself %s", m.node, a.Node())
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan struct{})
	go func() {
		defer close(m.done)
		a.Run(ctx)
	}()
	return nil
}

// kill ends the agent, wherever it is, and nothing else.
func (m *machine) kill() {
	m.stop()
	<-m.done
}

// weather is what happens to the machine until ctx ends. It leaves a machine that is well.
func (m *machine) weather(ctx context.Context, fail func(error)) {
	for pause(ctx, m.dice.about(2*time.Minute)) {
		long := m.dice.about(20 * time.Second)
		if m.dice.chance(100) {
			long += 3 * time.Minute
		}
		switch m.dice.upTo(10) {
		case 0, 1, 2:
			m.lost.Store(time.Now().UnixNano())
			m.line.cut(m.dice.chance(500))
			pause(ctx, long)
			m.line.mend()
		case 3, 4:
			m.away.Store(true)
			pause(ctx, long)
			m.away.Store(false)
		case 5, 6:
			m.murder(ctx)
		default:
			if err := m.fall(ctx, long); err != nil {
				fail(err)
				return
			}
		}
		m.lost.Store(0)
	}
}

// murder has one of the machine's programs die, which nobody asked for.
func (m *machine) murder(ctx context.Context) {
	list, err := m.engine.List(ctx)
	running := slices.DeleteFunc(list, func(c engine.Container) bool { return c.State != engine.Running })
	if err == nil && len(running) > 0 {
		_ = m.engine.Signal(ctx, running[m.dice.upTo(len(running))].ID, "KILL") // it may have ended by now
	}
}

// fall has the agent dead for a while, and in some cases the machine lose what it has.
func (m *machine) fall(ctx context.Context, long time.Duration) error {
	m.lost.Store(time.Now().UnixNano())
	m.kill()
	if m.dice.chance(150) {
		if err := m.wipe(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	pause(ctx, long)
	return m.start()
}
