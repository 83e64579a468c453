package ecs

import "testing"

// Settings are of the role that somebody acts in, and not of the session, which ends.
func TestSettingsAreOfRoles(t *testing.T) {
	for caller, want := range map[string]string{
		"arn:aws:iam::123456789012:root":                        "arn:aws:iam::123456789012:root",
		"arn:aws:iam::123456789012:user/team/ann":               "arn:aws:iam::123456789012:user/team/ann",
		"arn:aws:sts::123456789012:assumed-role/deploy/session": "arn:aws:iam::123456789012:role/deploy",
		"arn:aws:sts::123456789012:federated-user/bob":          "arn:aws:sts::123456789012:federated-user/bob",
	} {
		if got := roleOf(caller); got != want {
			t.Errorf("the settings of %s are those of %s, want %s", caller, got, want)
		}
	}
}
