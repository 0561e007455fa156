package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// all are the issuer and its tenants; none for nil.
func (i *IssuerConfig) all() []*IssuerConfig {
	if i == nil {
		return nil
	}
	list := []*IssuerConfig{i}
	for n := range i.Tenants {
		list = append(list, &i.Tenants[n])
	}
	return list
}

// check reports the faults of the issuer and of its tenants.
func (i *IssuerConfig) check(profile string) []error {
	faults := i.ListenConfig.check("issuer", profile)
	if i.Tenant != "" {
		faults = append(faults, fmt.Errorf("- issuer.tenant: found %q; the issuer itself has no name, name tenants in issuer.tenants", i.Tenant))
	}
	faults = append(faults, i.checkBody("issuer")...)
	faults = append(faults, i.checkCertificates()...)
	names, urls := map[string]bool{}, map[string]bool{i.URL: true}
	for n := range i.Tenants {
		t, at := &i.Tenants[n], fmt.Sprintf("issuer.tenants[%d]", n)
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("- "+at+"."+format, args...))
		}
		if err := store.CheckTenant(t.Tenant); err != nil {
			fault("tenant: found %q, expected a name of 1 to %d letters a-z and digits", t.Tenant, store.MaxTenant)
		}
		if names[t.Tenant] {
			fault("tenant: %q is the name of another tenant already", t.Tenant)
		}
		if urls[t.URL] {
			fault("url: %s is the address of the issuer or of another tenant already", t.URL)
		}
		names[t.Tenant], urls[t.URL] = true, true
		if t.Listen != "" || t.Certificate != "" || t.Key != "" || t.ClientCA != "" || t.TrustedProxies != nil {
			fault("listen, certificate, key, client_ca and trusted_proxies are those of the issuer; leave them out")
		}
		if t.Tenants != nil {
			fault("tenants: a tenant has no tenants; list it under issuer.tenants")
		}
		listener := i.ListenConfig
		listener.URL = t.URL
		faults = append(faults, listener.check(at, profile)...)
		t.TrustedProxies = i.TrustedProxies
		faults = append(faults, t.checkBody(at)...)
	}
	return faults
}

// checkBody reports the faults of what the issuer and each tenant have of
// their own, and fills in defaults.
func (i *IssuerConfig) checkBody(at string) []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- "+at+"."+format, args...))
	}
	if i.BatchSize == 0 {
		i.BatchSize = 8
	}
	if i.BatchSize < 2 || i.BatchSize > 100 {
		fault("batch_size: found %d, expected 2 to 100 (OpenID4VCI 1.0, Section 12.2.4)", i.BatchSize)
	}
	if i.Register == "" {
		fault("register: name the file with the register of supplying organisations")
	}
	if i.StatusTTL == "" {
		i.StatusTTL = "5m"
	}
	var err error
	if i.statusTTL, err = time.ParseDuration(i.StatusTTL); err != nil || i.statusTTL < time.Second || i.statusTTL > 12*time.Hour {
		fault("status_ttl: found %q, expected a duration from 1s to 12h", i.StatusTTL)
	}
	if len(i.Types) == 0 {
		i.Types = []TypeConfig{
			{ID: "led_diploma", Metadata: builtinMapping},
			{ID: "led_diploma_mdoc", Metadata: builtinMapping, Format: credential.FormatMdoc, Definition: builtinMapping},
			{ID: "led_diploma_elm", Metadata: builtinMapping, Format: credential.FormatJWT, Definition: "elm"},
			{ID: "led_diploma_oslo", Metadata: builtinMapping, Format: credential.FormatJWT, Definition: "oslo"},
			{ID: "led_diploma_elm_ldp", Metadata: builtinMapping, Format: credential.FormatLDP, Definition: "elm"},
			{ID: "led_diploma_oslo_ldp", Metadata: builtinMapping, Format: credential.FormatLDP, Definition: "oslo"},
		}
	}
	switch i.Encryption {
	case issuer.EncryptionOffered, issuer.EncryptionRequired, issuer.EncryptionOff:
	default:
		fault("encryption: found %q, expected required or off, or leave it out", i.Encryption)
	}
	types, scopes := map[string]bool{}, map[string]bool{}
	for n := range i.Types {
		t := &i.Types[n]
		if t.Name == "" {
			t.Name = strings.ReplaceAll(t.ID, "_", "-")
		}
		if t.Scope == "" {
			t.Scope = t.ID
		}
		if t.ID == "" || t.Metadata == "" {
			fault("types[%d]: id and metadata are needed", n)
		}
		if t.Format == "" {
			t.Format = credential.FormatSDJWTVC
		}
		switch f := format.By(string(t.Format)); {
		case f == nil:
			fault("types[%d].format: found %q, expected one of %v", n, t.Format, format.IDs())
		case (t.Format == credential.FormatSDJWTVC) != (t.Definition == ""):
			fault("types[%d].definition: it is needed by every format but %s, which has none", n, credential.FormatSDJWTVC)
		}
		if types[t.ID] {
			fault("types[%d].id: %q stands there twice", n, t.ID)
		}
		if scopes[t.Scope] {
			fault("types[%d].scope: %q is that of another type too; each has its own (HAIP 1.0, Section 4.1)", n, t.Scope)
		}
		types[t.ID], scopes[t.Scope] = true, true
		if err := t.proofs().Check(i.Attesters != AttestersConfig{}); err != nil {
			fault("types[%d]: %v", n, err)
		}
		if err := t.checkSignIn(i.SignIn); err != nil {
			fault("types[%d].%v", n, err)
		}
	}
	for n, x := range i.Connectors {
		if !types[x.Configuration] {
			fault("connectors[%d].configuration: found %q, which is none of the types", n, x.Configuration)
		}
		for k, also := range x.Configurations {
			if !types[also] || also == x.Configuration || slices.Contains(x.Configurations[:k], also) {
				fault("connectors[%d].configurations[%d]: found %q, which is none of the types or stands there twice", n, k, also)
			}
		}
	}
	i.checkWallets(fault)
	if i.Attestation == "" {
		i.Attestation = "etsi"
	}
	if i.Attestation != "etsi" && i.Attestation != "cir" {
		fault("attestation: found %q, expected etsi or cir", i.Attestation)
	}
	return faults
}

// checkSignIn reports what no sign-in could satisfy.
func (t *TypeConfig) checkSignIn(all *SignInConfig) error {
	if t.MaxAge != "" {
		var err error
		if t.maxAge, err = time.ParseDuration(t.MaxAge); err != nil || t.maxAge < time.Second || t.maxAge > 24*time.Hour {
			return fmt.Errorf("max_age: found %q, expected a duration from 1s to 24h", t.MaxAge)
		}
	}
	switch {
	case (t.ACR != nil || t.MaxAge != "") && all == nil:
		return errors.New("acr: acr and max_age are demands on sign_in, which is not there")
	case len(t.ACR) > 0 && len(all.ACR) > 0 && !slices.ContainsFunc(t.ACR, func(acr string) bool { return slices.Contains(all.ACR, acr) }):
		return errors.New("acr: none of them is in sign_in.acr, so that no sign-in would do; name it there too")
	}
	return nil
}

// types reads the credential configurations.
func (i *IssuerConfig) types() ([]issuer.Type, error) {
	var out []issuer.Type
	for n, t := range i.Types {
		made := issuer.LEDDiploma()
		if t.Metadata != builtinMapping {
			b, err := os.ReadFile(t.Metadata)
			if err != nil {
				return nil, fmt.Errorf("types[%d].metadata: %w", n, err)
			}
			made.Metadata = b
		}
		if err := t.define(&made); err != nil {
			return nil, fmt.Errorf("types[%d].definition: %w", n, err)
		}
		made.ID, made.Name, made.Scope = t.ID, t.Name, t.Scope
		made.Proofs, made.WithoutVault = t.proofs(), t.WithoutVault
		made.SignIn = issuer.SignIn{ACR: t.ACR, MaxAge: t.maxAge}
		out = append(out, made)
	}
	return out, nil
}

// define reads what the format needs beside the metadata.
func (t TypeConfig) define(made *issuer.Type) error {
	made.Format = t.Format
	if t.Format.W3C() {
		return t.document(made)
	}
	switch t.Definition {
	case "":
		return nil
	case builtinMapping:
		definition, ok := issuer.LEDDefinition(t.Format)
		if !ok {
			return fmt.Errorf("none is built in for %s; name a file", t.Format)
		}
		made.Definition = definition
		return nil
	}
	var err error
	made.Definition, err = os.ReadFile(t.Definition)
	return err
}

// document reads how the claims are written in a W3C format.
func (t TypeConfig) document(made *issuer.Type) error {
	if made.Document = issuer.LEDDocument(t.Definition); made.Document != nil {
		if t.Definition == "elm" && t.Metadata == builtinMapping {
			made.Europass = issuer.LEDEuropass()
		}
		return nil
	}
	b, err := os.ReadFile(t.Definition)
	if err != nil {
		return err
	}
	made.Document, err = profile.Parse(b)
	return err
}

func (t TypeConfig) proofs() issuer.KeyProofs {
	p := issuer.KeyProofs{Types: t.Proofs, Algs: t.KeyAlgorithms, DIDs: t.KeyDIDs, Certificates: t.KeyCertificates}
	if a := t.AttestedKeys; a != nil {
		p.Attested, p.KeyStorage, p.UserAuthentication = true, a.KeyStorage, a.UserAuthentication
	}
	return p
}

// read reads who may attest wallets' keys; nil if nobody may. The status of an
// attestation cannot be checked, as nothing says who may sign its list, so one
// that has a status is refused.
func (c AttestersConfig) read(now func() time.Time) (*oid4vci.AttestationPolicy, error) {
	if c.Keys == "" && c.Anchors == "" {
		return nil, nil
	}
	trusted, err := readAttesters(c.Keys, c.Anchors, now)
	if err != nil {
		return nil, err
	}
	return &oid4vci.AttestationPolicy{Key: trusted.Key}, nil
}
