package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Say which machines may be nodes",
		Long: `Say which machines may be nodes, beside a running "slipway server" or "slipway up --nodes ADDRESS".
A machine joins by a token, and stays by a certificate that it renews by itself.`,
		Example: `  sudo slipway node invite
  sudo slipway node list`,
		Args: cobra.NoArgs,
	}
	data := cmd.PersistentFlags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	cmd.AddCommand(nodeInviteCommand(data), nodeInvitationsCommand(data), nodeWithdrawCommand(data), nodeListCommand(data), nodeRemoveCommand(data))
	return cmd
}

func nodeInviteCommand(data *string) *cobra.Command {
	var i server.Invitation
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Print a token by which machines join",
		Long: `Print a token by which machines join. It is shown this once. It holds what tells a machine that it
speaks to this control plane and to no other.`,
		Example: `  sudo slipway node invite
  sudo slipway node invite --account 123456789012 --cluster web --uses 20 --for 24h`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&i.Account, "account", "", "account that the machines will work for (default: the managing account)")
	f.StringVar(&i.Cluster, "cluster", "", "cluster that they will serve (default: every cluster of the account)")
	f.IntVar(&i.Uses, "uses", 1, "how many machines may join by it")
	life := f.Duration("for", time.Hour, "how long it is good, up to 720h")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_, token, err := server.NewControl(*data).Invite(cmd.Context(), i, *life)
		if err != nil {
			return controlHint(err)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
		return err
	}
	return cmd
}

func nodeInvitationsCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "invitations",
		Short:             "Show by which tokens machines may still join",
		Long:              `Show by which tokens machines may still join, the newest first. The tokens themselves are not kept.`,
		Example:           `  sudo slipway node invitations`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		open, err := server.NewControl(*data).Invitations(cmd.Context())
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, open, "ID ACCOUNT CLUSTER USES EXPIRES", func(i server.Invitation) []string {
			return []string{i.ID, i.Account, cmp.Or(i.Cluster, "every"), fmt.Sprint(i.Uses), i.Expires.UTC().Format(time.RFC3339)}
		})
	}
	return cmd
}

func nodeWithdrawCommand(data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "withdraw ID",
		Short:   "End a token by which machines may still join",
		Long:    `End a token by which machines may still join, by the id that "invitations" shows and the token begins with.`,
		Example: `  sudo slipway node withdraw 4f3c9a0b1c2d3e4f`,
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: completedBy(func(ctx context.Context) (words []string) {
			open, err := server.NewControl(*data).Invitations(ctx)
			if err != nil {
				return nil
			}
			for _, i := range open {
				words = append(words, cobra.CompletionWithDesc(i.ID, fmt.Sprintf("for %s, until %s", cmp.Or(i.Cluster, "every cluster"), i.Expires.UTC().Format(time.RFC3339))))
			}
			return words
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return controlHint(server.NewControl(*data).Withdraw(cmd.Context(), args[0]))
		},
	}
}

func nodeListCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the machines that have joined",
		Long: `Show the machines that have joined, and until when their certificates are good. Whether one is there
now is told by "aws ecs describe-container-instances".`,
		Example:           `  sudo slipway node list -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := server.NewControl(*data).Nodes(cmd.Context())
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, all, "ID ACCOUNT CLUSTER JOINED EXPIRES", func(n server.Node) []string {
			return []string{n.ID, n.Account, cmp.Or(n.Cluster, "every"), n.Joined.UTC().Format(time.RFC3339), n.Expires.UTC().Format(time.RFC3339)}
		})
	}
	return cmd
}

func nodeRemoveCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Take a machine's right to join away",
		Long: `Take a machine's right to join away: its certificate is refused from now on. A machine that has tasks
keeps it: "aws ecs deregister-container-instance --force" stops them, and then removes it. With --force it
is removed at once, and its containers are left as they are: they go on running, nothing more is heard of
them, and its agent stops none of them. Where the machine joins again by a new token, they are found again.`,
		Example: `  sudo slipway node remove 0123456789abcdef0123456789abcdef`,
		Args:    cobra.ExactArgs(1),
	}
	force := cmd.Flags().Bool("force", false, "also where tasks are on it, which go on")
	cmd.ValidArgsFunction = completedBy(func(ctx context.Context) (words []string) {
		all, err := server.NewControl(*data).Nodes(ctx)
		if err != nil {
			return nil
		}
		for _, n := range all {
			words = append(words, cobra.CompletionWithDesc(n.ID, "of "+cmp.Or(n.Cluster, "every cluster")+", joined "+n.Joined.UTC().Format(time.RFC3339)))
		}
		return words
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return controlHint(server.NewControl(*data).RemoveNode(cmd.Context(), args[0], *force))
	}
	return cmd
}

// completedBy completes the first argument by words that are asked for, and has nothing more.
func completedBy(words func(context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 2*time.Second)
		defer cancel()
		return words(ctx), cobra.ShellCompDirectiveNoFileComp
	}
}
