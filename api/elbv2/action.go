package elbv2

import (
	"strconv"
	"strings"

	"slipway/api/awswire"
	"slipway/ingress"
	"slipway/ingress/route"
)

// actionsOf reads actions.
func actionsOf(wire []Action) ([]ingress.Action, error) {
	var list []ingress.Action
	for _, w := range wire {
		a, err := actionOf(w)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func actionOf(w Action) (ingress.Action, error) {
	a := ingress.Action{Type: string(w.Type), Order: int(awswire.Or(w.Order, 0))}
	switch w.Type {
	case ActionTypeEnumForward:
		return a, forwardOf(w, &a)
	case ActionTypeEnumRedirect:
		if r := w.RedirectConfig; r != nil {
			status, _ := strconv.Atoi(strings.TrimPrefix(string(r.StatusCode), "HTTP_"))
			a.Redirect = &route.Redirect{
				Protocol: awswire.Or(r.Protocol, "#{protocol}"), Host: awswire.Or(r.Host, "#{host}"), Port: awswire.Or(r.Port, "#{port}"),
				Path: awswire.Or(r.Path, "/#{path}"), Query: awswire.Or(r.Query, "#{query}"), Status: status,
			}
		}
	case ActionTypeEnumFixedResponse:
		if f := w.FixedResponseConfig; f != nil {
			status, _ := strconv.Atoi(f.StatusCode)
			a.Fixed = &ingress.FixedResponse{Status: status, Type: awswire.Or(f.ContentType, ""), Body: awswire.Or(f.MessageBody, "")}
		}
	}
	return a, nil
}

// forwardOf reads the target groups of an action: one by itself, which has all the weight, or a list.
func forwardOf(w Action, a *ingress.Action) error {
	f := w.ForwardConfig
	if f == nil || len(f.TargetGroups) == 0 {
		if w.TargetGroupArn != nil {
			a.Groups = []ingress.Share{{Group: *w.TargetGroupArn, Weight: 1}}
		}
		return nil
	}
	if s := f.TargetGroupStickinessConfig; s != nil && awswire.Or(s.Enabled, false) {
		return refuse(member{"Stickiness between target groups", true})
	}
	for _, t := range f.TargetGroups {
		a.Groups = append(a.Groups, ingress.Share{Group: awswire.Or(t.TargetGroupArn, ""), Weight: int(awswire.Or(t.Weight, 1))})
	}
	return nil
}

// actions are actions as the wire has them.
func actions(list []ingress.Action) []Action {
	var wire []Action
	for _, a := range list {
		w := Action{Type: ActionTypeEnum(a.Type)}
		if a.Order > 0 {
			w.Order = new(int32(a.Order))
		}
		if len(a.Groups) > 0 {
			w.ForwardConfig = &ForwardActionConfig{TargetGroupStickinessConfig: &TargetGroupStickinessConfig{Enabled: new(false)}}
			for _, share := range a.Groups {
				w.ForwardConfig.TargetGroups = append(w.ForwardConfig.TargetGroups, TargetGroupTuple{TargetGroupArn: &share.Group, Weight: new(int32(share.Weight))})
			}
		}
		if len(a.Groups) == 1 {
			w.TargetGroupArn = &a.Groups[0].Group
		}
		if r := a.Redirect; r != nil {
			w.RedirectConfig = &RedirectActionConfig{
				Protocol: &r.Protocol, Host: &r.Host, Port: &r.Port, Path: &r.Path, Query: &r.Query, StatusCode: RedirectActionStatusCodeEnum("HTTP_" + num(r.Status)),
			}
		}
		if f := a.Fixed; f != nil {
			w.FixedResponseConfig = &FixedResponseActionConfig{StatusCode: num(f.Status), ContentType: text(f.Type), MessageBody: text(f.Body)}
		}
		wire = append(wire, w)
	}
	return wire
}

// conditionsOf reads conditions.
func conditionsOf(wire []RuleCondition) ([]route.Spec, error) {
	list := []route.Spec{}
	for _, w := range wire {
		s := route.Spec{Field: awswire.Or(w.Field, ""), Values: w.Values}
		regexps := w.RegexValues
		switch {
		case w.HostHeaderConfig != nil:
			s.Values, regexps = w.HostHeaderConfig.Values, w.HostHeaderConfig.RegexValues
		case w.PathPatternConfig != nil:
			s.Values, regexps = w.PathPatternConfig.Values, w.PathPatternConfig.RegexValues
		case w.HttpHeaderConfig != nil:
			s.Header, s.Values, regexps = awswire.Or(w.HttpHeaderConfig.HttpHeaderName, ""), w.HttpHeaderConfig.Values, w.HttpHeaderConfig.RegexValues
		case w.HttpRequestMethodConfig != nil:
			s.Values = w.HttpRequestMethodConfig.Values
		case w.SourceIpConfig != nil:
			s.Values = w.SourceIpConfig.Values
		case w.QueryStringConfig != nil:
			for _, p := range w.QueryStringConfig.Values {
				s.Pairs = append(s.Pairs, route.Pair{Key: awswire.Or(p.Key, ""), Value: awswire.Or(p.Value, "")})
			}
		}
		if err := refuse(member{"A condition of regular expressions", len(regexps) > 0}); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// conditions are conditions as the wire has them.
func conditions(list []route.Spec) []RuleCondition {
	wire := []RuleCondition{}
	for _, s := range list {
		w := RuleCondition{Field: &s.Field}
		switch s.Field {
		case route.FieldHost:
			w.Values, w.HostHeaderConfig = s.Values, &HostHeaderConditionConfig{Values: s.Values}
		case route.FieldPath:
			w.Values, w.PathPatternConfig = s.Values, &PathPatternConditionConfig{Values: s.Values}
		case route.FieldHeader:
			w.HttpHeaderConfig = &HttpHeaderConditionConfig{HttpHeaderName: &s.Header, Values: s.Values}
		case route.FieldMethod:
			w.HttpRequestMethodConfig = &HttpRequestMethodConditionConfig{Values: s.Values}
		case route.FieldSource:
			w.SourceIpConfig = &SourceIpConditionConfig{Values: s.Values}
		case route.FieldQuery:
			w.QueryStringConfig = &QueryStringConditionConfig{}
			for _, p := range s.Pairs {
				w.QueryStringConfig.Values = append(w.QueryStringConfig.Values, QueryStringKeyValuePair{Key: text(p.Key), Value: &p.Value})
			}
		}
		wire = append(wire, w)
	}
	return wire
}
