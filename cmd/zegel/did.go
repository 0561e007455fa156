package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/registry"
	"github.com/zegel-id/zegel/internal/fetch"
)

func didCommand() *cobra.Command {
	var loopback bool
	c := &cobra.Command{
		Use:   "did",
		Short: "Resolve DIDs and check the link between a WebID and its DID",
		Long: `Resolves did:web, did:key and did:jwk, and checks the link between a WebID and a
DID in both directions, as anyone outside can. Addresses are fetched over https
from public hosts only.`,
	}
	c.PersistentFlags().BoolVar(&loopback, "insecure-loopback", false, "also reach http://localhost, for a demonstration on this machine")
	fetcher := func() fetch.Typed {
		return fetch.Typed{Fetcher: fetch.Public(fetch.Options{InsecureAllowLoopback: loopback, MaxBody: did.MaxDocument + 1})}
	}
	resolve := &cobra.Command{
		Use: "resolve DID", Short: "Print the DID document", Args: cobra.ExactArgs(1),
		Example: "  zegel did resolve did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
		RunE: func(cmd *cobra.Command, args []string) error {
			var options []registry.Option
			if loopback {
				options = append(options, registry.InsecureLoopback())
			}
			doc, err := registry.New(fetcher(), options...).Resolve(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), doc)
		},
	}
	link := &cobra.Command{
		Use: "link WEBID|DID", Short: "Check the link between a WebID and its DID, rule by rule", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options := []did.Option{did.Clock(time.Now)}
			if loopback {
				options = append(options, did.InsecureLoopback())
			}
			r, err := did.VerifyLink(cmd.Context(), args[0], fetcher(), options...)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "WebID  %s\nDID    %s\nstate  %s\n", r.WebID, r.DID, r.Status)
			for _, c := range r.Checks {
				fmt.Fprintf(out, "%-8s %-14s %s (%s)\n", c.Outcome, c.Name, c.Detail, c.Spec)
			}
			if !r.Checks.OK() {
				return exitStatus(2)
			}
			return nil
		},
	}
	c.AddCommand(resolve, link)
	return c
}
