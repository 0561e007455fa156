package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/trust"
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
	c.AddCommand(signersCertifyCommand(), signersReplaceCommand())
	socketFlag(c, &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "in JSON")
	return c
}

func signersReplaceCommand() *cobra.Command {
	var socket, tenant string
	c := &cobra.Command{
		Use:   "replace",
		Short: "Take the seal key into use that the configuration names now",
		Long: `Has a running server read its configuration again and seal with the key that stands
there under seal, for the issuer or a tenant: another key in the same module, or
elsewhere. The key is held against its certificate and tried first; if it does not
hold, the one before stays in use. Nothing else of the configuration is taken over.`,
		Example: "  zegel signers replace --socket /var/lib/zegel/admin.sock",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out struct {
				Certificate string `json:"certificate"`
			}
			if err := admin(cmd.Context(), socket, "POST", "/signers/replace?"+url.Values{"tenant": {tenant}}.Encode(), nil, &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Sealing with the certificate %s.\n", out.Certificate)
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&tenant, "tenant", "", "a tenant; the issuer itself if left out")
	return c
}

func signersCertifyCommand() *cobra.Command {
	var dir, tenant, public string
	c := &cobra.Command{
		Use:   "certify",
		Short: "Certify a key in a module for tests",
		Long: `Certifies the public key of a key that is in a hardware module or elsewhere, with
the authority of the test hierarchy in a key directory, for the seals of its issuer
or of a tenant. The certificate is printed; it goes into certificate_file.

Nobody else trusts it. For a real seal have the key certified by a trust service
provider (docs/runbooks/signers.md).`,
		Example: "  zegel signers certify --dir ./keys --public-key seal-key.pub > seal.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if public == "" {
				return errors.New("--public-key is missing: a PEM file with the key to certify")
			}
			keys, err := readPublicKeys([]string{public})
			if err != nil {
				return fmt.Errorf("--public-key: %w", err)
			}
			h, err := loadHierarchy(dir)
			if err != nil {
				return err
			}
			certificate, err := h.CertifySeal(tenant, keys[0], time.Now())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(trust.EncodePEM(certificate))
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "keys", "the key directory")
	c.Flags().StringVar(&tenant, "tenant", "", "a tenant; the issuer itself if left out")
	c.Flags().StringVar(&public, "public-key", "", "PEM file with the public key (required)")
	return c
}
