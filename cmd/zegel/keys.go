package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Make, import, list, rotate and retire keys"}
	c.AddCommand(keysInitCommand(), keysTenantCommand(), keysInstanceCommand(),
		keysRequestCommand(), keysInstallCommand(), keysImportCommand(), keysListCommand(), keysRotateCommand(), keysRetireCommand(), keysHistoryCommand())
	return c
}

func keysInitCommand() *cobra.Command {
	var dir, issuerURL, organization, registration string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the secrets of the roles and a test hierarchy of certificates",
		Long: `Makes, in an empty directory:

  secrets/    random keys of the roles, the signing keys of the use log, of
              vault handles and of the public history of keys
  hierarchy/  an authority, an eSeal certificate with the statements of a
              qualified one, a status list signer, a local list of PuB-EAA
              providers with its signer, an authority for access certificates
              of receivers, a signer of the issuer's metadata with one, and a
              registrar

The hierarchy is for development and tests: every name in it says TEST and
nobody else trusts it. Files that hold keys have mode 0600; nothing is written
over.`,
		Example: "  zegel keys init --dir ./keys --issuer https://issuer.example.org",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if issuerURL == "" {
				return errors.New("--issuer is missing: the base URL of the issuer stands in its seal certificate")
			}
			if err := initKeys(dir, devca.Options{Now: time.Now(), Issuer: issuerURL, Organization: organization, Registration: registration}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Keys of %s made in %s.\n", issuerURL, dir)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "keys", "the directory to make")
	c.Flags().StringVar(&issuerURL, "issuer", "", "base URL of the issuer (required)")
	c.Flags().StringVar(&organization, "organization", "", "name of the public body; empty takes a fictitious one")
	c.Flags().StringVar(&registration, "registration", "", "its registration, such as NTRBE-0999999922")
	return c
}

// initKeys fills an empty key directory.
func initKeys(dir string, o devca.Options) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty; keys are never written over", dir)
	}
	h, err := devca.New(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := h.Save(filepath.Join(dir, hierarchyDir)); err != nil {
		return err
	}
	return initSecrets(dir)
}

func keysTenantCommand() *cobra.Command {
	var dir, tenant, issuerURL, organization, registration string
	var source qc.PublicBody
	c := &cobra.Command{
		Use:   "tenant NAME",
		Short: "Make the keys of a further issuer under the same deployment",
		Long: `Adds to a key directory, while no server uses it:

  secrets/tenants/NAME/  random keys of the tenant
  hierarchy/             an eSeal certificate, a status list signer and a
                         metadata signer of the tenant's public body, which also
                         stands in the list of providers from then on

The tenant's identifier may lie below the issuer's (https://host/school) or on
a host of its own. Name the tenant in issuer.tenants of the configuration.`,
		Example: "  zegel keys tenant school --dir ./keys --issuer https://issuer.example.org/school --organization 'Oefenschool (TEST)' --registration NTRBE-0999999823",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tenant = args[0]
			if issuerURL == "" || organization == "" || registration == "" {
				return errors.New("--issuer, --organization and --registration are needed: they stand in the tenant's seal certificate and tell it from the others")
			}
			o := devca.Options{Now: time.Now(), Issuer: issuerURL, Organization: organization, Registration: registration, Source: source}
			if err := initTenant(dir, tenant, o); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Keys of tenant %s, %s, made in %s.\n", tenant, issuerURL, dir)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "keys", "the directory that zegel keys init made")
	c.Flags().StringVar(&issuerURL, "issuer", "", "identifier of the tenant as an issuer (required)")
	c.Flags().StringVar(&organization, "organization", "", "name of the public body (required)")
	c.Flags().StringVar(&registration, "registration", "", "its registration, such as NTRBE-0999999823 (required)")
	c.Flags().StringVar(&source.Source, "source", "", "its authentic source; empty takes that of LED")
	c.Flags().StringVar(&source.Legislation, "legislation", "", "the law that makes it one; empty takes a fictitious one")
	return c
}

// initTenant makes the keys of a tenant. The hierarchy is changed last: what is
// there before of an attempt that was cut off is made use of.
func initTenant(dir, tenant string, o devca.Options) error {
	h, err := loadHierarchy(dir)
	if err != nil {
		return err
	}
	if err := h.AddTenant(tenant, o); err != nil {
		return err
	}
	if err := initTenantSecrets(dir, tenant); err != nil {
		return err
	}
	return h.Update(filepath.Join(dir, hierarchyDir))
}

func apiKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "api-key",
		Short: "Draw an API key and its digest for a configuration",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, digest := rest.NewKey()
			fmt.Fprintf(cmd.OutOrStdout(), "key (give it to the institution, it is shown once): %s\ndigest (put it in the configuration as key_sha256): %s\n", key, digest)
			return nil
		},
	}
}
