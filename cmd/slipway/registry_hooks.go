package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"slipway/server"
)

func hooksCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hooks",
		Short: "Have other programs told of what happens to images",
		Long: `Have other programs told of what happens to images and repositories. Each event that a hook
asks for is posted to its URL as JSON, at least once, and tried again for about ten minutes
until the answer is a 2xx. What is not taken by then is kept for thirty days as a dead letter,
the last thousand of each hook, and can be sent again.

The header X-Slipway-Signature is "t=SECONDS,v1=HEX", where HEX is the HMAC-SHA256 of
"SECONDS.BODY" under the secret that "add" shows.`,
		Example: `  sudo slipway registry hooks add https://example.com/pushed --kind image.pushed --repository 'web/*'
  sudo slipway registry hooks list
  sudo slipway registry hooks dead
  sudo slipway registry hooks redeliver HOOK --all`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(hooksAddCommand(data), hooksListCommand(data), hooksRemoveCommand(data), hooksDeadCommand(data), hooksRedeliverCommand(data))
	return cmd
}

func hooksAddCommand(data *string) *cobra.Command {
	var h server.Hook
	cmd := &cobra.Command{
		Use:   "add URL",
		Short: "Make a hook, and show the secret that its letters are signed with",
		Long: `Make a hook for what happens from now on, and show the secret that its letters are signed
with: it is shown this once. Patterns hold * for any characters. Unless --local is given, a
hook calls no address of this machine or of its link, whatever name leads there, and it never
follows a redirect.`,
		Example: `  sudo slipway registry hooks add https://example.com/pushed --kind image.pushed
  sudo slipway registry hooks add http://127.0.0.1:8080/ --local --account 123456789012`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h.URL = args[0]
			made, secret, err := server.NewControl(*data).AddHook(cmd.Context(), h)
			if err != nil {
				return controlHint(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "hook   %s\nsecret %s\n", made.ID, secret)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&h.Kinds, "kind", nil, "kinds of events, as image.pushed (default image.* and repository.*)")
	cmd.Flags().StringSliceVar(&h.Repositories, "repository", nil, "names of repositories, as web/* (default all)")
	cmd.Flags().StringVar(&h.Account, "account", "", "account whose events it is told of (default all)")
	cmd.Flags().BoolVar(&h.Local, "local", false, "let it call addresses of this machine")
	return cmd
}

func hooksListCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the hooks",
		Long:    `Show the hooks, without their secrets. A hook stops when the account that it is for is closed.`,
		Example: `  sudo slipway registry hooks list -o json`,
		Args:    cobra.NoArgs,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := server.NewControl(*data).Hooks(cmd.Context())
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, all, "HOOK STATE ACCOUNT KINDS REPOSITORIES URL", func(h server.Hook) []string {
			state := "active"
			if !h.Stopped.IsZero() {
				state = "stopped"
			}
			return []string{h.ID, state, cmp.Or(h.Account, "all"), strings.Join(h.Kinds, ","), cmp.Or(strings.Join(h.Repositories, ","), "all"), h.URL}
		})
	}
	return cmd
}

func hooksRemoveCommand(data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "remove HOOK",
		Short:   "End a hook",
		Long:    `End a hook. Letters on their way to it, and its dead letters, are dropped.`,
		Example: `  sudo slipway registry hooks remove 0b6a8d0c-52d5-4b5e-9c0e-6a1f4a7f2b11`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return controlHint(server.NewControl(*data).RemoveHook(cmd.Context(), args[0]))
		},
	}
}

func hooksDeadCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead [HOOK]",
		Short: "Show what hooks did not take",
		Long: `Show the letters that were given up after eight tries, the last first, of one hook or of all.
With -o json each has its body.`,
		Example: `  sudo slipway registry hooks dead -o json`,
		Args:    cobra.MaximumNArgs(1),
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dead, err := server.NewControl(*data).DeadLetters(cmd.Context(), strings.Join(args, ""))
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, dead, "HOOK EVENT KIND TRIES DEAD FAILURE", func(l server.HookLetter) []string {
			return []string{l.Hook, l.Event, l.Kind, fmt.Sprint(l.Tries), instant(l.Dead), l.Failure}
		})
	}
	return cmd
}

func hooksRedeliverCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "redeliver HOOK [EVENT]",
		Short: "Send dead letters again",
		Long: `Send the dead letter of an event again, or all those of a hook. They are tried as often as
new ones, and have the ids and bodies that they had.`,
		Example: `  sudo slipway registry hooks redeliver 0b6a8d0c-52d5-4b5e-9c0e-6a1f4a7f2b11 4711
  sudo slipway registry hooks redeliver 0b6a8d0c-52d5-4b5e-9c0e-6a1f4a7f2b11 --all`,
		Args: cobra.RangeArgs(1, 2),
	}
	all := cmd.Flags().Bool("all", false, "send all dead letters of the hook")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if event := strings.Join(args[1:], ""); *all == (event != "") {
			return errors.New("want either an EVENT, as \"hooks dead\" shows it, or --all")
		}
		n, err := server.NewControl(*data).RedeliverLetters(cmd.Context(), args[0], strings.Join(args[1:], ""))
		if err != nil {
			return controlHint(err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "letters that are sent again: %d\n", n)
		return err
	}
	return cmd
}
