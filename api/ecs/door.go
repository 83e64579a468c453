// Package ecs is the door of cluster: it speaks the Amazon ECS API and holds no state.
//
// What Slipway does not do yet is refused by its name, whatever operation it is asked
// of: every member that is set and not on the operation's list of honoured ones. So a
// member that the API gains is refused until somebody puts it on a list.
package ecs

import (
	"slipway/api/awswire"
	"slipway/cluster"
)

type door struct {
	control *cluster.Control
	region  string
}

// New returns the door of a control plane in region.
func New(c *cluster.Control, region string) *awswire.Service {
	d := &door{c, region}
	return awswire.NewService(API, faults,
		CreateCluster.Handle(d.createCluster, d.onCreateCluster),
		DescribeClusters.Handle(d.describeClusters, d.onClusters),
		ListClusters.Handle(d.listClusters, awswire.Any),
		DeleteCluster.Handle(d.deleteCluster, d.onDeleteCluster),
		UpdateCluster.Handle(d.updateCluster, d.onUpdateCluster),
		UpdateClusterSettings.Handle(d.updateClusterSettings, d.onUpdateClusterSettings),

		CreateCapacityProvider.Handle(d.createCapacityProvider, d.onCreateProvider),
		DescribeCapacityProviders.Handle(d.describeCapacityProviders, d.onDescribeProviders),
		UpdateCapacityProvider.Handle(d.updateCapacityProvider, d.onUpdateProvider),
		DeleteCapacityProvider.Handle(d.deleteCapacityProvider, d.onDeleteProvider),
		PutClusterCapacityProviders.Handle(d.putClusterCapacityProviders, d.onPutProviders),

		PutAccountSetting.Handle(d.putAccountSetting, d.onPutSetting),
		PutAccountSettingDefault.Handle(d.putAccountSettingDefault, d.onPutSettingDefault),
		DeleteAccountSetting.Handle(d.deleteAccountSetting, d.onDeleteSetting),
		ListAccountSettings.Handle(d.listAccountSettings, awswire.Any),

		RegisterTaskDefinition.Handle(d.registerTaskDefinition, d.onRegister),
		DescribeTaskDefinition.Handle(d.describeTaskDefinition, awswire.Any),
		DeregisterTaskDefinition.Handle(d.deregisterTaskDefinition, d.onDeregister),
		DeleteTaskDefinitions.Handle(d.deleteTaskDefinitions, d.onDeleteDefinitions),
		ListTaskDefinitions.Handle(d.listTaskDefinitions, awswire.Any),
		ListTaskDefinitionFamilies.Handle(d.listTaskDefinitionFamilies, awswire.Any),

		RunTask.Handle(d.runTask, d.onRunTask),
		StartTask.Handle(d.startTask, d.onStartTask),
		StopTask.Handle(d.stopTask, d.onStopTask),
		DescribeTasks.Handle(d.describeTasks, d.onDescribeTasks),
		ListTasks.Handle(d.listTasks, d.onListTasks),
		ExecuteCommand.Handle(d.executeCommand, d.onExecuteCommand),

		CreateService.Handle(d.createService, d.onCreateService),
		UpdateService.Handle(d.updateService, d.onUpdateService),
		DeleteService.Handle(d.deleteService, d.onDeleteService),
		DescribeServices.Handle(d.describeServices, d.onDescribeServices),
		ListServices.Handle(d.listServices, d.onListServices),
		ListServiceDeployments.Handle(d.listServiceDeployments, d.onListServiceDeployments),
		DescribeServiceDeployments.Handle(d.describeServiceDeployments, d.onDescribeServiceDeployments),
		DescribeServiceRevisions.Handle(d.describeServiceRevisions, d.onDescribeServiceRevisions),
		StopServiceDeployment.Handle(d.stopServiceDeployment, d.onStopServiceDeployment),
		UpdateTaskProtection.Handle(d.updateTaskProtection, d.onUpdateTaskProtection),
		GetTaskProtection.Handle(d.getTaskProtection, d.onGetTaskProtection),

		ListContainerInstances.Handle(d.listContainerInstances, d.onListInstances),
		DescribeContainerInstances.Handle(d.describeContainerInstances, d.onDescribeInstances),
		UpdateContainerInstancesState.Handle(d.updateContainerInstancesState, d.onInstancesState),
		DeregisterContainerInstance.Handle(d.deregisterContainerInstance, d.onDeregisterInstance),
		RegisterContainerInstance.Handle(d.registerContainerInstance, d.onRegisterInstance),
		PutAttributes.Handle(d.putAttributes, d.onPutAttributes),
		DeleteAttributes.Handle(d.deleteAttributes, d.onDeleteAttributes),
		ListAttributes.Handle(d.listAttributes, d.onListAttributes),

		TagResource.Handle(d.tagResource, d.onTagResource),
		UntagResource.Handle(d.untagResource, d.onUntagResource),
		ListTagsForResource.Handle(d.listTagsForResource, d.onListTags),
	)
}
