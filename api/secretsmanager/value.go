package secretsmanager

import (
	"errors"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

func (d *door) getSecretValue(c ctx, in *GetSecretValueInput) (*GetSecretValueOutput, error) {
	s, v, err := d.room.ReadValue(c, d.ref(c, in.SecretId), awswire.Or(in.VersionId, ""), awswire.Or(in.VersionStage, ""))
	if err != nil {
		return nil, err
	}
	e := wireValue(s, v)
	return &GetSecretValueOutput{
		ARN: e.ARN, CreatedDate: e.CreatedDate, Name: e.Name, SecretBinary: e.SecretBinary, SecretString: e.SecretString,
		VersionId: e.VersionId, VersionStages: e.VersionStages,
	}, nil
}

func wireValue(s secrets.Secret, v secrets.Version) SecretValueEntry {
	e := SecretValueEntry{ARN: &s.ARN, CreatedDate: &v.Created, Name: &s.Name, VersionId: &v.ID, VersionStages: v.Stages}
	if v.Value.Binary {
		e.SecretBinary = v.Value.Bytes
	} else {
		e.SecretString = new(string(v.Value.Bytes))
	}
	return e
}

func (d *door) putSecretValue(c ctx, in *PutSecretValueInput) (*PutSecretValueOutput, error) {
	value, err := valueOf(in.SecretString, in.SecretBinary)
	switch {
	case err != nil:
		return nil, err
	case in.RotationToken != nil:
		return nil, unsupported("RotationToken")
	case value.Bytes == nil:
		return nil, InvalidRequestException.New("You must provide either SecretString or SecretBinary.")
	}
	s, v, err := d.room.PutValue(c, d.ref(c, in.SecretId), secrets.Version{ID: awswire.Or(in.ClientRequestToken, ""), Stages: in.VersionStages, Value: value})
	if err != nil {
		return nil, err
	}
	return &PutSecretValueOutput{ARN: &s.ARN, Name: &s.Name, VersionId: &v.ID, VersionStages: v.Stages}, nil
}

func (d *door) updateSecretVersionStage(c ctx, in *UpdateSecretVersionStageInput) (*UpdateSecretVersionStageOutput, error) {
	s, err := d.room.MoveStage(c, d.ref(c, in.SecretId), in.VersionStage, awswire.Or(in.RemoveFromVersionId, ""), awswire.Or(in.MoveToVersionId, ""))
	if err != nil {
		return nil, err
	}
	return &UpdateSecretVersionStageOutput{ARN: &s.ARN, Name: &s.Name}, nil
}

func (d *door) listSecretVersionIds(c ctx, in *ListSecretVersionIdsInput) (*ListSecretVersionIdsOutput, error) {
	listing := "versions of " + in.SecretId
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := int(awswire.Or(in.MaxResults, defaultPage))
	s, versions, err := d.room.Versions(c, d.ref(c, in.SecretId), awswire.Or(in.IncludeDeprecated, false), after, limit+1)
	if err != nil {
		return nil, err
	}
	versions, next := page.Cut(versions, limit, func(v secrets.Version) string { return v.ID })
	out := &ListSecretVersionIdsOutput{ARN: &s.ARN, Name: &s.Name, NextToken: token(listing, next), Versions: make([]SecretVersionsListEntry, len(versions))}
	for i, v := range versions {
		out.Versions[i] = SecretVersionsListEntry{
			CreatedDate: &v.Created, KmsKeyIds: []string{"DefaultEncryptionKey"}, LastAccessedDate: date(v.Accessed), VersionId: &v.ID, VersionStages: v.Stages,
		}
	}
	return out, nil
}

// batchGetSecretValue reads secrets by name, or those that pass filters. Each is asked for by itself, and one
// that cannot be had is told among the errors.
func (d *door) batchGetSecretValue(c ctx, in *BatchGetSecretValueInput) (*BatchGetSecretValueOutput, error) {
	names, next, err := d.batch(c, in)
	if err != nil {
		return nil, err
	}
	out := &BatchGetSecretValueOutput{Errors: []APIErrorType{}, NextToken: next, SecretValues: []SecretValueEntry{}}
	for _, name := range names {
		value, err := d.oneOf(c, name)
		fault, known := faultOf(err)
		switch {
		case err == nil:
			out.SecretValues = append(out.SecretValues, value)
		case known:
			out.Errors = append(out.Errors, APIErrorType{ErrorCode: &fault.Shape, Message: &fault.Message, SecretId: &name})
		default:
			return nil, err
		}
	}
	return out, nil
}

// batch are the secrets that a call names, or the page of those that pass its filters.
func (d *door) batch(c ctx, in *BatchGetSecretValueInput) (names []string, next *string, err error) {
	switch {
	case len(in.SecretIdList) > 0 && len(in.Filters) > 0, len(in.SecretIdList) == 0 && len(in.Filters) == 0:
		return nil, nil, InvalidParameterException.New("You must specify either SecretIdList or Filters, but not both.")
	case len(in.SecretIdList) > 0 && (in.MaxResults != nil || in.NextToken != nil):
		return nil, nil, InvalidParameterException.New("You can use MaxResults and NextToken only with Filters.")
	case len(in.SecretIdList) > 0:
		return in.SecretIdList, nil, nil
	}
	if err := awswire.Require(c, awswire.Ask{Action: "secretsmanager:ListSecrets"}); err != nil {
		return nil, nil, err
	}
	list, err := d.listSecrets(c, &ListSecretsInput{Filters: in.Filters, NextToken: in.NextToken, MaxResults: new(awswire.Or(in.MaxResults, maxBatch))})
	if err != nil {
		return nil, nil, err
	}
	for _, s := range list.SecretList {
		names = append(names, *s.ARN)
	}
	return names, list.NextToken, nil
}

// oneOf reads the current value of a secret, if the caller may.
func (d *door) oneOf(c ctx, id string) (SecretValueEntry, error) {
	asks := d.onGetSecretValue(c, &GetSecretValueInput{SecretId: id})
	for i := range asks {
		asks[i].Action = "secretsmanager:GetSecretValue"
	}
	if err := awswire.Require(c, asks...); err != nil {
		return SecretValueEntry{}, err
	}
	s, v, err := d.room.ReadValue(c, d.ref(c, id), "", "")
	return wireValue(s, v), err
}

// faultOf is the fault that an error of one secret is called, if it has a name.
func faultOf(err error) (*awswire.Fault, bool) {
	if f, ok := errors.AsType[*awswire.Fault](err); ok {
		return f, true
	}
	for _, row := range faults {
		if errors.Is(err, row.Cause) {
			return row.Fault.New(err.Error()), true
		}
	}
	return nil, false
}
