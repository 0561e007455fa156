package vcdm

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Presentation is what a presentation says of itself (Section 4.13).
type Presentation struct {
	Version1 bool

	Contexts    []Context
	ID          string
	Types       []string
	Holder      string // empty when absent
	Credentials []Presented
	TermsOfUse  []Object
	Proofs      []Object

	Raw []byte
}

// Presented is one member of verifiableCredential: exactly one of the two. It
// is secured, and to be verified, on its own: the signature of the
// presentation says nothing about it.
type Presented struct {
	Enveloped *Envelope
	Embedded  *Credential
}

// Envelope is a secured document inside a data: URL (Section 4.13.1).
type Envelope struct {
	MediaType string // without parameters, such as application/vc+jwt
	Content   []byte
}

// ParsePresentation reads a presentation and holds it against Section 4.13.
// The error is an *Error, and then there is no presentation. It keeps b.
func ParsePresentation(b []byte, rules Rules) (*Presentation, error) {
	var d document
	if err := d.read(b); err != nil {
		return nil, err
	}
	p := &Presentation{Raw: b}
	var err error
	if p.Contexts, p.Version1, err = contexts(d.Context, rules); err != nil {
		return nil, err
	}
	if p.ID, err = identifier(d.ID, "id", false); err != nil {
		return nil, err
	}
	if p.Types, err = d.types("VerifiablePresentation"); err != nil {
		return nil, err
	}
	if err := d.words(); err != nil {
		return nil, err
	}
	if p.Holder, err = party(d.Holder, "holder", "4.13"); err != nil {
		return nil, err
	}
	if p.TermsOfUse, err = objects(d.TermsOfUse, "termsOfUse", "5.5", false, true); err != nil {
		return nil, err
	}
	if p.Proofs, err = objects(d.Proof, "proof", "4.12", false, true); err != nil {
		return nil, err
	}
	list, err := items(d.VerifiableCredential, "verifiableCredential", "4.13")
	if err != nil {
		return nil, err
	}
	for i, raw := range list {
		one, err := presented(raw, at("verifiableCredential", i), rules)
		if err != nil {
			return nil, err
		}
		if one.Embedded != nil && len(one.Embedded.Proofs) == 0 && (p.Holder == "" || p.Holder != one.Embedded.Issuer) {
			return nil, malformed(at("verifiableCredential", i), "4.13.3", "has no proof of its own, so its issuer must be the holder of the presentation")
		}
		p.Credentials = append(p.Credentials, one)
	}
	return p, nil
}

// ParseSecured reads a secured credential that stands alone: one with proofs in
// it, or an EnvelopedVerifiableCredential (Section 4.13.1). The error is an
// *Error, and then there is no credential.
func ParseSecured(b []byte, rules Rules) (Presented, error) {
	var d document
	if err := d.read(b); err != nil {
		return Presented{}, err
	}
	return presented(bytes.TrimSpace(b), "verifiableCredential", rules)
}

// ParseSecuredPresentation is ParseSecured for a presentation: the content of an
// EnvelopedVerifiablePresentation (Section 4.13.2), or a presentation as it
// stands. Exactly one of the two is there.
func ParseSecuredPresentation(b []byte, rules Rules) (*Envelope, *Presentation, error) {
	var d document
	if err := d.read(b); err != nil {
		return nil, nil, err
	}
	o, err := object(bytes.TrimSpace(b), "verifiablePresentation", "4.13", false, true)
	if err != nil {
		return nil, nil, err
	}
	if slices.Contains(o.Types, "EnvelopedVerifiablePresentation") {
		e, err := envelope(o.Raw, o, "verifiablePresentation", "application/vp+jwt", "application/vp+sd-jwt", "application/vp+cose")
		return e, nil, err
	}
	p, err := ParsePresentation(b, rules)
	return nil, p, err
}

func presented(raw jsontext.Value, name string, rules Rules) (Presented, error) {
	if raw.Kind() != '{' {
		return Presented{}, malformed(name, "4.13", "must be an object; put a token into an EnvelopedVerifiableCredential")
	}
	o, err := object(raw, name, "4.13", false, true)
	if err != nil {
		return Presented{}, err
	}
	for _, t := range o.Types {
		if t == "EnvelopedVerifiableCredential" {
			e, err := envelope(raw, o, name, "application/vc+jwt", "application/vc+sd-jwt", "application/vc+cose")
			return Presented{Enveloped: e}, err
		}
	}
	c, err := ParseCredential(raw, rules)
	if err != nil {
		return Presented{}, err
	}
	return Presented{Embedded: c}, nil
}

// envelope reads an enveloped document: its own base context and a data: URL of
// one of these media types as id (Sections 4.13.1 and 4.13.2).
func envelope(raw jsontext.Value, o Object, name string, types ...string) (*Envelope, error) {
	var d document
	if err := d.read(raw); err != nil {
		return nil, err
	}
	if _, _, err := contexts(d.Context, Rules{}); err != nil {
		return nil, malformed(name+".@context", "4.13.1", "must start with "+BaseContext)
	}
	head, data, ok := strings.Cut(strings.TrimPrefix(o.ID, "data:"), ",")
	if !ok || !strings.HasPrefix(o.ID, "data:") || data == "" {
		return nil, malformed(name+".id", "4.13.1", "must be a data: URL with the secured document")
	}
	media, in64 := strings.CutSuffix(head, ";base64")
	media, _, _ = strings.Cut(media, ";")
	if !slices.Contains(types, media) {
		return nil, malformed(name+".id", "4.13.1", "must have one of the media types "+strings.Join(types, ", "))
	}
	e := &Envelope{MediaType: media}
	if in64 {
		b, err := base64.StdEncoding.Strict().DecodeString(data)
		if err != nil {
			return nil, malformed(name+".id", "4.13.1", "is not base64")
		}
		e.Content = b
		return e, nil
	}
	text, err := url.PathUnescape(data)
	if err != nil {
		return nil, malformed(name+".id", "4.13.1", "is not percent-encoded")
	}
	e.Content = []byte(text)
	return e, nil
}
