package agent

import (
	"cmp"
	"fmt"
	"maps"
	"time"

	"slipway/agent/endpoint"
	"slipway/nodeapi"
)

// metadataOf is what the containers of a task may know of it. region is where their logs go.
func (t *task) metadata(region string) endpoint.TaskMetadata {
	w, desired := t.want, nodeapi.Running
	if t.status >= nodeapi.Stopping || w.Stop {
		desired = nodeapi.Stopped
	}
	m := endpoint.TaskMetadata{
		Cluster: w.Cluster, ServiceName: w.Service, TaskARN: w.ARN, Family: w.Family, Revision: fmt.Sprint(w.Revision),
		DesiredStatus: desired.String(), KnownStatus: t.status.String(), TaskTags: w.Tags,
		PullStartedAt: known(t.pullStarted), PullStoppedAt: known(t.pullStopped), ExecutionStoppedAt: known(t.execStoppedAt()),
		AvailabilityZone: w.Zone, LaunchType: w.LaunchType,
	}
	if w.CPU > 0 || w.Memory > 0 {
		m.Limits = &endpoint.TaskLimits{CPU: float64(w.CPU) / 1024, Memory: w.Memory}
	}
	for _, c := range t.containers {
		if c.want != nil {
			m.Containers = append(m.Containers, t.metadataOf(c, desired, region))
		}
	}
	return m
}

func (t *task) metadataOf(c *container, desired nodeapi.Status, region string) endpoint.ContainerMetadata {
	w, r := c.want, t.reportOf(c)
	m := endpoint.ContainerMetadata{
		DockerID: c.id, Name: c.name, DockerName: c.name, Image: w.Image, ImageID: r.Digest, Labels: t.labels(c),
		DesiredStatus: desired.String(), KnownStatus: r.Status.String(), ExitCode: r.ExitCode,
		Limits:    endpoint.ContainerLimits{CPU: max(w.CPU, leastShares), Memory: cmp.Or(w.Memory, w.MemoryReservation)},
		CreatedAt: known(c.madeAt), Type: "NORMAL", ContainerARN: w.ARN, Networks: t.networks(), Health: c.healthMetadata(),
	}
	if c.seen != nil {
		m.StartedAt = known(c.seen.StartedAt)
	}
	if end := t.endingOf(c); end != nil {
		m.FinishedAt = known(end.at)
	}
	for _, mount := range mountsOf(t.want, w) {
		m.Volumes = append(m.Volumes, endpoint.Volume{Source: mount.Source, Destination: mount.Path})
	}
	for _, p := range r.Ports {
		m.Ports = append(m.Ports, endpoint.Port{ContainerPort: p.Container, Protocol: p.Protocol, HostPort: p.Host})
	}
	if w.Restart != nil {
		m.RestartCount = t.restartCount(c)
	}
	if w.Log != nil {
		m.LogDriver, m.LogOptions = "awslogs", logOptions(w.Log, region)
	}
	return m
}

// restartCount counts the present run, though it may just be about to begin: its container asks as soon as it has.
func (t *task) restartCount(c *container) *int {
	n := c.restarts()
	if c.pending() && t.comesBack(c) {
		n = max(n, c.rerun.Count)
	}
	return &n
}

// known is a time that has come; nil: it has not.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// labels are those of the definition, and those that ECS gives.
func (t *task) labels(c *container) map[string]string {
	labels := map[string]string{
		"com.amazonaws.ecs.cluster":                 t.want.Cluster,
		"com.amazonaws.ecs.container-name":          c.name,
		"com.amazonaws.ecs.task-arn":                t.want.ARN,
		"com.amazonaws.ecs.task-definition-family":  t.want.Family,
		"com.amazonaws.ecs.task-definition-version": fmt.Sprint(t.want.Revision),
	}
	maps.Copy(labels, c.want.Labels)
	return labels
}

func (t *task) networks() []endpoint.Network {
	n := endpoint.Network{NetworkMode: cmp.Or(t.want.Network, "bridge")}
	if t.network != nil && t.network.Address != "" {
		n.IPv4Addresses = []string{t.network.Address}
	}
	return []endpoint.Network{n}
}

func (c *container) healthMetadata() *endpoint.Health {
	if c.check() == nil {
		return nil
	}
	h := c.health
	return &endpoint.Health{Status: c.healthOf(), Since: known(h.since), ExitCode: h.verdict.code, Output: h.verdict.output}
}

func logOptions(l *nodeapi.Log, region string) map[string]string {
	options := map[string]string{"awslogs-group": l.Group, "awslogs-stream": l.Stream, "awslogs-region": region}
	if l.CreateGroup {
		options["awslogs-create-group"] = "true"
	}
	return options
}
