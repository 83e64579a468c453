package ecs

import (
	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/taskdef"
)

// faults names the room's causes. The texts are those of Amazon ECS, where it has one.
var faults = awswire.Faults{
	{Cause: cluster.ErrNoCluster, Fault: ClusterNotFoundException, Text: "Cluster not found."},
	{Cause: cluster.ErrInactiveCluster, Fault: ClusterNotFoundException, Text: "The referenced cluster was inactive."},
	{Cause: cluster.ErrClusterInUse, Fault: ClusterContainsTasksException, Text: "The Cluster cannot be deleted while Tasks are active."},
	{Cause: cluster.ErrHasServices, Fault: ClusterContainsServicesException, Text: "The Cluster cannot be deleted while Services are active."},
	{Cause: cluster.ErrClusterHasNodes, Fault: ClusterContainsContainerInstancesException, Text: "The Cluster cannot be deleted while Container Instances are active or draining."},
	{Cause: cluster.ErrClusterEnding, Fault: InvalidParameterException, Text: "The cluster is being deleted. Try again when it is gone."},
	{Cause: cluster.ErrNoInstance, Fault: InvalidParameterException, Text: "Referenced container instance was not found."},
	{Cause: cluster.ErrInstanceInUse, Fault: InvalidParameterException, Text: "Found running tasks on the instance."},
	{Cause: cluster.ErrNoTarget, Fault: TargetNotFoundException},
	{Cause: cluster.ErrTooManyAttributes, Fault: AttributeLimitExceededException},
	{Cause: cluster.ErrNoInstances, Fault: InvalidParameterException, Text: "No Container Instances were found in your cluster."},
	{Cause: cluster.ErrNoProvider, Fault: InvalidParameterException, Text: "The specified capacity provider was not found. Specify a valid name or ARN and try again."},
	{Cause: cluster.ErrProviderExists, Fault: ClientException, Text: "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider."},
	{Cause: cluster.ErrGroupTaken, Fault: InvalidParameterException, Text: "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto Scaling group ARN and try again."},
	{Cause: cluster.ErrProviderInUse, Fault: ClientException, Text: "The specified capacity provider is associated with a cluster and cannot be deleted. Remove it from its clusters with PutClusterCapacityProviders and try again."},
	{Cause: cluster.ErrProviderHasTasks, Fault: ResourceInUseException, Text: "The specified capacity provider is in use and cannot be removed."},
	{Cause: cluster.ErrNotOfCluster, Fault: InvalidParameterException, Text: "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again."},
	{Cause: taskdef.ErrNotFound, Fault: ClientException, Text: "TaskDefinition not found."},
	{Cause: cluster.ErrNoRevision, Fault: ClientException, Text: "Revision is missing."},
	{Cause: cluster.ErrInactiveRevision, Fault: InvalidParameterException, Text: "TaskDefinition is inactive"},
	{Cause: cluster.ErrNoTask, Fault: InvalidParameterException, Text: "The referenced task was not found."},
	{Cause: cluster.ErrNoContainer, Fault: InvalidParameterException, Text: "The container was not found in the task."},
	{Cause: cluster.ErrNotRunning, Fault: InvalidParameterException, Text: "The container is not running."},
	{Cause: cluster.ErrExecDisabled, Fault: InvalidParameterException, Text: "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. Wait and try again or run a new task with execute command enabled and try again."},
	{Cause: cluster.ErrNotConnected, Fault: TargetNotConnectedException, Text: "The container instance of the task is not connected. Wait and try again."},
	{Cause: cluster.ErrNoService, Fault: ServiceNotFoundException, Text: "Service not found."},
	{Cause: cluster.ErrServiceInactive, Fault: ServiceNotActiveException, Text: "Service was not ACTIVE."},
	{Cause: cluster.ErrServiceDraining, Fault: InvalidParameterException, Text: "Unable to Start a service that is still Draining."},
	{Cause: cluster.ErrServiceExists, Fault: InvalidParameterException, Text: "Creation of service was not idempotent."},
	{Cause: cluster.ErrServiceInUse, Fault: InvalidParameterException, Text: "The service cannot be stopped while it is scaled above 0."},
	{Cause: cluster.ErrNoDeployment, Fault: ServiceDeploymentNotFoundException, Text: "The service deployment was not found."},
	{Cause: cluster.ErrDeploymentOver, Fault: ConflictException},
	{Cause: cluster.ErrNoRollback, Fault: ConflictException, Text: "The service has no deployment that it could go back to."},
	{Cause: cluster.ErrNoResource, Fault: ResourceNotFoundException, Text: "The specified resource was not found."},
	{Cause: taskdef.ErrInvalid, Fault: ClientException},
	{Cause: taskdef.ErrRequest, Fault: InvalidParameterException},
	{Cause: cluster.ErrInvalid, Fault: InvalidParameterException},
}
