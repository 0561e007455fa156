package main

import (
	"bufio"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/trust"
)

func (f *walletFlags) trust() *cobra.Command {
	c := &cobra.Command{
		Use: "trust", Short: "Show and renew whom this wallet trusts",
		Long: `A wallet believes whom its environment names: authorities of seals, of receivers and
of time-stamps, who signs the lists, and where they are. It took that over when it
was activated. Whoever could change it without a word could make the wallet
believe anything, the platform too, so nothing changes by itself.`,
	}
	c.AddCommand(f.trustShow(), f.trustUpdate())
	return c
}

func (f *walletFlags) trustShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show whom this wallet trusts, and where it looks", Args: cobra.NoArgs,
		RunE: f.run(func(cmd *cobra.Command, w *wallet, _ []string) error {
			facts, err := w.state.Environment.facts()
			if err != nil {
				return err
			}
			for _, x := range facts {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", printable(x))
			}
			return nil
		}),
	}
}

func (f *walletFlags) trustUpdate() *cobra.Command {
	var socket, file, accept string
	var forget bool
	c := &cobra.Command{
		Use: "update", Short: "Take over what the platform says of whom to trust, after you have seen it", Args: cobra.NoArgs,
		Long: `Fetches the environment of the platform from the admin socket or from --environment
FILE, shows what would change and asks. Compare the digests of certificates by a
second way with the operator before you agree: who is named there can say to
this wallet who seals, who asks, and when something was stamped.

Without a terminal give --accept DIGEST, the digest that the command shows: it
takes over what you have seen and nothing else.

Authorities of seals and of time-stamps that are not named any more stay, for the
evidence in the vault was made under them; --forget takes them away. The address
of the vault platform never changes this way, nor does a wallet go back to
addresses without https.

Exits with status 1 when there was something to change and it was not taken over.`,
		RunE: f.run(func(cmd *cobra.Command, w *wallet, _ []string) error {
			var next environment
			if file != "" {
				if err := readClosed(file, &next); err != nil {
					return err
				}
			} else if err := admin(cmd.Context(), socket, "GET", "/wallet/environment", nil, &next); err != nil {
				return err
			}
			if !forget {
				if err := next.keep(w.state.Environment); err != nil {
					return err
				}
			}
			return w.renew(cmd.InOrStdin(), cmd.OutOrStdout(), next, accept)
		}),
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&file, "environment", "", "file with addresses and trust, instead of the admin socket")
	c.Flags().StringVar(&accept, "accept", "", "digest of the change to take over, instead of asking")
	c.Flags().BoolVar(&forget, "forget", false, "take away authorities of seals and time-stamps that are not named any more")
	return c
}

// renew takes another environment over once the citizen has seen what it changes.
func (w *wallet) renew(in io.Reader, out io.Writer, next environment, accept string) error {
	old := w.state.Environment
	switch {
	case next.Holder != old.Holder:
		return fmt.Errorf("the environment is of the vault platform %s, this wallet's vault is at %s; activate another wallet (--home) for another platform", printable(next.Holder), printable(old.Holder))
	case next.Development && !old.Development:
		return errors.New("the environment is of the development profile, which allows addresses without https; a wallet that was activated without it does not go back")
	}
	before, err := old.facts()
	if err != nil {
		return fmt.Errorf("the environment of this wallet: %w", err)
	}
	after, err := next.facts()
	if err != nil {
		return fmt.Errorf("the environment that was given: %w", err)
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(x string) bool { return slices.Contains(after, x) })
	come := slices.DeleteFunc(slices.Clone(after), func(x string) bool { return slices.Contains(before, x) })
	if len(gone)+len(come) == 0 {
		fmt.Fprintln(out, "Nothing changes.")
		return nil
	}
	for _, x := range gone {
		fmt.Fprintf(out, "- %s\n", printable(x))
	}
	for _, x := range come {
		fmt.Fprintf(out, "+ %s\n", printable(x))
	}
	sum := sha256.Sum256([]byte(strings.Join(before, "\n") + "\n\n" + strings.Join(after, "\n")))
	digest := hex.EncodeToString(sum[:])
	fmt.Fprintf(out, "Digest of this change: %s\n", digest)
	if accept == "" {
		fmt.Fprint(out, "Take it over? Type yes: ")
		answer, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(answer) != "yes" {
			fmt.Fprintln(out, "\nNothing was changed.")
			return exitStatus(1)
		}
	} else if accept != digest {
		fmt.Fprintln(out, "That is not the change that --accept names. Nothing was changed.")
		return exitStatus(1)
	}
	w.state.Environment = next
	if err := w.save(); err != nil {
		return err
	}
	fmt.Fprintln(out, "Taken over.")
	return nil
}

// keep adds the authorities of seals and of time-stamps of before: what was made
// under them proves nothing without.
func (e *environment) keep(old environment) error {
	for _, x := range []struct {
		to   *string
		from string
	}{{&e.SealAnchors, old.SealAnchors}, {&e.StampAnchors, old.StampAnchors}} {
		now, err := anchorsIn(*x.to)
		if err != nil {
			return err
		}
		former, err := anchorsIn(x.from)
		if err != nil {
			return err
		}
		for _, c := range former {
			if !slices.ContainsFunc(now, c.Equal) {
				now = append(now, c)
			}
		}
		*x.to = string(trust.EncodePEM(now...))
	}
	return nil
}

// anchorsIn reads certificates in PEM; none is no fault.
func anchorsIn(text string) ([]*x509.Certificate, error) {
	if text == "" {
		return nil, nil
	}
	return trust.ParsePEM([]byte(text))
}

// registrars are the keys of the registrar, now and next.
func (e environment) registrars() ([]crypto.PublicKey, error) {
	present, err := e.Registrar.Key()
	if err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	if e.NextRegistrar == nil {
		return []crypto.PublicKey{present}, nil
	}
	next, err := e.NextRegistrar.Key()
	if err != nil {
		return nil, fmt.Errorf("next_registrar: %w", err)
	}
	if e.NextRegistrar.Thumbprint() == e.Registrar.Thumbprint() {
		return nil, errors.New("next_registrar: it is the key of registrar; name the one that takes over from it, or leave it out")
	}
	return []crypto.PublicKey{present, next}, nil
}

// facts are what an environment says, a line for each thing that could be believed or
// asked, in the same order whatever the order in it.
func (e environment) facts() ([]string, error) {
	out := []string{"vault platform " + e.Holder, "issuer " + e.Issuer, "verifier " + e.Verifier, "list of providers at " + e.ProviderList, "register of receivers at " + e.Receivers}
	for _, x := range []struct{ name, pem string }{
		{"authority of seals", e.SealAnchors}, {"signer of the list of providers", e.ListAnchors},
		{"authority of receivers", e.AccessAnchors}, {"authority of time-stamps", e.StampAnchors},
	} {
		certs, err := anchorsIn(x.pem)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
		for _, c := range certs {
			out = append(out, x.name+" "+certificateFact(c))
		}
	}
	if err := e.checkAccess(); err != nil {
		return nil, err
	}
	if l := e.AccessList; l != nil {
		certs, err := anchorsIn(l.Certificates)
		if err != nil {
			return nil, fmt.Errorf("access_list.certificates: %w", err)
		}
		out = append(out, "list of the authorities of receivers at "+l.Location)
		for _, c := range certs {
			out = append(out, "signer of the list of the authorities of receivers "+certificateFact(c))
		}
	}
	if e.ListedStamps {
		out = append(out, "authorities of time-stamps are those of the trusted lists")
	}
	for _, c := range e.CRLs {
		issuer, err := anchorsIn(c.Issuer)
		if err != nil || len(issuer) != 1 {
			return nil, errors.New("a revocation list has no one issuer")
		}
		out = append(out, fmt.Sprintf("revocation list at %s of %s", c.URL, certificateFact(issuer[0])))
	}
	if _, err := e.registrars(); err != nil {
		return nil, err
	}
	out = append(out, "registrar's key "+e.Registrar.Thumbprint())
	if e.NextRegistrar != nil {
		out = append(out, "next registrar's key "+e.NextRegistrar.Thumbprint())
	}
	if l := e.TrustedLists; l != nil {
		certs, err := anchorsIn(l.Certificates)
		if err != nil {
			return nil, fmt.Errorf("trusted_lists: %w", err)
		}
		out = append(out, fmt.Sprintf("list of trusted lists at %s, by the journal %q, of %s", l.Location, l.Journal, strings.Join(l.Territories, " ")))
		for _, c := range certs {
			out = append(out, "signer of the list of trusted lists "+certificateFact(c))
		}
	}
	if r := e.Revocation; r != nil {
		s, err := r.suite()
		if err != nil {
			return nil, err
		}
		sum, version := sha256.Sum256(r.Algorithms), "the default"
		if s != nil {
			version = fmt.Sprintf("%s, SHA-256 %x", s.Version(), sum)
		}
		out = append(out, fmt.Sprintf("revocation: %s first, nonce %t, algorithms of %s", r.Prefer, r.Nonce, version))
	}
	for _, url := range e.HandlesFor {
		out = append(out, "handles of this vault for "+url)
	}
	for supplier, configuration := range e.Suppliers {
		out = append(out, fmt.Sprintf("supplier %s gives %s", supplier, configuration))
	}
	if e.Development {
		out = append(out, "addresses without https on this machine are allowed")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func certificateFact(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return fmt.Sprintf("%s, until %s, SHA-256 %x", c.Subject, c.NotAfter.Format(time.DateOnly), sum)
}
