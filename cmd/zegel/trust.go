package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

func trustCommand() *cobra.Command {
	c := &cobra.Command{Use: "trust", Short: "Show, fetch and explain the trusted lists of the Union, and lists of trusted entities"}
	c.AddCommand(trustShowCommand(), trustFetchCommand(), trustExplainCommand(), entitiesCommand())
	return c
}

func trustShowCommand() *cobra.Command {
	var from trustFrom
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the trusted lists that the running server follows",
		Long: `Shows each list with its number, its next update, and how many services it has:
all, those granted now that issue qualified certificates, those that make
qualified time-stamps. A list that could not be had says why; the last good one
is used until its next update.

With --config it needs no server and shows what an installation has kept.

Exits with status 0, and with 2 when nothing was asked, such as without a server.`,
		Args: notAskedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lists, err := from.lists(cmd.Context(), faultLogger(cmd))
			if err == nil {
				err = showLists(cmd.OutOrStdout(), lists, asJSON)
			}
			return notAsked(cmd, err)
		},
	}
	c.SetFlagErrorFunc(notAsked)
	from.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

// trustFrom is whom show and explain ask: a running server, or what an installation
// has kept.
type trustFrom struct{ socket, config string }

func (f *trustFrom) flags(c *cobra.Command) {
	socketFlag(c, &f.socket)
	c.Flags().StringVar(&f.config, "config", "", "configuration of an installation whose kept lists are asked, without a server")
}

// kept are the lists of the configuration.
func (f trustFrom) kept(ctx context.Context, log *slog.Logger) (*trustedLists, error) {
	c, err := LoadConfig(f.config)
	if err != nil {
		return nil, err
	}
	store, err := trust.NewStore(nil, 0)
	if err != nil {
		return nil, err
	}
	l, err := keptTrustedLists(ctx, c, store, log, time.Now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.config, err)
	}
	return l, nil
}

func (f trustFrom) lists(ctx context.Context, log *slog.Logger) (lists []listStatus, err error) {
	if f.config == "" {
		return lists, admin(ctx, f.socket, "GET", "/trust/lists", nil, &lists)
	}
	l, err := f.kept(ctx, log)
	if err != nil {
		return nil, err
	}
	return l.status(), nil
}

func (f trustFrom) explain(ctx context.Context, chain []*x509.Certificate, at time.Time, log *slog.Logger) (e explanation, err error) {
	if f.config == "" {
		path := "/trust/explain"
		if !at.IsZero() {
			path += "?at=" + url.QueryEscape(at.Format(time.RFC3339))
		}
		return e, admin(ctx, f.socket, "POST", path, explainRequest{Chain: string(trust.EncodePEM(chain...))}, &e)
	}
	l, err := f.kept(ctx, log)
	if err != nil {
		return e, err
	}
	now := l.now()
	if at.IsZero() {
		at = now
	}
	return l.explain(chain, tsl.Times{Signature: at, Now: now}), nil
}

// notAsked tells an error and ends with a status of its own, so that a script tells
// a bad list from a bad command.
func notAsked(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "zegel:", err)
	if cmd.Name() == explainName {
		return exitStatus(3) // 1 and 2 are answers
	}
	return exitStatus(2)
}

func notAskedArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return notAsked(cmd, check(cmd, args)) }
}

// faultLogger tells what of the kept lists is not acceptable.
func faultLogger(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func showLists(w io.Writer, lists []listStatus, asJSON bool) error {
	if asJSON {
		return printJSON(w, lists)
	}
	printLists(w, lists)
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
		switch {
		case l.Error == "":
		case l.Address == "": // nothing points to it
			fmt.Fprintf(w, "    %s\n", printable(l.Error))
		default:
			fmt.Fprintf(w, "    %s: %s\n", printable(l.Address), printable(l.Error))
		}
	}
}

const explainName = "explain"

func trustExplainCommand() *cobra.Command {
	var from trustFrom
	var at string
	var asJSON bool
	c := &cobra.Command{
		Use:   explainName + " CERT",
		Short: "Explain what the trusted lists make of a certificate",
		Long: `Reads a PEM file with a certificate, and its issuers after it where the listed
authority did not issue it itself, and says whether it is a qualified certificate
for electronic seals, whether its key is in a qualified device, and every step
that led there (ETSI TS 119 615). Whether the certificate is valid or revoked is
another question.

--at asks for a signature of an earlier time. With --config it needs no server
and asks the lists that an installation has kept.

Exits with status 0 when the answer is yes, 1 when it is no, 2 when the lists do
not tell, and 3 when nothing was asked, such as without a server.`,
		Example: "  zegel trust explain seal.pem --at 2026-11-25T12:00:00Z",
		Args:    notAskedArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := explainFile(cmd, from, args[0], at)
			switch {
			case err != nil:
			case asJSON:
				err = printJSON(cmd.OutOrStdout(), e)
			default:
				printExplanation(cmd.OutOrStdout(), e)
			}
			switch {
			case err != nil:
				return notAsked(cmd, err)
			case e.Qualified == tsl.Negative:
				return exitStatus(1)
			case e.Qualified != tsl.Positive:
				return exitStatus(2)
			default:
				return nil
			}
		},
	}
	c.SetFlagErrorFunc(notAsked)
	from.flags(c)
	c.Flags().StringVar(&at, "at", "", "time of the signature, such as 2026-11-25T12:00:00Z; now if left out")
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

// explainFile asks about the certificates of a file. Nothing else that may stand in
// it is sent anywhere.
func explainFile(cmd *cobra.Command, from trustFrom, file, at string) (explanation, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return explanation{}, err
	}
	chain, err := trust.ParsePEM(b)
	if err != nil {
		return explanation{}, fmt.Errorf("%s: %w", file, err)
	}
	var then time.Time
	if at != "" {
		if then, err = time.Parse(time.RFC3339, at); err != nil {
			return explanation{}, fmt.Errorf("--at: found %q, expected a time such as 2026-11-25T12:00:00Z (RFC 3339)", at)
		}
	}
	return from.explain(cmd.Context(), chain, then, faultLogger(cmd))
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
