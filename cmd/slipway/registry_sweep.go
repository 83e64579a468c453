package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway/server"
)

func sweepCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Take away what nobody needs",
		Long: `Take away the images that are marked or that have had no tag for long, and the layers that no
image needs, beside pushes and pulls, which go on. The server does so by itself each night; see
--sweep-at of "slipway up". If it is cut off, the next one does the rest.`,
		Example: `  sudo slipway registry sweep --dry-run
  sudo slipway registry sweep`,
		Args: cobra.NoArgs,
	}
	dryRun := cmd.Flags().Bool("dry-run", false, "only show what would go")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		say := sayGone(out)
		if *output == "json" {
			say = func(s server.Swept) { json.NewEncoder(out).Encode(s) }
		}
		report, err := server.NewControl(*data).Sweep(cmd.Context(), *dryRun, say)
		if err != nil {
			return controlHint(err)
		}
		if *output == "json" {
			return json.NewEncoder(out).Encode(report)
		}
		return printReport(out, report)
	}
	return cmd
}

// sayGone writes what goes, a line each, as it goes.
func sayGone(out io.Writer) func(server.Swept) {
	return func(s server.Swept) {
		if s.Kind == "image" {
			fmt.Fprintf(out, "image %s of %s/%s, %s\n", s.Digest, s.Account, s.Repository, s.Why)
			return
		}
		fmt.Fprintf(out, "layer %s, %s, %s\n", s.Digest, sizeText(s.Bytes), s.Why)
	}
}

func printReport(out io.Writer, r server.SweepReport) error {
	went := "went; %s are free\n"
	if r.DryRun {
		went = "would go; %s would be free\n"
	}
	_, err := fmt.Fprintf(out, "%d images and %d layers "+went, r.Images, r.Layers, sizeText(r.Freed))
	return err
}
