package main

import (
	"github.com/spf13/cobra"

	"slipway/server"
)

// registryCommand is what the owner of a data folder does with the registry beyond what ECR's API has.
func registryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "See to the image registry, beyond what the aws command can",
		Long: `See to the image registry, beyond what the aws command can. It asks the server that runs on
the data folder, as the owner of that folder.`,
		Example: `  sudo slipway registry usage
  sudo slipway registry sweep --dry-run
  sudo slipway registry mark --file usr/lib/libbad.so --reason CVE-2026-1
  sudo slipway registry hooks add https://example.com/pushed --kind image.pushed`,
		Args: cobra.NoArgs,
	}
	data := cmd.PersistentFlags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	cmd.AddCommand(usageCommand(data), quotaCommand(data), sweepCommand(data), markCommand(data), unmarkCommand(data), marksCommand(data),
		hooksCommand(data), loginsCommand(data), customerKeysCommand(data))
	return cmd
}
