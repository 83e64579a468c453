package sim

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"slipway/agent"
	"slipway/engine/fake"
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

	stop context.CancelFunc
	done chan struct{}
}

// newMachine puts a machine into the world; its agent does not run yet.
func newMachine(w *world, number int) (*machine, error) {
	m := &machine{
		account: accounts[number%len(accounts)], dir: filepath.Join(w.dir, "nodes", ids32(number)),
		dice: newDice(w.seed, uint64(number)<<8),
	}
	if number%5 == 4 {
		m.cluster = edge
	}
	outputs := filepath.Join(m.dir, "outputs")
	if err := os.MkdirAll(outputs, 0o700); err != nil {
		return nil, err
	}
	program := w.truth.program(m)
	m.engine = fake.New(fake.Options{Dir: outputs, Images: map[string]fake.Program{image: program}})
	m.frail = &frail{Engine: m.engine, dice: newDice(w.seed, uint64(number)<<8+1), bad: w.stormy.Load, away: m.away.Load, truth: w.truth}
	m.line = &line{plane: w.plane, account: m.account, dice: newDice(w.seed, uint64(number)<<8+2), bad: w.stormy.Load, broken: make(chan struct{})}
	return m, nil
}

// start starts an agent, which knows no more than what is on the machine.
func (m *machine) start() error {
	a, err := agent.New(agent.Config{
		Engine: m.frail, ControlPlane: m.line, Dir: filepath.Join(m.dir, "agent"), Cluster: m.cluster, Version: "sim",
		CPU: machineCPU, Memory: machineMemory, Ports: []int{22}, Disk: func() (float64, error) { return 0, nil },
	})
	if err != nil {
		return err
	}
	m.node = a.Node()
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
		switch long := m.dice.about(15 * time.Second); m.dice.upTo(4) {
		case 0, 1:
			m.line.cut(m.dice.chance(500))
			pause(ctx, long)
			m.line.mend()
		case 2:
			m.kill()
			pause(ctx, long)
			if err := m.start(); err != nil {
				fail(err)
				return
			}
		case 3:
			m.away.Store(true)
			pause(ctx, long)
			m.away.Store(false)
		}
	}
}
