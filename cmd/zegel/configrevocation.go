package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
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

// suite is until when algorithms are believed; nil is the default.
func (c *RevocationConfig) suite() (*trust.Suite, error) {
	if c == nil || c.Algorithms == "" {
		return nil, nil
	}
	s, err := readSuite(c.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("verifier.trust.revocation.algorithms: %w", err)
	}
	return s, nil
}

func readSuite(path string) (*trust.Suite, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := trust.ParseSuite(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// source is what is asked about revocation: lists alone without a configuration,
// else lists and the responders that certificates name, in the order that is
// preferred. Whatever judges by a configuration asks here, so that it says what the
// verifier says. Responders believe the algorithms that the lists believe.
func (c *RevocationConfig) source(lists *trust.CRLs, client trust.HTTP, now func() time.Time) trust.ValueSource {
	if c == nil {
		return lists
	}
	var nonces io.Reader
	if c.Nonce {
		nonces = rand.Reader
	}
	responders := trust.NewResponders(client, nonces, now)
	responders.Suite = lists.Suite
	if c.Prefer == "ocsp" {
		return trust.Preferred{responders, lists}
	}
	return trust.Preferred{lists, responders}
}

// responderClient asks the addresses that certificates name, which are mostly plain
// http: what comes back is signed.
func responderClient(profile string, now func() time.Time) *fetch.Client {
	return fetch.Public(fetch.Options{InsecureAllowHTTP: true, InsecureAllowLoopback: profile == ProfileDevelopment, Now: now})
}

// walletRevocation is the same for wallets, with the table itself.
type walletRevocation struct {
	Prefer     string          `json:"prefer"`
	Nonce      bool            `json:"nonce,omitempty"`
	Algorithms json.RawMessage `json:"algorithms,omitempty"`
}

func (c *RevocationConfig) forWallets() (*walletRevocation, error) {
	if c == nil {
		return nil, nil
	}
	s, err := c.suite()
	if err != nil {
		return nil, err
	}
	out := &walletRevocation{Prefer: c.Prefer, Nonce: c.Nonce}
	if s != nil {
		out.Algorithms = s.Document()
	}
	return out, nil
}

// suite is until when a wallet believes algorithms; nil is the default.
func (c *walletRevocation) suite() (*trust.Suite, error) {
	if c == nil || c.Algorithms == nil {
		return nil, nil
	}
	s, err := trust.ParseSuite(c.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("revocation.algorithms: %w", err)
	}
	return s, nil
}

// source is what a wallet asks: lists, and the responders that certificates name, as
// the platform prefers.
func (c *walletRevocation) source(lists *trust.CRLs, client trust.HTTP, now func() time.Time) trust.ValueSource {
	if c == nil {
		return lists
	}
	return (&RevocationConfig{Prefer: c.Prefer, Nonce: c.Nonce}).source(lists, client, now)
}
