package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/store"
)

// TasksPerCall is the setting, Slipway's own, of how many tasks one call of RunTask or StartTask can start, from
// MaxPerCall to MostPerCall.
const (
	TasksPerCall = "slipwayTasksPerCall"
	MostPerCall  = 1000
)

// Setting is what an account, or one principal of it, has set of how the service behaves to it. Source: Amazon ECS
// API Reference, Setting.
type Setting struct {
	Name      string
	Value     string
	Principal string // ARN of a user or role, or of the account's root: all who have set nothing of their own
	Managed   bool   // it can be read only
}

// settingKind is what a setting can be.
type settingKind struct {
	name   string
	first  string   // while nobody has set it
	values []string // that it can be set to; none: it can be read only
	why    string   // other values are refused
}

// settingKinds are all settings, by name. Those that change nothing here are kept and shown.
var settingKinds = []settingKind{
	{"awsvpcTrunking", "disabled", []string{"enabled", "disabled"}, ""},
	{"containerInsights", "disabled", []string{"disabled"}, "there are no Container Insights"},
	{"containerInstanceLongArnFormat", "enabled", []string{"enabled"}, "ARNs are always long"},
	{"defaultLogDriverMode", "non-blocking", []string{"blocking", "non-blocking"}, ""},
	{"fargateEventWindows", "disabled", []string{"disabled"}, "there is no Fargate"},
	{"fargateFIPSMode", "disabled", []string{"disabled"}, "there is no Fargate"},
	{"fargateTaskRetirementWaitPeriod", "7", []string{"0", "7", "14"}, ""},
	{"guardDutyActivate", "off", nil, "it can be read only"},
	{"serviceLongArnFormat", "enabled", []string{"enabled"}, "ARNs are always long"},
	{TasksPerCall, strconv.Itoa(MaxPerCall), nil, ""},
	{"tagResourceAuthorization", "on", []string{"on"}, "who tags what is new is always asked for ecs:TagResource"},
	{"taskLongArnFormat", "enabled", []string{"enabled"}, "ARNs are always long"},
}

func kindOfSetting(name string) (settingKind, error) {
	for _, k := range settingKinds {
		if k.name == name {
			return k, nil
		}
	}
	all := make([]string, len(settingKinds))
	for i, k := range settingKinds {
		all[i] = k.name
	}
	return settingKind{}, errs.Say(ErrInvalid, "name: %.100q is none of %s.", name, strings.Join(all, ", "))
}

func (k settingKind) check(value string) error {
	if k.name == TasksPerCall {
		if n, err := strconv.Atoi(value); err != nil || n < MaxPerCall || n > MostPerCall || strconv.Itoa(n) != value {
			return errs.Say(ErrInvalid, "value: %.100q is not a number of tasks between %d and %d.", value, MaxPerCall, MostPerCall)
		}
		return nil
	}
	switch {
	case slices.Contains(k.values, value):
		return nil
	case k.why != "":
		return errs.Say(ErrInvalid, "value: %.100q of %s is not supported by Slipway; %s.", value, k.name, k.why)
	}
	return errs.Say(ErrInvalid, "value: %.100q of %s is not one of %s.", value, k.name, strings.Join(k.values, ", "))
}

// everybody is the root of an account, which stands for all who have set nothing of their own.
func everybody(account string) string {
	return arn.ARN{Service: "iam", Account: account, Resource: "root"}.String()
}

// settler is under which name a principal's settings are kept: "" for all of the account.
func settler(account, principal string) (string, error) {
	a, err := arn.Parse(principal)
	kind, name := a.ResourceID()
	switch {
	case err != nil || a.Service != "iam" || a.Account != account || len(principal) > 2048:
	case a.Resource == "root":
		return "", nil
	case (kind == "user" || kind == "role") && name != "" && printable(name):
		return principal, nil
	}
	return "", errs.Say(ErrInvalid, "principalArn: %.200q is not the ARN of a user, a role or the root of account %s.", principal, account)
}

// maxSettlers is how many settings the principals of an account can have in all.
const maxSettlers = 10_000

// PutSetting sets something for a principal, or by the ARN of the account's root for all who have set nothing of their own.
func (c *Control) PutSetting(ctx context.Context, account string, s Setting) error {
	kind, err := kindOfSetting(s.Name)
	if err != nil {
		return err
	}
	who, err := settler(account, s.Principal)
	if err := errors.Join(err, kind.check(s.Value)); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into settings (account, principal, name, value) values ($1, $2, $3, $4)
			on conflict (account, principal, name) do update set value = excluded.value`, account, who, s.Name, s.Value)
		if err != nil {
			return err
		}
		var n int
		if err := tx.Row(`select count(*) from settings where account = $1`, account).Scan(&n); err != nil {
			return err
		}
		if n > maxSettlers {
			return errs.Say(ErrInvalid, "The principals of account %s have %d settings, and can have no more.", account, maxSettlers)
		}
		return nil
	})
}

// DeleteSetting takes back what a principal has set, and tells what that was.
func (c *Control) DeleteSetting(ctx context.Context, account, name, principal string) (was Setting, err error) {
	_, err1 := kindOfSetting(name)
	who, err2 := settler(account, principal)
	if err := errors.Join(err1, err2); err != nil {
		return was, err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		was = Setting{Name: name, Principal: principal}
		err := tx.Row(`select value from settings where account = $1 and principal = $2 and name = $3`, account, who, name).Scan(&was.Value)
		if errors.Is(err, store.ErrNoRows) {
			return errs.Say(ErrInvalid, "The setting %s was not set by %s.", name, principal)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`delete from settings where account = $1 and principal = $2 and name = $3`, account, who, name)
		return err
	})
	return was, err
}

// SettingFilter chooses settings. Empty members choose all.
type SettingFilter struct {
	Principal string // ARN
	Name      string
	Value     string
	Effective bool // what counts for the principal, whoever set it; else only what it has set itself
}

// ListSettings lists settings of one principal by their names.
func (c *Control) ListSettings(ctx context.Context, account string, f SettingFilter, page Page) (found []Setting, next string, err error) {
	who, err := settler(account, f.Principal)
	if err != nil {
		return nil, "", err
	}
	if f.Name != "" {
		if _, err := kindOfSetting(f.Name); err != nil {
			return nil, "", err
		}
	}
	name := fmt.Sprintf("settings/%s/%+v", account, f)
	return list(ctx, c.db, page, name, func(s Setting) string { return s.Name }, func(tx *store.Tx, after string, limit int) (found []Setting, err error) {
		own, all, err := settingsOf(tx, account, who)
		for _, kind := range settingKinds {
			s, set := kind.of(f, own, all, everybody(account))
			fits := (set || f.Effective) && (f.Name == "" || f.Name == kind.name) && (f.Value == "" || f.Value == s.Value)
			if fits && kind.name > after && len(found) < limit {
				found = append(found, s)
			}
		}
		return found, err
	})
}

// of finds what a setting is for a principal, by what it has set itself and what is set for all.
func (k settingKind) of(f SettingFilter, own, all map[string]string, root string) (s Setting, set bool) {
	s = Setting{Name: k.name, Value: k.first, Principal: root, Managed: k.name == "guardDutyActivate"}
	if value, set := own[k.name]; set {
		s.Value, s.Principal = value, f.Principal
		return s, true
	}
	if value, set := all[k.name]; set && f.Effective {
		s.Value = value
	}
	return s, false
}

// settingsOf reads what a principal has set, and what is set for all of its account.
func settingsOf(tx *store.Tx, account, who string) (own, all map[string]string, err error) {
	own, all = map[string]string{}, map[string]string{}
	err = tx.Each(`select principal, name, value from settings where account = $1 and principal in ($2, '')`, []any{account, who}, func(rows *sql.Rows) error {
		var principal, name, value string
		err := rows.Scan(&principal, &name, &value)
		if principal == who {
			own[name] = value
		}
		if principal == "" {
			all[name] = value
		}
		return err
	})
	return own, all, err
}

// tasksPerCall is how many tasks one call of a principal can start.
func (c *Control) tasksPerCall(ctx context.Context, account, principal string) (most int, err error) {
	who, err := settler(account, principal)
	if err != nil {
		who = "" // who can set nothing has what is set for all
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		own, all, err := settingsOf(tx, account, who)
		most = MaxPerCall
		for _, set := range []map[string]string{all, own} {
			if n, err := strconv.Atoi(set[TasksPerCall]); err == nil {
				most = n
			}
		}
		return err
	})
	return most, err
}
