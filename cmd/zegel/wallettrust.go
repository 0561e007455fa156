package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/pflag"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/registry"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/trust"
)

// openTrust is the rule of who may ask, and the files that say who is known
// beside the platform's register. The zero value is the register alone.
type openTrust struct {
	rule, anchors, attesters, clients string
}

func (o *openTrust) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.rule, "trust", string(unit.TrustRegister), "who may ask: register, or open for everybody who can be known")
	flags.StringVar(&o.anchors, "anchors", "", "with --trust open: file with further anchors (PEM) of receivers' certificates, whose revocation is not checked")
	flags.StringVar(&o.attesters, "verifier-attesters", "", `with --trust open: file with who may vouch for verifiers, {"issuer":{"keys":[JWK...]}}`)
	flags.StringVar(&o.clients, "clients", "", `with --trust open: file with clients registered before, {"client_id":{"name":...,"keys":[JWK...],"addresses":[...],"metadata":{...}}}`)
}

// apply sets the rule and who is known by it.
func (o openTrust) apply(p *unit.Presentation) error {
	var err error
	if p.Trust, err = unit.ParseTrust(o.rule); err != nil {
		return fmt.Errorf("--trust: %w", err)
	}
	if p.Trust != unit.TrustOpen {
		if o.anchors+o.attesters+o.clients != "" {
			return errors.New("--anchors, --verifier-attesters and --clients are for --trust open only")
		}
		return nil
	}
	if o.anchors != "" {
		if p.Chain, err = readAnchors(o.anchors, p.Chain); err != nil {
			return err
		}
	}
	if o.attesters != "" {
		if p.Attesters, err = readVerifierAttesters(o.attesters); err != nil {
			return err
		}
	}
	if o.clients != "" {
		if p.Clients, err = readClients(o.clients); err != nil {
			return err
		}
	}
	return nil
}

// anchored accepts certificates of further authorities beside the platform's.
type anchored struct {
	platform oid4vp.ChainVerifier
	roots    *x509.CertPool
}

func readAnchors(path string, platform oid4vp.ChainVerifier) (anchored, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return anchored{}, err
	}
	certs, err := trust.ParsePEM(text)
	if err != nil {
		return anchored{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(certs) == 0 {
		return anchored{}, fmt.Errorf("%s: there is no certificate in it; expected PEM", path)
	}
	a := anchored{platform, x509.NewCertPool()}
	for _, c := range certs {
		a.roots.AddCert(c)
	}
	return a, nil
}

// VerifyChain implements oid4vp.ChainVerifier.
func (a anchored) VerifyChain(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	err := a.platform.VerifyChain(ctx, chain, at)
	if err == nil || len(chain) == 0 {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, other := chain[0].Verify(x509.VerifyOptions{Roots: a.roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if other != nil {
		return fmt.Errorf("%w; and by --anchors: %w", err, other)
	}
	return nil
}

func readVerifierAttesters(path string) (map[string][]jose.JWK, error) {
	var file map[string]struct {
		Keys []jose.JWK `json:"keys"`
	}
	if err := readClosed(path, &file); err != nil {
		return nil, err
	}
	out := map[string][]jose.JWK{}
	for issuer, set := range file {
		if len(set.Keys) == 0 {
			return nil, fmt.Errorf("%s: %s has no keys", path, issuer)
		}
		if err := usable(set.Keys); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, issuer, err)
		}
		out[issuer] = set.Keys
	}
	return out, nil
}

func readClients(path string) (map[string]oid4vp.Client, error) {
	var file map[string]struct {
		Name      string         `json:"name"`
		Keys      []jose.JWK     `json:"keys"`
		Addresses []string       `json:"addresses"`
		Metadata  jsontext.Value `json:"metadata"`
	}
	if err := readClosed(path, &file); err != nil {
		return nil, err
	}
	out := map[string]oid4vp.Client{}
	for id, c := range file {
		if err := usable(c.Keys); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, id, err)
		}
		client := oid4vp.Client{Name: c.Name, Keys: c.Keys, Addresses: c.Addresses}
		if c.Metadata != nil {
			if err := jose.Unmarshal(c.Metadata, &client.Metadata); err != nil {
				return nil, fmt.Errorf("%s: %s: metadata: %w", path, id, err)
			}
		}
		out[id] = client
	}
	return out, nil
}

func usable(keys []jose.JWK) error {
	for i, k := range keys {
		if _, err := k.Key(); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
	}
	return nil
}

// readClosed reads a JSON file in which unknown members are errors.
func readClosed(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := jose.UnmarshalClosed(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// digitalRequest is a request over the Digital Credentials API, with the origin
// that the platform vouches for.
type digitalRequest struct {
	Protocol string         `json:"protocol"`
	Data     jsontext.Value `json:"data"`
	Origin   string         `json:"origin"`
}

func readDigital(path string) (*digitalRequest, error) {
	var d digitalRequest
	if err := readClosed(path, &d); err != nil {
		return nil, err
	}
	if d.Protocol == "" || d.Origin == "" || d.Data == nil {
		return nil, fmt.Errorf("%s: protocol, data and origin must be there", path)
	}
	return &d, nil
}

func (w *wallet) presentation(t trusted, o openTrust, languages []string, consent consentFunc) (unit.Presentation, error) {
	_, words := w.words()
	registrars, err := w.state.Environment.registrars()
	if err != nil {
		return unit.Presentation{}, fmt.Errorf("the environment of this wallet: %w", err)
	}
	checker, err := status.NewChecker(&once{fetcher: ager{w}}, status.CheckerOptions{Now: w.now, FetchTimeout: 5 * time.Second, InsecureLoopback: w.state.Environment.Development})
	if err != nil {
		return unit.Presentation{}, err
	}
	lists, err := bitstrings(&once{fetcher: ager{w}}, listVerifier{t.store, t.validator(), w.now}, status.CheckerOptions{Now: w.now, FetchTimeout: 5 * time.Second, InsecureLoopback: w.state.Environment.Development})
	if err != nil {
		return unit.Presentation{}, err
	}
	register := unit.PublishedRegister{URL: w.state.Environment.Receivers, HTTP: w.http(), Registrars: registrars, Now: w.now}
	p := unit.Presentation{
		HTTP: w.http(), Now: w.now, Random: rand.Reader, Chain: t, Registrars: registrars, Register: register, DIDs: w.dids(),
		Status: checker, Bitstrings: lists, StatusTrust: statusTrust(t, w.now), Consent: consent, Words: words, Languages: languages,
	}
	if w.blind {
		p.Status, p.Bitstrings = nil, nil
	}
	return p, o.apply(&p)
}

// dids resolves the DIDs of verifiers, over public addresses only.
func (w *wallet) dids() did.Resolver {
	var options []registry.Option
	if w.state.Environment.Development {
		options = append(options, registry.InsecureLoopback())
	}
	public := fetch.Public(fetch.Options{InsecureAllowLoopback: w.state.Environment.Development, MaxBody: did.MaxDocument + 1})
	return registry.New(fetch.Typed{Fetcher: public}, options...)
}

// once asks an address that failed no second time: many copies name the same
// status list, and the citizen waits.
type once struct {
	fetcher status.Fetcher
	mu      sync.Mutex
	failed  map[string]error
}

// Fetch implements status.Fetcher.
func (o *once) Fetch(ctx context.Context, address, accept string) ([]byte, time.Duration, error) {
	o.mu.Lock()
	err := o.failed[address]
	o.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	b, age, err := o.fetcher.Fetch(ctx, address, accept)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.failed == nil {
			o.failed = map[string]error{}
		}
		o.failed[address] = err
	}
	return b, age, err
}
