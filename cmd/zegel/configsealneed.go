package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/policy"
)

// SealNeedConfig is what must be of the seal on a credential type (docs/verifier.md).
// What is left out is what the type's own data asks: the member seal of the type
// metadata, of a type that this process issues or that Metadata names.
type SealNeedConfig struct {
	// Qualification is the least that the seal must be worth: QESeal, AdESeal-QC or
	// AdESeal. Where nothing asks for more it is AdESeal.
	Qualification seal.Qualification `yaml:"qualification"`
	// Level is the least level of the seal; only JAdES-BASELINE-B can be asked, as
	// what is presented has no time-stamps.
	Level seal.Level `yaml:"level"`
	// AuthenticSources are those of which the certificate must name one: by name,
	// legislation, country, or several of these.
	AuthenticSources []policy.Source `yaml:"authentic_sources"`
	// NotifiedWhenSealed wants the provider in the list of PuB-EAA providers already
	// at the time at which it says it sealed.
	NotifiedWhenSealed bool `yaml:"notified_when_sealed"`
	// Metadata is a file with the type metadata, or "led-diploma" for the one that
	// is built in.
	Metadata string `yaml:"metadata"`
}

func (c SealNeedConfig) need() policy.Type {
	return policy.Type{Qualification: c.Qualification, Level: c.Level, Sources: c.AuthenticSources, NotifiedWhenSealed: c.NotifiedWhenSealed}
}

// check reports the faults that show without reading a file.
func (c SealNeedConfig) check() []error {
	var faults []error
	if c.Qualification != "" && policy.Worth(c.Qualification) == 0 {
		faults = append(faults, fmt.Errorf("qualification: found %q, expected QESeal, AdESeal-QC or AdESeal, or leave it out for what the type asks", c.Qualification))
	}
	if c.Level != "" && !slices.Contains(policy.Levels(), c.Level) {
		faults = append(faults, fmt.Errorf("level: found %q, expected %s", c.Level, seal.BaselineB))
	}
	for i, s := range c.AuthenticSources {
		if s == (policy.Source{}) {
			faults = append(faults, fmt.Errorf("authentic_sources[%d]: give name, legislation or country, as the seal certificate has them", i))
		}
	}
	return faults
}

// sealPaths are the file names in what is accepted.
func (v *VerifierConfig) sealPaths() []*string {
	var paths []*string
	for i := range v.Accept {
		if m := &v.Accept[i].Metadata; *m != builtinMapping {
			paths = append(paths, m)
		}
	}
	return paths
}

// needIn is what type metadata asks of seals: nothing, if it has no such member.
func needIn(name string, metadata []byte) (policy.Type, error) {
	var m struct {
		Seal jsontext.Value `json:"seal"`
	}
	if err := jose.Unmarshal(metadata, &m); err != nil {
		return policy.Type{}, fmt.Errorf("%s: %w", name, err)
	}
	if m.Seal == nil {
		return policy.Type{}, nil
	}
	return policy.ParseNeed(name+": seal", m.Seal)
}

// needs are what the types that this process issues ask of their seals, by vct and
// doctype. W3C credentials ask for nothing: only the two other formats can be
// attestations of a public body (ARF 3.0.0, ARB_01 and ARB_01a).
func (i *IssuerConfig) needs() (map[string]policy.Type, error) {
	out := map[string]policy.Type{}
	for _, body := range i.all() {
		types, err := body.types()
		if err != nil {
			return nil, fmt.Errorf("issuer: %w", err)
		}
		for _, t := range types {
			name := body.URL + "/types/" + t.Name
			switch {
			case t.Format.W3C():
				continue
			case t.Format == credential.FormatMdoc:
				if name, err = doctypeOf(t); err != nil {
					return nil, err
				}
			}
			need, err := needIn("type "+t.ID, t.Metadata)
			if err != nil {
				return nil, err
			}
			out[name] = need.Over(out[name])
		}
	}
	return out, nil
}

func doctypeOf(t issuer.Type) (string, error) {
	var d struct {
		Doctype string `json:"doctype"`
	}
	if err := jose.Unmarshal(t.Definition, &d); err != nil {
		return "", fmt.Errorf("type %s: definition: %w", t.ID, err)
	}
	return d.Doctype, nil
}

// accepted are the types that the platform accepts, with what is asked of their
// seals. In the development profile there may be no trusted lists, and then no seal
// can be what a type asks: an advanced one is taken, and the log says so.
func (a *app) accepted() ([]verifier.Acceptance, error) {
	c := a.c.Verifier
	own, err := a.c.Issuer.needs()
	if err != nil {
		return nil, err
	}
	var out []verifier.Acceptance
	for i, x := range c.Accept {
		base := own[x.Type]
		if x.Metadata != "" {
			if base, err = x.SealNeedConfig.ofMetadata(); err != nil {
				return nil, fmt.Errorf("verifier.accept[%d].metadata: %w", i, err)
			}
		}
		if x.Qualification == "" && c.Trust.Lists == nil && a.c.Profile == ProfileDevelopment && policy.Worth(base.Qualification) > policy.Worth(seal.AdESeal) {
			a.log.Warn("a type asks for more than a seal can be worth without verifier.trust.lists; an advanced seal is taken in the development profile", "type", x.Type, "qualification", base.Qualification)
			base.Qualification = seal.AdESeal
		}
		t := x.need().Over(base)
		t.Name, t.Issuers, t.Registrations, t.MaxAge, t.WithoutExpiry = x.Type, x.Issuers, x.Registrations, x.maxAge, x.WithoutExpiry
		out = append(out, t)
	}
	return out, nil
}

// ofMetadata reads what the metadata of a type asks.
func (c SealNeedConfig) ofMetadata() (policy.Type, error) {
	if c.Metadata == builtinMapping {
		return needIn(builtinMapping, issuer.LEDDiploma().Metadata)
	}
	b, err := os.ReadFile(c.Metadata)
	if err != nil {
		return policy.Type{}, err
	}
	return needIn(filepath.Base(c.Metadata), b)
}

// attainable refuses policies that ask for seals which nobody can have, because no
// trusted list is configured; the development profile is only told.
func (a *app) attainable(v *verifier.Verifier) error {
	err := v.Unattainable()
	if err == nil || a.c.Profile != ProfileDevelopment {
		if err != nil {
			err = fmt.Errorf("verifier: what is asked of seals cannot be had without verifier.trust.lists:\n%w", err)
		}
		return err
	}
	a.log.Warn("what is asked of seals cannot be had without verifier.trust.lists", "error", err)
	return nil
}
