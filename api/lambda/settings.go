package lambda

import (
	"time"

	"slipway/api/awswire"
	"slipway/functions"
)

// stamp is a time as the service writes it where the model has a string.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000+0000") }

func (d *door) getAccountSettings(c ctx, _ *GetAccountSettingsInput) (*GetAccountSettingsOutput, error) {
	u, err := d.room.Usage(c, awswire.CallerOf(c).Account)
	if err != nil {
		return nil, err
	}
	return &GetAccountSettingsOutput{
		AccountLimit: &AccountLimit{
			CodeSizeUnzipped: &u.MaxUnzipped, CodeSizeZipped: &u.MaxZip, TotalCodeSize: &u.MaxCode,
			ConcurrentExecutions: new(int32(u.Concurrency)), UnreservedConcurrentExecutions: new(int32(u.Unreserved)),
		},
		AccountUsage: &AccountUsage{FunctionCount: &u.Functions, TotalCodeSize: &u.Code},
	}, nil
}

// exists finds the function, version or alias that a call names.
func (d *door) exists(c ctx, function string, qualifier *string) (functions.Ref, error) {
	r, err := d.ref(c, function, qualifier)
	if err == nil {
		err = d.room.Exists(c, r)
	}
	return r, err
}

// getCodeSigning answers that code of the function is not signed, as it is of a function on AWS of which nothing is
// said: Terraform asks of every function.
func (d *door) getCodeSigning(c ctx, in *GetFunctionCodeSigningConfigInput) (*GetFunctionCodeSigningConfigOutput, error) {
	r, err := d.exists(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &GetFunctionCodeSigningConfigOutput{FunctionName: r.Name}, nil
}

// runtimeUpdates is when a function gets another image of its runtime: when there is one.
const runtimeUpdates = UpdateRuntimeOnAuto

// getRuntimeManagement tells when a function gets another image of its runtime.
func (d *door) getRuntimeManagement(c ctx, in *GetRuntimeManagementConfigInput) (*GetRuntimeManagementConfigOutput, error) {
	r, err := d.exists(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &GetRuntimeManagementConfigOutput{FunctionArn: new(d.room.ARN(r)), UpdateRuntimeOn: new(runtimeUpdates)}, nil
}

// putRuntimeManagement takes what is so, and refuses the rest.
func (d *door) putRuntimeManagement(c ctx, in *PutRuntimeManagementConfigInput) (*PutRuntimeManagementConfigOutput, error) {
	if in.UpdateRuntimeOn != runtimeUpdates || in.RuntimeVersionArn != nil {
		return nil, unsupported("UpdateRuntimeOn other than " + string(runtimeUpdates))
	}
	r, err := d.exists(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &PutRuntimeManagementConfigOutput{FunctionArn: d.room.ARN(r), UpdateRuntimeOn: runtimeUpdates}, nil
}

// getRecursion tells what becomes of functions that call each other in circles: they are stopped.
func (d *door) getRecursion(c ctx, in *GetFunctionRecursionConfigInput) (*GetFunctionRecursionConfigOutput, error) {
	_, err := d.exists(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &GetFunctionRecursionConfigOutput{RecursiveLoop: new(RecursiveLoopTerminate)}, nil
}

// putRecursion takes what is so, and refuses the rest.
func (d *door) putRecursion(c ctx, in *PutFunctionRecursionConfigInput) (*PutFunctionRecursionConfigOutput, error) {
	if in.RecursiveLoop != RecursiveLoopTerminate {
		return nil, unsupported("RecursiveLoop " + string(in.RecursiveLoop))
	}
	if _, err := d.exists(c, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &PutFunctionRecursionConfigOutput{RecursiveLoop: new(RecursiveLoopTerminate)}, nil
}
