package secretsmanager

import (
	"errors"
	"maps"
	"slices"
	"time"

	"slipway/api/awswire"
	"slipway/secrets"
)

// defaultKey is what AWS calls the key of secrets that name none.
const defaultKey = "alias/aws/secretsmanager"

// checkHonoured refuses what Slipway would otherwise silently not do.
func checkHonoured(key, kind *string) error {
	switch {
	case awswire.Or(key, "") != "" && *key != defaultKey:
		return InvalidParameterException.Newf("The key %s is not supported by Slipway: values are sealed under its own keys. Leave KmsKeyId out.", *key)
	case awswire.Or(kind, "") != "":
		return unsupported("Type")
	}
	return nil
}

// valueOf is the value of an input, which is text, or bytes, or none.
func valueOf(text *string, bytes []byte) (secrets.Value, error) {
	switch {
	case text != nil && bytes != nil:
		return secrets.Value{}, InvalidParameterException.New("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		return secrets.Value{Bytes: []byte(*text)}, nil
	}
	return secrets.Value{Bytes: bytes, Binary: bytes != nil}, nil
}

func (d *door) createSecret(c ctx, in *CreateSecretInput) (*CreateSecretOutput, error) {
	if err := checkHonoured(in.KmsKeyId, in.Type); err != nil {
		return nil, err
	}
	if len(in.AddReplicaRegions) > 0 {
		return nil, unsupported("AddReplicaRegions")
	}
	value, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	s, version, err := d.room.CreateSecret(c, secrets.NewSecret{
		Account: awswire.CallerOf(c).Account, Name: in.Name, Description: awswire.Or(in.Description, ""), Tags: tags,
		Value: value, Version: awswire.Or(in.ClientRequestToken, ""),
	})
	if err != nil {
		return nil, err
	}
	return &CreateSecretOutput{ARN: &s.ARN, Name: &s.Name, VersionId: some(version)}, nil
}

func (d *door) describeSecret(c ctx, in *DescribeSecretInput) (*DescribeSecretOutput, error) {
	s, err := d.room.Secret(c, d.ref(c, in.SecretId))
	if err != nil {
		return nil, err
	}
	e := wireSecret(s)
	return &DescribeSecretOutput{
		ARN: e.ARN, Name: e.Name, Description: e.Description, Tags: e.Tags, VersionIdsToStages: e.SecretVersionsToStages,
		CreatedDate: e.CreatedDate, LastChangedDate: e.LastChangedDate, LastAccessedDate: e.LastAccessedDate, DeletedDate: e.DeletedDate,
	}, nil
}

// wireSecret is a secret as listings have it.
func wireSecret(s secrets.Secret) SecretListEntry {
	e := SecretListEntry{
		ARN: &s.ARN, Name: &s.Name, Description: some(s.Description), Tags: wireTags(s.Tags),
		CreatedDate: &s.Created, LastChangedDate: &s.Changed, LastAccessedDate: date(s.Accessed), DeletedDate: date(s.Due),
	}
	if len(s.Stages) > 0 {
		e.SecretVersionsToStages = s.Stages
	}
	return e
}

// date is nil for the zero time, which the wire leaves out.
func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// some is nil for "", which the wire leaves out.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (d *door) updateSecret(c ctx, in *UpdateSecretInput) (*UpdateSecretOutput, error) {
	if err := checkHonoured(in.KmsKeyId, in.Type); err != nil {
		return nil, err
	}
	value, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	s, version, err := d.room.ChangeSecret(c, d.ref(c, in.SecretId), in.Description, secrets.Version{ID: awswire.Or(in.ClientRequestToken, ""), Value: value})
	if err != nil {
		return nil, err
	}
	return &UpdateSecretOutput{ARN: &s.ARN, Name: &s.Name, VersionId: some(version)}, nil
}

// deleteSecret deletes at once what is not there, too, as AWS does.
func (d *door) deleteSecret(c ctx, in *DeleteSecretInput) (*DeleteSecretOutput, error) {
	force, days := awswire.Or(in.ForceDeleteWithoutRecovery, false), int(awswire.Or(in.RecoveryWindowInDays, secrets.DefaultRecovery))
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, InvalidParameterException.New("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case force:
		days = 0
	case days == 0:
		days = -1 // which is no window
	}
	ref := d.ref(c, in.SecretId)
	s, err := d.room.DeleteSecret(c, ref, days)
	if force && errors.Is(err, secrets.ErrNoSecret) {
		s.ARN, s.Name, s.Due = d.room.NewSecretARN(ref.Account, ref.Name), ref.Name, time.Now()
		if ref.ARN != "" {
			s.ARN = ref.ARN
		}
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return &DeleteSecretOutput{ARN: &s.ARN, Name: &s.Name, DeletionDate: &s.Due}, nil
}

func (d *door) restoreSecret(c ctx, in *RestoreSecretInput) (*RestoreSecretOutput, error) {
	s, err := d.room.RestoreSecret(c, d.ref(c, in.SecretId))
	if err != nil {
		return nil, err
	}
	return &RestoreSecretOutput{ARN: &s.ARN, Name: &s.Name}, nil
}

func tagsOf(wire []Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range wire {
		if t.Key == nil {
			return nil, InvalidParameterException.New("You must provide a key for each tag.")
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, InvalidParameterException.Newf("You can't use the tag key %s more than once.", *t.Key)
		}
		tags[*t.Key] = awswire.Or(t.Value, "")
	}
	return tags, nil
}

func wireTags(tags map[string]string) []Tag {
	wire := []Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		wire = append(wire, Tag{new(key), new(tags[key])})
	}
	return wire
}

func (d *door) tagResource(c ctx, in *TagResourceInput) (*awswire.None, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, d.room.TagSecret(c, d.ref(c, in.SecretId), tags, nil)
}

func (d *door) untagResource(c ctx, in *UntagResourceInput) (*awswire.None, error) {
	return nil, d.room.TagSecret(c, d.ref(c, in.SecretId), nil, in.TagKeys)
}

func (d *door) getRandomPassword(_ ctx, in *GetRandomPasswordInput) (*GetRandomPasswordOutput, error) {
	made, err := secrets.Password{
		Length: int(awswire.Or(in.PasswordLength, 32)), Exclude: awswire.Or(in.ExcludeCharacters, ""),
		NoLowercase: awswire.Or(in.ExcludeLowercase, false), NoUppercase: awswire.Or(in.ExcludeUppercase, false),
		NoNumbers: awswire.Or(in.ExcludeNumbers, false), NoPunctuation: awswire.Or(in.ExcludePunctuation, false),
		Space: awswire.Or(in.IncludeSpace, false), NotEach: !awswire.Or(in.RequireEachIncludedType, true),
	}.Make()
	if err != nil {
		return nil, err
	}
	return &GetRandomPasswordOutput{RandomPassword: &made}, nil
}
