package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/cluster"
)

// operator drains machines of one account, and has them take tasks again.
type operator struct {
	*client
	machines []*machine
	drains   []*machine // that are, or may be
}

// work drains a machine now and then until ctx ends. It may leave one that is empty to be.
func (o *operator) work(ctx context.Context, fail func(error)) {
	for pause(ctx, o.dice.about(40*time.Second)) {
		if err := o.setAll(ctx, cluster.Active); err != nil {
			fail(err)
			return
		}
		o.drains = append(o.drains, o.machines[o.dice.upTo(len(o.machines))])
		if err := o.setAll(ctx, cluster.Draining); err != nil {
			fail(err)
			return
		}
	}
}

// setAll changes the state of the machines that drain.
func (o *operator) setAll(ctx context.Context, status string) error {
	for _, m := range o.drains {
		name := m.cluster
		if name == "" {
			name = "default"
		}
		_, err := insist(ctx, o.client, func(ctx context.Context, s *server) (none struct{}, err error) {
			_, missing, err := s.SetInstanceState(ctx, o.account, name, []string{m.node}, status)
			if err == nil && len(missing) > 0 {
				err = fmt.Errorf("machine %s is missing in %s", missing[0], name)
			}
			return none, err
		})
		if errors.Is(err, errAway) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("machine %s to be %s: %w", m.node, status, err)
		}
	}
	if status == cluster.Active {
		o.drains = nil
	}
	return nil
}
