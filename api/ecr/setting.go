package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/registry"
)

func (d *door) getAccountSetting(ctx context.Context, in *GetAccountSettingInput) (*GetAccountSettingOutput, error) {
	value, err := d.registry.Setting(ctx, awswire.CallerOf(ctx).Account, registry.Setting(in.Name))
	if err != nil {
		return nil, err
	}
	return &GetAccountSettingOutput{Name: &in.Name, Value: &value}, nil
}

func (d *door) putAccountSetting(ctx context.Context, in *PutAccountSettingInput) (*PutAccountSettingOutput, error) {
	if err := d.registry.SetSetting(ctx, awswire.CallerOf(ctx).Account, registry.Setting(in.Name), in.Value); err != nil {
		return nil, err
	}
	return &PutAccountSettingOutput{Name: &in.Name, Value: &in.Value}, nil
}

func (d *door) onGetAccountSetting(ctx context.Context, in *GetAccountSettingInput) []awswire.Ask {
	return d.onSetting(ctx, in.Name)
}

func (d *door) onPutAccountSetting(ctx context.Context, in *PutAccountSettingInput) []awswire.Ask {
	return d.onSetting(ctx, in.Name)
}

func (d *door) onSetting(ctx context.Context, name string) []awswire.Ask {
	ask := d.askRegistry(awswire.CallerOf(ctx).Account)
	ask.Keys = map[string][]string{"ecr:AccountSetting": {name}}
	return []awswire.Ask{ask}
}
