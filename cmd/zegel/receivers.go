package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func receiversCommand() *cobra.Command {
	c := &cobra.Command{Use: "receivers", Short: "Admit and suspend receiving organisations"}
	c.AddCommand(receiversReloadCommand())
	return c
}

func receiversReloadCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "reload",
		Short: "Have the running server read its register of receivers anew",
		Long: `Reads the file that verifier.receivers names. A receiver that it suspends gets no
request signed, no answer taken and no result from that moment on, also for
transactions that were started before. A file with a fault changes nothing; the
fault is told.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := admin(cmd.Context(), socket, "POST", "/receivers/reload", nil, nil); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The register of receivers was read anew.")
			return nil
		},
	}
	socketFlag(c, &socket)
	return c
}
