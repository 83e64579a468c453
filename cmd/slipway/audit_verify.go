package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"slipway/server"
)

func auditVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Find records that were altered behind Slipway's back",
		Long: `Walk the records of every account and tell whether one was altered, taken away or added by
somebody who can write in the database. It asks the server that runs on the data folder, as
the owner of that folder. A TIP that was noted elsewhere proves later that nothing older was
cut off.`,
		Example: `  sudo slipway audit verify`,
		Args:    cobra.NoArgs,
	}
	data := cmd.Flags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		chains, err := server.NewControl(*data).VerifyAudit(cmd.Context())
		if err != nil {
			return controlHint(err)
		}
		if err := printRows(cmd.OutOrStdout(), output, chains, "ACCOUNT RECORDS FROM TO TIP STATE", chainCells); err != nil {
			return err
		}
		for _, chain := range chains {
			if chain.Broken != "" {
				return fmt.Errorf("the audit is not as it was written: %s", chain.Broken)
			}
		}
		return nil
	}
	return cmd
}

func chainCells(c server.AuditChain) []string {
	state := "as written"
	if c.Broken != "" {
		state = "BROKEN"
	}
	return []string{c.Account, strconv.FormatInt(c.Records, 10), instant(c.First), instant(c.Last), c.Tip[:min(16, len(c.Tip))], state}
}
