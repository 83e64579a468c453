package ecs

import (
	"cmp"
	"errors"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
)

// Who gets the roles that are handed to tasks, and to services.
const (
	tasksService    = "ecs-tasks.amazonaws.com"
	servicesService = "ecs.amazonaws.com"
)

// roleARN reads a role as ECS takes it: by its ARN or, of the caller's account, by its name.
func (d *door) roleARN(c ctx, member string, given *string) (string, error) {
	text := awswire.Or(given, "")
	if text == "" {
		return "", nil
	}
	if !arn.Is(text) && strings.Trim(text, "/") != "" {
		return arn.ARN{Service: "iam", Account: awswire.CallerOf(c).Account, Resource: "role/" + strings.TrimPrefix(text, "/")}.String(), nil
	}
	a, err := arn.Parse(text)
	if kind, name := a.ResourceID(); err != nil || a.Service != "iam" || a.Region != "" || kind != "role" || name == "" {
		return "", ClientException.Newf("%s: Role is not valid: %q is neither the name of a role nor its ARN.", member, text)
	}
	return text, nil
}

// pass makes sure that the caller may hand roles to tasks.
func pass(c ctx, roles ...string) error { return passTo(c, tasksService, roles...) }

// passTo makes sure that the caller may hand roles, which are ARNs or none, to a service of AWS. Source: IAM User
// Guide, "Grant a user permissions to pass a role to an AWS service".
func passTo(c ctx, service string, roles ...string) error {
	for _, role := range roles {
		if role == "" {
			continue
		}
		if a, err := arn.Parse(role); err != nil || a.Account != awswire.CallerOf(c).Account {
			return awswire.Denied("Cross-account pass role is not allowed.")
		}
		ask := awswire.Ask{Action: "iam:PassRole", Resource: role, Keys: map[string][]string{"iam:PassedToService": {service}}}
		if err := awswire.Require(c, ask); err != nil {
			return err
		}
	}
	return nil
}

// permit answers a run that asks about the definition it found: whether the caller may run that
// revision, if the call left it open, and hand its roles to tasks, or those that are to be instead.
func (d *door) permit(again func(definition string) awswire.Ask, run cluster.Run) func(ctx, cluster.Definition) error {
	return func(c ctx, found cluster.Definition) error {
		if run.Definition.Revision == 0 {
			if err := awswire.Require(c, again(cluster.DefinitionARN(d.region, found.Account, found.Family, found.Revision))); err != nil {
				return err
			}
		}
		task, err1 := d.roleARN(c, "taskRoleArn", new(cmp.Or(run.Overrides.TaskRole, found.Spec.TaskRole)))
		execution, err2 := d.roleARN(c, "executionRoleArn", new(cmp.Or(run.Overrides.ExecutionRole, found.Spec.ExecutionRole)))
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		return pass(c, task, execution)
	}
}
