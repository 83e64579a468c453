package elbv2

import (
	"maps"
	"slices"
	"strconv"

	"slipway/api/awswire"
	"slipway/ingress"
)

// trafficPort stands for the port that a target takes traffic on.
const trafficPort = "traffic-port"

func (d *door) createTargetGroup(c ctx, in *CreateTargetGroupInput) (*CreateTargetGroupOutput, error) {
	if err := refuse(
		member{"IpAddressType other than ipv4", awswire.Or(in.IpAddressType, TargetGroupIpAddressTypeEnumIpv4) != TargetGroupIpAddressTypeEnumIpv4},
		member{"TargetControlPort", in.TargetControlPort != nil},
	); err != nil {
		return nil, err
	}
	g := ingress.Group{
		Account: account(c), Name: in.Name, Tags: tagsOf(in.Tags), Protocol: string(awswire.Or(in.Protocol, "")), Port: int(awswire.Or(in.Port, 0)),
		By: string(awswire.Or(in.TargetType, TargetTypeEnumInstance)), VPC: awswire.Or(in.VpcId, ""), Version: awswire.Or(in.ProtocolVersion, ""),
	}
	if g.Version == "" && (g.Protocol == ingress.HTTP || g.Protocol == ingress.HTTPS) {
		g.Version = ingress.HTTP1
	}
	g.Check = ingress.DefaultCheck(g.Protocol, g.Version)
	if g.Protocol == ingress.TCP && in.HealthCheckProtocol != nil && *in.HealthCheckProtocol != ProtocolEnumTcp {
		g.Check.Path, g.Check.Codes, g.Check.Timeout = "/", "200-399", 6
	}
	if err := (check{
		in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath, in.Matcher,
		in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount,
	}).fill(&g.Check); err != nil {
		return nil, err
	}
	g, err := d.room.CreateGroup(c, g)
	return &CreateTargetGroupOutput{TargetGroups: []TargetGroup{group(g)}}, err
}

// check is what calls say of the health check of a group.
type check struct {
	enabled                               *bool
	protocol                              *ProtocolEnum
	port, path                            *string
	matcher                               *Matcher
	interval, timeout, healthy, unhealthy *int32
}

// fill changes what is said.
func (w check) fill(c *ingress.Check) error {
	set := func(to *int, from *int32) { *to = int(awswire.Or(from, int32(*to))) }
	set(&c.Interval, w.interval)
	set(&c.Timeout, w.timeout)
	set(&c.Healthy, w.healthy)
	set(&c.Unhealthy, w.unhealthy)
	c.Off = !awswire.Or(w.enabled, !c.Off)
	c.Protocol = string(awswire.Or(w.protocol, ProtocolEnum(c.Protocol)))
	c.Path = awswire.Or(w.path, c.Path)
	if c.Protocol == ingress.TCP {
		c.Path, c.Codes = "", ""
	}
	if w.matcher != nil {
		c.Codes = awswire.Or(w.matcher.GrpcCode, awswire.Or(w.matcher.HttpCode, c.Codes))
	}
	switch port := awswire.Or(w.port, ""); port {
	case "":
	case trafficPort:
		c.Port = 0
	default:
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return validation.Newf("Health check port '%s' must be '%s' or a port number between 1 and 65535", port, trafficPort)
		}
		c.Port = n
	}
	return nil
}

// group is a target group as the wire has it.
func group(g ingress.Group) TargetGroup {
	wire := TargetGroup{
		TargetGroupArn: &g.ARN, TargetGroupName: &g.Name, Protocol: new(ProtocolEnum(g.Protocol)), ProtocolVersion: text(g.Version), Port: new(int32(g.Port)),
		TargetType: new(TargetTypeEnum(g.By)), VpcId: text(g.VPC), IpAddressType: new(TargetGroupIpAddressTypeEnumIpv4), LoadBalancerArns: append([]string{}, g.Balancers...),
		HealthCheckEnabled: new(!g.Check.Off), HealthCheckProtocol: new(ProtocolEnum(g.Check.Protocol)), HealthCheckPath: text(g.Check.Path),
		HealthCheckPort: new(trafficPort), HealthCheckIntervalSeconds: new(int32(g.Check.Interval)), HealthCheckTimeoutSeconds: new(int32(g.Check.Timeout)),
		HealthyThresholdCount: new(int32(g.Check.Healthy)), UnhealthyThresholdCount: new(int32(g.Check.Unhealthy)),
	}
	if g.Check.Port != 0 {
		wire.HealthCheckPort = new(num(g.Check.Port))
	}
	switch {
	case g.Check.Codes == "":
	case g.Version == ingress.GRPC:
		wire.Matcher = &Matcher{GrpcCode: &g.Check.Codes}
	default:
		wire.Matcher = &Matcher{HttpCode: &g.Check.Codes}
	}
	return wire
}

func (d *door) describeTargetGroups(c ctx, in *DescribeTargetGroupsInput) (*DescribeTargetGroupsOutput, error) {
	list, err := d.room.Groups(c, account(c), ingress.Find{ARNs: in.TargetGroupArns, Names: in.Names, Of: awswire.Or(in.LoadBalancerArn, "")})
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "target groups", in.Marker, in.PageSize, func(g ingress.Group) string { return g.ARN })
	out := &DescribeTargetGroupsOutput{TargetGroups: []TargetGroup{}, NextMarker: next}
	for _, g := range list {
		out.TargetGroups = append(out.TargetGroups, group(g))
	}
	return out, err
}

func (d *door) modifyTargetGroup(c ctx, in *ModifyTargetGroupInput) (*ModifyTargetGroupOutput, error) {
	said := check{
		in.HealthCheckEnabled, in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckPath, in.Matcher,
		in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount,
	}
	if err := said.fill(&ingress.Check{}); err != nil {
		return nil, err
	}
	g, err := d.room.ModifyGroup(c, account(c), in.TargetGroupArn, func(c *ingress.Check) { said.fill(c) })
	return &ModifyTargetGroupOutput{TargetGroups: []TargetGroup{group(g)}}, err
}

func (d *door) deleteTargetGroup(c ctx, in *DeleteTargetGroupInput) (*DeleteTargetGroupOutput, error) {
	return nil, d.room.DeleteGroup(c, account(c), in.TargetGroupArn)
}

func (d *door) describeTargetGroupAttributes(c ctx, in *DescribeTargetGroupAttributesInput) (*DescribeTargetGroupAttributesOutput, error) {
	all, err := d.room.GroupAttributes(c, account(c), in.TargetGroupArn)
	return &DescribeTargetGroupAttributesOutput{Attributes: groupAttributes(all)}, err
}

func (d *door) modifyTargetGroupAttributes(c ctx, in *ModifyTargetGroupAttributesInput) (*ModifyTargetGroupAttributesOutput, error) {
	values := map[string]string{}
	for _, a := range in.Attributes {
		values[awswire.Or(a.Key, "")] = awswire.Or(a.Value, "")
	}
	all, err := d.room.SetGroupAttributes(c, account(c), in.TargetGroupArn, values)
	return &ModifyTargetGroupAttributesOutput{Attributes: groupAttributes(all)}, err
}

func groupAttributes(all map[string]string) (list []TargetGroupAttribute) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, TargetGroupAttribute{Key: &key, Value: new(all[key])})
	}
	return list
}
