package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"slipway/server"
)

func loginsCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logins",
		Short: "Keep logins of other registries, for pull-through cache rules",
		Long: `Keep logins of other registries, sealed, for pull-through cache rules. A rule names one by
the ARN that "add" shows:

  aws ecr create-pull-through-cache-rule --ecr-repository-prefix hub \
    --upstream-registry-url registry-1.docker.io --credential-arn ARN`,
		Example: `  echo "$TOKEN" | sudo slipway registry logins add docker-hub --username ann
  sudo slipway registry logins list`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(loginsAddCommand(data), loginsListCommand(data), loginsRemoveCommand(data))
	return cmd
}

func loginsAddCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME --username USER",
		Short: "Keep a login, whose token or password is read from standard input",
		Long: `Keep a login, whose token or password is read from standard input, and print its ARN. It
takes the place of a login by that name; rules that name it use the new one from then on.`,
		Example:           `  echo "$TOKEN" | sudo slipway registry logins add docker-hub --username ann`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	username := cmd.Flags().String("username", "", "user that the other registry knows")
	cmd.MarkFlagRequired("username")
	cmd.RegisterFlagCompletionFunc("username", cobra.NoFileCompletions)
	account := loginAccountFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		token, err := readToken(cmd.InOrStdin())
		if err != nil {
			return err
		}
		kept, err := server.NewControl(*data).KeepRegistryLogin(cmd.Context(), server.RegistryLogin{Account: *account, Name: args[0]}, *username, token)
		if err != nil {
			return controlHint(err)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), kept.ARN)
		return err
	}
	return cmd
}

func loginAccountFlag(cmd *cobra.Command) *string {
	account := cmd.Flags().String("account", "", "account whose rules may use it (default the one that manages the others)")
	cmd.RegisterFlagCompletionFunc("account", cobra.NoFileCompletions)
	return account
}

// maxToken is how long a token may be; some are of many kilobytes.
const maxToken = 64 << 10

// readToken reads a line, or all there is of it.
func readToken(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxToken))
	if err != nil {
		return "", err
	}
	token := strings.TrimRight(string(text), "\r\n")
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return "", errors.New("want the token or password as one line on standard input")
	}
	return token, nil
}

func loginsListCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the logins of an account, without their tokens",
		Long:    `Show the logins of an account, without their tokens.`,
		Example: `  sudo slipway registry logins list -o json`,
		Args:    cobra.NoArgs,
	}
	account := loginAccountFlag(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := server.NewControl(*data).RegistryLogins(cmd.Context(), *account)
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, all, "LOGIN ACCOUNT ARN", func(l server.RegistryLogin) []string {
			return []string{l.Name, l.Account, l.ARN}
		})
	}
	return cmd
}

func loginsRemoveCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "remove NAME",
		Short:             "Forget a login",
		Long:              `Forget a login. Rules that name it bring no images any more; what is here stays.`,
		Example:           `  sudo slipway registry logins remove docker-hub`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	account := loginAccountFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return controlHint(server.NewControl(*data).RemoveRegistryLogin(cmd.Context(), server.RegistryLogin{Account: *account, Name: args[0]}))
	}
	return cmd
}
