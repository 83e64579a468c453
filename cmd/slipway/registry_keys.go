package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func customerKeysCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Keep the keys that repositories of an account are encrypted with",
		Long: `Keep the keys that repositories of an account are encrypted with. A repository is given one
when it is made:

  aws ecr create-repository --repository-name vault \
    --encryption-configuration encryptionType=KMS,kmsKey=KEY

where KEY is what the commands here take, too: the id of a key, its ARN, or its alias with
"alias/" before it. Without kmsKey the account gets a key of its own, alias/aws/ecr.

Layers in such a repository are never on a disk, or in a bucket, in plain. They are shared
with no repository of another key or of none. While the key is disabled, nothing can be
pulled from the repository or pushed to it.`,
		Example: `  sudo slipway registry keys create --alias team
  sudo slipway registry keys disable alias/team
  sudo slipway registry keys list`,
		Args: cobra.NoArgs,
	}
	account := cmd.PersistentFlags().String("account", "", "account whose keys they are (default the one that manages the others)")
	cmd.RegisterFlagCompletionFunc("account", cobra.NoFileCompletions)
	cmd.AddCommand(keysCreateCommand(data, account), customerKeysListCommand(data, account),
		keyStateCommand(data, account, "disable", "Have nothing be pulled or pushed that a key is needed for",
			`Have nothing be pulled or pushed that a key is needed for, from now on. What is being pulled
goes on to its end. "enable" makes everything as it was.`, (*server.Control).DisableCustomerKey),
		keyStateCommand(data, account, "enable", "Let a key be used again, also one that is to be deleted",
			`Let a key be used again that was disabled. One that is to be deleted stays.`, (*server.Control).EnableCustomerKey),
		keysDeleteCommand(data, account))
	return cmd
}

func keysCreateCommand(data, account *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Make a key, and print its ARN",
		Long:    `Make a key, and print its ARN. Nothing else of it can be seen.`,
		Example: `  sudo slipway registry keys create --alias team --account 123456789012`,
		Args:    cobra.NoArgs,
	}
	alias := cmd.Flags().String("alias", "", "another name for the key")
	cmd.RegisterFlagCompletionFunc("alias", cobra.NoFileCompletions)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		made, err := server.NewControl(*data).CreateCustomerKey(cmd.Context(), *account, *alias)
		if err != nil {
			return controlHint(err)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), made.ARN)
		return err
	}
	return cmd
}

func customerKeysListCommand(data, account *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the keys of an account",
		Long:    `Show the keys of an account, and until when those stay that are to be deleted.`,
		Example: `  sudo slipway registry keys list -o json`,
		Args:    cobra.NoArgs,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := server.NewControl(*data).CustomerKeys(cmd.Context(), *account)
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, all, "KEY ALIAS STATE UNTIL", func(k server.CustomerKey) []string {
			until := ""
			if !k.Deletion.IsZero() {
				until = k.Deletion.Local().Format(time.DateTime)
			}
			return []string{k.ID, k.Alias, string(k.State), until}
		})
	}
	return cmd
}

// keyStateCommand is one that changes whether a key can be used.
func keyStateCommand(data, account *string, name, short, long string, change func(*server.Control, context.Context, string, string) (server.CustomerKey, error)) *cobra.Command {
	return &cobra.Command{
		Use:               name + " KEY",
		Short:             short,
		Long:              long,
		Example:           "  sudo slipway registry keys " + name + " alias/team",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := change(server.NewControl(*data), cmd.Context(), *account, args[0])
			return controlHint(err)
		},
	}
}

func keysDeleteCommand(data, account *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete KEY",
		Short: "Delete a key for good, after some days",
		Long: `Delete a key for good, after some days. It cannot be used from now on; until the days are over,
"enable" takes the deletion back. After that, nobody can read what it encrypted, ever.`,
		Example:           `  sudo slipway registry keys delete alias/team --days 7`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	const day = 24 * time.Hour
	days := cmd.Flags().Int("days", int(server.DefaultKeyWait/day), "how many to wait, 7 to 30")
	cmd.RegisterFlagCompletionFunc("days", cobra.NoFileCompletions)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *days < int(server.MinKeyWait/day) || *days > int(server.DefaultKeyWait/day) {
			return fmt.Errorf("--days is %d, want %d to %d", *days, server.MinKeyWait/day, server.DefaultKeyWait/day)
		}
		gone, err := server.NewControl(*data).DeleteCustomerKey(cmd.Context(), *account, args[0], time.Duration(*days)*day)
		if err != nil {
			return controlHint(err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is deleted on %s\n", gone.ARN, gone.Deletion.Local().Format(time.DateTime))
		return err
	}
	return cmd
}
