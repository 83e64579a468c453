package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"slipway/internal/arn"
)

// place tells a call where the task is to go.
func (o runOptions) place(in *ecs.RunTaskInput) {
	for _, text := range o.strategies {
		kind, field, _ := strings.Cut(text, ":")
		in.PlacementStrategy = append(in.PlacementStrategy, types.PlacementStrategy{Type: types.PlacementStrategyType(kind), Field: some(field)})
	}
	for _, text := range o.constraints {
		kind, expression, _ := strings.Cut(text, ":")
		in.PlacementConstraints = append(in.PlacementConstraints, types.PlacementConstraint{Type: types.PlacementConstraintType(kind), Expression: some(strings.TrimSpace(expression))})
	}
	if o.provider != "" {
		in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: &o.provider, Weight: 1}}
	}
}

// some is a text that is there, and nil for none.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// knowRole refuses a role that is not there before anything runs without its credentials. Who may not look is let pass:
// the task is told when it asks for them.
func (c *client) knowRole(ctx context.Context, role string) error {
	if role == "" {
		return nil
	}
	name := path.Base(role)
	if a, err := arn.Parse(role); arn.Is(role) && (err != nil || !strings.HasPrefix(a.Resource, "role/")) {
		return fmt.Errorf("role %q is neither the name of a role nor its ARN", role)
	}
	_, err := iam.NewFromConfig(c.config).GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	switch {
	case isAPIError(err, "NoSuchEntity"):
		return withHint(fmt.Errorf("no role %q", role), `"aws iam list-roles" lists those that there are, and "aws iam create-role" makes one; it must trust ecs-tasks.amazonaws.com`)
	case isAPIError(err, "AccessDenied"):
		return nil
	}
	return explain(err, c)
}

// maxReasons is how many machines are named that took no task.
const maxReasons = 5

// unplaced says why no machine takes a task: there is no room, none fits what is wanted, or none of them answers.
func unplaced(failures []types.Failure, cluster, group string) error {
	why, hint := "no machine is connected that could take the task", `"slipway agent" has to run on them, and to reach the control plane`
	var reasons []string
	for _, f := range failures {
		reason := aws.ToString(f.Reason)
		switch {
		case reason == "DRAINING" && len(reasons) == 0:
			why, hint = "no machine takes tasks now", `"aws ecs update-container-instances-state --status ACTIVE" ends the draining`
		case reason != "AGENT" && reason != "DRAINING":
			why, hint = "no machine has room for the task", `"slipway ps" lists what runs; --cpu and --memory ask for less`
		}
		if strings.Contains(reason, "constraint") {
			why, hint = "no machine fits what is wanted for the task", "--constraint says what they must fit"
		}
		if f.Detail != nil {
			reason = strings.TrimSuffix(reason, ".") + " (" + *f.Detail + ")"
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", shortened(aws.ToString(f.Arn)), reason))
	}
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	if cluster != "" && cluster != "default" {
		group += " --cluster " + cluster
	}
	return withHint(fmt.Errorf("%s: %s", why, strings.Join(reasons, "; ")), `%s; "slipway why %s" tells what would have to change`, hint, group)
}
