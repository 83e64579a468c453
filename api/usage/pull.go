package usage

import (
	"context"

	"slipway/api/awswire"
)

// DescribePulls tells how far the pulls are that tasks wait for.
var DescribePulls = awswire.NewOp[DescribePullsInput, DescribePullsOutput](API, "DescribePulls", "POST", "/", 200)

// maxPulls is how many tasks one call asks about. Source: Amazon ECS API Reference, DescribeTasks.
const maxPulls = 100

// DescribePullsInput asks for tasks of one cluster.
type DescribePullsInput struct {
	Cluster *string  `aws:"cluster"`        // name; none: default
	Tasks   []string `aws:"tasks,required"` // ids
}

// DescribePullsOutput has the containers whose images are on their way and of which it is known how far.
type DescribePullsOutput struct {
	Pulls []Pull `aws:"pulls"`
}

// Pull is how far the image of a container is.
type Pull struct {
	Task        *string `aws:"task"` // id
	Container   *string `aws:"container"`
	Image       *string `aws:"image"`
	PulledBytes *int64  `aws:"pulledBytes"` // of its layers, compressed; those that other pulls brought are among them
	SizeBytes   *int64  `aws:"sizeBytes"`
}

func (d *door) pulls(ctx context.Context, in *DescribePullsInput) (*DescribePullsOutput, error) {
	if n := len(in.Tasks); n < 1 || n > maxPulls {
		return nil, invalidParameter.Newf("tasks: %d are not between 1 and %d.", n, maxPulls)
	}
	found, _, err := d.control.Tasks(ctx, awswire.CallerOf(ctx).Account, place(in.Cluster), in.Tasks)
	if err != nil {
		return nil, err
	}
	out := &DescribePullsOutput{Pulls: []Pull{}}
	for _, t := range found {
		for i, spec := range t.Spec.Containers {
			if seen := t.Container(i); seen.PullSize > 0 && !t.StoppingOrOver() {
				out.Pulls = append(out.Pulls, Pull{&t.ID, &spec.Name, &spec.Image, &seen.Pulled, &seen.PullSize})
			}
		}
	}
	return out, nil
}

// onPulls asks for what ecs:DescribeTasks asks for.
func (d *door) onPulls(ctx context.Context, in *DescribePullsInput) []awswire.Ask {
	var asks []awswire.Ask
	for _, id := range in.Tasks {
		asks = append(asks, d.ask(ctx, "ecs:DescribeTasks", place(in.Cluster), "task", id))
	}
	return asks
}
