package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/engine"
	"slipway/engine/fake"
)

// frail is an engine that fails as engines do: it is slow, it is away for a while, a call fails, or takes
// effect and fails all the same.
type frail struct {
	*fake.Engine
	dice  *dice
	bad   func() bool // whether the weather is
	away  func() bool // whether the engine is
	truth *truth
}

var errTrouble = errors.New("trouble of the machine")

// around does a call of the engine, with what may come between.
func (e *frail) around(ctx context.Context, do func() error) error {
	switch bad := e.bad(); {
	case e.away():
		return engine.ErrUnavailable
	case bad && e.dice.chance(30):
		return errTrouble
	case bad && e.dice.chance(60):
		pause(ctx, e.dice.about(3*time.Second))
	default:
		pause(ctx, e.dice.about(20*time.Millisecond))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if e.bad() && e.dice.chance(20) {
		pause(ctx, e.dice.about(time.Second))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.bad() && e.dice.chance(40) {
		return errTrouble
	}
	return nil
}

func (e *frail) Info(ctx context.Context) (engine.Info, error) {
	if e.away() {
		return engine.Info{}, engine.ErrUnavailable
	}
	return e.Engine.Info(ctx)
}

func (e *frail) List(ctx context.Context) (list []engine.Container, err error) {
	if e.away() {
		return nil, engine.ErrUnavailable
	}
	return e.Engine.List(ctx)
}

func (e *frail) Pull(ctx context.Context, ref string, login engine.Login) (image engine.Image, err error) {
	err = e.around(ctx, func() error {
		if e.bad() && e.dice.chance(15) {
			return fmt.Errorf("%w %s: the registry sends bad bytes", engine.ErrPull, ref)
		}
		image, err = e.Engine.Pull(ctx, ref, login)
		return err
	})
	return image, err
}

func (e *frail) Prepare(ctx context.Context, task string, g engine.Group) (namespace string, err error) {
	err = e.around(ctx, func() error {
		namespace, err = e.Engine.Prepare(ctx, task, g)
		return err
	})
	return namespace, err
}

func (e *frail) Attach(ctx context.Context, task string, ports []engine.Port) (network engine.Network, err error) {
	err = e.around(ctx, func() error {
		network, err = e.Engine.Attach(ctx, task, ports)
		return err
	})
	return network, err
}

func (e *frail) Detach(ctx context.Context, task string) error {
	return e.around(ctx, func() error { return e.Engine.Detach(ctx, task) })
}

func (e *frail) Create(ctx context.Context, s engine.Spec) error {
	return e.around(ctx, func() error {
		if e.bad() && e.dice.chance(10) {
			return fmt.Errorf("%w %s: the kernel will not have it", engine.ErrCreate, s.ID)
		}
		return e.Engine.Create(ctx, s)
	})
}

func (e *frail) Start(ctx context.Context, id string) error {
	return e.around(ctx, func() error { return e.Engine.Start(ctx, id) })
}

func (e *frail) Signal(ctx context.Context, id, signal string) error {
	return e.around(ctx, func() error { return e.Engine.Signal(ctx, id, signal) })
}

// Delete has the truth know how the container ended, which after it nobody can tell any more.
func (e *frail) Delete(ctx context.Context, id string) error {
	return e.around(ctx, func() error {
		e.truth.deletes(e.Engine, id)
		return e.Engine.Delete(ctx, id)
	})
}

func (e *frail) Exec(ctx context.Context, id string, x engine.Exec) (code int, err error) {
	err = e.around(ctx, func() error {
		code, err = e.Engine.Exec(ctx, id, x)
		return err
	})
	return code, err
}
