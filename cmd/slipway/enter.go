package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
)

// entryRole is the role of an account by which those of the managing account enter it, as on AWS.
const entryRole = "OrganizationAccountAccessRole"

// administrator is the policy that allows everything.
const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

func accountKeysCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys ACCOUNT",
		Short: "Print keys that act in an account",
		Long: `Print keys that may do everything in another account: those of an hour's session in its entry
role, or with --user those of a user of the account, which is made if it is not there, and whose
keys are good until they are deleted. With --profile print an entry for ~/.aws/config by which
AWS tools enter the account by themselves, as the user of the profile "slipway"; with -o json
print what the setting credential_process wants.`,
		Example: `  eval "$(slipway account keys 210987654321)"
  slipway account keys 210987654321 --profile >> ~/.aws/config
  slipway account keys 210987654321 --user admin`,
		Args: cobra.ExactArgs(1),
	}
	role := roleFlag(cmd, "role that the account is entered by")
	user := cmd.Flags().String("user", "", "make an access key of this user of the account")
	profile := cmd.Flags().Bool("profile", false, "print a profile for ~/.aws/config, called after the account")
	output := outputFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("user", "profile")
	cmd.RegisterFlagCompletionFunc("user", cobra.NoFileCompletions)
	cmd.ValidArgsFunction = completeAccounts(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		entry := "arn:aws:iam::" + args[0] + ":role/" + *role
		if *profile {
			return printEntryProfile(cmd.OutOrStdout(), c.config, args[0], entry)
		}
		keys, err := c.enter(cmd.Context(), entry)
		if err == nil && *user != "" {
			keys, err = c.userKeys(cmd.Context(), keys, *user)
		}
		if err != nil {
			return err
		}
		if *output == "json" {
			return printProcess(cmd.OutOrStdout(), keys)
		}
		return printKeysEnv(cmd.OutOrStdout(), c.config, keys)
	}
	return cmd
}

// enter makes a session in the entry role of an account.
func (c *client) enter(ctx context.Context, role string) (aws.Credentials, error) {
	out, err := sts.NewFromConfig(c.config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("slipway-account-keys")})
	if isAPIError(err, "AccessDenied") {
		return aws.Credentials{}, withHint(explain(err, c), `only the managing account enters others, by a role that trusts it: "slipway account list" shows the accounts`)
	}
	if err != nil {
		return aws.Credentials{}, explain(err, c)
	}
	got := out.Credentials
	return aws.Credentials{
		AccessKeyID: *got.AccessKeyId, SecretAccessKey: *got.SecretAccessKey, SessionToken: *got.SessionToken, CanExpire: true, Expires: *got.Expiration,
	}, nil
}

// userKeys makes an access key of a user who may do everything in the account that the keys are of.
func (c *client) userKeys(ctx context.Context, keys aws.Credentials, name string) (aws.Credentials, error) {
	inside := c.config.Copy()
	inside.Credentials = credentials.StaticCredentialsProvider{Value: keys}
	client := iam.NewFromConfig(inside)
	_, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	var exists *iamtypes.EntityAlreadyExistsException
	if err != nil && !errors.As(err, &exists) {
		return aws.Credentials{}, explain(err, c)
	}
	if exists == nil { // what a user may who has been there is for others to say
		if _, err := client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: aws.String(administrator)}); err != nil {
			return aws.Credentials{}, explain(err, c)
		}
	}
	out, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return aws.Credentials{}, explain(err, c)
	}
	return aws.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}, nil
}

func printKeysEnv(w io.Writer, config aws.Config, keys aws.Credentials) error {
	token := "unset AWS_SESSION_TOKEN"
	if keys.SessionToken != "" {
		token = "export AWS_SESSION_TOKEN=" + keys.SessionToken
	}
	_, err := fmt.Fprintf(w, `export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=%s
export AWS_SECRET_ACCESS_KEY=%s
%s
export AWS_REGION=%s
export AWS_DEFAULT_REGION=%[5]s
`, *config.BaseEndpoint, keys.AccessKeyID, keys.SecretAccessKey, token, config.Region)
	return err
}

func printEntryProfile(w io.Writer, config aws.Config, account, role string) error {
	_, err := fmt.Fprintf(w, `[profile %s]
endpoint_url = %s
region = %s
role_arn = %s
source_profile = slipway
`, account, *config.BaseEndpoint, config.Region, role)
	return err
}

// printProcess prints keys as credential_process wants them. Source: AWS SDKs and Tools Reference
// Guide, "Process credential provider".
func printProcess(w io.Writer, keys aws.Credentials) error {
	said := struct {
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string `json:",omitempty"`
		Expiration      string `json:",omitempty"`
	}{1, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, ""}
	if keys.CanExpire {
		said.Expiration = keys.Expires.Format(time.RFC3339)
	}
	return printJSON(w, said)
}
