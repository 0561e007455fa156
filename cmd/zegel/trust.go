package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/trust/tsl"
)

func trustCommand() *cobra.Command {
	c := &cobra.Command{Use: "trust", Short: "Show, fetch and explain the trusted lists of the Union"}
	c.AddCommand(trustShowCommand(), trustFetchCommand(), trustExplainCommand())
	return c
}

func trustShowCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the trusted lists that the running server follows",
		Long: `Shows each list with its number, its next update, and how many services it has:
all, those granted now that issue qualified certificates, those that make
qualified time-stamps. A list that could not be had says why; the last good one
is used until its next update.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return trustLists(cmd.Context(), cmd.OutOrStdout(), socket, "GET", "/trust/lists", asJSON)
		},
	}
	socketFlag(c, &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func trustFetchCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Have the running server fetch its trusted lists now",
		Long: `Fetches the list of lists and every national list at once, as the server does by
itself every few hours, and shows how it stands with each. Exits with status 1
when a list could not be had or is not acceptable.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.ErrOrStderr(), "Fetching the trusted lists; this can take minutes.")
			return trustLists(cmd.Context(), cmd.OutOrStdout(), socket, "POST", "/trust/fetch", asJSON)
		},
	}
	socketFlag(c, &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func trustLists(ctx context.Context, w io.Writer, socket, method, path string, asJSON bool) error {
	var lists []listStatus
	if err := admin(ctx, socket, method, path, nil, &lists); err != nil {
		return err
	}
	if asJSON {
		if err := printJSON(w, lists); err != nil {
			return err
		}
	} else {
		printLists(w, lists)
	}
	if method == "GET" {
		return nil
	}
	for _, l := range lists {
		if l.Error != "" {
			return exitStatus(1)
		}
	}
	return nil
}

func printLists(w io.Writer, lists []listStatus) {
	if len(lists) == 0 {
		fmt.Fprintln(w, "No list was fetched yet.")
	}
	for _, l := range lists {
		switch {
		case l.Sequence == 0:
			fmt.Fprintf(w, "%-3s none yet", printable(l.Territory))
		default:
			fmt.Fprintf(w, "%-3s number %d, next update %s", printable(l.Territory), l.Sequence, l.NextUpdate.Format(time.RFC3339))
		}
		if l.Expired {
			fmt.Fprint(w, ", EXPIRED")
		}
		if l.Services > 0 {
			fmt.Fprintf(w, ", %d services: %d granted for certificates, %d for time-stamps", l.Services, l.CAs, l.TimeStamps)
		}
		if l.Sequence > 0 && l.Fetched.IsZero() {
			fmt.Fprint(w, ", kept from before the start")
		}
		fmt.Fprintln(w)
		if l.Error != "" {
			fmt.Fprintf(w, "    %s: %s\n", printable(l.Address), printable(l.Error))
		}
	}
}

func trustExplainCommand() *cobra.Command {
	var socket, at string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain CERT",
		Short: "Explain what the trusted lists make of a certificate",
		Long: `Reads a PEM file with a certificate, and its issuers after it where the listed
authority did not issue it itself, and says whether it is a qualified certificate
for electronic seals, whether its key is in a qualified device, and every step
that led there (ETSI TS 119 615). Whether the certificate is valid or revoked is
another question.

--at asks for a signature of an earlier time. Exits with status 1 when the
answer is no, 2 when the lists do not tell.`,
		Example: "  zegel trust explain seal.pem --at 2026-11-25T12:00:00Z",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			path := "/trust/explain"
			if at != "" {
				path += "?at=" + url.QueryEscape(at)
			}
			var e explanation
			if err := admin(cmd.Context(), socket, "POST", path, explainRequest{Chain: string(b)}, &e); err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), e)
			} else {
				printExplanation(cmd.OutOrStdout(), e)
			}
			switch {
			case err != nil:
				return err
			case e.Qualified == tsl.Negative:
				return exitStatus(1)
			case e.Qualified != tsl.Positive:
				return exitStatus(2)
			default:
				return nil
			}
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&at, "at", "", "time of the signature (RFC 3339); now if left out")
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func printExplanation(w io.Writer, e explanation) {
	fmt.Fprintf(w, "Qualified certificate for electronic seals: %s\n", e.Qualified)
	if e.Qualified == tsl.Positive {
		device := e.Device.String()
		if e.Managed {
			device += ", managed by a provider"
		}
		fmt.Fprintf(w, "Key in a qualified device: %s\n", device)
	}
	for i, s := range e.Services {
		status := s.Status[strings.LastIndexByte(s.Status, '/')+1:]
		fmt.Fprintf(w, "Service %d: %s of %s, %s since %s, list %d of %s\n", i+1, printable(s.Name), printable(s.Provider), printable(status), s.Since.Format(time.RFC3339), s.Sequence, printable(s.Territory))
	}
	for _, s := range e.Steps {
		line := fmt.Sprintf("%-13s %s", s.Outcome, s.Name)
		if s.Service > 0 {
			line += fmt.Sprintf(" (service %d)", s.Service)
		}
		if !s.At.IsZero() {
			line += " at " + s.At.UTC().Format(time.RFC3339)
		}
		line += ": " + printable(s.Found)
		if s.Spec != "" {
			line += " (" + s.Spec + ")"
		}
		fmt.Fprintln(w, line)
	}
}
