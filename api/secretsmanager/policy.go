package secretsmanager

import (
	"slipway/api/awswire"
	"slipway/secrets"
)

func (d *door) getResourcePolicy(c ctx, in *GetResourcePolicyInput) (*GetResourcePolicyOutput, error) {
	s, err := d.room.Secret(c, d.ref(c, in.SecretId))
	if err != nil {
		return nil, err
	}
	return &GetResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name, ResourcePolicy: some(s.Policy)}, nil
}

func (d *door) putResourcePolicy(c ctx, in *PutResourcePolicyInput) (*PutResourcePolicyOutput, error) {
	s, err := d.room.SetPolicy(c, d.ref(c, in.SecretId), in.ResourcePolicy, awswire.Or(in.BlockPublicPolicy, false))
	if err != nil {
		return nil, err
	}
	return &PutResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name}, nil
}

func (d *door) deleteResourcePolicy(c ctx, in *DeleteResourcePolicyInput) (*DeleteResourcePolicyOutput, error) {
	s, err := d.room.SetPolicy(c, d.ref(c, in.SecretId), "", false)
	if err != nil {
		return nil, err
	}
	return &DeleteResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name}, nil
}

// validateResourcePolicy tells what PutResourcePolicy would refuse.
func (d *door) validateResourcePolicy(c ctx, in *ValidateResourcePolicyInput) (*ValidateResourcePolicyOutput, error) {
	if in.SecretId != nil {
		if _, err := d.room.Secret(c, d.ref(c, *in.SecretId)); err != nil {
			return nil, err
		}
	}
	if err := d.room.CheckPolicy(in.ResourcePolicy); err != nil {
		return nil, err
	}
	out := &ValidateResourcePolicyOutput{ValidationErrors: []ValidationErrorsEntry{}}
	if secrets.IsPublic(in.ResourcePolicy) {
		out.ValidationErrors = append(out.ValidationErrors, ValidationErrorsEntry{
			CheckName: new("ALLOW_BROAD_ACCESS"), ErrorMessage: new("This resource policy allows broad access to the secret."),
		})
	}
	out.PolicyValidationPassed = new(len(out.ValidationErrors) == 0)
	return out, nil
}
