package iam

import (
	"context"
	"errors"
	"strings"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/internal/ids"
)

func (d *door) onCreateServiceLinkedRole(ctx context.Context, in *CreateServiceLinkedRoleInput) []awswire.Ask {
	path, name := accounts.LinkedRole(in.AWSServiceName, awswire.Or(in.CustomSuffix, ""))
	return []awswire.Ask{{Resource: newARN(ctx, accounts.KindRole, path, name), Keys: map[string][]string{"iam:AWSServiceName": {in.AWSServiceName}}}}
}

func (d *door) onGetServiceLinkedRoleDeletionStatus(ctx context.Context, in *GetServiceLinkedRoleDeletionStatusInput) []awswire.Ask {
	name, _ := deleted(in.DeletionTaskId)
	return []awswire.Ask{d.role(ctx, name)}
}

func (d *door) createServiceLinkedRole(ctx context.Context, in *CreateServiceLinkedRoleInput) (*CreateServiceLinkedRoleOutput, error) {
	e, err := d.control.CreateLinkedRole(ctx, accountOf(ctx), in.AWSServiceName, awswire.Or(in.CustomSuffix, ""), awswire.Or(in.Description, ""))
	if err != nil {
		return nil, err
	}
	return &CreateServiceLinkedRoleOutput{Role: new(roleInFull(e, nil))}, nil
}

// deletionTask begins the ids of deletions: task/aws-service-role/SERVICE/ROLE/UUID.
const deletionTask = "task/aws-service-role/"

// deleteServiceLinkedRole is done at once: no service of Slipway acts by such a role.
func (d *door) deleteServiceLinkedRole(ctx context.Context, in *DeleteServiceLinkedRoleInput) (*DeleteServiceLinkedRoleOutput, error) {
	e, err := d.control.DeleteLinkedRole(ctx, accountOf(ctx), in.RoleName)
	if err != nil {
		return nil, err
	}
	return &DeleteServiceLinkedRoleOutput{DeletionTaskId: deletionTask + e.Service + "/" + e.Name + "/" + ids.UUID()}, nil
}

// getServiceLinkedRoleDeletionStatus looks whether the role of a deletion is gone. One that was made
// again since is not being deleted.
func (d *door) getServiceLinkedRoleDeletionStatus(ctx context.Context, in *GetServiceLinkedRoleDeletionStatusInput) (*GetServiceLinkedRoleDeletionStatusOutput, error) {
	name, ok := deleted(in.DeletionTaskId)
	if !ok {
		return nil, NoSuchEntityException.Newf("Deletion task %s cannot be found.", in.DeletionTaskId)
	}
	_, err := d.control.Entity(ctx, accountOf(ctx), accounts.KindRole, name)
	switch {
	case errors.Is(err, accounts.ErrNoEntity):
		return &GetServiceLinkedRoleDeletionStatusOutput{Status: DeletionTaskStatusTypeSucceeded}, nil
	case err != nil:
		return nil, err
	}
	return &GetServiceLinkedRoleDeletionStatusOutput{Status: DeletionTaskStatusTypeNotStarted}, nil
}

// deleted is the role that a deletion is of.
func deleted(task string) (role string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(task, deletionTask), "/")
	if !strings.HasPrefix(task, deletionTask) || len(parts) != 3 {
		return "", false
	}
	return parts[1], true
}
