package elbv2

import (
	"slices"

	"slipway/api/awswire"
	"slipway/ingress"
)

func targetsOf(wire []TargetDescription) ([]ingress.Target, error) {
	var list []ingress.Target
	for _, t := range wire {
		if err := refuse(member{"QuicServerId", t.QuicServerId != nil}); err != nil {
			return nil, err
		}
		list = append(list, ingress.Target{ID: t.Id, Port: int(awswire.Or(t.Port, 0))})
	}
	return list, nil
}

func (d *door) registerTargets(c ctx, in *RegisterTargetsInput) (*RegisterTargetsOutput, error) {
	targets, err := targetsOf(in.Targets)
	if err == nil {
		err = d.room.RegisterTargets(c, account(c), in.TargetGroupArn, targets)
	}
	return nil, err
}

func (d *door) deregisterTargets(c ctx, in *DeregisterTargetsInput) (*DeregisterTargetsOutput, error) {
	targets, err := targetsOf(in.Targets)
	if err == nil {
		err = d.room.DeregisterTargets(c, account(c), in.TargetGroupArn, targets)
	}
	return nil, err
}

func (d *door) describeTargetHealth(c ctx, in *DescribeTargetHealthInput) (*DescribeTargetHealthOutput, error) {
	asked, err := targetsOf(in.Targets)
	if err != nil {
		return nil, err
	}
	list, err := d.room.Health(c, account(c), in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &DescribeTargetHealthOutput{TargetHealthDescriptions: []TargetHealthDescription{}}
	for _, h := range list {
		if len(asked) == 0 || slices.ContainsFunc(asked, func(t ingress.Target) bool { return names(t, h.Target) }) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, health(h))
		}
	}
	for _, t := range asked {
		if !slices.ContainsFunc(list, func(h ingress.TargetHealth) bool { return names(t, h.Target) }) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, unregistered(t))
		}
	}
	return out, nil
}

// names tells whether a call that names a target means another: without a port, every port of it.
func names(named, t ingress.Target) bool {
	return named.ID == t.ID && (named.Port == 0 || named.Port == t.Port)
}

func health(h ingress.TargetHealth) TargetHealthDescription {
	wire := TargetHealthDescription{
		Target: &TargetDescription{Id: h.ID, Port: new(int32(h.Port))}, HealthCheckPort: new(num(h.Check)),
		TargetHealth: &TargetHealth{State: new(TargetHealthStateEnum(h.State)), Description: text(h.Text)},
	}
	if h.Reason != "" {
		wire.TargetHealth.Reason = new(TargetHealthReasonEnum(h.Reason))
	}
	return wire
}

func unregistered(t ingress.Target) TargetHealthDescription {
	wire := TargetHealthDescription{Target: &TargetDescription{Id: t.ID}, TargetHealth: &TargetHealth{
		State: new(TargetHealthStateEnumUnused), Reason: new(TargetHealthReasonEnumTargetNotRegistered), Description: new("Target is not registered to the target group"),
	}}
	if t.Port != 0 {
		wire.Target.Port = new(int32(t.Port))
	}
	return wire
}
