package cluster

import "slipway/nodeapi"

// fact is what an event says of a task beyond its ARN.
type fact struct {
	Cluster    string          `json:"cluster"`
	Node       string          `json:"node"`
	Family     string          `json:"family"`
	Revision   int             `json:"revision"`
	Group      string          `json:"group"`
	StartedBy  string          `json:"startedBy,omitempty"`
	Status     string          `json:"status"`
	Desired    string          `json:"desired"`
	CPU        int             `json:"cpu"`
	Memory     int             `json:"memory"`
	StopCode   string          `json:"stopCode,omitempty"`
	StopReason string          `json:"stopReason,omitempty"`
	Containers []containerFact `json:"containers"`
}

type containerFact struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	Digest   string `json:"digest,omitempty"`
	Status   string `json:"status"`
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func taskFact(t Task) fact {
	f := fact{Cluster: t.Cluster, Node: t.Node, Family: t.Family, Revision: t.Revision, Group: t.Group, StartedBy: t.StartedBy,
		Status: t.Seen.Status.String(), Desired: t.Desired().String(), CPU: t.CPU, Memory: t.Memory}
	if t.StoppingOrOver() {
		f.StopCode, f.StopReason = t.Stop()
	}
	for i, spec := range t.Spec.Containers {
		seen := t.Container(i)
		replaceEmpty(&seen.Digest, t.Images[i].Digest)
		f.Containers = append(f.Containers, containerFact{spec.Name, spec.Image, seen.Digest, seen.Status.String(), seen.ExitCode, seen.Reason})
	}
	return f
}

// Desired is where the task is to go: RUNNING, or STOPPED once it is wanted so or on its way there.
func (t Task) Desired() nodeapi.Status {
	if t.StoppingOrOver() {
		return nodeapi.Stopped
	}
	return nodeapi.Running
}
