package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// terraform is a working folder of the genuine Terraform, with the genuine AWS provider.
type terraform struct {
	*cloud
	dir  string
	vars []string
}

// startTerraform makes a working folder with one configuration.
func startTerraform(t *testing.T, c *cloud, configuration string) *terraform {
	t.Helper()
	plugins := pluginFolder(t)
	tf := &terraform{cloud: c, dir: t.TempDir()}
	text, err := os.ReadFile(filepath.Join("testdata", "terraform", configuration))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tf.dir, configuration), text, 0o644); err != nil {
		t.Fatal(err)
	}
	tf.run("init", "-plugin-dir="+plugins)
	return tf
}

// pluginFolder finds the AWS provider where Terraform looks for plugins, or where TF_PLUGIN_CACHE_DIR
// says. Without it, or without Terraform, the test is skipped; under SLIPWAY_TEST_ALL it fails.
func pluginFolder(t *testing.T) string {
	t.Helper()
	program(t, "terraform")
	home, _ := os.UserHomeDir()
	for _, folder := range []string{
		os.Getenv("TF_PLUGIN_CACHE_DIR"), filepath.Join(home, ".terraform.d/plugins"), filepath.Join(home, ".local/share/terraform/plugins"),
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins",
	} {
		found, err := filepath.Glob(filepath.Join(folder, "registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*"))
		if err == nil && folder != "" && len(found) > 0 {
			return folder
		}
	}
	const missing = "needs terraform-provider-aws in a plugin folder of Terraform"
	if os.Getenv("SLIPWAY_TEST_ALL") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// command is one of Terraform's, against this cloud and nothing else.
func (tf *terraform) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program(tf.t, "terraform"), append(append(args[:1:1], "-no-color", "-input=false"), args[1:]...)...)
	cmd.Dir = tf.dir
	return cmd
}

func (tf *terraform) try(args ...string) (string, error) {
	cmd := tf.command(args...)
	cmd.Env = append(tf.env(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "AWS_EC2_METADATA_DISABLED=true",
		"GOGC=400") // each command reads all schemas of the provider anew, and collecting what that leaves is a fifth of its work
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (tf *terraform) run(args ...string) string {
	tf.t.Helper()
	out, err := tf.try(args...)
	if err != nil {
		tf.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (tf *terraform) apply() {
	tf.t.Helper()
	tf.run(append([]string{"apply", "-auto-approve"}, tf.vars...)...)
}

// wantSame says that there is nothing to change: what was applied is what is there.
func (tf *terraform) wantSame() {
	tf.t.Helper()
	out, err := tf.try(append([]string{"plan", "-detailed-exitcode"}, tf.vars...)...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 {
		tf.t.Errorf("applied, and the plan is not empty:\n%s", out)
	} else if err != nil {
		tf.t.Fatalf("terraform plan: %v\n%s", err, out)
	}
}

// output reads an output, a list as one string.
func (tf *terraform) output(name string) string {
	tf.t.Helper()
	cmd := exec.Command(program(tf.t, "terraform"), "output", "-no-color", "-json", name)
	cmd.Dir = tf.dir
	return strings.TrimSpace(tf.do(cmd))
}

// Users, groups, roles and their policies are made, changed and taken away by Terraform, which finds
// nothing to correct in between.
func TestTerraformMakesPrincipals(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	tf := startTerraform(t, c, "iam.tf")
	tf.apply()
	tf.wantSame()
	account := c.aws("sts", "get-caller-identity", "--query", "Account", "--output", "text")
	if got := tf.output("account"); got != `"`+account+`"` {
		t.Errorf("the account is %s, want %s", got, account)
	}
	if got := tf.output("simulated"); got != `["ecs:RunTask implicitDeny ","logs:PutLogEvents allowed logs,role_task_own"]` {
		t.Errorf("simulated: %s", got)
	}

	tf.vars = []string{"-var", `actions=["logs:PutLogEvents","logs:CreateLogStream"]`, "-var", "about=second", "-var", "team=blue", "-var", "home=/people/", "-var", "key=Inactive"}
	tf.apply()
	tf.wantSame()
	for query, want := range map[string]string{
		"iam get-user --user-name ann --query User.Path":                                                              "/people/",
		"iam get-role --role-name task --query Role.Description":                                                      "second",
		"iam get-role --role-name AWSServiceRoleForECS --query Role.Description":                                      "second",
		"iam list-access-keys --user-name bob --query AccessKeyMetadata[0].Status":                                    "Inactive",
		"iam list-groups-for-user --user-name bob --query Groups[0].Path":                                             "/people/",
		"iam list-role-tags --role-name task --query Tags[0].Value":                                                   "blue",
		"iam get-policy --policy-arn arn:aws:iam::" + account + ":policy/app/logs --query Policy.DefaultVersionId":    "v2",
		"iam get-role-policy --role-name task --policy-name own --query PolicyDocument.Statement[0].Action|length(@)": "2",
	} {
		if got := c.aws(append(strings.Fields(query), "--output", "text")...); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}

	tf.run(append([]string{"destroy", "-auto-approve"}, tf.vars...)...)
	left := c.aws("iam", "get-account-summary", "--query", "SummaryMap.[Users,Groups,Roles,Policies,InstanceProfiles]", "--output", "text")
	if strings.Join(strings.Fields(left), " ") != "0 0 0 0 0" {
		t.Errorf("of users, groups, roles, policies and instance profiles there are left: %s", left)
	}
}
