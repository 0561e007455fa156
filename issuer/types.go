package issuer

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
)

// Type is a credential configuration: an SD-JWT VC type this issuer issues.
type Type struct {
	// ID is the credential configuration identifier (OpenID4VCI 1.0, Section
	// 12.2.4).
	ID string
	// Name is the last segment of the type's address: vct is
	// <issuer>/types/<name>, where the type metadata is served.
	Name string
	// Scope for the authorization code flow.
	Scope string
	// Metadata is the type metadata (SD-JWT VC, Section 5) with {vct} where its
	// address belongs.
	Metadata []byte
}

//go:embed types/led-diploma.json
var ledDiploma []byte

// LEDDiploma is the type of a record of the LED database.
func LEDDiploma() Type {
	return Type{ID: "led_diploma", Name: "led-diploma", Scope: "led_diploma", Metadata: ledDiploma}
}

// prepared is a credential type, compiled.
type prepared struct {
	Type
	vct      string
	document []byte // the type metadata as it is served
	metadata sdjwt.TypeMetadata
	template *sdjwt.Template
}

func (i *Issuer) compile(t Type) (*prepared, error) {
	if t.ID == "" || t.Name == "" {
		return nil, errors.New("ID and Name must be set")
	}
	p := &prepared{Type: t, vct: i.c.URL + "/types/" + t.Name}
	p.document = bytes.ReplaceAll(t.Metadata, []byte("{vct}"), []byte(p.vct))
	var err error
	if p.metadata, err = sdjwt.ParseTypeMetadata(p.document); err != nil {
		return nil, err
	}
	if p.metadata.VCT != p.vct {
		return nil, fmt.Errorf("the type metadata is of another type, expected %s (SD-JWT VC, Section 5)", p.vct)
	}
	frame, err := p.metadata.Frame()
	if err != nil {
		return nil, err
	}
	p.template, err = sdjwt.NewTemplate(sdjwt.Options{
		Issuer: i.c.URL, Type: p.vct, TypeIntegrity: sdjwt.Integrity(p.document), Category: sdjwt.CategoryPubEAA,
		Frame: frame, Profile: i.c.Profile, Certificate: i.c.Keys.Current().Certificate(),
	})
	return p, err
}

// TypeMetadata is the document served at a vct (SD-JWT VC, Section 5).
func (i *Issuer) TypeMetadata(name string) ([]byte, error) {
	for _, p := range i.types {
		if p.Name == name {
			return p.document, nil
		}
	}
	return nil, ErrNotFound
}

// try prepares a credential that will never be sealed, to see that its claims
// can be.
func (p *prepared) try(i *Issuer, claims []byte) error {
	now := i.c.Now().Truncate(time.Hour)
	_, err := p.template.Prepare(i.draft(claims, now, sampleHolder, status.Ref{URI: i.c.URL + "/status/0"}), rand.Reader)
	return err
}

// sampleHolder stands for a holder key where none is at hand yet. It is the
// base point of P-256, whose private key everybody knows; nothing is ever
// sealed to it.
var sampleHolder = jose.JWK{
	Kty: "EC", Crv: "P-256",
	X: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
	Y: "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
}
