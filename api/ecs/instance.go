package ecs

import (
	"maps"
	"slices"
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
)

func (d *door) listContainerInstances(c ctx, in *ListContainerInstancesInput) (*ListContainerInstancesOutput, error) {
	if err := honour(in, InvalidParameterException, []string{"cluster", "filter", "maxResults", "nextToken", "status"}); err != nil {
		return nil, err
	}
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	name, err := d.cluster(c, in.Cluster)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	var ids []string
	var next string
	if filter := or(in.Filter); filter != "" {
		ids, next, err = d.control.FindInstances(c, account, name, or(in.Status), filter, part)
	} else {
		ids, next, err = d.control.ListInstances(c, account, name, or(in.Status), part)
	}
	if err != nil {
		return nil, err
	}
	arns := all(ids, func(id string) string { return cluster.InstanceARN(d.region, account, name, id) })
	return &ListContainerInstancesOutput{ContainerInstanceArns: arns, NextToken: filled(next)}, nil
}

func (d *door) describeContainerInstances(c ctx, in *DescribeContainerInstancesInput) (*DescribeContainerInstancesOutput, error) {
	switch {
	case len(in.ContainerInstances) == 0:
		return nil, InvalidParameterException.New("Container instances cannot be empty.")
	case len(in.ContainerInstances) > 100:
		return nil, InvalidParameterException.Newf("containerInstances: %d are more than 100.", len(in.ContainerInstances))
	}
	name, ids, err := d.inCluster(c, "container-instance", in.Cluster, in.ContainerInstances)
	if err != nil {
		return nil, err
	}
	found, missing, err := d.control.Instances(c, awswire.CallerOf(c).Account, name, ids)
	if err != nil {
		return nil, err
	}
	out := &DescribeContainerInstancesOutput{ContainerInstances: []ContainerInstance{}, Failures: d.missing(c, "container-instance", in.Cluster, missing)}
	for _, i := range found {
		w := d.wireInstance(i, name, slices.Contains(in.Include, ContainerInstanceFieldTags))
		if slices.Contains(in.Include, ContainerInstanceFieldContainerInstanceHealth) {
			w.HealthStatus = healthOf(i)
		}
		out.ContainerInstances = append(out.ContainerInstances, w)
	}
	return out, nil
}

// healthOf tells how a node's container runtime is: as the node says, which connects only once it has answered
// for the first time. While the node is away nothing is known.
func healthOf(i cluster.Instance) *ContainerInstanceHealthStatus {
	state, since := InstanceHealthCheckStateInsufficientData, i.Changed
	switch {
	case i.Connected && i.Trouble != "":
		state, since = InstanceHealthCheckStateImpaired, i.TroubleAt
	case i.Connected:
		state = InstanceHealthCheckStateOk
		if i.TroubleAt.After(since) {
			since = i.TroubleAt
		}
	}
	runtime := InstanceHealthCheckResult{Type: new(InstanceHealthCheckTypeContainerRuntime), Status: &state, LastUpdated: &i.Seen, LastStatusChange: &since}
	return &ContainerInstanceHealthStatus{OverallStatus: &state, Details: []InstanceHealthCheckResult{runtime}}
}

// wireInstance describes a node as a member of the cluster in which it was asked for.
func (d *door) wireInstance(from cluster.Instance, in string, tags bool) ContainerInstance {
	running, pending := from.Tasks(in)
	w := ContainerInstance{
		ContainerInstanceArn: new(cluster.InstanceARN(d.region, from.Account, in, from.ID)),
		Status:               &from.Status, AgentConnected: &from.Connected, RegisteredAt: &from.Registered, Version: &from.Joins,
		CapacityProviderName: filled(from.Provider),
		VersionInfo:          &VersionInfo{AgentVersion: filled(from.Version), DockerVersion: filled(from.Engine)},
		RegisteredResources:  resources(from.Offered()), RemainingResources: resources(from.Remaining()),
		RunningTasksCount: new(int32(running)), PendingTasksCount: new(int32(pending)),
		Attachments: []Attachment{}, Attributes: []Attribute{}, Tags: []Tag{},
	}
	for _, name := range slices.Sorted(maps.Keys(from.Attributes)) {
		w.Attributes = append(w.Attributes, Attribute{Name: name, Value: filled(from.Attributes[name])})
	}
	if tags {
		w.Tags = writeTags(from.Tags)
	}
	return w
}

func resources(n placement.Node) []Resource {
	ports := map[string][]string{"tcp": {}, "udp": {}}
	for _, p := range n.Taken {
		ports[p.Protocol] = append(ports[p.Protocol], strconv.Itoa(p.Number))
	}
	amount := func(name string, n int) Resource {
		return Resource{Name: &name, Type: new("INTEGER"), IntegerValue: new(int32(n)), DoubleValue: new(0.0), LongValue: new(int64(0))}
	}
	set := func(name string, values []string) Resource {
		slices.Sort(values)
		return Resource{Name: &name, Type: new("STRINGSET"), StringSetValue: slices.Compact(values), IntegerValue: new(int32(0)), DoubleValue: new(0.0), LongValue: new(int64(0))}
	}
	return []Resource{amount("CPU", n.CPU), amount("MEMORY", n.Memory), set("PORTS", ports["tcp"]), set("PORTS_UDP", ports["udp"])}
}
