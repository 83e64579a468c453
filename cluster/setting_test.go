package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/cluster"
)

const (
	root = "arn:aws:iam::123456789012:root"
	ann  = "arn:aws:iam::123456789012:user/ann"
)

func TestSettings(t *testing.T) {
	each(t, func(w world) {
		values := func(f cluster.SettingFilter) (text string) {
			found, next, err := w.ListSettings(w.Context(), account, f, cluster.Page{})
			if err != nil || next != "" {
				t.Errorf("list %+v: next %q, error %v", f, next, err)
			}
			for _, s := range found {
				_, by, _ := strings.Cut(s.Principal, "::123456789012:")
				text += fmt.Sprintf("%s=%s by %s; ", s.Name, s.Value, by)
			}
			return text
		}
		put := func(name, value, principal string) {
			t.Helper()
			if err := w.PutSetting(w.Context(), account, cluster.Setting{Name: name, Value: value, Principal: principal}); err != nil {
				t.Error(err)
			}
		}
		one := cluster.SettingFilter{Principal: ann, Name: cluster.TasksPerCall, Effective: true}
		wantEqual(t, "what nobody set", values(one), "slipwayTasksPerCall=10 by root; ")
		put(cluster.TasksPerCall, "50", root)
		wantEqual(t, "what is set for all", values(one), "slipwayTasksPerCall=50 by root; ")
		put(cluster.TasksPerCall, "20", ann)
		wantEqual(t, "what ann set", values(one), "slipwayTasksPerCall=20 by user/ann; ")
		put("awsvpcTrunking", "enabled", ann)
		wantEqual(t, "all that ann set", values(cluster.SettingFilter{Principal: ann}), "awsvpcTrunking=enabled by user/ann; slipwayTasksPerCall=20 by user/ann; ")
		wantEqual(t, "all that is set for all", values(cluster.SettingFilter{Principal: root}), "slipwayTasksPerCall=50 by root; ")
		wantEqual(t, "all by a value", values(cluster.SettingFilter{Principal: root, Value: "on", Effective: true}), "tagResourceAuthorization=on by root; ")
		if n := strings.Count(values(cluster.SettingFilter{Principal: ann, Effective: true}), ";"); n != 12 {
			t.Errorf("%d settings count for ann", n)
		}
		was, err := w.DeleteSetting(w.Context(), account, cluster.TasksPerCall, ann)
		wantEqual(t, "what is taken back", fmt.Sprint(was.Value, err), "20<nil>")
		wantEqual(t, "what counts then", values(one), "slipwayTasksPerCall=50 by root; ")
		_, err = w.DeleteSetting(w.Context(), account, cluster.TasksPerCall, ann)
		wantText(t, err, cluster.ErrInvalid, "was not set")
	})
}

func TestSettingsThatAreRefused(t *testing.T) {
	each(t, func(w world) {
		for _, c := range []struct{ name, value, principal, want string }{
			{"lunch", "on", root, `"lunch" is none of`},
			{cluster.TasksPerCall, "9", root, `"9" is not a number of tasks between 10 and 1000`},
			{cluster.TasksPerCall, "1001", root, "1001"},
			{cluster.TasksPerCall, "+11", root, "+11"},
			{"taskLongArnFormat", "disabled", root, "ARNs are always long"},
			{"containerInsights", "enabled", root, "there are no Container Insights"},
			{"tagResourceAuthorization", "off", root, "ecs:TagResource"},
			{"guardDutyActivate", "on", root, "read only"},
			{"defaultLogDriverMode", "loud", root, "blocking, non-blocking"},
			{"awsvpcTrunking", "enabled", "ann", "principalArn"},
			{"awsvpcTrunking", "enabled", "arn:aws:iam::210987654321:root", "principalArn"},
			{"awsvpcTrunking", "enabled", "arn:aws:iam::123456789012:group/x", "principalArn"},
			{"awsvpcTrunking", "enabled", "arn:aws:iam::123456789012:user/\x00", "principalArn"},
		} {
			err := w.PutSetting(w.Context(), account, cluster.Setting{Name: c.name, Value: c.value, Principal: c.principal})
			wantText(t, err, cluster.ErrInvalid, c.want)
		}
		_, _, err := w.ListSettings(w.Context(), account, cluster.SettingFilter{Principal: root, Name: "lunch"}, cluster.Page{})
		wantText(t, err, cluster.ErrInvalid, "lunch")
	})
}
