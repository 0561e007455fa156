package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// keysPlace is whose keys a command changes.
type keysPlace struct{ dir, tenant, socket string }

func (p *keysPlace) flags(c *cobra.Command, tenant bool) {
	c.Flags().StringVar(&p.dir, "dir", "keys", "the key directory")
	socketFlag(c, &p.socket)
	if tenant {
		c.Flags().StringVar(&p.tenant, "tenant", "", "a tenant; the issuer itself if left out")
	}
}

func (p keysPlace) body() (*devca.Body, error) {
	h, err := loadHierarchy(p.dir)
	if err != nil {
		return nil, err
	}
	return h.Tenant(p.tenant)
}

// changed tells a running server, which writes the change into the use log; one that
// does not run does so at its start.
func (p keysPlace) changed(cmd *cobra.Command) {
	if !listens(cmd.Context(), p.socket) {
		return
	}
	if err := admin(cmd.Context(), p.socket, "POST", "/keys/changed", nil, nil); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "The running server could not be told (%v); it logs the change at its next start.\n", err)
	}
}

func keysRequestCommand() *cobra.Command {
	var place keysPlace
	var subject, config, out string
	var inToken bool
	c := &cobra.Command{
		Use:   "request",
		Short: "Make a key and a request for its seal certificate",
		Long: `Makes a P-256 key that waits in the key directory and prints a certificate request
for it (PKCS #10, RFC 2986), for an authority that certifies keys for electronic seals.
The request names the legal person with its organizationIdentifier, the address of the
issuer as a subject alternative name, and the key usage of seals. The answer of the
authority goes to zegel keys install.

With --pkcs11 the key is the one in the hardware module that issuer.seal.pkcs11 of the
configuration names, which signs the request; it must be there, its certificate_file
need not.

--subject parts attributes by commas; a backslash takes the next character as it is.
If it is left out it is made of what zegel keys init was told.`,
		Example: `  zegel keys request --dir /var/lib/zegel/keys \
    --subject 'C=BE,O=Voorbeeld (TEST),organizationIdentifier=NTRBE-0999999922,CN=Voorbeeld (TEST)' --out seal.csr
  zegel keys request --pkcs11 --config /etc/zegel/zegel.yaml --tenant school > school.csr
  openssl req -verify -noout -text -in seal.csr`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Lstat(out); out != "" && err == nil { // before a key is made
				return fmt.Errorf("--out: %s is there already; choose another file, or remove it first", out)
			}
			request, k, err := makeRequest(cmd.Context(), &place, subject, config, inToken)
			if err != nil {
				return err
			}
			place.changed(cmd)
			if out == "" {
				_, err = cmd.OutOrStdout().Write(request)
			} else if err = writeOpen(out, request); err != nil {
				err = fmt.Errorf("--out: %w; the key waits, and its request is in %s", err, ringOf(place.dir, place.tenant).Dir())
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "The key %s waits for its certificate. Give the request to the authority, and its answer to `zegel keys install`.\n", k.ID)
			return nil
		},
	}
	place.flags(c, true)
	c.Flags().StringVar(&subject, "subject", "", "the legal person, such as C=BE,O=...,organizationIdentifier=NTRBE-...,CN=...")
	c.Flags().StringVar(&out, "out", "", "file for the request; empty prints it")
	c.Flags().BoolVar(&inToken, "pkcs11", false, "for the key in the hardware module that the configuration names")
	c.Flags().StringVar(&config, "config", "zegel.yaml", "configuration file, for --pkcs11")
	c.MarkFlagsMutuallyExclusive("pkcs11", "dir") // the configuration has them
	c.MarkFlagsMutuallyExclusive("pkcs11", "socket")
	return c
}

// writeOpen writes a new file that everybody may read.
func writeOpen(path string, b []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(b)
	return err
}

func makeRequest(ctx context.Context, place *keysPlace, subject, config string, inToken bool) (request []byte, k keyring.Key, err error) {
	var c *SealConfig
	if inToken {
		if c, err = place.configured(config); err != nil {
			return nil, k, err
		}
	}
	body, err := place.body()
	if err != nil {
		return nil, k, err
	}
	if subject == "" {
		name := keyring.EscapeValue(body.Organization())
		subject = "C=BE,O=" + name + ",organizationIdentifier=" + body.Registration() + ",CN=" + name
	}
	s, err := keyring.ParseSubject(subject)
	if err != nil {
		return nil, k, fmt.Errorf("--%w", err)
	}
	if got := s.Organization.String(); got != body.Registration() {
		return nil, k, fmt.Errorf("--subject: organizationIdentifier is %s, and the list of providers has %s: verifiers would refuse the seals; use that, or make the keys of the issuer with --registration %s", got, body.Registration(), got)
	}
	ring := ringOf(place.dir, place.tenant)
	if c == nil {
		k, request, err = ring.Make(s, body.Issuer(), time.Now())
		return request, k, err
	}
	request, pub, err := c.PKCS11.request(ctx, s, body.Issuer())
	if err != nil {
		return nil, k, err
	}
	k, err = ring.Keep(pub, request, c.PKCS11.place(), time.Now())
	return request, k, err
}

// configured is the module that the configuration names, and its key directory.
func (p *keysPlace) configured(config string) (*SealConfig, error) {
	c, err := LoadConfig(config)
	if err != nil {
		return nil, err
	}
	p.dir, p.socket = c.Keys, c.Socket
	if c.Issuer != nil {
		for _, i := range c.Issuer.all() {
			if i.Tenant == p.tenant && i.Seal != nil && i.Seal.PKCS11 != nil {
				return i.Seal, nil
			}
		}
	}
	return nil, fmt.Errorf("--pkcs11: %s names no key in a module for that issuer; say where it is under issuer.seal.pkcs11", config)
}

// place is what people call where the key is.
func (c *PKCS11Config) place() string {
	name := c.KeyLabel
	if name == "" {
		name = c.KeyID
	}
	return "token " + c.TokenLabel + ", key " + name
}

// request has a key in a module sign a request for its own certificate.
func (c *PKCS11Config) request(ctx context.Context, s keyring.Subject, issuer string) (request []byte, pub crypto.PublicKey, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	token, err := c.open(ctx, time.Now)
	if err != nil {
		return nil, nil, fmt.Errorf("issuer.seal%w", tokenFault(err))
	}
	defer func() { err = errors.Join(err, token.Close()) }()
	key, err := token.Key(ctx, pkcs11.Selector{Label: c.KeyLabel, ID: c.keyID})
	if err != nil {
		return nil, nil, fmt.Errorf("issuer.seal%w", tokenFault(err))
	}
	request, err = keyring.SignRequest(key, s, issuer)
	return request, key.Public(), err
}

func keysInstallCommand() *cobra.Command {
	var place keysPlace
	c := &cobra.Command{
		Use:   "install CHAIN.pem",
		Short: "Fit the authority's certificate to the key that waits for it",
		Long: `Takes the answer of the authority to a request of zegel keys request: the certificate
and those above it, in PEM and in any order. It is held against the keys that wait,
of the issuer and of its tenants, and against what seals need: validity, key usage,
QcType eseal, organizationIdentifier, and the address of the issuer among the subject
alternative names. What it does not say beyond that is told, with what follows.

The key is then ready: take it into use with zegel keys rotate --use seal --to ID. For
a key in a module the chain is kept, for certificate_file.`,
		Example: "  zegel keys install chain.pem --dir /var/lib/zegel/keys",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			certs, err := readCertificates(args[0])
			if err != nil {
				return err
			}
			h, err := loadHierarchy(place.dir)
			if err != nil {
				return err
			}
			err = keyring.ErrMismatch
			t := newLocalTrust(place.dir, h, time.Now)
			for _, tenant := range t.tenants() {
				b, fault := h.Tenant(tenant)
				if fault != nil {
					return fault
				}
				var k keyring.Key
				var findings []string
				k, findings, err = t.ring(tenant).Install(certs, sealingOf(b, time.Now()))
				if errors.Is(err, keyring.ErrMismatch) {
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				place.changed(cmd)
				tellReady(cmd.OutOrStdout(), t.ring(tenant), tenant, k, findings)
				return nil
			}
			return fmt.Errorf("%s: %w", args[0], err)
		},
	}
	place.flags(c, false)
	return c
}

func keysImportCommand() *cobra.Command {
	var place keysPlace
	var passwordFile string
	c := &cobra.Command{
		Use:   "import FILE.p12",
		Short: "Take in a key and its certificates from a PKCS #12 file",
		Long: `Takes a seal key with its certificate and those above it, in any order, from a
PKCS #12 file (RFC 7292), also one that is encrypted with PBES2 as OpenSSL 3 does. They
are held against the same as by zegel keys install. Keys that are too weak are refused:
P-256, P-384, P-521 and RSA from 3072 bits are taken.

The password is read from a file that only you may read, or asked for on the terminal.
Destroy the PKCS #12 file afterwards: who has it can seal in your name.`,
		Example: `  zegel keys import seal.p12 --dir /var/lib/zegel/keys
  zegel keys import school.p12 --tenant school --password-file p12.password`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := place.body()
			if err != nil {
				return err
			}
			text, err := readFileBounded(args[0], 1<<20)
			if err != nil {
				return err
			}
			password, err := readPassword(cmd.ErrOrStderr(), passwordFile)
			if err != nil {
				return err
			}
			key, certs, err := keyring.ParsePKCS12(text, password)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			ring := ringOf(place.dir, place.tenant)
			k, findings, err := ring.Import(key, certs, sealingOf(body, time.Now()))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			place.changed(cmd)
			tellReady(cmd.OutOrStdout(), ring, place.tenant, k, findings)
			return nil
		},
	}
	place.flags(c, true)
	c.Flags().StringVar(&passwordFile, "password-file", "", "file with the password, of mode 0600; without it the terminal is asked")
	return c
}

func tellReady(out io.Writer, ring keyring.Ring, tenant string, k keyring.Key, findings []string) {
	for _, f := range findings {
		fmt.Fprintf(out, "note: %s\n", f)
	}
	leaf := k.Chain[0]
	fmt.Fprintf(out, "The key %s is ready, with the certificate %s of %q until %s.\n", k.ID, leaf.SerialNumber.Text(16), leaf.Subject.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
	if k.Elsewhere != "" {
		fmt.Fprintf(out, "It is in %s: name %s as certificate_file, then start the server or use `zegel signers replace`.\n", k.Elsewhere, ring.ChainFile(k.ID))
		return
	}
	of := ""
	if tenant != "" {
		of = " --tenant " + tenant
	}
	fmt.Fprintf(out, "Take it into use with `zegel keys rotate --use seal --to %s%s`.\n", k.ID, of)
}

// readPassword reads a password from a file or asks for it; it is never an argument,
// which others on the machine could read.
func readPassword(out io.Writer, file string) (string, error) {
	if file != "" {
		b, err := readSecret(file)
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		if b = trimLine(b); !utf8.Valid(b) {
			return "", errors.New("--password-file: the file is not in UTF-8; save it as UTF-8, or every letter beyond ASCII is another")
		}
		return string(b), nil
	}
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return "", errors.New("there is no terminal to ask for the password on; name a file of mode 0600 with --password-file")
	}
	fmt.Fprint(out, "Password of the PKCS #12 file: ")
	b, err := term.ReadPassword(stdin)
	fmt.Fprintln(out)
	return string(b), err
}
