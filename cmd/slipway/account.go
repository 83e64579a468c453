package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/spf13/cobra"

	"slipway/server"
)

func accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Make, list, enter and close accounts",
		Long: `Make, list, enter and close the accounts of this Slipway. Each account has its own users,
roles, repositories, clusters and logs, and sees nothing of the others. All of it can be done
with AWS Organizations, STS and IAM as well; the account that Slipway was started with manages
the others.`,
		Example: `  slipway account create team --email team@example.com
  eval "$(slipway account keys 210987654321)"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	data := cmd.PersistentFlags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	cmd.AddCommand(accountCreateCommand(data), accountListCommand(data), accountKeysCommand(data), accountCloseCommand(data))
	return cmd
}

func accountCreateCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME --email ADDRESS",
		Short: "Make an account",
		Long: `Make an account and print its id. Whoever may assume roles in the account that manages the
others may enter it by its role OrganizationAccountAccessRole, or the one given.`,
		Example:           `  slipway account create team --email team@example.com`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	email := cmd.Flags().String("email", "", "address of who answers for the account; each account has its own")
	role := roleFlag(cmd, "role that is made for entering the account")
	output := outputFlag(cmd)
	cmd.MarkFlagRequired("email")
	cmd.RegisterFlagCompletionFunc("email", cobra.NoFileCompletions)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		made, err := c.createAccount(cmd.Context(), args[0], *email, *role)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), made)
		}
		fmt.Fprintln(cmd.OutOrStdout(), *made.AccountId)
		fmt.Fprintf(cmd.ErrOrStderr(), "to enter it: eval \"$(slipway account keys %s%s)\"\n", *made.AccountId, roleOption(*role))
		return nil
	}
	return cmd
}

// roleFlag gives cmd its --role flag.
func roleFlag(cmd *cobra.Command, usage string) *string {
	role := cmd.Flags().String("role", entryRole, usage)
	cmd.RegisterFlagCompletionFunc("role", cobra.NoFileCompletions)
	return role
}

// roleOption is how a role that is not the usual one is given.
func roleOption(role string) string {
	if role == entryRole {
		return ""
	}
	return " --role " + role
}

// createAccount makes an account, and waits for it as long as it takes.
func (c *client) createAccount(ctx context.Context, name, email, role string) (*types.CreateAccountStatus, error) {
	client := organizations.NewFromConfig(c.config)
	out, err := client.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: &name, Email: &email, RoleName: &role})
	if err != nil {
		return nil, explain(err, c)
	}
	status := out.CreateAccountStatus
	for status.State == types.CreateAccountStateInProgress {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		next, err := client.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})
		if err != nil {
			return nil, explain(err, c)
		}
		status = next.CreateAccountStatus
	}
	if status.FailureReason == types.CreateAccountFailureReasonEmailAlreadyExists {
		return nil, fmt.Errorf("an account with the e-mail address %s exists already", email)
	}
	if status.State != types.CreateAccountStateSucceeded {
		return nil, fmt.Errorf("the account was not made: %s", status.FailureReason)
	}
	return status, nil
}

func accountListCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List accounts",
		Long:    "List the accounts of this Slipway. What a suspended one has is kept for 90 days after its end.",
		Example: "  slipway account list -o json",
		Args:    cobra.NoArgs,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		list, err := c.accounts(cmd.Context())
		if err != nil {
			return err
		}
		now := time.Now()
		return printRows(cmd.OutOrStdout(), output, list, "ACCOUNT NAME EMAIL STATUS AGE", func(a types.Account) []string {
			return []string{aws.ToString(a.Id), aws.ToString(a.Name), aws.ToString(a.Email), string(a.Status), age(aws.ToTime(a.JoinedTimestamp), now)}
		})
	}
	return cmd
}

// accounts lists all accounts.
func (c *client) accounts(ctx context.Context) (all []types.Account, err error) {
	pages := organizations.NewListAccountsPaginator(organizations.NewFromConfig(c.config), nil)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, c)
		}
		all = append(all, page.Accounts...)
	}
	return all, nil
}

func accountCloseCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close ACCOUNT",
		Short: "Close an account for good",
		Long: `Close an account for good: its access keys, sessions and login tokens are refused from now on,
its tasks are stopped and its hooks are told of nothing more. What it has is kept for 90 days, or
what --keep-closed of the server says, and then deleted: users, roles and policies, clusters,
task definitions, repositories with their images, logs and hooks. A closed account is not opened
again.`,
		Example: "  slipway account close 210987654321",
		Args:    cobra.ExactArgs(1),
	}
	cmd.ValidArgsFunction = completeAccounts(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		_, err = organizations.NewFromConfig(c.config).CloseAccount(cmd.Context(), &organizations.CloseAccountInput{AccountId: &args[0]})
		return explain(err, c)
	}
	return cmd
}

// completeAccounts offers the ids of active accounts to the shell.
func completeAccounts(data *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		c, err := newClient(cmd.Context(), *data)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := c.accounts(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, a := range all {
			if strings.HasPrefix(*a.Id, start) && a.Status == types.AccountStatusActive {
				ids = append(ids, *a.Id+"\t"+aws.ToString(a.Name))
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
