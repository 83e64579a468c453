package ecs

import (
	"slices"
	"strconv"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

// What the operations on services ask for: see access.go.

func (d *door) onCreateService(c ctx, in *CreateServiceInput) []awswire.Ask {
	made := d.member(c, "service", in.Cluster, in.ServiceName)
	asks := d.asksOfCreateService(c, in, d.latest(c, awswire.Or(in.TaskDefinition, "")))
	return append(asks, tagging("CreateService", made, in.Tags)...)
}

// asksOfCreateService begins with the service, which is the resource; the definition is a condition key.
func (d *door) asksOfCreateService(c ctx, in *CreateServiceInput, definition string) []awswire.Ask {
	asks := d.in(c, in.Cluster, d.member(c, "service", in.Cluster, in.ServiceName))
	d.serviceKeys(c, asks[0].Keys, definition, in.CapacityProviderStrategy, in.NetworkConfiguration)
	asks[0].Keys["ecs:enable-execute-command"] = []string{strconv.FormatBool(awswire.Or(in.EnableExecuteCommand, false))}
	asks[0].Keys["ecs:enable-ecs-managed-tags"] = []string{strconv.FormatBool(awswire.Or(in.EnableECSManagedTags, false))}
	asks[0].Keys["ecs:propagate-tags"] = said(in.PropagateTags)
	return asks
}

func (d *door) onUpdateService(c ctx, in *UpdateServiceInput) []awswire.Ask {
	definition := ""
	if in.TaskDefinition != nil {
		definition = d.latest(c, *in.TaskDefinition)
	}
	return d.asksOfUpdateService(c, in, definition)
}

// asksOfUpdateService has only those condition keys of which the call says something.
func (d *door) asksOfUpdateService(c ctx, in *UpdateServiceInput, definition string) []awswire.Ask {
	asks := d.in(c, in.Cluster, d.member(c, "service", in.Cluster, in.Service))
	d.serviceKeys(c, asks[0].Keys, definition, in.CapacityProviderStrategy, in.NetworkConfiguration)
	asks[0].Keys["ecs:enable-execute-command"] = flag(in.EnableExecuteCommand)
	asks[0].Keys["ecs:enable-ecs-managed-tags"] = flag(in.EnableECSManagedTags)
	asks[0].Keys["ecs:propagate-tags"] = said(in.PropagateTags)
	return asks
}

// serviceKeys adds what CreateService and UpdateService have in common.
func (d *door) serviceKeys(c ctx, keys map[string][]string, definition string, providers []CapacityProviderStrategyItem, network *NetworkConfiguration) {
	if definition != "" {
		keys["ecs:task-definition"] = []string{definition}
		keys["ecs:task-cpu"], keys["ecs:task-memory"] = d.sizeKeys(c, definition)
	}
	keys["ecs:capacity-provider"] = all(providers, func(p CapacityProviderStrategyItem) string {
		return d.named(c, "capacity-provider", p.CapacityProvider)
	})
	if network != nil && network.AwsvpcConfiguration != nil {
		v := network.AwsvpcConfiguration
		keys["ecs:subnet"] = v.Subnets
		if v.AssignPublicIp != nil {
			keys["ecs:auto-assign-public-ip"] = []string{strconv.FormatBool(*v.AssignPublicIp == AssignPublicIpEnabled)}
		}
	}
}

// sizeKeys are what a definition says of the size of its tasks.
func (d *door) sizeKeys(c ctx, definition string) (cpu, memory []string) {
	ref, err := d.definition(c, definition)
	if err != nil || ref.Revision == 0 {
		return nil, nil
	}
	found, err := d.control.Definition(c, awswire.CallerOf(c).Account, ref)
	if err != nil {
		return nil, nil
	}
	return numeric(found.Spec.CPU, nil), numeric(found.Spec.Memory, nil)
}

func (d *door) onDeleteService(c ctx, in *DeleteServiceInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.member(c, "service", in.Cluster, in.Service))
}

func (d *door) onDescribeServices(c ctx, in *DescribeServicesInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.members(c, "service", in.Cluster, in.Services)...)
}

func (d *door) onListServices(c ctx, in *ListServicesInput) []awswire.Ask {
	place := d.clusterARN(c, in.Cluster)
	asks := []awswire.Ask{{Keys: map[string][]string{"ecs:cluster": {place}}}}
	if !d.isOwn(c, place) {
		asks = append(asks, awswire.Ask{Resource: place})
	}
	return asks
}

func (d *door) onListServiceDeployments(c ctx, in *ListServiceDeploymentsInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.member(c, "service", in.Cluster, in.Service))
}

func (d *door) onDescribeServiceDeployments(c ctx, in *DescribeServiceDeploymentsInput) []awswire.Ask {
	return d.ofServices(c, in.ServiceDeploymentArns)
}

func (d *door) onDescribeServiceRevisions(c ctx, in *DescribeServiceRevisionsInput) []awswire.Ask {
	return d.ofServices(c, in.ServiceRevisionArns)
}

func (d *door) onStopServiceDeployment(c ctx, in *StopServiceDeploymentInput) []awswire.Ask {
	return d.ofServices(c, []string{in.ServiceDeploymentArn})
}

// ofServices asks for deployments or revisions, given by their ARNs, and for the services that they are of.
func (d *door) ofServices(c ctx, arns []string) []awswire.Ask {
	asks := d.on(c, arns...)
	for i, text := range arns {
		a, err := arn.Parse(text)
		kind, name := a.ResourceID()
		parts := strings.Split(name, "/")
		if err != nil || kind == "" || len(parts) != 3 {
			continue
		}
		place, service := a, a
		place.Resource, service.Resource = "cluster/"+parts[0], "service/"+parts[0]+"/"+parts[1]
		asks[i].Keys = map[string][]string{"ecs:cluster": {place.String()}, "ecs:service": {service.String()}}
		for _, ask := range d.on(c, service.String()) {
			ask.Keys = map[string][]string{"ecs:cluster": {place.String()}}
			if !slices.ContainsFunc(asks, func(have awswire.Ask) bool { return have.Resource == ask.Resource }) {
				asks = append(asks, ask)
			}
		}
	}
	return asks
}

func (d *door) onUpdateTaskProtection(c ctx, in *UpdateTaskProtectionInput) []awswire.Ask {
	return d.in(c, &in.Cluster, d.members(c, "task", &in.Cluster, in.Tasks)...)
}

func (d *door) onGetTaskProtection(c ctx, in *GetTaskProtectionInput) []awswire.Ask {
	tasks := in.Tasks
	if len(tasks) == 0 {
		tasks = []string{"*"}
	}
	return d.in(c, &in.Cluster, d.members(c, "task", &in.Cluster, tasks)...)
}

// permitService answers a service that asks about the definition it found, as permit does for runs. Again asks for
// the operation anew, with the revision that was found, if the call left it open.
func (d *door) permitService(open bool, again func(definition string) awswire.Ask) func(ctx, cluster.Definition) error {
	return func(c ctx, found cluster.Definition) error {
		if open {
			if err := awswire.Require(c, again(cluster.DefinitionARN(d.region, found.Account, found.Family, found.Revision))); err != nil {
				return err
			}
		}
		return d.passRolesOf(c, found)
	}
}

// passRolesOf makes sure that the caller may hand the roles of a definition to tasks.
func (d *door) passRolesOf(c ctx, found cluster.Definition) error {
	task, err := d.roleARN(c, "taskRoleArn", &found.Spec.TaskRole)
	if err != nil {
		return err
	}
	execution, err := d.roleARN(c, "executionRoleArn", &found.Spec.ExecutionRole)
	if err != nil {
		return err
	}
	return pass(c, task, execution)
}

// said is a condition key of which the call may say nothing.
func said[T ~string](value *T) []string {
	if value == nil || *value == "" {
		return nil
	}
	return []string{string(*value)}
}

func flag(value *bool) []string {
	if value == nil {
		return nil
	}
	return []string{strconv.FormatBool(*value)}
}
