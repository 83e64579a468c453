package fake_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"slipway/engine"
	"slipway/engine/enginetest"
	"slipway/engine/fake"
)

const image = "example.test/program:latest"

func TestEngine(t *testing.T) {
	e := fake.New(fake.Options{Dir: t.TempDir(), Images: map[string]fake.Program{image: fake.Script}})
	t.Cleanup(e.Close)
	enginetest.Run(t, enginetest.Body{Engine: e, Again: func(*testing.T) engine.Engine { return e }, Image: image})
}

// A simulation runs hours of a machine's life in no time, with a program of its own.
func TestTimeIsTheBubbles(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		day := func(ctx context.Context, p *fake.Process) int {
			select {
			case <-ctx.Done():
			case <-time.After(24 * time.Hour):
			}
			return 42
		}
		e := fake.New(fake.Options{Dir: dir, Images: map[string]fake.Program{"day": day}})
		defer e.Close()
		run(t, e, "day")
		start := time.Now()
		for range e.Exits(t.Context()) {
			if c := only(t, e); c.State == engine.Exited {
				if c.ExitCode != 42 || c.ExitedAt.Sub(start) != 24*time.Hour {
					t.Errorf("exited with %d after %v", c.ExitCode, c.ExitedAt.Sub(start))
				}
				return
			}
		}
	})
}

func TestCallsFailAsTheSimulationWants(t *testing.T) {
	lost := errors.New("lost")
	e := fake.New(fake.Options{Dir: t.TempDir(), Before: func(_ context.Context, call, about string) error {
		if call == "Start" && about == "c" {
			return lost
		}
		return nil
	}})
	defer e.Close()
	img, err := e.Pull(t.Context(), "any", engine.Login{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(t.Context(), engine.Spec{ID: "c", Task: "t", Image: img}); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), "c"); !errors.Is(err, lost) {
		t.Errorf("Start gives %v, want the simulation's error", err)
	}
	if c := only(t, e); c.State != engine.Created {
		t.Errorf("state %v after a start that failed, want created", c.State)
	}
}

func run(t *testing.T, e *fake.Engine, ref string) {
	t.Helper()
	img, err := e.Pull(t.Context(), ref, engine.Login{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(t.Context(), engine.Spec{ID: "c", Task: "t", Image: img}); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, e *fake.Engine) engine.Container {
	t.Helper()
	list, err := e.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d containers (%v), want one", len(list), err)
	}
	return list[0]
}
