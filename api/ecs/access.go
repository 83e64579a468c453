package ecs

import (
	"context"
	"slices"
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

type ctx = context.Context

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container
// Service"; where it names no resource, the door binds the operation to awswire.Any.
//
// ECS has no policies on resources: what an ARN says is another account's is nobody else's, there
// or not. So a cluster of another account is asked for too where it only says where to look.

func (d *door) onCreateCluster(c ctx, in *CreateClusterInput) []awswire.Ask {
	made := d.clusterARN(c, in.ClusterName)
	keys := map[string][]string{"ecs:capacity-provider": d.providers(c, in.CapacityProviders, in.DefaultCapacityProviderStrategy)}
	return append([]awswire.Ask{{Resource: made, Keys: keys}}, tagging("CreateCluster", made, in.Tags)...)
}

func (d *door) onClusters(c ctx, in *DescribeClustersInput) []awswire.Ask {
	return d.on(c, all(orDefault(in.Clusters), func(s string) string { return d.named(c, "cluster", s) })...)
}

func (d *door) onDeleteCluster(c ctx, in *DeleteClusterInput) []awswire.Ask {
	return d.on(c, d.named(c, "cluster", in.Cluster))
}

func (d *door) onUpdateCluster(c ctx, in *UpdateClusterInput) []awswire.Ask {
	return d.on(c, d.named(c, "cluster", in.Cluster))
}

func (d *door) onUpdateClusterSettings(c ctx, in *UpdateClusterSettingsInput) []awswire.Ask {
	return d.on(c, d.named(c, "cluster", in.Cluster))
}

func (d *door) onCreateProvider(c ctx, in *CreateCapacityProviderInput) []awswire.Ask {
	made := d.named(c, "capacity-provider", in.Name)
	return append([]awswire.Ask{{Resource: made}}, tagging("CreateCapacityProvider", made, in.Tags)...)
}

// onDescribeProviders asks for those that are named, and otherwise for all.
func (d *door) onDescribeProviders(c ctx, in *DescribeCapacityProvidersInput) []awswire.Ask {
	names := in.CapacityProviders
	if len(names) == 0 {
		names = []string{"*"}
	}
	return d.on(c, d.providers(c, names, nil)...)
}

func (d *door) onUpdateProvider(c ctx, in *UpdateCapacityProviderInput) []awswire.Ask {
	return d.on(c, d.named(c, "capacity-provider", in.Name))
}

func (d *door) onDeleteProvider(c ctx, in *DeleteCapacityProviderInput) []awswire.Ask {
	return d.on(c, d.named(c, "capacity-provider", in.CapacityProvider))
}

func (d *door) onPutProviders(c ctx, in *PutClusterCapacityProvidersInput) []awswire.Ask {
	asks := d.on(c, d.named(c, "cluster", in.Cluster))
	asks[0].Keys = map[string][]string{"ecs:capacity-provider": d.providers(c, in.CapacityProviders, in.DefaultCapacityProviderStrategy)}
	return asks
}

// providers are the ARNs of the capacity providers that are named in a list or a strategy, each once.
func (d *door) providers(c ctx, names []string, strategy []CapacityProviderStrategyItem) []string {
	arns := all(names, func(s string) string { return d.named(c, "capacity-provider", s) })
	arns = append(arns, all(strategy, func(i CapacityProviderStrategyItem) string {
		return d.named(c, "capacity-provider", i.CapacityProvider)
	})...)
	return slices.Compact(slices.Sorted(slices.Values(arns)))
}

func (d *door) onPutSetting(c ctx, in *PutAccountSettingInput) []awswire.Ask {
	return ofSetting(c, in.Name, in.PrincipalArn)
}

func (d *door) onPutSettingDefault(c ctx, in *PutAccountSettingDefaultInput) []awswire.Ask {
	return ofSetting(c, in.Name, nil)
}

func (d *door) onDeleteSetting(c ctx, in *DeleteAccountSettingInput) []awswire.Ask {
	return ofSetting(c, in.Name, in.PrincipalArn)
}

// ofSetting asks for a setting. Who sets something for somebody else must be one who may set it for all.
func ofSetting(c ctx, name SettingName, whose *string) []awswire.Ask {
	keys := map[string][]string{"ecs:account-setting": {string(name)}}
	asks := []awswire.Ask{{Keys: keys}}
	if principal(c, whose) != principal(c, nil) {
		asks = append(asks, awswire.Ask{Action: "ecs:PutAccountSettingDefault", Keys: keys})
	}
	return asks
}

func (d *door) onRegister(c ctx, in *RegisterTaskDefinitionInput) []awswire.Ask {
	asks := []awswire.Ask{{Keys: map[string][]string{
		"ecs:task-cpu":              numeric(readCPU("cpu", in.Cpu, ClientException)),
		"ecs:task-memory":           numeric(readMemory("memory", in.Memory, ClientException)),
		"ecs:compute-compatibility": all(in.RequiresCompatibilities, func(c Compatibility) string { return string(c) }),
		"ecs:privileged":            {strconv.FormatBool(privileged(in.ContainerDefinitions))},
	}}}
	return append(asks, tagging("RegisterTaskDefinition", d.named(c, "task-definition", in.Family+":*"), in.Tags)...)
}

func (d *door) onDeregister(c ctx, in *DeregisterTaskDefinitionInput) []awswire.Ask {
	return d.on(c, d.named(c, "task-definition", in.TaskDefinition))
}

func (d *door) onDeleteDefinitions(c ctx, in *DeleteTaskDefinitionsInput) []awswire.Ask {
	return d.on(c, all(in.TaskDefinitions, func(s string) string { return d.named(c, "task-definition", s) })...)
}

func (d *door) onRunTask(c ctx, in *RunTaskInput) []awswire.Ask {
	asks := d.asksOfRun(c, in, d.latest(c, in.TaskDefinition))
	asks[0].Shown = d.named(c, "task-definition", in.TaskDefinition)
	return append(asks, tagging("RunTask", d.member(c, "task", in.Cluster, "*"), in.Tags)...)
}

// asksOfRun begins with the definition, which is the resource.
func (d *door) asksOfRun(c ctx, in *RunTaskInput, definition string) []awswire.Ask {
	asks := d.in(c, in.Cluster, definition)
	asks[0].Keys["ecs:enable-execute-command"] = []string{strconv.FormatBool(awswire.Or(in.EnableExecuteCommand, false))}
	asks[0].Keys["ecs:capacity-provider"] = d.providers(c, nil, in.CapacityProviderStrategy)
	return asks
}

func (d *door) onStartTask(c ctx, in *StartTaskInput) []awswire.Ask {
	asks := d.asksOfStart(c, in, d.latest(c, in.TaskDefinition))
	asks[0].Shown = d.named(c, "task-definition", in.TaskDefinition)
	return append(asks, tagging("StartTask", d.member(c, "task", in.Cluster, "*"), in.Tags)...)
}

func (d *door) asksOfStart(c ctx, in *StartTaskInput, definition string) []awswire.Ask {
	asks := d.in(c, in.Cluster, definition)
	asks[0].Keys["ecs:enable-execute-command"] = []string{strconv.FormatBool(awswire.Or(in.EnableExecuteCommand, false))}
	asks[0].Keys["ecs:container-instances"] = d.members(c, "container-instance", in.Cluster, in.ContainerInstances)
	return asks
}

func (d *door) onStopTask(c ctx, in *StopTaskInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.member(c, "task", in.Cluster, in.Task))
}

func (d *door) onDescribeTasks(c ctx, in *DescribeTasksInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.members(c, "task", in.Cluster, in.Tasks)...)
}

func (d *door) onListTasks(c ctx, in *ListTasksInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.member(c, "container-instance", in.Cluster, awswire.Or(in.ContainerInstance, "*")))
}

func (d *door) onListInstances(c ctx, in *ListContainerInstancesInput) []awswire.Ask {
	return d.on(c, d.clusterARN(c, in.Cluster))
}

func (d *door) onDescribeInstances(c ctx, in *DescribeContainerInstancesInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.members(c, "container-instance", in.Cluster, in.ContainerInstances)...)
}

func (d *door) onInstancesState(c ctx, in *UpdateContainerInstancesStateInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.members(c, "container-instance", in.Cluster, in.ContainerInstances)...)
}

func (d *door) onDeregisterInstance(c ctx, in *DeregisterContainerInstanceInput) []awswire.Ask {
	return d.on(c, d.clusterARN(c, in.Cluster))
}

func (d *door) onPutAttributes(c ctx, in *PutAttributesInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.targets(c, in.Cluster, in.Attributes)...)
}

func (d *door) onDeleteAttributes(c ctx, in *DeleteAttributesInput) []awswire.Ask {
	return d.in(c, in.Cluster, d.targets(c, in.Cluster, in.Attributes)...)
}

// targets are what attributes are about; those that name nothing are about any instance.
func (d *door) targets(c ctx, cluster *string, attributes []Attribute) []string {
	named := all(attributes, func(a Attribute) string {
		return d.member(c, "container-instance", cluster, awswire.Or(a.TargetId, "*"))
	})
	return slices.Compact(slices.Sorted(slices.Values(named)))
}

func (d *door) onListAttributes(c ctx, in *ListAttributesInput) []awswire.Ask {
	return d.on(c, d.clusterARN(c, in.Cluster))
}

func (d *door) onTagResource(c ctx, in *TagResourceInput) []awswire.Ask {
	return d.on(c, in.ResourceArn)
}

func (d *door) onUntagResource(c ctx, in *UntagResourceInput) []awswire.Ask {
	return d.on(c, in.ResourceArn)
}

func (d *door) onListTags(c ctx, in *ListTagsForResourceInput) []awswire.Ask {
	return d.on(c, in.ResourceArn)
}

// on asks for the operation on resources, with their tags.
func (d *door) on(c ctx, resources ...string) []awswire.Ask {
	asks := awswire.On(resources...)
	for i := range asks {
		asks[i].Tags = d.tagsOf(c, asks[i].Resource)
	}
	return asks
}

// in is on, for what is in a cluster or goes there: the cluster is a condition key.
func (d *door) in(c ctx, cluster *string, resources ...string) []awswire.Ask {
	asks, place := d.on(c, resources...), d.clusterARN(c, cluster)
	for i := range asks {
		asks[i].Keys = map[string][]string{"ecs:cluster": {place}}
	}
	if !d.isOwn(c, place) {
		asks = append(asks, awswire.Ask{Resource: place})
	}
	return asks
}

// tagging asks for what tags on something new need: "Grant permission to tag resources on creation",
// Amazon ECS Developer Guide.
func tagging(action, made string, tags []Tag) []awswire.Ask {
	if len(tags) == 0 {
		return nil
	}
	return []awswire.Ask{{Action: "ecs:TagResource", Resource: made, Keys: map[string][]string{"ecs:CreateAction": {action}}}}
}

// named is the ARN of what a caller names, or the ARN that was given.
func (d *door) named(c ctx, kind, name string) string {
	if arn.Is(name) {
		return name
	}
	return arn.ARN{Service: "ecs", Region: d.region, Account: awswire.CallerOf(c).Account, Resource: kind + "/" + name}.String()
}

func (d *door) clusterARN(c ctx, given *string) string {
	name := awswire.Or(given, "")
	if name == "" {
		name = cluster.DefaultCluster
	}
	return d.named(c, "cluster", name)
}

// member is the ARN of what a caller names inside of a cluster, or the ARN that was given. It is in
// the account of the cluster.
func (d *door) member(c ctx, kind string, cluster *string, id string) string {
	if arn.Is(id) {
		return id
	}
	place, err := arn.Parse(d.clusterARN(c, cluster))
	k, name := place.ResourceID()
	if err != nil || k != "cluster" {
		return d.named(c, kind, "*/"+id)
	}
	place.Resource = kind + "/" + name + "/" + id
	return place.String()
}

func (d *door) members(c ctx, kind string, cluster *string, ids []string) []string {
	return all(ids, func(id string) string { return d.member(c, kind, cluster, id) })
}

// latest is the ARN of the revision that a caller names, or of the latest one of a family that is
// named without: policies may be about revisions. What is not there is all revisions of its family.
// A denial shows what was named, and so not which it is.
func (d *door) latest(c ctx, name string) string {
	ref, err := d.definition(c, name)
	if err != nil {
		return d.named(c, "task-definition", name)
	}
	account := awswire.CallerOf(c).Account
	if ref.Revision == 0 {
		found, err := d.control.Definition(c, account, ref)
		if err != nil {
			return d.named(c, "task-definition", ref.Family+":*")
		}
		ref = found.Ref
	}
	return cluster.DefinitionARN(d.region, account, ref.Family, ref.Revision)
}

// isOwn reports whether an ARN is of the caller's account, or of none.
func (d *door) isOwn(c ctx, resource string) bool {
	a, err := arn.Parse(resource)
	return err != nil || a.Account == awswire.CallerOf(c).Account
}

// tagsOf reads the tags of a resource of the caller's; one that has none, or is not there, has none.
func (d *door) tagsOf(c ctx, resource string) func(ctx) (map[string]string, error) {
	if !d.isOwn(c, resource) {
		return nil
	}
	return func(c ctx) (map[string]string, error) {
		return d.control.TagValues(c, awswire.CallerOf(c).Account, resource)
	}
}

func privileged(containers []ContainerDefinition) bool {
	for _, c := range containers {
		if awswire.Or(c.Privileged, false) {
			return true
		}
	}
	return false
}

// numeric is a key with a number, which is absent if there is none.
func numeric(n int, err error) []string {
	if n == 0 || err != nil {
		return nil
	}
	return []string{strconv.Itoa(n)}
}

func all[T any](list []T, to func(T) string) []string {
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = to(element)
	}
	return texts
}
