package main

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/audit"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Verify, list, export and purge the use log",
		Long: `The use log records every use of vaults and credentials under pseudonyms, each
line chained to the one before and checkpointed with a signature.

With a running server the commands ask it over its admin socket; "verify --data"
verifies the log of a stopped one.`,
	}
	c.AddCommand(auditVerifyCommand(), auditCheckpointCommand(), auditListCommand(), auditPurgeCommand())
	return c
}

func auditVerifyCommand() *cobra.Command {
	var socket, data, keys string
	var known []string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Find any change in the use log",
		Long: `Checks the chain of every segment and every signed checkpoint: an entry that was
edited, removed, inserted or moved is found and its place is named. A checkpoint
that was kept elsewhere ("audit checkpoint") also finds a log whose end was cut
off: give it with --known. Exits with status 2 when something is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report audit.Report
			checkpoints, err := readLines(known)
			if err != nil {
				return err
			}
			if data == "" {
				if err := admin(cmd.Context(), socket, "GET", "/audit/verify?"+url.Values{"known": checkpoints}.Encode(), nil, &report); err != nil {
					return err
				}
			} else {
				if keys == "" {
					keys = filepath.Join(data, "keys")
				}
				s, err := loadSecrets(keys)
				if err != nil {
					return err
				}
				if report, err = audit.Verify(filepath.Join(data, "use-log"), []crypto.PublicKey{s.signing["use-log"].Public()}, checkpoints...); err != nil {
					return err
				}
			}
			return printReport(cmd.OutOrStdout(), report)
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&data, "data", "", "data directory of a stopped server, instead of the socket")
	c.Flags().StringVar(&keys, "keys", "", "its key directory; empty means <data>/keys")
	c.Flags().StringSliceVar(&known, "known", nil, "files with checkpoints that were kept elsewhere")
	return c
}

func auditCheckpointCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Sign the present state and print it, to be kept elsewhere",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return admin(cmd.Context(), socket, "POST", "/audit/checkpoint", nil, cmd.OutOrStdout())
		},
	}
	socketFlag(c, &socket)
	return c
}

// readLines reads files of one line each.
func readLines(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, strings.TrimSpace(string(b)))
	}
	return out, nil
}

func printReport(w io.Writer, r audit.Report) error {
	for _, c := range r.Classes {
		fmt.Fprintf(w, "%-12s kept %-5s entries %d to %d in %d segments, %d after the last checkpoint\n", c.Name, c.Keep, c.First, c.Last, c.Segments, c.Unsigned)
	}
	if r.OK() {
		fmt.Fprintf(w, "The use log is intact. Last checkpoint: number %d, signed %s.\n", r.Checkpoint, r.Signed.UTC().Format("2006-01-02 15:04:05 MST"))
		return nil
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, "CHANGED:", p)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(w, "CHANGED: there is no log")
	}
	return exitStatus(2)
}

func auditListCommand() *cobra.Command {
	var socket, format, organisation string
	var kinds []string
	c := &cobra.Command{
		Use:   "list",
		Short: "Print entries as JSON lines or syslog (RFC 5424)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"format": {format}, "kind": kinds}
			if organisation != "" {
				q.Set("organisation", organisation)
			}
			return admin(cmd.Context(), socket, "GET", "/audit/entries?"+q.Encode(), nil, cmd.OutOrStdout())
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&format, "format", "json", "json or syslog")
	c.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds, such as fetch, load, share")
	c.Flags().StringVar(&organisation, "organisation", "", "only this organisation")
	return c
}

func auditPurgeCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "purge",
		Short: "Remove segments that are older than their retention class",
		Long:  "A running server does this by itself once a day. The log stays verifiable.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var purged []audit.Purged
			if err := admin(cmd.Context(), socket, "POST", "/audit/purge", nil, &purged); err != nil {
				return err
			}
			if len(purged) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "Nothing is old enough.")
			}
			for _, p := range purged {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d entries in %d segments\n", p.Class, p.Entries, p.Segments)
			}
			return nil
		},
	}
	socketFlag(c, &socket)
	return c
}

// readJSON reads a JSON file of ours.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

var errNoWallet = errors.New("there is no wallet here; make one with `zegel wallet activate`")
