package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Tell what happens: every change of tasks, machines, images and the like",
		Long: `Tell what happened, the earliest first, each fact once and in order. With -f go on with what
happens from now on, also over restarts of the server. The number in front of a fact says where to
go on: --after NUMBER. It is for the owner of the data folder; with -o json a fact is a line of JSON.`,
		Example: `  sudo slipway events -f --type 'task.*'
  sudo slipway events --after 1200 -o json
  sudo slipway events --last 10 --account 123456789012`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	var q server.EventQuery
	f := cmd.Flags()
	data := dataFlag(cmd)
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on telling")
	f.Int64Var(&q.After, "after", 0, "number of the last fact that is known")
	last := f.Int64("last", 50, "without --after, begin with the last so many of the facts that are asked for")
	f.StringVar(&q.Type, "type", "", "facts of this type only, as task.stopped or 'image.*'")
	f.StringVar(&q.Account, "account", "", "facts of this account only")
	cmd.MarkFlagsMutuallyExclusive("after", "last")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed("after") {
			q.Last = last
		}
		return controlHint(followEvents(cmd.Context(), server.NewControl(*data), q, eventPrinter(cmd.OutOrStdout(), *output == "json")))
	}
	return cmd
}

// followEvents goes on where it was when the server starts anew.
func followEvents(ctx context.Context, c *server.Control, q server.EventQuery, tell func(server.Event) error) error {
	for {
		err := c.Events(ctx, &q, tell)
		switch {
		case ctx.Err() != nil:
			return nil // the user has seen enough
		case q.Last != nil || !q.Follow || !errors.Is(err, server.ErrNotRunning):
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func eventPrinter(w io.Writer, asJSON bool) func(server.Event) error {
	lines := json.NewEncoder(w)
	return func(e server.Event) error {
		if asJSON {
			return lines.Encode(e)
		}
		_, err := fmt.Fprintf(w, "%d  %s  %s  %s  %s\n", e.Seq, e.Time.UTC().Format(time.RFC3339), e.Account, e.Type, e.Subject)
		return err
	}
}
