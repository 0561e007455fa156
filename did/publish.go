package did

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// Service types of the DID document of a profile.
const (
	// ServiceLink: the endpoint serves the link proof.
	ServiceLink = "WebIDLink"
	// ServiceRotations: the endpoint serves the rotation log.
	ServiceRotations = "KeyRotations"
)

// DIDDocumentURL, LinkProofURL and RotationsURL are where the three resources
// beside a WebID are served.
func DIDDocumentURL(webid string) string { return webid + "/did.json" }

// LinkProofURL is where the link proof is served, as application/jwt.
func LinkProofURL(webid string) string { return webid + "/link.jwt" }

// RotationsURL is where the rotation log is served.
func RotationsURL(webid string) string { return webid + "/rotations.json" }

// DIDDocument is the DID document of the profile.
func (p Profile) DIDDocument() *Document {
	d := &Document{Context: multikeyContexts, ID: p.DID, AlsoKnownAs: Set{p.WebID}}
	p.fill(d)
	if p.Status == Active {
		d.Service = append(d.Service, Service{ID: p.DID + "#webid-link", Type: OneOrMany{ServiceLink}, ServiceEndpoint: endpoint(LinkProofURL(p.WebID))})
	}
	if len(p.Rotations) > 0 {
		d.Service = append(d.Service, Service{ID: p.DID + "#rotations", Type: OneOrMany{ServiceRotations}, ServiceEndpoint: endpoint(RotationsURL(p.WebID))})
	}
	return d
}

// fill adds the keys with ids below the id of the document. Relationships are
// there only while the profile is active.
func (p Profile) fill(d *Document) {
	for _, keys := range [][]Key{p.Keys, p.EncryptionKeys} {
		for _, k := range keys {
			d.add(VerificationMethod{
				ID: d.ID + "#" + k.Fragment, Type: TypeMultikey, Controller: d.ID,
				PublicKeyMultibase: k.Multikey, Revoked: k.Revoked,
			})
		}
	}
	if p.Status != Active {
		return
	}
	use := []Reference{{ID: d.ID + "#" + p.Keys[len(p.Keys)-1].Fragment}}
	d.AssertionMethod, d.Authentication = use, use
	if n := len(p.EncryptionKeys); n > 0 {
		d.KeyAgreement = []Reference{{ID: d.ID + "#" + p.EncryptionKeys[n-1].Fragment}}
	}
}

// webidContext is the @context of WebID documents: that of controlled
// identifiers and the four terms of Solid that they use.
var webidContext = jsontext.Value(`["https://www.w3.org/ns/cid/v1",{` +
	`"foaf":"http://xmlns.com/foaf/0.1/",` +
	`"solid":"http://www.w3.org/ns/solid/terms#",` +
	`"pim":"http://www.w3.org/ns/pim/space#",` +
	`"oidcIssuer":{"@id":"solid:oidcIssuer","@type":"@id"},` +
	`"oidcIssuerRegistrationToken":"solid:oidcIssuerRegistrationToken",` +
	`"storage":{"@id":"pim:storage","@type":"@id"}}]`)

// webidDocument is a WebID document: a controlled identifier document with the
// terms of a Solid profile.
type webidDocument struct {
	Context            jsontext.Value       `json:"@context"`
	ID                 string               `json:"id"`
	Type               string               `json:"type"`
	AlsoKnownAs        Set                  `json:"alsoKnownAs"`
	OIDCIssuer         string               `json:"oidcIssuer,omitempty"`
	RegistrationToken  string               `json:"oidcIssuerRegistrationToken,omitempty"`
	Storage            string               `json:"storage,omitempty"`
	VerificationMethod []VerificationMethod `json:"verificationMethod,omitempty"`
	AssertionMethod    []Reference          `json:"assertionMethod,omitempty"`
	Authentication     []Reference          `json:"authentication,omitempty"`
	KeyAgreement       []Reference          `json:"keyAgreement,omitempty"`
}

// JSONLD is the WebID document as JSON-LD, which is also a controlled
// identifier document in plain JSON.
func (p Profile) JSONLD() ([]byte, error) {
	d := &Document{ID: p.WebID}
	p.fill(d)
	return jose.Marshal(webidDocument{
		Context: webidContext, ID: p.WebID, Type: "foaf:Agent", AlsoKnownAs: Set{p.DID},
		OIDCIssuer: p.OIDCIssuer, RegistrationToken: p.RegistrationToken, Storage: p.Storage,
		VerificationMethod: d.VerificationMethod, AssertionMethod: d.AssertionMethod,
		Authentication: d.Authentication, KeyAgreement: d.KeyAgreement,
	})
}

// Turtle is the WebID document as Turtle: the same statements as JSONLD. Every
// value in it was checked to need no escapes.
func (p Profile) Turtle() []byte {
	d := &Document{ID: p.WebID}
	p.fill(d)
	var b bytes.Buffer
	b.WriteString(`@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix solid: <http://www.w3.org/ns/solid/terms#> .
@prefix pim: <http://www.w3.org/ns/pim/space#> .
@prefix as: <https://www.w3.org/ns/activitystreams#> .
@prefix sec: <https://w3id.org/security#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

`)
	fmt.Fprintf(&b, "<%s> a foaf:Agent ;\n  as:alsoKnownAs <%s>", p.WebID, p.DID)
	object := func(predicate, iri string) {
		if iri != "" {
			fmt.Fprintf(&b, " ;\n  %s <%s>", predicate, iri)
		}
	}
	object("solid:oidcIssuer", p.OIDCIssuer)
	if p.RegistrationToken != "" {
		fmt.Fprintf(&b, " ;\n  solid:oidcIssuerRegistrationToken \"%s\"", p.RegistrationToken)
	}
	object("pim:storage", p.Storage)
	for _, m := range d.VerificationMethod {
		object("sec:verificationMethod", m.ID)
	}
	for _, use := range []struct {
		predicate string
		refs      []Reference
	}{
		{"sec:assertionMethod", d.AssertionMethod},
		{"sec:authenticationMethod", d.Authentication},
		{"sec:keyAgreementMethod", d.KeyAgreement},
	} {
		for _, r := range use.refs {
			object(use.predicate, r.ID)
		}
	}
	b.WriteString(" .\n")
	for _, m := range d.VerificationMethod {
		fmt.Fprintf(&b, "\n<%s> a sec:Multikey ;\n  sec:controller <%s> ;\n  sec:publicKeyMultibase \"%s\"^^sec:multibase", m.ID, m.Controller, m.PublicKeyMultibase)
		if !m.Revoked.IsZero() {
			fmt.Fprintf(&b, " ;\n  sec:revoked \"%s\"^^xsd:dateTime", m.Revoked.UTC().Format(time.RFC3339))
		}
		b.WriteString(" .\n")
	}
	return b.Bytes()
}

// RotationLog is what RotationsURL serves.
func (p Profile) RotationLog() ([]byte, error) {
	return jose.Marshal(rotationLog{Rotations: append([]string{}, p.Rotations...)})
}

type rotationLog struct {
	Rotations []string `json:"rotations"`
}
