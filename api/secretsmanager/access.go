package secretsmanager

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/secrets"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service Authorization
// Reference, "Actions, resources, and condition keys for AWS Secrets Manager".
//
// A denial names a secret as the call did, so that who may not know it learns nothing of its ARN. The ARN of a
// secret that is not there is matched by policies that know its name.

// Condition keys.
const (
	keyName           = "secretsmanager:Name"
	keyDescription    = "secretsmanager:Description"
	keyKmsKeyID       = "secretsmanager:KmsKeyId"
	keySecretID       = "secretsmanager:SecretId"
	keyForceDelete    = "secretsmanager:ForceDeleteWithoutRecovery"
	keyRecoveryWindow = "secretsmanager:RecoveryWindowInDays"
	keyVersionID      = "secretsmanager:VersionId"
	keyVersionStage   = "secretsmanager:VersionStage"
	keyBlockPublic    = "secretsmanager:BlockPublicPolicy"
	keyPrimaryRegion  = "secretsmanager:SecretPrimaryRegion"
)

// keys are names of condition keys with what the input has for them, or nil.
type keys map[string]*string

// asked is for the operation on a secret, whoever's it is: its policy may let other accounts in.
func (d *door) asked(c ctx, id string, more keys) awswire.Ask {
	s, err := d.room.Deciding(c, d.ref(c, id))
	ask := awswire.Ask{
		Resource: s.ARN, Shown: id, Err: err,
		Tags:   func(ctx) (map[string]string, error) { return s.Tags, nil },
		Policy: func(ctx) (string, error) { return s.Policy, nil },
		Keys:   map[string][]string{keySecretID: {s.ARN}, keyPrimaryRegion: {d.room.Region()}},
	}
	for name, value := range more {
		if value != nil {
			ask.Keys[name] = []string{*value}
		}
	}
	return ask
}

func (d *door) on(c ctx, id string, more keys) []awswire.Ask {
	return []awswire.Ask{d.asked(c, id, more)}
}

// onCreateSecret asks for the tags of the new secret as well.
func (d *door) onCreateSecret(c ctx, in *CreateSecretInput) []awswire.Ask {
	ask := awswire.Ask{
		Resource: d.room.NewSecretARN(awswire.CallerOf(c).Account, in.Name), Shown: in.Name,
		Keys: map[string][]string{keyName: {in.Name}},
	}
	for name, value := range (keys{keyDescription: in.Description, keyKmsKeyID: in.KmsKeyId}) {
		if value != nil {
			ask.Keys[name] = []string{*value}
		}
	}
	asks := []awswire.Ask{ask}
	if len(in.Tags) > 0 {
		asks = append(asks, ask)
		asks[1].Action = "secretsmanager:TagResource"
	}
	return asks
}

func (d *door) onDeleteResourcePolicy(c ctx, in *DeleteResourcePolicyInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onDeleteSecret(c ctx, in *DeleteSecretInput) []awswire.Ask {
	more := keys{keyForceDelete: flag(in.ForceDeleteWithoutRecovery)}
	if in.RecoveryWindowInDays != nil {
		more[keyRecoveryWindow] = new(strconv.FormatInt(*in.RecoveryWindowInDays, 10))
	}
	return d.on(c, in.SecretId, more)
}

func flag(b *bool) *string { return new(strconv.FormatBool(awswire.Or(b, false))) }

func (d *door) onDescribeSecret(c ctx, in *DescribeSecretInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onGetResourcePolicy(c ctx, in *GetResourcePolicyInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

// onGetSecretValue has the stage that is read where the call names neither a version nor a stage.
func (d *door) onGetSecretValue(c ctx, in *GetSecretValueInput) []awswire.Ask {
	stage := in.VersionStage
	if stage == nil && in.VersionId == nil {
		stage = new(secrets.StageCurrent)
	}
	return d.on(c, in.SecretId, keys{keyVersionID: in.VersionId, keyVersionStage: stage})
}

func (d *door) onListSecretVersionIds(c ctx, in *ListSecretVersionIdsInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onPutResourcePolicy(c ctx, in *PutResourcePolicyInput) []awswire.Ask {
	return d.on(c, in.SecretId, keys{keyBlockPublic: flag(in.BlockPublicPolicy)})
}

func (d *door) onPutSecretValue(c ctx, in *PutSecretValueInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onRestoreSecret(c ctx, in *RestoreSecretInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onTagResource(c ctx, in *TagResourceInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onUntagResource(c ctx, in *UntagResourceInput) []awswire.Ask {
	return d.on(c, in.SecretId, nil)
}

func (d *door) onUpdateSecret(c ctx, in *UpdateSecretInput) []awswire.Ask {
	return d.on(c, in.SecretId, keys{keyDescription: in.Description, keyKmsKeyID: in.KmsKeyId})
}

func (d *door) onUpdateSecretVersionStage(c ctx, in *UpdateSecretVersionStageInput) []awswire.Ask {
	return d.on(c, in.SecretId, keys{keyVersionStage: &in.VersionStage})
}

// onValidateResourcePolicy is for a policy of a secret, or of none.
func (d *door) onValidateResourcePolicy(c ctx, in *ValidateResourcePolicyInput) []awswire.Ask {
	if in.SecretId == nil {
		return awswire.Any(c, in)
	}
	return d.on(c, *in.SecretId, nil)
}
