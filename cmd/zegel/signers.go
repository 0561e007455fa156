package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func signersCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "signers",
		Short: "Show the seal keys in hardware modules and at providers",
		Long: `Shows each seal key of a running server that is not in its key directory: where
it is, whether it can be reached, how many signatures wait for it and how those
before went. Keys in the key directory are not shown.`,
		Example: "  zegel signers --socket /var/lib/zegel/admin.sock",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var keys []sealKeyState
			if err := admin(cmd.Context(), socket, "GET", "/signers", nil, &keys); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				e := json.NewEncoder(out)
				e.SetIndent("", "  ")
				return e.Encode(keys)
			}
			if len(keys) == 0 {
				fmt.Fprintln(out, "Every seal key is in the key directory.")
				return nil
			}
			w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "TENANT\tSIGNER\tSTATE\tBUSY\tWAITING\tSIGNED\tCERTIFICATE UNTIL")
			for _, k := range keys {
				name := k.Tenant
				if name == "" {
					name = "-"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%d\t%d\t%s\n", name, k.Signer, k.State, k.Busy, k.AtOnce, k.Waiting, k.Signed[sealOK], k.Until.UTC().Format(time.DateOnly))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			for _, k := range keys {
				if k.Reason != "" {
					fmt.Fprintf(out, "%s, since %s: %s\n", k.Signer, k.Since.UTC().Format(time.RFC3339), k.Reason)
				}
			}
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "in JSON")
	return c
}
