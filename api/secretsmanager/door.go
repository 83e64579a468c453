// Package secretsmanager is the door of the secrets of room secrets: it speaks AWS Secrets Manager, and holds
// no state.
//
// Rotation, copies in other regions, keys of a key service and secrets of other vendors are refused by name and
// never ignored.
package secretsmanager

import (
	"context"

	"slipway/api/awswire"
	"slipway/secrets"
)

type ctx = context.Context

type door struct{ room *secrets.Control }

// New returns the door of the room's secrets.
func New(c *secrets.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		BatchGetSecretValue.Handle(d.batchGetSecretValue, awswire.Any),
		CreateSecret.Handle(d.createSecret, d.onCreateSecret),
		DeleteResourcePolicy.Handle(d.deleteResourcePolicy, d.onDeleteResourcePolicy),
		DeleteSecret.Handle(d.deleteSecret, d.onDeleteSecret),
		DescribeSecret.Handle(d.describeSecret, d.onDescribeSecret),
		GetRandomPassword.Handle(d.getRandomPassword, awswire.Any),
		GetResourcePolicy.Handle(d.getResourcePolicy, d.onGetResourcePolicy),
		GetSecretValue.Handle(d.getSecretValue, d.onGetSecretValue),
		ListSecretVersionIds.Handle(d.listSecretVersionIds, d.onListSecretVersionIds),
		ListSecrets.Handle(d.listSecrets, awswire.Any),
		PutResourcePolicy.Handle(d.putResourcePolicy, d.onPutResourcePolicy),
		PutSecretValue.Handle(d.putSecretValue, d.onPutSecretValue),
		RestoreSecret.Handle(d.restoreSecret, d.onRestoreSecret),
		TagResource.Handle(d.tagResource, d.onTagResource),
		UntagResource.Handle(d.untagResource, d.onUntagResource),
		UpdateSecret.Handle(d.updateSecret, d.onUpdateSecret),
		UpdateSecretVersionStage.Handle(d.updateSecretVersionStage, d.onUpdateSecretVersionStage),
		ValidateResourcePolicy.Handle(d.validateResourcePolicy, d.onValidateResourcePolicy),
	)
}

// ref is the secret that a call of the caller's names.
func (d *door) ref(c ctx, id string) secrets.SecretRef {
	return d.room.SecretRef(awswire.CallerOf(c).Account, id)
}
