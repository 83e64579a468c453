package elbv2

import (
	"maps"
	"slices"

	"slipway/api/awswire"
	"slipway/ingress"
)

// refuseTLS refuses what only listeners of HTTPS and TLS have.
func refuseTLS(certificates []Certificate, policy *string, alpn []string, mutual *MutualAuthenticationAttributes) error {
	return refuse(
		member{"A listener with certificates", len(certificates) > 0}, member{"SslPolicy", policy != nil}, member{"AlpnPolicy", len(alpn) > 0},
		member{"MutualAuthentication", mutual != nil && awswire.Or(mutual.Mode, "off") != "off"},
	)
}

func (d *door) createListener(c ctx, in *CreateListenerInput) (*CreateListenerOutput, error) {
	if err := refuseTLS(in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
		return nil, err
	}
	list, err := actionsOf(in.DefaultActions)
	if err != nil {
		return nil, err
	}
	l, err := d.room.CreateListener(c, ingress.Listener{
		Account: account(c), Balancer: in.LoadBalancerArn, Port: int(awswire.Or(in.Port, 0)), Protocol: string(awswire.Or(in.Protocol, "")), Actions: list, Tags: tagsOf(in.Tags),
	})
	return &CreateListenerOutput{Listeners: []Listener{listener(l)}}, err
}

// listener is a listener as the wire has it.
func listener(l ingress.Listener) Listener {
	return Listener{ListenerArn: &l.ARN, LoadBalancerArn: &l.Balancer, Port: new(int32(l.Port)), Protocol: new(ProtocolEnum(l.Protocol)), DefaultActions: actions(l.Actions)}
}

func (d *door) describeListeners(c ctx, in *DescribeListenersInput) (*DescribeListenersOutput, error) {
	if in.LoadBalancerArn == nil && len(in.ListenerArns) == 0 {
		return nil, validation.New("You must specify either listener ARNs or a load balancer ARN")
	}
	list, err := d.room.Listeners(c, account(c), ingress.Find{ARNs: in.ListenerArns, Of: awswire.Or(in.LoadBalancerArn, "")})
	if err != nil {
		return nil, err
	}
	list, next, err := paged(list, "listeners", in.Marker, in.PageSize, func(l ingress.Listener) string { return l.ARN })
	out := &DescribeListenersOutput{Listeners: []Listener{}, NextMarker: next}
	for _, l := range list {
		out.Listeners = append(out.Listeners, listener(l))
	}
	return out, err
}

func (d *door) modifyListener(c ctx, in *ModifyListenerInput) (*ModifyListenerOutput, error) {
	if err := refuseTLS(in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
		return nil, err
	}
	list, err := actionsOf(in.DefaultActions)
	if err != nil {
		return nil, err
	}
	l, err := d.room.ModifyListener(c, account(c), in.ListenerArn, func(l *ingress.Listener) {
		l.Port = int(awswire.Or(in.Port, int32(l.Port)))
		l.Protocol = string(awswire.Or(in.Protocol, ProtocolEnum(l.Protocol)))
		if len(list) > 0 {
			l.Actions = list
		}
	})
	return &ModifyListenerOutput{Listeners: []Listener{listener(l)}}, err
}

func (d *door) deleteListener(c ctx, in *DeleteListenerInput) (*DeleteListenerOutput, error) {
	return nil, d.room.DeleteListener(c, account(c), in.ListenerArn)
}

func (d *door) describeListenerAttributes(c ctx, in *DescribeListenerAttributesInput) (*DescribeListenerAttributesOutput, error) {
	all, err := d.room.ListenerAttributes(c, account(c), in.ListenerArn)
	return &DescribeListenerAttributesOutput{Attributes: listenerAttributes(all)}, err
}

func (d *door) modifyListenerAttributes(c ctx, in *ModifyListenerAttributesInput) (*ModifyListenerAttributesOutput, error) {
	values := map[string]string{}
	for _, a := range in.Attributes {
		values[awswire.Or(a.Key, "")] = awswire.Or(a.Value, "")
	}
	all, err := d.room.SetListenerAttributes(c, account(c), in.ListenerArn, values)
	return &ModifyListenerAttributesOutput{Attributes: listenerAttributes(all)}, err
}

func listenerAttributes(all map[string]string) (list []ListenerAttribute) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, ListenerAttribute{Key: &key, Value: new(all[key])})
	}
	return list
}
