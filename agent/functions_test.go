package agent

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// functionPlane is a control plane that has functions.
type functionPlane struct {
	*plane
	lines chan func(ctx context.Context, h nodeapi.SandboxHost) error // what it does with a line, one after another
}

func (p functionPlane) Sandboxes(ctx context.Context, _ string, h nodeapi.SandboxHost) error {
	select {
	case use := <-p.lines:
		return use(ctx, h)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (functionPlane) Code(context.Context, nodeapi.CodeRequest) (io.ReadCloser, error) {
	return nil, errs.New(errs.NotFound, "no such code")
}

func (functionPlane) Printed(context.Context, string, []nodeapi.Printed) error { return nil }

// The machine's sandboxes are the control plane's to use, over one line after another. None outlives the line that it
// was started over, nor the agent, and tasks do not meet them.
func TestSandboxesLiveAsLongAsTheirLine(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		p := functionPlane{m.plane, make(chan func(context.Context, nodeapi.SandboxHost) error)}
		m.control = p
		m.start()
		start := func(ctx context.Context, h nodeapi.SandboxHost) error {
			return h.Start(ctx, nodeapi.Sandbox{ID: "sb-" + ids.Hex(16), Account: "123456789012", Image: "runtime", Memory: 128})
		}
		p.lines <- func(ctx context.Context, h nodeapi.SandboxHost) error {
			for range 3 {
				if err := start(ctx, h); err != nil {
					m.t.Error(err)
				}
			}
			if held := m.engine.Held(); len(held) != 3 {
				m.t.Errorf("there are %q", held)
			}
			return fmt.Errorf("the line is cut")
		}
		begun := make(chan struct{})
		p.lines <- func(ctx context.Context, h nodeapi.SandboxHost) error {
			if held := m.engine.Held(); len(held) > 0 {
				m.t.Errorf("of a former line there are %q", held)
			}
			if err := start(ctx, h); err != nil {
				m.t.Error(err)
			}
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}
		<-begun
		m.plane.run(taskOf("exit 0"))
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		if held := m.engine.Held(); len(held) != 1 {
			m.t.Errorf("beside a task there are %q", held)
		}
		m.kill()
		if held := m.engine.Held(); len(held) > 0 {
			m.t.Errorf("after the agent there are %q", held)
		}
	})
}

// An agent that is told to end says so to the control plane and keeps its line until the sandboxes are stopped, but no longer
// than LeaveTime.
func TestAnAgentThatEndsWaitsForItsSandboxes(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		p := functionPlane{m.plane, make(chan func(context.Context, nodeapi.SandboxHost) error)}
		m.control = p
		for _, row := range []struct {
			stops bool // the control plane stops them, when they are said to be leaving
			took  time.Duration
		}{{true, 20 * time.Second}, {false, LeaveTime}} {
			m.start()
			begun, leaving := make(chan struct{}), make(chan struct{})
			p.lines <- func(ctx context.Context, h nodeapi.SandboxHost) error {
				id := "sb-" + ids.Hex(16)
				if err := h.Start(ctx, nodeapi.Sandbox{ID: id, Account: "123456789012", Image: "runtime", Memory: 128}); err != nil {
					m.t.Error(err)
				}
				go h.Watch(ctx, func(all []nodeapi.SandboxState) {
					if len(all) == 1 && all[0].Leaving && !all[0].Gone {
						close(leaving)
					}
				})
				close(begun)
				<-leaving
				time.Sleep(20 * time.Second) // a call is under way
				if err := ctx.Err(); err != nil {
					m.t.Errorf("the line has ended: %v", err)
				}
				if row.stops {
					if err := h.Stop(ctx, id); err != nil {
						m.t.Error(err)
					}
				}
				<-ctx.Done()
				return ctx.Err()
			}
			<-begun
			synctest.Wait()
			told := time.Now()
			m.kill()
			if took := time.Since(told); took != row.took {
				m.t.Errorf("it took %v to end, want %v", took, row.took)
			}
			if held := m.engine.Held(); len(held) > 0 {
				m.t.Errorf("after the agent there are %q", held)
			}
		}
		m.start()
	})
}

// A function with a role is led to the API, and to nothing else of the node.
func TestFunctionsWithARoleReachTheAPI(t *testing.T) {
	story(t, func(m *machine) {
		m.kill()
		api, err := url.Parse("http://127.0.0.1:4600")
		if err != nil {
			m.t.Fatal(err)
		}
		a, err := New(Config{Engine: m.engine, ControlPlane: functionPlane{plane: m.plane}, Dir: m.dir, API: api})
		if err != nil {
			m.t.Fatal(err)
		}
		env := a.admitSandbox("sb-"+strings.Repeat("0", 32), "10.87.192.2")
		if !slices.Equal(env, []string{"AWS_ENDPOINT_URL=http://169.254.170.2:4600"}) {
			m.t.Errorf("its environment has %q", env)
		}
		m.start()
	})
}
