package cluster

import (
	"strconv"

	"slipway/internal/arn"
)

// ClusterARN names a cluster.
func ClusterARN(region, account, name string) string {
	return ecsARN(region, account, "cluster/"+name)
}

// DefinitionARN names one revision of a task definition.
func DefinitionARN(region, account, family string, revision int) string {
	return ecsARN(region, account, "task-definition/"+family+":"+strconv.Itoa(revision))
}

// InstanceARN names a node as a member of a cluster. A node that serves several has a name in each.
func InstanceARN(region, account, cluster, id string) string {
	return ecsARN(region, account, "container-instance/"+cluster+"/"+id)
}

// TaskARN names a task.
func TaskARN(region, account, cluster, id string) string {
	return ecsARN(region, account, "task/"+cluster+"/"+id)
}

func ecsARN(region, account, resource string) string {
	return arn.ARN{Service: "ecs", Region: region, Account: account, Resource: resource}.String()
}

func (c *Control) taskARN(t Task) string { return TaskARN(c.config.Region, t.Account, t.Cluster, t.ID) }
