package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"slipway/engine/containerd"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what this machine needs to run containers",
		Long:  "Check what this machine needs to run containers, and say how to get what is missing.",
		Example: `  sudo slipway doctor
  slipway doctor -o json`,
		Args: cobra.NoArgs,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		checks := containerd.Check()
		err := printRows(cmd.OutOrStdout(), output, checks, "CHECK STATE DETAIL", func(c containerd.Requirement) []string {
			if c.OK {
				return []string{c.Name, "ok", c.Detail}
			}
			return []string{c.Name, "MISSING", c.Detail + "; " + c.Hint}
		})
		missing := slices.DeleteFunc(slices.Clone(checks), func(c containerd.Requirement) bool { return c.OK })
		if err == nil && len(missing) > 0 {
			return fmt.Errorf("%d of %d checks failed", len(missing), len(checks))
		}
		return err
	}
	return cmd
}
