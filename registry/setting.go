package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slipway/store"
)

// Setting names something that an account can set about its registry.
type Setting string

// The settings.
// Source: Amazon ECR API Reference, PutAccountSetting.
const (
	SettingPolicyScope  Setting = "REGISTRY_POLICY_SCOPE"   // whether the registry's policy is about all actions (V2) or few (V1)
	SettingBlobMounting Setting = "BLOB_MOUNTING"           // whether a blob of one repository may be mounted in another
	SettingScanVersion  Setting = "BASIC_SCAN_TYPE_VERSION" // what would look for vulnerabilities
)

// settingValues are what each setting can be; the first is its default.
var settingValues = map[Setting][]string{
	SettingPolicyScope:  {"V2", "V1"},
	SettingBlobMounting: {"ENABLED", "DISABLED"},
	SettingScanVersion:  {"AWS_NATIVE"},
}

func (s Setting) check() error {
	if settingValues[s] == nil {
		return fmt.Errorf("%w: %q is not the name of one", ErrSetting, string(s))
	}
	return nil
}

// Setting is what an account has set, or the default. It returns ErrSetting.
func (c *Control) Setting(ctx context.Context, account string, s Setting) (value string, err error) {
	if err := s.check(); err != nil {
		return "", err
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		value, err = readSetting(tx, account, s)
		return err
	})
	return value, err
}

func readSetting(tx *store.Tx, account string, s Setting) (value string, err error) {
	err = tx.Row(`select value from registry_settings where account = $1 and name = $2`, account, string(s)).Scan(&value)
	if errors.Is(err, store.ErrNoRows) {
		return settingValues[s][0], nil
	}
	return value, err
}

// ForgetAccount forgets all that an account has said about its registry: settings, the policy, templates, rules
// and their logins, its keys with all that they sealed, and whose pulls do not count. Its repositories are not
// among that.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, table := range []string{
			"registry_settings", "registry_account_policies", "registry_templates", "registry_upstreams", "registry_pull_exclusions", "registry_customer_keys",
		} {
			if _, err := tx.Exec(`delete from `+table+` where account = $1`, account); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`delete from registry_upstream_secrets where id like $1`, account+"/%")
		tx.Touch(exclusionsTopic)
		return err
	})
}

// SetSetting sets something from now on. It returns ErrSetting or ErrSettingValue.
func (c *Control) SetSetting(ctx context.Context, account string, s Setting, value string) error {
	if err := s.check(); err != nil {
		return err
	}
	if !slices.Contains(settingValues[s], value) {
		return fmt.Errorf("%w: %s cannot be %q, want %s", ErrSettingValue, s, value, strings.Join(settingValues[s], " or "))
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into registry_settings (account, name, value) values ($1, $2, $3)
			on conflict (account, name) do update set value = excluded.value`, account, string(s), value)
		return err
	})
}
