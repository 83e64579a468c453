// Package runtimeapi is what the processes of one sandbox reach at AWS_LAMBDA_RUNTIME_API: the Runtime API
// (2018-06-01), the Extensions API (2020-01-01) and the Telemetry API (2022-07-01) of AWS Lambda, with the state
// machine between them and whoever drives the sandbox.
//
// It starts and ends no processes, knows no containers and writes no logs: its driver does, and tells what happened.
package runtimeapi

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"

	"slipway/nodeapi"
)

// Config is what a session knows of its sandbox.
type Config struct {
	Name, Version, Handler, Account string // of the function, as extensions are told
	Function                        string // its ARN
	Memory                          int    // MiB
	Runtime                         string // "provided.al2023", ...: for telemetry
	Concurrency                     int    // calls at a time; 0: 1
	InitType                        string // why it is started: OnDemand, ProvisionedConcurrency; "": OnDemand

	// Extensions are those whose programs lie in /opt/extensions: the names of their files.
	Extensions []string

	// Dial connects to a port that a process of the sandbox listens on: telemetry is sent there. nil: no telemetry.
	Dial func(ctx context.Context, port int) (net.Conn, error)
}

// Why a sandbox is started, as it is told of itself. Source: Lambda Developer Guide, "Using Lambda environment variables".
const (
	OnDemand               = "on-demand"
	ProvisionedConcurrency = "provisioned-concurrency"
)

// Session is one sandbox from its runtime's start to its end. All methods may be called at the same time.
//
// The order of a sandbox's life: New and Serve; the programs of its extensions are started; Registered; the runtime is
// started; Ready; Invoke as often as wanted; Shutdown; the processes are killed; Close. Whenever a process ends by
// itself, Exited is called.
type Session struct {
	cfg Config

	mu         sync.Mutex
	pollers    []*conn // of the runtime, which wait for calls
	calls      []*call // handed out and not answered
	settling   string  // the id of the call that was answered last, until the runtime asks for more
	asked      bool    // the runtime has asked for its first call
	failed     *nodeapi.FunctionError
	over       bool // no more calls
	cut        chan struct{}
	extensions []*extension
	exited     map[string]bool // processes that have ended; the runtime is ""
	stop       *shutdown
	waiters    []chan struct{}

	net       network
	telemetry telemetry
}

// New makes a session. It does nothing by itself.
func New(c Config) *Session {
	c.Concurrency = max(c.Concurrency, 1)
	c.InitType = cmp.Or(c.InitType, OnDemand)
	s := &Session{cfg: c, cut: make(chan struct{}), exited: map[string]bool{}}
	for _, name := range c.Extensions {
		s.extensions = append(s.extensions, &extension{name: name, external: true})
	}
	s.net.init()
	s.telemetry.init(c.Dial)
	return s
}

// Registered waits until the extensions of Config.Extensions have registered themselves. One that failed or ended
// instead is told; an error is that of ctx.
func (s *Session) Registered(ctx context.Context) (*nodeapi.FunctionError, error) {
	return s.until(ctx, func() bool {
		for _, e := range s.extensions {
			if e.id == "" {
				return false
			}
		}
		return true
	})
}

// Ready waits until the init phase is over: the runtime has asked for its first call, and so have all extensions. What
// failed instead is told as a caller is to see it, without a request's id; an error is that of ctx.
func (s *Session) Ready(ctx context.Context) (*nodeapi.FunctionError, error) {
	began := time.Now()
	s.telemetry.initStart(s.cfg)
	failed, err := s.until(ctx, func() bool { return s.asked && s.quiet() })
	if err == nil {
		s.telemetry.extensions(s.known())
		s.telemetry.initDone(s.cfg, began, failed)
	}
	return failed, err
}

// until waits for something, or for the session's failure.
func (s *Session) until(ctx context.Context, done func() bool) (*nodeapi.FunctionError, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.wait(ctx, func() bool { return s.failed != nil || s.over || done() })
	if s.failed == nil && s.over && err == nil {
		err = ErrOver
	}
	return s.failed, err
}

// known are the extensions there are now.
func (s *Session) known() (all []extension) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.extensions {
		all = append(all, *e)
	}
	return all
}

// wait waits under the lock until done holds, or ctx ends.
func (s *Session) wait(ctx context.Context, done func() bool) error {
	for !done() {
		woken := make(chan struct{})
		s.waiters = append(s.waiters, woken)
		s.mu.Unlock()
		select {
		case <-woken:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil && !done() {
			return ctx.Err()
		}
	}
	return nil
}

// changed wakes all who wait, under the lock.
func (s *Session) changed() {
	for _, w := range s.waiters {
		close(w)
	}
	s.waiters = s.waiters[:0]
}

// quiet tells, under the lock, whether all extensions have asked for their next event.
func (s *Session) quiet() bool {
	for _, e := range s.extensions {
		if !e.waits() {
			return false
		}
	}
	return true
}

// idle tells, under the lock, whether a call can be handed out now.
func (s *Session) idle() bool {
	if s.cfg.Concurrency > 1 {
		return len(s.pollers) > 0 && len(s.calls) < s.cfg.Concurrency
	}
	return len(s.pollers) > 0 && len(s.calls) == 0 && s.quiet()
}

// Settled waits until the sandbox could take the next call at once: the runtime and the extensions have asked for it.
// An error is that of ctx, or ErrOver.
func (s *Session) Settled(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.wait(ctx, func() bool { return s.over || s.idle() }); err != nil {
		return err
	}
	if s.over {
		return ErrOver
	}
	return nil
}

// Close ends all connections and waits until nothing of the session runs any more. Calls that run are cut.
func (s *Session) Close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.net.close()
	s.telemetry.close()
}

// end takes no more calls and cuts those that run, under the lock.
func (s *Session) end() {
	s.over = true
	select {
	case <-s.cut:
	default:
		close(s.cut)
	}
	s.changed()
}
