package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

func (d *door) addLayerVersionPermission(c ctx, in *AddLayerVersionPermissionInput) (*AddLayerVersionPermissionOutput, error) {
	r, err := d.layer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	statement, revision, err := d.room.AddLayerPermission(c, r, functions.Permission{
		ID: in.StatementId, Action: in.Action, Principal: in.Principal, Organization: awswire.Or(in.OrganizationId, ""),
	}, awswire.Or(in.RevisionId, ""))
	if err != nil {
		return nil, err
	}
	return &AddLayerVersionPermissionOutput{Statement: &statement, RevisionId: &revision}, nil
}

func (d *door) removeLayerVersionPermission(c ctx, in *RemoveLayerVersionPermissionInput) (*awswire.None, error) {
	r, err := d.layer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	return nil, d.room.RemoveLayerPermission(c, r, in.StatementId, awswire.Or(in.RevisionId, ""))
}

func (d *door) getLayerVersionPolicy(c ctx, in *GetLayerVersionPolicyInput) (*GetLayerVersionPolicyOutput, error) {
	r, err := d.layer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	policy, revision, err := d.room.LayerPolicy(c, r)
	if err != nil {
		return nil, err
	}
	return &GetLayerVersionPolicyOutput{Policy: &policy, RevisionId: &revision}, nil
}
