package iam

import (
	"context"

	"slipway/accounts"
	core "slipway/accounts/policy"
	"slipway/api/awswire"
)

func simulationBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		SimulateCustomPolicy.Handle(d.simulateCustomPolicy, awswire.Any),
		SimulatePrincipalPolicy.Handle(d.simulatePrincipalPolicy, onSource(d, func(in *SimulatePrincipalPolicyInput) string { return in.PolicySourceArn })),
		GetContextKeysForCustomPolicy.Handle(d.getContextKeysForCustomPolicy, awswire.Any),
		GetContextKeysForPrincipalPolicy.Handle(d.getContextKeysForPrincipalPolicy, onSource(d, func(in *GetContextKeysForPrincipalPolicyInput) string { return in.PolicySourceArn })),
	}
}

func (d *door) simulateCustomPolicy(ctx context.Context, in *SimulateCustomPolicyInput) (*SimulateCustomPolicyOutput, error) {
	list, next, err := d.control.Simulate(ctx, accountOf(ctx), accounts.SimulationInput{
		Policies: in.PolicyInputList, Boundaries: in.PermissionsBoundaryPolicyInputList, Actions: in.ActionNames, Resources: in.ResourceArns,
		ResourcePolicy: awswire.Or(in.ResourcePolicy, ""), ResourceOwner: awswire.Or(in.ResourceOwner, ""), Caller: awswire.Or(in.CallerArn, ""),
		Context: each(in.ContextEntries, contextEntry), Scenario: awswire.Or(in.ResourceHandlingOption, ""),
	}, pageOf(in.Marker, in.MaxItems))
	out := &SimulateCustomPolicyOutput{EvaluationResults: each(list, evaluation)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) simulatePrincipalPolicy(ctx context.Context, in *SimulatePrincipalPolicyInput) (*SimulatePrincipalPolicyOutput, error) {
	list, next, err := d.control.Simulate(ctx, accountOf(ctx), accounts.SimulationInput{
		Source: in.PolicySourceArn, Policies: in.PolicyInputList, Boundaries: in.PermissionsBoundaryPolicyInputList, Actions: in.ActionNames, Resources: in.ResourceArns,
		ResourcePolicy: awswire.Or(in.ResourcePolicy, ""), ResourceOwner: awswire.Or(in.ResourceOwner, ""), Caller: awswire.Or(in.CallerArn, ""),
		Context: each(in.ContextEntries, contextEntry), Scenario: awswire.Or(in.ResourceHandlingOption, ""),
	}, pageOf(in.Marker, in.MaxItems))
	out := &SimulatePrincipalPolicyOutput{EvaluationResults: each(list, evaluation)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func contextEntry(e ContextEntry) accounts.ContextEntry {
	return accounts.ContextEntry{Name: awswire.Or(e.ContextKeyName, ""), Type: string(awswire.Or(e.ContextKeyType, "")), Values: e.ContextKeyValues}
}

// evaluation is a result as AWS answers with it. What concerns one resource is with that resource;
// for "*" there is no such part, and missing values are in the result itself.
// Source: IAM API Reference, EvaluationResult.
func evaluation(s accounts.Simulated) EvaluationResult {
	r := EvaluationResult{
		EvalActionName: s.Action, EvalResourceName: &s.Resource, EvalDecision: decision(s.Outcome),
		MatchedStatements: each(s.Matched, statement), MissingContextValues: s.Missing,
		PermissionsBoundaryDecisionDetail: boundaryDetail(s),
	}
	if len(s.Each) > 0 {
		r.MissingContextValues = []string{}
		r.EvalDecisionDetails = decisionDetails(s)
		r.ResourceSpecificResults = each(s.Each, onResource)
	}
	if r.MissingContextValues == nil {
		r.MissingContextValues = []string{}
	}
	return r
}

func onResource(s accounts.Simulated) ResourceSpecificResult {
	r := ResourceSpecificResult{
		EvalResourceName: s.Resource, EvalResourceDecision: decision(s.Outcome),
		MatchedStatements: each(s.Matched, statement), MissingContextValues: s.Missing,
		PermissionsBoundaryDecisionDetail: boundaryDetail(s),
	}
	if s.CrossAccount {
		r.EvalDecisionDetails = decisionDetails(s)
	}
	if r.MissingContextValues == nil {
		r.MissingContextValues = []string{}
	}
	return r
}

func decision(o core.Outcome) PolicyEvaluationDecisionType {
	return PolicyEvaluationDecisionType(o.String())
}

// What AWS answers with for the types of policies. It is not what its model says.
const (
	typeIdentity = "IAM Policy"
	typeResource = "Resource Policy"
	typeBoundary = "Permissions Boundary Policy"
)

func statement(m core.Match) Statement {
	source := PolicySourceType(typeIdentity)
	if m.Layer == core.ResourceLayer {
		source = typeResource
	}
	return Statement{SourcePolicyId: &m.Policy.Name, SourcePolicyType: &source, StartPosition: position(m.Start), EndPosition: position(m.End)}
}

func position(p core.Position) *Position {
	return &Position{Line: new(int32(p.Line)), Column: new(int32(p.Column))}
}

// decisionDetails says what each type of policy makes of a request to another account; within one
// account it is there and empty.
func decisionDetails(s accounts.Simulated) map[string]PolicyEvaluationDecisionType {
	details := map[string]PolicyEvaluationDecisionType{}
	if !s.CrossAccount {
		return details
	}
	for layer, name := range map[core.Layer]string{core.IdentityLayer: typeIdentity, core.ResourceLayer: typeResource, core.BoundaryLayer: typeBoundary} {
		if outcome, has := s.Layers[layer]; has {
			details[name] = decision(outcome)
		}
	}
	return details
}

func boundaryDetail(s accounts.Simulated) *PermissionsBoundaryDecisionDetail {
	outcome, has := s.Layers[core.BoundaryLayer]
	if !has {
		return nil
	}
	return &PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(outcome == core.Allowed)}
}

func (d *door) getContextKeysForCustomPolicy(ctx context.Context, in *GetContextKeysForCustomPolicyInput) (*GetContextKeysForCustomPolicyOutput, error) {
	keys, err := d.control.ContextKeys(ctx, accountOf(ctx), "", in.PolicyInputList)
	return &GetContextKeysForCustomPolicyOutput{ContextKeyNames: keys}, err
}

func (d *door) getContextKeysForPrincipalPolicy(ctx context.Context, in *GetContextKeysForPrincipalPolicyInput) (*GetContextKeysForPrincipalPolicyOutput, error) {
	keys, err := d.control.ContextKeys(ctx, accountOf(ctx), in.PolicySourceArn, in.PolicyInputList)
	return &GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keys}, err
}
