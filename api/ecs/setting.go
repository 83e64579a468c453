package ecs

import (
	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/internal/arn"
	"strings"
)

func (d *door) putAccountSetting(c ctx, in *PutAccountSettingInput) (*PutAccountSettingOutput, error) {
	set, err := d.putSetting(c, in.Name, in.Value, principal(c, in.PrincipalArn))
	return &PutAccountSettingOutput{Setting: set}, err
}

func (d *door) putAccountSettingDefault(c ctx, in *PutAccountSettingDefaultInput) (*PutAccountSettingDefaultOutput, error) {
	set, err := d.putSetting(c, in.Name, in.Value, everybody(c))
	return &PutAccountSettingDefaultOutput{Setting: set}, err
}

func (d *door) putSetting(c ctx, name SettingName, value, principal string) (*Setting, error) {
	s := cluster.Setting{Name: string(name), Value: value, Principal: principal}
	if err := d.control.PutSetting(c, awswire.CallerOf(c).Account, s); err != nil {
		return nil, err
	}
	return new(wireSetting(s)), nil
}

func (d *door) deleteAccountSetting(c ctx, in *DeleteAccountSettingInput) (*DeleteAccountSettingOutput, error) {
	was, err := d.control.DeleteSetting(c, awswire.CallerOf(c).Account, string(in.Name), principal(c, in.PrincipalArn))
	if err != nil {
		return nil, err
	}
	return &DeleteAccountSettingOutput{Setting: new(wireSetting(was))}, nil
}

// maxSettingsPage is how many settings one answer has. Source: Amazon ECS API Reference, ListAccountSettings.
const maxSettingsPage = 10

func (d *door) listAccountSettings(c ctx, in *ListAccountSettingsInput) (*ListAccountSettingsOutput, error) {
	part, err := smallPage(in.NextToken, in.MaxResults, maxSettingsPage)
	if err != nil {
		return nil, err
	}
	found, next, err := d.control.ListSettings(c, awswire.CallerOf(c).Account, cluster.SettingFilter{
		Principal: principal(c, in.PrincipalArn), Name: or(in.Name), Value: or(in.Value), Effective: awswire.Or(in.EffectiveSettings, false),
	}, part)
	if err != nil {
		return nil, err
	}
	return &ListAccountSettingsOutput{Settings: listed(each(found, wireSetting)), NextToken: filled(next)}, nil
}

func wireSetting(s cluster.Setting) Setting {
	kind := SettingTypeUser
	if s.Managed {
		kind = SettingTypeAwsManaged
	}
	return Setting{Name: new(SettingName(s.Name)), Value: &s.Value, PrincipalArn: &s.Principal, Type: &kind}
}

// principal is whose settings are meant: the caller's own, unless another is named.
func principal(c ctx, named *string) string {
	if text := awswire.Or(named, ""); text != "" {
		return text
	}
	return roleOf(awswire.CallerOf(c).ARN)
}

// roleOf is the role of who acts in one, and everybody else as they are: sessions come and go, and settings stay.
func roleOf(caller string) string {
	a, err := arn.Parse(caller)
	kind, name := a.ResourceID()
	if err != nil || a.Service != "sts" || kind != "assumed-role" {
		return caller
	}
	name, _, _ = strings.Cut(name, "/")
	return arn.ARN{Service: "iam", Account: a.Account, Resource: "role/" + name}.String()
}

func everybody(c ctx) string {
	return arn.ARN{Service: "iam", Account: awswire.CallerOf(c).Account, Resource: "root"}.String()
}
