package elbv2

import (
	"maps"
	"slices"

	"slipway/api/awswire"
	"slipway/ingress"
	"slipway/internal/page"
)

// mostListed is how many are listed at once. Source: API Reference, PageSize.
const mostListed = 400

// paged cuts a list, which is ordered by keys, to a page.
func paged[T any](list []T, what string, marker *string, size *int32, key func(T) string) ([]T, *string, error) {
	after, err := page.Key(what, awswire.Or(marker, ""))
	if err != nil {
		return nil, nil, err
	}
	if after != "" {
		list = slices.DeleteFunc(list, func(one T) bool { return key(one) <= after })
	}
	list, next := page.Cut(list, int(awswire.Or(size, mostListed)), key)
	if next == "" {
		return list, nil, nil
	}
	return list, new(page.Token(what, next)), nil
}

// text is a string as a member has it: absent when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (d *door) createLoadBalancer(c ctx, in *CreateLoadBalancerInput) (*CreateLoadBalancerOutput, error) {
	subnets, err := subnetsOf(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	kind := awswire.Or(in.Type, LoadBalancerTypeEnumApplication)
	if err := refuse(
		member{"Type " + string(kind), kind == LoadBalancerTypeEnumGateway}, member{"CustomerOwnedIpv4Pool", in.CustomerOwnedIpv4Pool != nil},
		member{"IpamPools", in.IpamPools != nil}, member{"IpAddressType other than ipv4", awswire.Or(in.IpAddressType, IpAddressTypeIpv4) != IpAddressTypeIpv4},
		member{"EnablePrefixForIpv6SourceNat", awswire.Or(in.EnablePrefixForIpv6SourceNat, EnablePrefixForIpv6SourceNatEnumOff) != EnablePrefixForIpv6SourceNatEnumOff},
	); err != nil {
		return nil, err
	}
	b, err := d.room.CreateBalancer(c, ingress.Balancer{
		Account: account(c), Name: in.Name, Type: string(kind), Scheme: string(awswire.Or(in.Scheme, LoadBalancerSchemeEnumInternetFacing)),
		Subnets: subnets, Security: in.SecurityGroups, Tags: tagsOf(in.Tags),
	})
	return &CreateLoadBalancerOutput{LoadBalancers: []LoadBalancer{d.balancer(b)}}, err
}

// subnetsOf are the subnets that a call names. Their addresses are not for a machine of one's own to choose.
func subnetsOf(ids []string, mappings []SubnetMapping) ([]string, error) {
	for _, m := range mappings {
		if m.AllocationId != nil || m.PrivateIPv4Address != nil || m.IPv6Address != nil || m.SourceNatIpv6Prefix != nil {
			return nil, refuse(member{"A subnet mapping with an address", true})
		}
		ids = append(ids, awswire.Or(m.SubnetId, ""))
	}
	return ids, nil
}

// balancer is a load balancer as the wire has it. There is one zone, which all subnets are in.
func (d *door) balancer(b ingress.Balancer) LoadBalancer {
	state := &LoadBalancerState{Code: new(LoadBalancerStateEnumActive)}
	if b.Broken != "" {
		state = &LoadBalancerState{Code: new(LoadBalancerStateEnumActiveImpaired), Reason: &b.Broken}
	}
	return LoadBalancer{
		LoadBalancerArn: &b.ARN, LoadBalancerName: &b.Name, DNSName: &b.DNSName, CanonicalHostedZoneId: new("Z0000000SLIPWAY"), CreatedTime: &b.Created,
		Type: new(LoadBalancerTypeEnum(b.Type)), Scheme: new(LoadBalancerSchemeEnum(b.Scheme)), IpAddressType: new(IpAddressTypeIpv4), VpcId: new("vpc-slipway"),
		State: state, SecurityGroups: b.Security, AvailabilityZones: d.zones(b.Subnets),
	}
}

func (d *door) zones(subnets []string) []AvailabilityZone {
	zones := []AvailabilityZone{}
	for _, id := range subnets {
		zones = append(zones, AvailabilityZone{SubnetId: &id, ZoneName: new(d.room.Region() + "a"), LoadBalancerAddresses: []LoadBalancerAddress{}})
	}
	return zones
}

func (d *door) describeLoadBalancers(c ctx, in *DescribeLoadBalancersInput) (*DescribeLoadBalancersOutput, error) {
	list, err := d.room.Balancers(c, account(c), ingress.Find{ARNs: in.LoadBalancerArns, Names: in.Names})
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "load balancers", in.Marker, in.PageSize, func(b ingress.Balancer) string { return b.ARN })
	out := &DescribeLoadBalancersOutput{LoadBalancers: []LoadBalancer{}, NextMarker: next}
	for _, b := range list {
		out.LoadBalancers = append(out.LoadBalancers, d.balancer(b))
	}
	return out, err
}

func (d *door) deleteLoadBalancer(c ctx, in *DeleteLoadBalancerInput) (*DeleteLoadBalancerOutput, error) {
	return nil, d.room.DeleteBalancer(c, account(c), in.LoadBalancerArn)
}

func (d *door) describeLoadBalancerAttributes(c ctx, in *DescribeLoadBalancerAttributesInput) (*DescribeLoadBalancerAttributesOutput, error) {
	all, err := d.room.BalancerAttributes(c, account(c), in.LoadBalancerArn)
	return &DescribeLoadBalancerAttributesOutput{Attributes: balancerAttributes(all)}, err
}

func (d *door) modifyLoadBalancerAttributes(c ctx, in *ModifyLoadBalancerAttributesInput) (*ModifyLoadBalancerAttributesOutput, error) {
	values := map[string]string{}
	for _, a := range in.Attributes {
		values[awswire.Or(a.Key, "")] = awswire.Or(a.Value, "")
	}
	all, err := d.room.SetBalancerAttributes(c, account(c), in.LoadBalancerArn, values)
	return &ModifyLoadBalancerAttributesOutput{Attributes: balancerAttributes(all)}, err
}

func balancerAttributes(all map[string]string) (list []LoadBalancerAttribute) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, LoadBalancerAttribute{Key: &key, Value: new(all[key])})
	}
	return list
}

func (d *door) setSecurityGroups(c ctx, in *SetSecurityGroupsInput) (*SetSecurityGroupsOutput, error) {
	b, err := d.room.SetNetwork(c, account(c), in.LoadBalancerArn, nil, append([]string{}, in.SecurityGroups...))
	return &SetSecurityGroupsOutput{SecurityGroupIds: b.Security}, err
}

func (d *door) setSubnets(c ctx, in *SetSubnetsInput) (*SetSubnetsOutput, error) {
	subnets, err := subnetsOf(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	b, err := d.room.SetNetwork(c, account(c), in.LoadBalancerArn, append([]string{}, subnets...), nil)
	return &SetSubnetsOutput{AvailabilityZones: d.zones(b.Subnets), IpAddressType: new(IpAddressTypeIpv4)}, err
}

// describeCapacityReservation answers that no capacity is reserved, which Terraform asks of every load balancer.
func (d *door) describeCapacityReservation(c ctx, in *DescribeCapacityReservationInput) (*DescribeCapacityReservationOutput, error) {
	_, err := d.room.Balancers(c, account(c), ingress.Find{ARNs: []string{in.LoadBalancerArn}})
	return &DescribeCapacityReservationOutput{CapacityReservationState: []ZonalCapacityReservationState{}}, err
}

func (d *door) describeAccountLimits(_ ctx, _ *DescribeAccountLimitsInput) (*DescribeAccountLimitsOutput, error) {
	out := &DescribeAccountLimitsOutput{}
	for _, l := range []struct{ name, most string }{
		{"application-load-balancers", num(ingress.MaxBalancers)}, {"listeners-per-application-load-balancer", num(ingress.MaxListeners)},
		{"listeners-per-network-load-balancer", num(ingress.MaxListeners)}, {"network-load-balancers", num(ingress.MaxBalancers)},
		{"rules-per-application-load-balancer", num(ingress.MaxRules)}, {"target-groups", num(ingress.MaxGroups)},
		{"target-groups-per-action-on-application-load-balancer", num(ingress.MaxActions)}, {"targets-per-application-load-balancer", num(ingress.MaxTargets)},
	} {
		out.Limits = append(out.Limits, Limit{Name: &l.name, Max: &l.most})
	}
	return out, nil
}

// describeSSLPolicies knows none: there are no listeners of HTTPS or TLS.
func (d *door) describeSSLPolicies(_ ctx, in *DescribeSSLPoliciesInput) (*DescribeSSLPoliciesOutput, error) {
	if len(in.Names) > 0 {
		return nil, SSLPolicyNotFoundException.Newf("SSL policy '%s' not found: listeners of HTTPS and TLS are not supported by Slipway", in.Names[0])
	}
	return &DescribeSSLPoliciesOutput{SslPolicies: []SslPolicy{}}, nil
}
