package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/file"
	"github.com/zegel-id/zegel/internal/provider/httpjson"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/issuer"
)

// suppliers is the register with its connectors, as the issuer wants it.
type suppliers struct {
	register *provider.Register
	sources  map[string]supplierSource // by supplier
}

type supplierSource struct {
	dataType string
	mapping  *mapping.Mapping
}

// Collect implements issuer.Source.
func (s suppliers) Collect(ctx context.Context, supplier string, subject identifier.INSZ, correlationID string) (issuer.Collection, error) {
	entry, err := s.register.Supplier(supplier)
	if err != nil {
		return issuer.Collection{}, err
	}
	source, ok := s.sources[supplier]
	if !ok {
		return issuer.Collection{}, provider.ErrNoConnector
	}
	out := issuer.Collection{DataType: source.dataType, Organisation: organisation(entry)}
	answer, err := s.register.Fetch(ctx, provider.Query{Supplier: supplier, DataType: source.dataType, Subject: subject, CorrelationID: correlationID})
	if err != nil {
		return out, err
	}
	mapped, refused := source.mapping.Apply(answer.Records)
	for _, r := range append(answer.Refused, refused...) {
		out.Refused = append(out.Refused, issuer.Refusal{Record: r.Ref, Reason: string(r.Reason), Detail: r.Detail})
	}
	for _, m := range mapped {
		claims, err := m.Claims.MarshalJSON()
		if err != nil {
			return out, err
		}
		out.Datasets = append(out.Datasets, issuer.Dataset{Record: m.Record.Ref, Claims: claims})
	}
	for _, p := range answer.Pending {
		out.Pending = append(out.Pending, issuer.Pending{Record: p.Ref, Again: p.Again})
	}
	out.NoData = answer.NoData
	return out, nil
}

func organisation(s provider.Supplier) string {
	if s.Supplier.OVO != "" {
		return string(s.Supplier.OVO)
	}
	return string(s.Supplier.KBO)
}

// name is what citizens read of a supplier.
func (s suppliers) name(supplier, language string) string {
	entry, err := s.register.Supplier(supplier)
	if err != nil {
		return supplier
	}
	for _, l := range []string{language, "nl", "en"} {
		if name := entry.Supplier.Name[l]; name != "" {
			return name
		}
	}
	return supplier
}

// published is the register as anyone may read it.
func (s suppliers) published() ([]byte, error) {
	return json.Marshal(map[string]any{"suppliers": s.register.Suppliers()})
}

// collectable maps suppliers to the configurations of their records.
func (c *IssuerConfig) collectable() map[string]string {
	out := map[string]string{}
	for _, x := range c.Connectors {
		out[x.Supplier] = x.Configuration
	}
	return out
}

// openSuppliers reads the register and connects what the configuration says.
// test admits fictitious citizens.
func openSuppliers(c *IssuerConfig, registerText []byte, test bool, now func() time.Time) (suppliers, error) {
	s := suppliers{sources: map[string]supplierSource{}}
	var err error
	if s.register, err = provider.ParseRegister(c.Register, registerText); err != nil {
		return s, err
	}
	s.register.AllowTestNumbers, s.register.Now = test, now
	for n, x := range c.Connectors {
		at := fmt.Sprintf("issuer.connectors[%d]", n)
		if _, twice := s.sources[x.Supplier]; twice {
			return s, fmt.Errorf("%s: supplier %q has a connector already", at, x.Supplier)
		}
		m, err := readMapping(x.Mapping)
		if err != nil {
			return s, fmt.Errorf("%s.mapping: %w", at, err)
		}
		connector, err := connect(x, m, test, now)
		if err != nil {
			return s, fmt.Errorf("%s: %w", at, err)
		}
		if err := s.register.Attach(x.Supplier, x.DataType, connector); err != nil {
			return s, fmt.Errorf("%s: %w", at, err)
		}
		s.sources[x.Supplier] = supplierSource{dataType: x.DataType, mapping: m}
	}
	return s, nil
}

func readMapping(name string) (*mapping.Mapping, error) {
	if name == builtinMapping {
		return mapping.LEDDiploma(), nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return mapping.Parse(name, b)
}

func connect(x ConnectorConfig, m *mapping.Mapping, loopback bool, now func() time.Time) (provider.Connector, error) {
	var certificate *tls.Certificate
	o := fetch.Options{PlainLoopback: loopback, MaxBody: 8 << 20, Timeout: 30 * time.Second, HeaderTimeout: 20 * time.Second, Now: now}
	roots, err := readRoots(x.Roots)
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if x.Certificate != "" {
		pair, err := keyPair(x.Certificate, x.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		certificate = &pair
		o.TLS = magda.ClientTLS(pair, roots)
	}
	client := fetch.Operator(o)
	switch x.Kind {
	case "magda":
		c := magda.Config{
			URL: x.URL, AllowLoopbackHTTP: loopback, Service: magda.LEDGeefBewijs(), Mapping: m,
			Sender: magda.Sender{Identification: x.Sender, Capacity: x.Capacity}, HTTP: client, Now: now,
		}
		if err := x.Security.apply(&c, certificate, now); err != nil {
			return nil, fmt.Errorf("security: %w", err)
		}
		return magda.New(c)
	case "http":
		b, err := os.ReadFile(x.Source)
		if err != nil {
			return nil, err
		}
		source, err := httpjson.ParseSource(x.Source, b)
		if err != nil {
			return nil, err
		}
		c := httpjson.Config{URL: x.URL, AllowLoopbackHTTP: loopback, Source: source, Mapping: m, HTTP: client, Now: now}
		if x.TokenFile != "" {
			token, err := readToken(x.TokenFile)
			if err != nil {
				return nil, err
			}
			c.Authorize = func(r *http.Request) error {
				r.Header.Set("Authorization", "Bearer "+token)
				return nil
			}
		}
		return httpjson.New(c)
	case "file":
		b, err := os.ReadFile(x.Source)
		if err != nil {
			return nil, err
		}
		source, err := file.ParseSource(x.Source, b)
		if err != nil {
			return nil, err
		}
		return file.New(file.Config{FS: os.DirFS(filepath.Dir(x.File)), Name: filepath.Base(x.File), Source: source, Mapping: m, Now: now})
	default:
		return nil, fmt.Errorf("kind: found %q, expected magda, http or file", x.Kind)
	}
}

// apply puts the agreed policy on a client.
func (s SecurityConfig) apply(c *magda.Config, certificate *tls.Certificate, now func() time.Time) error {
	c.CorrelationHeader = s.CorrelationHeader
	if s.AnswersRoots != "" {
		roots, err := readRoots(s.AnswersRoots)
		if err != nil {
			return fmt.Errorf("answers_roots: %w", err)
		}
		c.VerifyAnswers = &wssecurity.Verification{Roots: roots, Now: now}
	}
	if s.Unsigned {
		return nil
	}
	if certificate == nil {
		return errors.New("a certificate and key are needed to sign; or say unsigned: true")
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return err
	}
	signer, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("key: a %T cannot sign", certificate.PrivateKey)
	}
	c.Signing = &wssecurity.Signing{
		Key: signer, Certificate: leaf, Parts: s.Parts, Reference: s.TokenReference, Digest: s.Digest, Algorithm: s.Algorithm,
		OmitMustUnderstand: s.OmitMustUnderstand, Now: now,
	}
	if s.Life != "" {
		if c.Signing.Life, err = time.ParseDuration(s.Life); err != nil {
			return fmt.Errorf("life: found %q, expected a duration such as 5m", s.Life)
		}
	}
	return nil
}

// keyPair reads a certificate and its key, which only this user may read.
func keyPair(certificate, key string) (tls.Certificate, error) {
	c, err := os.ReadFile(certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	k, err := readSecret(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(c, k)
}

// readRoots reads a PEM file of authorities; no name means those of the
// system.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return roots, nil
}
