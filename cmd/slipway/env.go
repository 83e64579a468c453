package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway/server"
)

func envCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print what points AWS tools at this Slipway",
		Long: `Print what points AWS tools at this Slipway: variables for eval, or with --profile
an entry for ~/.aws/config. Tools that do not know AWS_ENDPOINT_URL yet (aws before 2.13)
are given --endpoint-url "$AWS_ENDPOINT_URL".`,
		Example: `  eval "$(slipway env)"
  slipway env --profile >> ~/.aws/config && aws --profile slipway ecs list-clusters`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	profile := cmd.Flags().Bool("profile", false, "print a profile called slipway for ~/.aws/config")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.ReadCredentials(*data)
		if err != nil {
			return withHint(err, `"slipway up --data %s" makes them; they are readable by its owner alone`, *data)
		}
		if *profile {
			return printProfile(cmd.OutOrStdout(), c)
		}
		return printEnv(cmd.OutOrStdout(), c)
	}
	return cmd
}

func printEnv(w io.Writer, c server.Credentials) error {
	// The two names of the region: AWS_DEFAULT_REGION is the only one that boto3 reads.
	_, err := fmt.Fprintf(w, `export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=%s
export AWS_SECRET_ACCESS_KEY=%s
unset AWS_SESSION_TOKEN
export AWS_REGION=%s
export AWS_DEFAULT_REGION=%[4]s
`, c.Endpoint, c.AccessKeyID, c.SecretAccessKey, c.Region)
	return err
}

func printProfile(w io.Writer, c server.Credentials) error {
	_, err := fmt.Fprintf(w, `[profile slipway]
endpoint_url = %s
aws_access_key_id = %s
aws_secret_access_key = %s
region = %s
`, c.Endpoint, c.AccessKeyID, c.SecretAccessKey, c.Region)
	return err
}
