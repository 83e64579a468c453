package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// ref is the function, version or alias that a call names.
func (d *door) ref(c ctx, function string, qualifier *string) (functions.Ref, error) {
	return d.room.ParseFunction(awswire.CallerOf(c).Account, function, awswire.Or(qualifier, ""))
}

// unpublished is the function that a call names that changes what is not published of it. To name a version or an alias
// is a mistake: neither can be changed so.
func (d *door) unpublished(c ctx, function string) (functions.Ref, error) {
	r, err := d.ref(c, function, nil)
	if err == nil && r.Qualifier != "" && r.Qualifier != "$LATEST" {
		err = InvalidParameterValueException.New("Current operation does not support versions other than $LATEST. Please set the version to $LATEST or do not set a version in your request.")
	}
	return r, err
}

func (d *door) addPermission(c ctx, in *AddPermissionInput) (*AddPermissionOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	statement, err := d.room.AddPermission(c, r, functions.Permission{
		ID: in.StatementId, Action: in.Action, Principal: in.Principal, SourceARN: awswire.Or(in.SourceArn, ""), SourceAccount: awswire.Or(in.SourceAccount, ""),
		Organization: awswire.Or(in.PrincipalOrgID, ""), EventSourceToken: awswire.Or(in.EventSourceToken, ""),
		URLAuth: string(awswire.Or(in.FunctionUrlAuthType, "")), ViaURL: awswire.Or(in.InvokedViaFunctionUrl, false),
	}, awswire.Or(in.RevisionId, ""))
	if err != nil {
		return nil, err
	}
	return &AddPermissionOutput{Statement: &statement}, nil
}

func (d *door) removePermission(c ctx, in *RemovePermissionInput) (*awswire.None, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, d.room.RemovePermission(c, r, in.StatementId, awswire.Or(in.RevisionId, ""))
}

func (d *door) getPolicy(c ctx, in *GetPolicyInput) (*GetPolicyOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	policy, revision, err := d.room.Policy(c, r)
	if err != nil {
		return nil, err
	}
	return &GetPolicyOutput{Policy: &policy, RevisionId: &revision}, nil
}
