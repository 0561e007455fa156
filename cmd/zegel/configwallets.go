package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal/trust"
)

// WalletConfig is a wallet that may use the authorization code flow.
type WalletConfig struct {
	// ID is its client_id.
	ID string `yaml:"id"`
	// Name is what citizens read when it asks for their data.
	Name string `yaml:"name"`
	// RedirectURIs are compared as they are; the port of a loopback address does
	// not count.
	RedirectURIs []string `yaml:"redirect_uris"`
	// Keys is a JSON file, a JWK set: the wallet authenticates with
	// private_key_jwt.
	Keys string `yaml:"keys"`
	// Certificates are PEM files: it authenticates with one of them over mutual
	// TLS, whoever issued it.
	Certificates []string `yaml:"certificates"`
	// Authorities is a PEM file, CertificateName the name in certificates of these
	// authorities: it authenticates with any such certificate. With none of all
	// these it is a public client.
	Authorities     string                `yaml:"authorities"`
	CertificateName CertificateNameConfig `yaml:"certificate_name"`
}

// CertificateNameConfig is one name in a certificate: an alternative name, or
// the subject as RFC 4514 writes it.
type CertificateNameConfig struct {
	DNS     string `yaml:"dns"`
	URI     string `yaml:"uri"`
	IP      string `yaml:"ip"`
	Email   string `yaml:"email"`
	Subject string `yaml:"subject"`
}

// ways is how many ways to authenticate are named.
func (w WalletConfig) ways() (n int) {
	for _, there := range []bool{w.Keys != "", w.Certificates != nil, w.Authorities != "" || w.CertificateName != CertificateNameConfig{}} {
		if there {
			n++
		}
	}
	return n
}

// WalletProviderConfig is a wallet provider whose attestations are trusted.
type WalletProviderConfig struct {
	Name string `yaml:"name"`
	// Issuer is the iss of its attestations, if they have one.
	Issuer string `yaml:"issuer"`
	// Keys is a JSON file, a JWK set; Anchors a PEM file with authorities of those
	// who sign with x5c.
	Keys    string `yaml:"keys"`
	Anchors string `yaml:"anchors"`
	// Wallets it attests: id is the sub of the attestations.
	Wallets []WalletConfig `yaml:"wallets"`
}

// walletPaths are the file names in it.
func (i *IssuerConfig) walletPaths() (paths []*string) {
	for n := range i.Wallets {
		w := &i.Wallets[n]
		paths = append(paths, &w.Keys)
		for c := range w.Certificates {
			paths = append(paths, &w.Certificates[c])
		}
	}
	for n := range i.WalletProviders {
		paths = append(paths, &i.WalletProviders[n].Keys, &i.WalletProviders[n].Anchors)
	}
	return paths
}

// checkWallets reports the faults of the clients of the authorization server.
func (i *IssuerConfig) checkWallets(fault func(format string, args ...any)) {
	for n, w := range i.Wallets {
		if w.ID == "" || w.Name == "" {
			fault("wallets[%d]: id and name are needed", n)
		}
		if w.ways() > 1 {
			fault("wallets[%d]: keys, certificates, and authorities with certificate_name are different ways to authenticate; choose one", n)
		}
		if (w.Authorities == "") != (w.CertificateName == CertificateNameConfig{}) {
			fault("wallets[%d]: authorities and certificate_name belong together", n)
		}
	}
	for n, p := range i.WalletProviders {
		if p.Keys == "" && p.Anchors == "" {
			fault("wallet_providers[%d]: keys or anchors are needed", n)
		}
		if len(p.Wallets) == 0 {
			fault("wallet_providers[%d].wallets: name the wallets that it may attest", n)
		}
		for m, w := range p.Wallets {
			if w.ID == "" || w.Name == "" {
				fault("wallet_providers[%d].wallets[%d]: id and name are needed", n, m)
			}
			if w.ways() > 0 {
				fault("wallet_providers[%d].wallets[%d]: leave out keys, certificates and authorities; the provider's attestation takes their place", n, m)
			}
		}
	}
	if i.RefreshLife == "" {
		i.RefreshLife = "2160h"
	}
	var err error
	if i.refreshLife, err = time.ParseDuration(i.RefreshLife); err != nil || i.refreshLife < 0 || i.refreshLife > 90*24*time.Hour {
		fault("refresh_life: found %q, expected a duration from 0s to 2160h", i.RefreshLife)
	}
}

// checkCertificates reports wallets whose certificates would never be seen,
// because TLS ends in front of this process.
func (i *IssuerConfig) checkCertificates() (faults []error) {
	for n, c := range i.all() {
		for m, w := range c.Wallets {
			if i.Certificate == "" && (w.Certificates != nil || w.Authorities != "") {
				faults = append(faults, fmt.Errorf("- issuer%s.wallets[%d]: certificates and authorities need TLS by this process; give issuer.certificate and issuer.key, or let it authenticate with keys", tenantAt(n), m))
			}
		}
	}
	return faults
}

// wallets are the clients of the authorization server.
func (i *IssuerConfig) wallets(now func() time.Time) (*authz.Clients, error) {
	var list []authz.Client
	var faults []error
	for n, w := range i.Wallets {
		c, err := w.client()
		if err != nil {
			faults = append(faults, fmt.Errorf("wallets[%d].%w", n, err))
		}
		list = append(list, c)
	}
	for n, p := range i.WalletProviders {
		trusted, err := readAttesters(p.Keys, p.Anchors, now)
		if err != nil {
			faults = append(faults, fmt.Errorf("wallet_providers[%d].%w", n, err))
			continue
		}
		provider := &authz.Provider{Name: p.Name, Issuer: p.Issuer, Key: trusted.Key}
		for _, w := range p.Wallets {
			list = append(list, authz.Client{ID: w.ID, Name: w.Name, RedirectURIs: w.RedirectURIs, Method: authz.MethodAttestation, Provider: provider})
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return authz.NewClients(i.AnonymousWallets == nil || *i.AnonymousWallets, list...)
}

func (w WalletConfig) client() (c authz.Client, err error) {
	c = authz.Client{ID: w.ID, Name: w.Name, RedirectURIs: w.RedirectURIs, Method: authz.MethodNone}
	if w.Keys != "" {
		c.Method = authz.MethodPrivateKeyJWT
		if c.Keys, err = readJWKSet(w.Keys); err != nil {
			return c, fmt.Errorf("keys: %w", err)
		}
	}
	if len(w.Certificates) > 0 {
		c.Method = authz.MethodTLS
	}
	pinned, err := w.pinned()
	if err != nil {
		return c, err
	}
	for _, cert := range pinned {
		c.Certificates = append(c.Certificates, jose.X5TS256(cert))
	}
	if w.Authorities != "" {
		c.Method, c.CertificateName = authz.MethodTLSName, authz.CertificateName(w.CertificateName)
		c.Authorities, err = readCertificates(w.Authorities)
	}
	if err != nil {
		return c, fmt.Errorf("authorities: %w", err)
	}
	return c, nil
}

// pinned are the certificates that authenticate the wallet as they are: the
// first of each file.
func (w WalletConfig) pinned() (out []*x509.Certificate, err error) {
	for n, file := range w.Certificates {
		found, err := readCertificates(file)
		if err != nil {
			return nil, fmt.Errorf("certificates[%d]: %w", n, err)
		}
		out = append(out, found[0])
	}
	return out, nil
}

func readCertificates(file string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found, err := trust.ParsePEM(b)
	if err == nil && len(found) == 0 {
		err = errors.New("no certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return found, nil
}

// readJWKSet reads public keys, each with a kid.
func readJWKSet(file string) ([]jose.JWK, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []jose.JWK `json:"keys"`
	}
	if err := jose.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("%s is no JWK set: %w", file, err)
	}
	for n, k := range set.Keys {
		if _, err := k.Key(); err != nil || k.Kid == "" {
			return nil, fmt.Errorf("keys[%d] of %s is no public key with a kid", n, file)
		}
	}
	return set.Keys, nil
}

// readAttesters reads who may attest: keys, a JWK set, and anchors, a PEM file;
// either may be empty.
func readAttesters(keys, anchors string, now func() time.Time) (oid4vci.Attesters, error) {
	trusted := oid4vci.Attesters{Now: now}
	var err error
	if keys != "" {
		if trusted.Keys, err = readJWKSet(keys); err != nil {
			return trusted, fmt.Errorf("keys: %w", err)
		}
	}
	if anchors != "" {
		b, err := os.ReadFile(anchors)
		if err != nil {
			return trusted, fmt.Errorf("anchors: %w", err)
		}
		if trusted.Anchors, err = trust.ParsePEM(b); err != nil {
			return trusted, fmt.Errorf("anchors: %s: %w", anchors, err)
		}
	}
	return trusted, nil
}
