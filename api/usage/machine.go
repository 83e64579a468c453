package usage

import (
	"context"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
)

// DescribeMachineUsage tells how busy machines are, as they have measured it: all that runs on them counts.
var DescribeMachineUsage = awswire.NewOp[DescribeMachineUsageInput, DescribeMachineUsageOutput](API, "DescribeMachineUsage", "POST", "/", 200)

// maxMachines is how many machines one call asks about.
const maxMachines = 100

// DescribeMachineUsageInput asks for machines of one cluster.
type DescribeMachineUsageInput struct {
	Cluster            *string  `aws:"cluster"`                     // name; none: default
	ContainerInstances []string `aws:"containerInstances,required"` // ids
}

// DescribeMachineUsageOutput has those that are there and have measured anything.
type DescribeMachineUsageOutput struct {
	Machines []MachineUsage `aws:"machines"`
}

// MachineUsage is how busy a machine is: shares of it, from 0 to 1.
type MachineUsage struct {
	ContainerInstance *string    `aws:"containerInstance"` // id
	CPU               *float64   `aws:"cpu"`
	Memory            *float64   `aws:"memory"`
	MeasuredAt        *time.Time `aws:"measuredAt"`
}

func (d *door) machines(ctx context.Context, in *DescribeMachineUsageInput) (*DescribeMachineUsageOutput, error) {
	if n := len(in.ContainerInstances); n < 1 || n > maxMachines {
		return nil, invalidParameter.Newf("containerInstances: %d are not between 1 and %d.", n, maxMachines)
	}
	found, _, err := d.control.Instances(ctx, awswire.CallerOf(ctx).Account, awswire.Or(in.Cluster, cluster.DefaultCluster), in.ContainerInstances)
	if err != nil {
		return nil, err
	}
	out := &DescribeMachineUsageOutput{Machines: []MachineUsage{}}
	for _, i := range found {
		if load := i.Load; !load.At.IsZero() {
			out.Machines = append(out.Machines, MachineUsage{&i.ID, &load.CPU, &load.Memory, &load.At})
		}
	}
	return out, nil
}

// onMachines asks for what ecs:DescribeContainerInstances asks for.
func (d *door) onMachines(ctx context.Context, in *DescribeMachineUsageInput) []awswire.Ask {
	var asks []awswire.Ask
	for _, id := range in.ContainerInstances {
		asks = append(asks, d.ask(ctx, "ecs:DescribeContainerInstances", awswire.Or(in.Cluster, cluster.DefaultCluster), "container-instance", id))
	}
	return asks
}
