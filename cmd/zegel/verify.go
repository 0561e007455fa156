package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/verifier"
)

func verifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Verify what was kept, without a network"}
	c.AddCommand(verifyEvidenceCommand())
	return c
}

// Exit statuses of verify evidence.
const (
	evidenceFails      exitStatus = 1
	evidenceUnanchored exitStatus = 2
)

// anchorUses are the names of uses on the command line.
var anchorUses = map[string]trust.Use{"seal": trust.UseSeal, "status-list": trust.UseStatus, "list-signer": trust.UseListSigner, "access": trust.UseAccessCertificate, "registrar": trust.UseRegistrar}

func verifyEvidenceCommand() *cobra.Command {
	var keys, algorithms string
	var files []string
	c := &cobra.Command{
		Use:   "evidence FILE",
		Short: "Judge the evidence of a presentation again",
		Long: `Reads evidence that the verifier's API answered with and makes its judgement
again, as of the time when it was made, from what the file holds: signature,
policy, request, registration, presentations with their seals, holders, status
lists and revocation lists, and the verdict. Nothing is fetched.

Whom to trust is for the reader to say: --keys takes the anchors of a key
directory of this installation, --anchor names certificates for a use (seal,
status-list, list-signer, access, registrar). With the signer of the list of
providers, those of seals and status lists may be left out. Without anchors those
in the file are believed, and their digests are printed. So too with --algorithms,
a file that says until when algorithms are believed (in the form of
verifier.trust.revocation.algorithms); without it the table in the file is
believed, unless it is that of ETSI TS 119 312.

Exits with status 0 when all holds under given anchors, 1 when something does not
hold, 2 when all holds and anchors were not given for everything. The file holds
personal data; of the presentation only the checks are printed.`,
		Example: "  zegel verify evidence admission.jwt --anchor list-signer=list.pem --anchor access=access.pem --anchor registrar=registrar.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			anchors, err := evidenceAnchors(keys, files)
			if err != nil {
				return err
			}
			var options []verifier.ReviewOption
			if algorithms != "" {
				s, err := readSuite(algorithms)
				if err != nil {
					return fmt.Errorf("--algorithms: %w", err)
				}
				options = append(options, verifier.WithSuite(s))
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			return verifyEvidence(cmd.Context(), cmd.OutOrStdout(), strings.TrimSpace(string(b)), anchors, options...)
		},
	}
	c.Flags().StringVar(&algorithms, "algorithms", "", "file with a table of algorithms that is believed")
	c.Flags().StringVar(&keys, "keys", "", "key directory whose anchors are trusted")
	c.Flags().StringArrayVar(&files, "anchor", nil, "use=FILE with certificates in PEM; may be repeated")
	return c
}

func evidenceAnchors(keys string, files []string) (trust.Anchors, error) {
	if keys == "" && len(files) == 0 {
		return nil, nil
	}
	anchors := trust.Anchors{}
	if keys != "" {
		h, err := loadHierarchy(keys)
		if err != nil {
			return nil, err
		}
		anchors = h.Anchors()
	}
	for _, text := range files {
		name, path, ok := strings.Cut(text, "=")
		use, known := anchorUses[name]
		if !ok || !known {
			return nil, fmt.Errorf("--anchor: found %q, expected use=FILE with one of seal, status-list, list-signer, access, registrar", text)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		certs, err := trust.ParsePEM(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		anchors[use] = append(anchors[use], certs...)
	}
	return anchors, nil
}

func verifyEvidence(ctx context.Context, w io.Writer, text string, anchors trust.Anchors, options ...verifier.ReviewOption) error {
	r := verifier.Reverify(ctx, text, anchors, options...)
	if e := r.Evidence; e != nil {
		fmt.Fprintf(w, "Receiver %s (%s), transaction %s\n", printable(e.Receiver.Name), printable(e.Receiver.Registration), printable(e.Transaction))
	}
	printChecks(w, "", r.Checks)
	if r.Result != nil {
		fmt.Fprintf(w, "Verdict of then, made again: verified %t, seal %s\n", r.Result.Verified, r.Result.Qualification)
		for _, p := range r.Result.Presentations {
			if p.Seal != nil && p.Seal.Statement != nil {
				fmt.Fprintf(w, "  %s\n", p.Seal.Statement.Texts["en"])
			}
		}
		printChecks(w, "  ", r.Result.Checks)
		for _, p := range r.Result.Presentations {
			fmt.Fprintf(w, "  %s: verified %t\n", printable(p.QueryID), p.Verified)
			printChecks(w, "    ", p.Checks)
		}
	}
	holds, anchored := r.OK()
	switch {
	case !holds:
		fmt.Fprintln(w, "The evidence does not hold.")
		return evidenceFails
	case !anchored:
		fmt.Fprintln(w, "The evidence holds, if the anchors that were not given are to be trusted.")
		return evidenceUnanchored
	default:
		fmt.Fprintln(w, "The evidence holds.")
		return nil
	}
}

func printChecks(w io.Writer, indent string, r credential.Report) {
	for _, c := range r {
		line := fmt.Sprintf("%s%-7s %s", indent, c.Outcome, c.Name)
		if c.Detail != "" {
			line += ": " + printable(c.Detail)
		}
		if c.Outcome != credential.Passed && c.Spec != "" {
			line += " (" + printable(c.Spec) + ")"
		}
		fmt.Fprintln(w, line)
	}
}

// printable keeps what stands in a file of others from moving the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
