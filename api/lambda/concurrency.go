package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/page"
)

func (d *door) putFunctionConcurrency(c ctx, in *PutFunctionConcurrencyInput) (*PutFunctionConcurrencyOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := d.room.Reserve(c, r, int(in.ReservedConcurrentExecutions)); err != nil {
		return nil, err
	}
	return &PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &in.ReservedConcurrentExecutions}, nil
}

func (d *door) getFunctionConcurrency(c ctx, in *GetFunctionConcurrencyInput) (*GetFunctionConcurrencyOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	n, err := d.room.Reserved(c, r)
	if err != nil {
		return nil, err
	}
	out := &GetFunctionConcurrencyOutput{}
	if n >= 0 {
		out.ReservedConcurrentExecutions = new(int32(n))
	}
	return out, nil
}

func (d *door) deleteFunctionConcurrency(c ctx, in *DeleteFunctionConcurrencyInput) (*awswire.None, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return nil, d.room.Unreserve(c, r)
}

func (d *door) putProvisioned(c ctx, in *PutProvisionedConcurrencyConfigInput) (*PutProvisionedConcurrencyConfigOutput, error) {
	r, err := d.ref(c, in.FunctionName, &in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := d.room.Provision(c, r, int(in.ProvisionedConcurrentExecutions))
	if err != nil {
		return nil, err
	}
	return provisioned(p), nil
}

// provisioned is provisioned concurrency as the wire has it.
func provisioned(p functions.Provisioned) *PutProvisionedConcurrencyConfigOutput {
	return &PutProvisionedConcurrencyConfigOutput{
		AllocatedProvisionedConcurrentExecutions: new(int32(p.Allocated)), AvailableProvisionedConcurrentExecutions: new(int32(p.Ready)),
		RequestedProvisionedConcurrentExecutions: new(int32(p.Requested)), LastModified: new(stamp(p.Modified)),
		Status: new(ProvisionedConcurrencyStatusEnum(p.Status)), StatusReason: some(p.Reason),
	}
}

func (d *door) getProvisioned(c ctx, in *GetProvisionedConcurrencyConfigInput) (*GetProvisionedConcurrencyConfigOutput, error) {
	r, err := d.ref(c, in.FunctionName, &in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := d.room.ProvisionedOf(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetProvisionedConcurrencyConfigOutput)(provisioned(p)), nil
}

func (d *door) deleteProvisioned(c ctx, in *DeleteProvisionedConcurrencyConfigInput) (*awswire.None, error) {
	r, err := d.ref(c, in.FunctionName, &in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, d.room.Unprovision(c, r)
}

func (d *door) listProvisioned(c ctx, in *ListProvisionedConcurrencyConfigsInput) (*ListProvisionedConcurrencyConfigsOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	list, err := d.room.AllProvisioned(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "provisioned "+d.room.ARN(r), in.Marker, in.MaxItems, func(p functions.Provisioned) string { return p.Qualifier })
	out := &ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: []ProvisionedConcurrencyConfigListItem{}, NextMarker: next}
	for _, p := range list {
		r.Qualifier = p.Qualifier
		wire := provisioned(p)
		out.ProvisionedConcurrencyConfigs = append(out.ProvisionedConcurrencyConfigs, ProvisionedConcurrencyConfigListItem{
			FunctionArn: new(d.room.ARN(r)), AllocatedProvisionedConcurrentExecutions: wire.AllocatedProvisionedConcurrentExecutions,
			AvailableProvisionedConcurrentExecutions: wire.AvailableProvisionedConcurrentExecutions, LastModified: wire.LastModified,
			RequestedProvisionedConcurrentExecutions: wire.RequestedProvisionedConcurrentExecutions, Status: wire.Status, StatusReason: wire.StatusReason,
		})
	}
	return out, err
}

// paged cuts a list, which is ordered by keys that are not "", to a page.
func paged[T any](list []T, what string, marker *string, size *int32, key func(T) string) ([]T, *string, error) {
	after, err := page.Key(what, awswire.Or(marker, ""))
	if err != nil {
		return nil, nil, err
	}
	for len(list) > 0 && after != "" && key(list[0]) <= after {
		list = list[1:]
	}
	list, next := page.Cut(list, int(awswire.Or(size, mostListed)), key)
	return list, some(page.Token(what, next)), nil
}
