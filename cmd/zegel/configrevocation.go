package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// RevocationConfig is how the verifier asks whether certificates of seals and of
// time-stamp authorities were revoked, and until when it believes algorithms.
// Without it revocation lists alone are asked.
type RevocationConfig struct {
	// Prefer is what is asked first: crl, the revocation lists that certificates
	// name, or ocsp, their responders. The other stands in when it does not answer.
	// A responder learns which seal somebody is judging, whoever publishes a list
	// does not.
	Prefer string `yaml:"prefer"`
	// Nonce asks responders for an answer made now. Those that answer from stock do
	// not give one, and are refused then.
	Nonce bool `yaml:"nonce"`
	// Algorithms is a JSON file that says until when algorithms are believed, in the
	// form of seal/trust/suite.json; empty is ETSI TS 119 312 V1.5.1.
	Algorithms string `yaml:"algorithms"`
}

func (c *RevocationConfig) paths() []*string {
	if c == nil {
		return nil
	}
	return []*string{&c.Algorithms}
}

func (c *RevocationConfig) check() []error {
	if c == nil || c.Prefer == "crl" || c.Prefer == "ocsp" {
		return nil
	}
	return []error{fmt.Errorf("- verifier.trust.revocation.prefer: found %q, expected crl or ocsp", c.Prefer)}
}

// apply puts what is configured into a validator that asks lists.
func (c *RevocationConfig) apply(v *seal.Validator, lists trust.ValueSource, responders *trust.Responders) error {
	if c == nil {
		return nil
	}
	v.Revocation = trust.Preferred{lists, responders}
	if c.Prefer == "ocsp" {
		v.Revocation = trust.Preferred{responders, lists}
	}
	if c.Algorithms == "" {
		return nil
	}
	b, err := os.ReadFile(c.Algorithms)
	if err != nil {
		return fmt.Errorf("verifier.trust.revocation.algorithms: %w", err)
	}
	if v.Suite, err = trust.ParseSuite(b); err != nil {
		return fmt.Errorf("verifier.trust.revocation.algorithms: %s: %w", c.Algorithms, err)
	}
	return nil
}

// responders asks the addresses that certificates name, which are mostly plain http:
// what comes back is signed.
func (a *app) responders(c *RevocationConfig) *trust.Responders {
	client := fetch.Public(fetch.Options{InsecureAllowHTTP: true, InsecureAllowLoopback: a.c.Profile == ProfileDevelopment, Now: a.now})
	a.closers = append(a.closers, client.Close)
	var nonces io.Reader
	if c.Nonce {
		nonces = rand.Reader
	}
	return trust.NewResponders(client, nonces, a.now)
}
