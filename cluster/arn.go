package cluster

import (
	"crypto/sha256"
	"fmt"
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

// ProviderARN names a capacity provider.
func ProviderARN(region, account, name string) string {
	return ecsARN(region, account, "capacity-provider/"+name)
}

// TaskARN names a task.
func TaskARN(region, account, cluster, id string) string {
	return ecsARN(region, account, "task/"+cluster+"/"+id)
}

func ecsARN(region, account, resource string) string {
	return arn.ARN{Service: "ecs", Region: region, Account: account, Resource: resource}.String()
}

func (c *Control) taskARN(t Task) string { return TaskARN(c.config.Region, t.Account, t.Cluster, t.ID) }

// ContainerARN names a container of a task. It is made from the names of both, so it needs no keeping.
func ContainerARN(region string, t Task, name string) string {
	sum := sha256.Sum256([]byte(t.ID + "/" + name))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return ecsARN(region, t.Account, "container/"+t.Cluster+"/"+t.ID+"/"+id)
}
