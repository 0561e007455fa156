package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func vaultsCommand() *cobra.Command {
	c := &cobra.Command{Use: "vaults", Short: "See which citizens should be reminded to open their vault"}
	c.AddCommand(vaultsDueCommand())
	return c
}

func vaultsDueCommand() *cobra.Command {
	var socket string
	var within int
	var asJSON bool
	c := &cobra.Command{
		Use:   "due",
		Short: "List vaults that should be opened soon",
		Long: `Lists the WebIDs of vaults that their citizens should open before a month, because
the evidence of seals in them has to be time-stamped again, which only the
wallet of the citizen can do. The month is all that the platform knows of it.
Opened earlier than about half a year before, nothing has to be done yet.
With --json each has what to tell the citizen, in nl, fr, de and en.`,
		Example: "  zegel vaults due --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if within < 0 || within > 600 {
				return fmt.Errorf("--within: found %d, expected a number of months from 0 to 600", within)
			}
			before := time.Now().UTC().AddDate(0, within, 0).Format(time.RFC3339)
			due := []dueVault{}
			if err := admin(cmd.Context(), socket, "GET", "/vaults/due?before="+url.QueryEscape(before), nil, &due); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), due)
			}
			for _, d := range due {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", d.OpenBefore, d.WebID)
			}
			if len(due) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "No vault has to be opened by then.")
			}
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().IntVar(&within, "within", 3, "how many months ahead to look")
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON, with texts for the citizens")
	return c
}
