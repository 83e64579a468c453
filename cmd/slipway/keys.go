package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Show and rotate the keys that secrets are sealed under",
		Long: `Show the keys that secrets in the database are sealed under: the master key, which is not
in the database, by its mark, and the data keys that it opens, with how many secrets each
still seals. It asks the server that runs on the data folder, as the owner of that folder.`,
		Example: `  sudo slipway keys
  sudo slipway keys rotate`,
		Args: cobra.NoArgs,
	}
	data := cmd.PersistentFlags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	cmd.RunE = listKeys(cmd, data)
	cmd.AddCommand(keysListCommand(data), keysRotateCommand(data))
	return cmd
}

func keysListCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show the keys that secrets are sealed under",
		Long:    `Show the keys that secrets are sealed under, as "slipway keys" does.`,
		Example: `  sudo slipway keys list -o json`,
		Args:    cobra.NoArgs,
	}
	cmd.RunE = listKeys(cmd, data)
	return cmd
}

func listKeys(cmd *cobra.Command, data *string) func(*cobra.Command, []string) error {
	output := outputFlag(cmd)
	return func(cmd *cobra.Command, _ []string) error {
		report, err := server.NewControl(*data).Keys(cmd.Context())
		if err != nil {
			return controlHint(err)
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return printKeys(cmd.OutOrStdout(), output, report, time.Now())
	}
}

func printKeys(w io.Writer, l *listing, report server.KeysReport, now time.Time) error {
	fmt.Fprintf(w, "master key %s, from %s\n", report.Mark, report.Source)
	for _, m := range report.Masters {
		if m.Newest && len(report.Masters) > 1 {
			fmt.Fprintf(w, "a rotation to master key %s is not finished: slipway keys rotate --finish\n", m.Mark)
		}
	}
	for _, s := range report.Servers {
		if len(report.Servers) > 1 {
			fmt.Fprintf(w, "server %s has master key %s\n", s.Name, s.Mark)
		}
	}
	fmt.Fprintln(w)
	return printRows(w, l, report.Keys, "KEY STATE AGE SECRETS", func(k server.DataKey) []string {
		return []string{k.ID, k.State, keyAge(k, now), strconv.Itoa(k.Secrets)}
	})
}

// keyAge is not known of a master key that made seals before there were data keys: it has no row.
func keyAge(k server.DataKey, now time.Time) string {
	if k.Created.IsZero() {
		return "-"
	}
	return age(k.Created, now)
}

func keysRotateCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Put new keys in the place of the old ones, without stopping",
		Long: `Put a new master key and a new data key in the place of the old ones and seal every secret
anew, while the server goes on. Where the master key is a file, a new one is made. Where it
comes from the environment or a command, give the new one: it opens the data beside the old
one until the server has it from there, and --finish takes the old one away. The same holds
while other servers over the same database have the old one.`,
		Example: `  sudo slipway keys rotate
  sudo slipway keys rotate --new-key-command "pass show slipway-next"
  sudo slipway keys rotate --finish`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	finish := f.Bool("finish", false, "begin nothing: carry on what was begun")
	command := f.String("new-key-command", "", "command that prints the new master key: 32 bytes as base64")
	variable := f.String("new-key-env", "", "environment variable that holds the new master key, as base64")
	cmd.MarkFlagsMutuallyExclusive("finish", "new-key-command", "new-key-env")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		rotation, err := newKey(cmd.Context(), *command, *variable)
		if err != nil {
			return err
		}
		rotation.Finish = *finish
		err = server.NewControl(*data).Rotate(cmd.Context(), rotation, func(text string) { fmt.Fprintln(cmd.OutOrStdout(), text) })
		return controlHint(err)
	}
	return cmd
}

// newKey is a rotation to the key that a command prints or a variable holds, if either is named.
func newKey(ctx context.Context, command, variable string) (server.Rotation, error) {
	switch {
	case command != "":
		return server.RotationByCommand(ctx, command)
	case variable != "":
		text, found := os.LookupEnv(variable)
		if !found {
			return server.Rotation{}, fmt.Errorf("--new-key-env %s: the variable is not set", variable)
		}
		return server.RotationTo(text)
	}
	return server.Rotation{}, nil
}

// controlHint adds a word on what to do to an error of the control socket.
func controlHint(err error) error {
	var rotation *server.RotationError
	switch {
	case errors.As(err, &rotation) && rotation.Hint != "":
		return withHint(err, "%s", rotation.Hint)
	case errors.Is(err, server.ErrNotRunning):
		return withHint(err, `name its folder with --data DIR, or start it with "slipway up"`)
	case errors.Is(err, os.ErrPermission):
		return withHint(err, "only the owner of the data folder may do that")
	}
	return err
}
