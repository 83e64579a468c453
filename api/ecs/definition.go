package ecs

import (
	"context"
	"errors"
	"slices"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/taskdef"
)

func (d *door) registerTaskDefinition(c ctx, in *RegisterTaskDefinitionInput) (*RegisterTaskDefinitionOutput, error) {
	if err := honour(in, ClientException, honouredInDefinition); err != nil {
		return nil, err
	}
	spec, err := d.readSpec(c, in)
	if err != nil {
		return nil, err
	}
	if err := pass(c, spec.TaskRole, spec.ExecutionRole); err != nil {
		return nil, err
	}
	who := awswire.CallerOf(c)
	made, err := d.control.Register(c, who.Account, who.ARN, in.Family, spec, readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &RegisterTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(made)), Tags: tagsIf(len(in.Tags) > 0, made.Tags)}, nil
}

func (d *door) describeTaskDefinition(c ctx, in *DescribeTaskDefinitionInput) (*DescribeTaskDefinitionOutput, error) {
	found, err := d.withDefinition(c, in.TaskDefinition, "Unable to describe task definition.", d.control.Definition)
	if err != nil {
		return nil, err
	}
	return &DescribeTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(found)), Tags: tagsIf(slices.Contains(in.Include, TaskDefinitionFieldTags), found.Tags)}, nil
}

func (d *door) deregisterTaskDefinition(c ctx, in *DeregisterTaskDefinitionInput) (*DeregisterTaskDefinitionOutput, error) {
	gone, err := d.withDefinition(c, in.TaskDefinition, "The specified task definition does not exist.", d.control.Deregister)
	if err != nil {
		return nil, err
	}
	return &DeregisterTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(gone))}, nil
}

// maxDeleted is how many task definitions one call deletes. Source: Amazon ECS API Reference, DeleteTaskDefinitions.
const maxDeleted = 10

func (d *door) deleteTaskDefinitions(c ctx, in *DeleteTaskDefinitionsInput) (*DeleteTaskDefinitionsOutput, error) {
	switch n := len(in.TaskDefinitions); {
	case n == 0:
		return nil, InvalidParameterException.New("Task definitions cannot be empty.")
	case n > maxDeleted:
		return nil, InvalidParameterException.Newf("taskDefinitions: %d are more than %d.", n, maxDeleted)
	}
	out := &DeleteTaskDefinitionsOutput{TaskDefinitions: []TaskDefinition{}, Failures: []Failure{}}
	for _, name := range in.TaskDefinitions {
		ref, err := d.definition(c, name)
		var gone cluster.Definition
		if err == nil {
			gone, err = d.control.DeleteDefinition(c, awswire.CallerOf(c).Account, ref)
		}
		reason := ""
		switch {
		case errors.Is(err, cluster.ErrActiveRevision):
			reason = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
		case errors.Is(err, taskdef.ErrNotFound):
			reason = "The specified task definition does not exist."
		case err != nil:
			return nil, err
		default:
			out.TaskDefinitions = append(out.TaskDefinitions, d.wireDefinition(gone))
			continue
		}
		out.Failures = append(out.Failures, Failure{Arn: new(d.named(c, "task-definition", name)), Reason: &reason})
	}
	return out, nil
}

// withDefinition does something with the revision that is named. That there is none is said in each operation's own words.
func (d *door) withDefinition(c ctx, name, none string, do func(context.Context, string, taskdef.Ref) (cluster.Definition, error)) (cluster.Definition, error) {
	ref, err := d.definition(c, name)
	var found cluster.Definition
	if err == nil {
		found, err = do(c, awswire.CallerOf(c).Account, ref)
	}
	if errors.Is(err, taskdef.ErrNotFound) {
		err = ClientException.New(none)
	}
	return found, err
}

func (d *door) listTaskDefinitions(c ctx, in *ListTaskDefinitionsInput) (*ListTaskDefinitionsOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	refs, next, err := d.control.ListDefinitions(c, account, cluster.DefinitionFilter{
		Family:     awswire.Or(in.FamilyPrefix, ""), // in spite of its name the whole family
		Status:     string(awswire.Or(in.Status, TaskDefinitionStatusActive)),
		Descending: awswire.Or(in.Sort, SortOrderAsc) == SortOrderDesc,
	}, part)
	if err != nil {
		return nil, err
	}
	out := &ListTaskDefinitionsOutput{TaskDefinitionArns: []string{}, NextToken: filled(next)}
	for _, ref := range refs {
		out.TaskDefinitionArns = append(out.TaskDefinitionArns, cluster.DefinitionARN(d.region, account, ref.Family, ref.Revision))
	}
	return out, nil
}

func (d *door) listTaskDefinitionFamilies(c ctx, in *ListTaskDefinitionFamiliesInput) (*ListTaskDefinitionFamiliesOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	status := string(awswire.Or(in.Status, TaskDefinitionFamilyStatusAll))
	if status == string(TaskDefinitionFamilyStatusAll) {
		status = ""
	}
	families, next, err := d.control.ListFamilies(c, awswire.CallerOf(c).Account, awswire.Or(in.FamilyPrefix, ""), status, part)
	if err != nil {
		return nil, err
	}
	return &ListTaskDefinitionFamiliesOutput{Families: listed(families), NextToken: filled(next)}, nil
}

func tagsIf(wanted bool, tags []cluster.Tag) []Tag {
	if !wanted {
		return nil
	}
	return writeTags(tags)
}
