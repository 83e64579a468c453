package main

import "testing"

// Terraform makes an account, enters it by its role and works there, and closes it.
func TestTerraformMakesAnAccount(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "accounts.tf")
	tf.apply()
	tf.wantSame()
	team := c.aws("organizations", "list-accounts", "--query", "Accounts[?Name=='team'].Id", "--output", "text")
	for name, want := range map[string]string{
		"team":       `"` + team + `"`,
		"parent":     "true",
		"inside":     `"arn:aws:sts::` + team + `:assumed-role/OrganizationAccountAccessRole/terraform"`,
		"repository": `"arn:aws:ecr:us-east-1:` + team + `:repository/web"`,
	} {
		if got := tf.output(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	tf.run("destroy", "-auto-approve")
	if state := c.aws("organizations", "describe-account", "--account-id", team, "--query", "Account.Status", "--output", "text"); state != "SUSPENDED" {
		t.Errorf("the account is %s", state)
	}
}
