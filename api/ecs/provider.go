package ecs

import (
	"slices"
	"strconv"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/capacity"
	"slipway/internal/arn"
)

// honouredInGroups are the members of a capacity provider of a group of machines. Nobody starts and ends machines here,
// so what says how that should be done is kept and shown, as long as it says that it should not be.
var honouredInGroups = []string{
	"name", "tags", "autoScalingGroupProvider.autoScalingGroupArn", "autoScalingGroupProvider.managedDraining",
	"autoScalingGroupProvider.managedScaling", "autoScalingGroupProvider.managedTerminationProtection",
}

func (d *door) createCapacityProvider(c ctx, in *CreateCapacityProviderInput) (*CreateCapacityProviderOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInGroups); err != nil {
		return nil, err
	}
	group := in.AutoScalingGroupProvider
	if group == nil {
		return nil, InvalidParameterException.New("autoScalingGroupProvider: it must be given.")
	}
	settings := cluster.DefaultProviderSettings()
	change, err := readProviderSettings(group.ManagedScaling, group.ManagedTerminationProtection, group.ManagedDraining)
	if err != nil {
		return nil, err
	}
	change(&settings)
	made, err := d.control.CreateProvider(c, cluster.Provider{
		Account: awswire.CallerOf(c).Account, Name: in.Name, Machines: group.AutoScalingGroupArn, Settings: settings, Tags: readTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &CreateCapacityProviderOutput{CapacityProvider: new(d.wireProvider(made, true))}, nil
}

func (d *door) updateCapacityProvider(c ctx, in *UpdateCapacityProviderInput) (*UpdateCapacityProviderOutput, error) {
	if err := honour(in, InvalidParameterException, honouredInGroups); err != nil {
		return nil, err
	}
	group := in.AutoScalingGroupProvider
	if group == nil {
		return nil, InvalidParameterException.New("autoScalingGroupProvider: it must be given.")
	}
	change, err := readProviderSettings(group.ManagedScaling, group.ManagedTerminationProtection, group.ManagedDraining)
	if err != nil {
		return nil, err
	}
	name, err := d.provider(c, in.Name)
	if err != nil {
		return nil, err
	}
	now, err := d.control.UpdateProvider(c, awswire.CallerOf(c).Account, name, change)
	if err != nil {
		return nil, err
	}
	return &UpdateCapacityProviderOutput{CapacityProvider: new(d.wireProvider(now, true))}, nil
}

// readProviderSettings reads what should be changed; what is not given stays as it is.
func readProviderSettings(scaling *ManagedScaling, protection *ManagedTerminationProtection, draining *ManagedDraining) (func(*cluster.ProviderSettings), error) {
	const nobody = "; nobody starts and ends machines here, so use DISABLED"
	if p := or(protection); p != "" && p != string(ManagedTerminationProtectionDisabled) {
		return nil, unsupported(InvalidParameterException, "autoScalingGroupProvider.managedTerminationProtection", strconv.Quote(p), nobody)
	}
	s := awswire.Or(scaling, ManagedScaling{})
	if status := or(s.Status); status != "" && status != string(ManagedScalingStatusDisabled) {
		return nil, unsupported(InvalidParameterException, "autoScalingGroupProvider.managedScaling.status", strconv.Quote(status), nobody)
	}
	return func(to *cluster.ProviderSettings) {
		setNumber(&to.TargetCapacity, s.TargetCapacity)
		setNumber(&to.MinimumStep, s.MinimumScalingStepSize)
		setNumber(&to.MaximumStep, s.MaximumScalingStepSize)
		setNumber(&to.Warmup, s.InstanceWarmupPeriod)
		if draining != nil {
			to.Draining = string(*draining)
		}
	}, nil
}

func setNumber(to *int, given *int32) {
	if given != nil {
		*to = int(*given)
	}
}

func (d *door) deleteCapacityProvider(c ctx, in *DeleteCapacityProviderInput) (*DeleteCapacityProviderOutput, error) {
	if err := honour(in, InvalidParameterException, []string{"capacityProvider"}); err != nil {
		return nil, err
	}
	name, err := d.provider(c, in.CapacityProvider)
	if err != nil {
		return nil, err
	}
	gone, err := d.control.DeleteProvider(c, awswire.CallerOf(c).Account, name)
	if err != nil {
		return nil, err
	}
	w := d.wireProvider(gone, true)
	w.Status, w.UpdateStatus = new(CapacityProviderStatusInactive), new(CapacityProviderUpdateStatusDeleteComplete)
	return &DeleteCapacityProviderOutput{CapacityProvider: &w}, nil
}

// maxProvidersPage is how many capacity providers one answer has. Source: Amazon ECS API Reference,
// DescribeCapacityProviders.
const maxProvidersPage = 10

func (d *door) describeCapacityProviders(c ctx, in *DescribeCapacityProvidersInput) (*DescribeCapacityProvidersOutput, error) {
	if n := len(in.CapacityProviders); n > 100 {
		return nil, InvalidParameterException.Newf("capacityProviders: %d are more than 100.", n)
	}
	part, err := smallPage(in.NextToken, in.MaxResults, maxProvidersPage)
	if err != nil {
		return nil, err
	}
	tags := slices.Contains(in.Include, CapacityProviderFieldTags)
	out := &DescribeCapacityProvidersOutput{CapacityProviders: []CapacityProvider{}, Failures: []Failure{}}
	if len(in.CapacityProviders) > 0 {
		return out, d.describeNamed(c, in.CapacityProviders, tags, out)
	}
	name := ""
	if in.Cluster != nil {
		if name, err = d.cluster(c, in.Cluster); err != nil {
			return nil, err
		}
	}
	found, next, err := d.control.ListProviders(c, awswire.CallerOf(c).Account, name, part)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		out.CapacityProviders = append(out.CapacityProviders, d.wireProvider(p, tags))
	}
	out.NextToken = filled(next)
	return out, nil
}

// describeNamed tells of those that are named, and of those that are not there.
func (d *door) describeNamed(c ctx, texts []string, tags bool, out *DescribeCapacityProvidersOutput) error {
	for _, text := range texts {
		var found []cluster.Provider
		name, err := d.provider(c, text)
		if err == nil {
			found, _, err = d.control.Providers(c, awswire.CallerOf(c).Account, []string{name})
			if err != nil {
				return err
			}
		}
		if len(found) == 0 {
			out.Failures = append(out.Failures, Failure{Arn: new(d.named(c, "capacity-provider", text)), Reason: new("MISSING")})
			continue
		}
		out.CapacityProviders = append(out.CapacityProviders, d.wireProvider(found[0], tags))
	}
	return nil
}

func (d *door) putClusterCapacityProviders(c ctx, in *PutClusterCapacityProvidersInput) (*PutClusterCapacityProvidersOutput, error) {
	name, err := d.cluster(c, &in.Cluster)
	if err != nil {
		return nil, err
	}
	providers, shares, err := d.readProviders(c, in.CapacityProviders, in.DefaultCapacityProviderStrategy)
	if err != nil {
		return nil, err
	}
	now, err := d.control.SetProviders(c, awswire.CallerOf(c).Account, name, providers, shares)
	if err != nil {
		return nil, err
	}
	return &PutClusterCapacityProvidersOutput{Cluster: new(d.wireCluster(now, []ClusterField{ClusterFieldSettings, ClusterFieldTags}))}, nil
}

// readProviders reads the capacity providers of a cluster, and how tasks are divided among them.
func (d *door) readProviders(c ctx, texts []string, strategy []CapacityProviderStrategyItem) (names []string, shares []capacity.Share, err error) {
	for i, text := range texts {
		if err := refuseFargate("capacityProviders["+strconv.Itoa(i)+"]", text); err != nil {
			return nil, nil, err
		}
		name, err := d.provider(c, text)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name)
	}
	shares, err = d.readShares(c, "defaultCapacityProviderStrategy", strategy)
	return names, shares, err
}

// readShares reads a capacity provider strategy.
func (d *door) readShares(c ctx, path string, items []CapacityProviderStrategyItem) (shares []capacity.Share, err error) {
	for i, item := range items {
		if err := refuseFargate(path+"["+strconv.Itoa(i)+"].capacityProvider", item.CapacityProvider); err != nil {
			return nil, err
		}
		name, err := d.provider(c, item.CapacityProvider)
		if err != nil {
			return nil, err
		}
		shares = append(shares, capacity.Share{Provider: name, Base: int(awswire.Or(item.Base, 0)), Weight: int(awswire.Or(item.Weight, 0))})
	}
	return shares, nil
}

func refuseFargate(path, name string) error {
	if name == "FARGATE" || name == "FARGATE_SPOT" {
		return unsupported(InvalidParameterException, path, strconv.Quote(name), "; name a capacity provider of machines of your own")
	}
	return nil
}

// provider reads the name or ARN of a capacity provider. An ARN of another account or region names none here.
func (d *door) provider(c ctx, text string) (string, error) {
	if !arn.Is(text) {
		return text, nil
	}
	name, ok := d.own(c, "capacity-provider", text)
	if !ok || strings.Contains(name, "/") {
		return "", cluster.ErrNoProvider
	}
	return name, nil
}

func (d *door) wireProvider(from cluster.Provider, tags bool) CapacityProvider {
	s := from.Settings
	w := CapacityProvider{
		CapacityProviderArn: new(cluster.ProviderARN(d.region, from.Account, from.Name)), Name: &from.Name,
		Status: new(CapacityProviderStatusActive), Type: new(CapacityProviderTypeEc2Autoscaling), UpdateStatus: new(CapacityProviderUpdateStatusCreateComplete), Tags: []Tag{},
		AutoScalingGroupProvider: &AutoScalingGroupProvider{
			AutoScalingGroupArn: from.Machines,
			ManagedScaling: &ManagedScaling{
				Status: new(ManagedScalingStatusDisabled), TargetCapacity: new(int32(s.TargetCapacity)),
				MinimumScalingStepSize: new(int32(s.MinimumStep)), MaximumScalingStepSize: new(int32(s.MaximumStep)), InstanceWarmupPeriod: new(int32(s.Warmup)),
			},
			ManagedTerminationProtection: new(ManagedTerminationProtectionDisabled), ManagedDraining: new(ManagedDraining(s.Draining)),
		},
	}
	if !from.Updated.IsZero() {
		w.UpdateStatus = new(CapacityProviderUpdateStatusUpdateComplete)
	}
	if tags {
		w.Tags = writeTags(from.Tags)
	}
	return w
}

func wireShares(shares []capacity.Share) []CapacityProviderStrategyItem {
	return listed(each(shares, func(s capacity.Share) CapacityProviderStrategyItem {
		return CapacityProviderStrategyItem{CapacityProvider: s.Provider, Base: new(int32(s.Base)), Weight: new(int32(s.Weight))}
	}))
}

// smallPage reads what part of a listing is asked for whose pages are small.
func smallPage(token *string, limit *int32, most int32) (cluster.Page, error) {
	if n := awswire.Or(limit, most); n < 1 || n > most {
		return cluster.Page{}, InvalidParameterException.Newf("maxResults: %d is not between 1 and %d.", n, most)
	}
	return cluster.Page{Token: awswire.Or(token, ""), Limit: int(awswire.Or(limit, most))}, nil
}
