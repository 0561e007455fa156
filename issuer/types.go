package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// Type is a credential configuration: a credential type this issuer issues, in
// one format.
type Type struct {
	// ID is the credential configuration identifier (OpenID4VCI 1.0, Section
	// 12.2.4).
	ID string
	// Name is the last segment of the type's address: vct is
	// <issuer>/types/<name>, where the type metadata is served.
	Name string
	// Format of its credentials; dc+sd-jwt if empty.
	Format credential.Format
	// Scope by which it is asked for (HAIP 1.0, Section 4.1); ID if empty. No
	// other type has the same.
	Scope string
	// Metadata is the type metadata (SD-JWT VC, Section 5) with {vct} where its
	// address belongs.
	Metadata []byte
	// Definition is what else the format needs to know: for mso_mdoc the document
	// type as JSON (docs/mdoc-diploma.md). Its data elements have the names of the
	// claims.
	Definition []byte
	// Document says how the claims are written in a W3C format.
	Document *profile.Profile
	// Europass says how they are written for Europass; nil if they are not.
	Europass *profile.Profile
	// Proofs of the keys that its credentials are bound to.
	Proofs KeyProofs
	// WithoutVault lets citizens have it in a wallet whose vault platform is not
	// known here: the wallet need not bring a vault handle.
	WithoutVault bool
	// SignIn is how the citizen must have signed in for it.
	SignIn SignIn
}

// SignIn is what a credential type demands of a sign-in, on top of what is asked
// of all of them.
type SignIn struct {
	// ACR are the authentication methods that are strong enough; empty adds
	// nothing (OpenID Connect Core 1.0, Section 2, acr).
	ACR []string
	// MaxAge is how long ago the citizen may have authenticated; zero accepts any
	// session of the identity provider.
	MaxAge time.Duration
}

// SignInFor is what the sign-in for a configuration must be.
func (i *Issuer) SignInFor(configuration string) SignIn {
	if t := i.types[configuration]; t != nil {
		return t.SignIn
	}
	return SignIn{}
}

//go:embed types/led-diploma.json
var ledDiploma []byte

//go:embed types/led-diploma.mdoc.json
var ledDiplomaMdoc []byte

// LEDDefinition is what a format needs to know of a record of the LED database;
// false if it is not built in.
func LEDDefinition(f credential.Format) ([]byte, bool) {
	switch f {
	case credential.FormatMdoc:
		return ledDiplomaMdoc, true
	default:
		return nil, false
	}
}

// LEDDocument is how a record of the LED database is written as a W3C
// credential: "elm" or "oslo"; nil for another name.
func LEDDocument(name string) *profile.Profile {
	switch name {
	case "elm":
		return led.ELM()
	case "oslo":
		return led.OSLO()
	default:
		return nil
	}
}

// LEDDiploma is the type of a record of the LED database.
func LEDDiploma() Type {
	return Type{ID: "led_diploma", Name: "led-diploma", Scope: "led_diploma", Metadata: ledDiploma}
}

// prepared is a credential type, compiled.
type prepared struct {
	Type
	vct       string
	document  []byte // the type metadata as it is served
	format    format.Format
	kind      format.Type
	described format.Description

	compiled atomic.Pointer[compiled]
}

// compiled is a type for the seal certificate in use.
type compiled struct {
	certificate *x509.Certificate
	template    format.Template
}

func (i *Issuer) compile(t Type) (*prepared, error) {
	if t.ID == "" || t.Name == "" || strings.ContainsAny(t.Name, "/?#% ") {
		return nil, errors.New("ID and Name must be set, and Name must be one segment of an address")
	}
	if t.Scope == "" {
		t.Scope = t.ID
	}
	if t.Format == "" {
		t.Format = credential.FormatSDJWTVC
	}
	if !isScope(t.Scope) {
		return nil, fmt.Errorf("the scope %.64q holds a space, a quotation mark, a backslash or what is not printable ASCII (RFC 6749, Section 3.3)", t.Scope)
	}
	if err := t.Proofs.Check(i.c.Attesters != nil); err != nil {
		return nil, err
	}
	p := &prepared{Type: t, vct: i.c.URL + "/types/" + t.Name}
	p.document = bytes.ReplaceAll(t.Metadata, []byte("{vct}"), []byte(p.vct))
	if p.format = format.By(string(t.Format)); p.format == nil {
		return nil, fmt.Errorf("the format %.64q is not known, expected one of %v", t.Format, format.IDs())
	}
	metadata, err := sdjwt.ParseTypeMetadata(p.document)
	if err != nil {
		return nil, err
	}
	if metadata.VCT != p.vct {
		return nil, fmt.Errorf("the type metadata is of another type, expected %s (SD-JWT VC, Section 5)", p.vct)
	}
	p.kind = format.Type{Issuer: i.c.URL, Address: p.vct, Metadata: metadata, Definition: t.Definition, Document: t.Document, Integrity: sdjwt.Integrity(p.document), Profile: i.c.Profile}
	// An empty credential shows now whether the rest of the configuration fits, in
	// formats that have one.
	if err := p.try(i, []byte("{}")); err != nil && !errors.Is(err, format.ErrNoClaims) {
		return nil, err
	}
	p.described = p.compiled.Load().template.Describe()
	return p, nil
}

// isScope reports whether a text is one scope-token (RFC 6749, Section 3.3).
func isScope(s string) bool {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	return s != "" && !strings.ContainsFunc(s, bad)
}

// template is the type compiled for a seal certificate. After a rotation the
// new certificate must name the issuer as the one before did.
func (p *prepared) template(s *seal.Sealer) (format.Template, error) {
	c := s.Certificate()
	if have := p.compiled.Load(); have != nil && have.certificate == c {
		return have.template, nil
	}
	if err := seal.CertifiesIssuer(c, p.kind.Issuer); err != nil {
		return nil, err
	}
	kind := p.kind
	kind.Chain = s.Chain()
	t, err := p.format.Compile(kind)
	if err != nil {
		return nil, err
	}
	p.compiled.Store(&compiled{c, t})
	return t, nil
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

// check holds claims against the type: each is described there, so that it is
// disclosed only when the citizen says so and has a name when it is, the
// mandatory ones are there (SD-JWT VC, Section 5.6), and a credential can be
// prepared of them. Its error holds no claim value.
func (p *prepared) check(i *Issuer, claims []byte) error {
	var members map[string]any
	if err := jose.Unmarshal(claims, &members); err != nil {
		return err
	}
	for name := range members {
		if !slices.ContainsFunc(p.kind.Metadata.Claims, func(c sdjwt.ClaimMetadata) bool { return c.Path[0] == name }) {
			return fmt.Errorf("the claim %.64q is not described by the type metadata (SD-JWT VC, Section 5.6)", name)
		}
	}
	for _, c := range p.kind.Metadata.Claims {
		if c.Required() && !holds(members, c.Path) {
			return fmt.Errorf("the mandatory claim %s is missing (SD-JWT VC, Section 5.6)", c.Path)
		}
	}
	return p.try(i, claims)
}

// holds reports whether a path selects anything.
func holds(v any, p credential.Path) bool {
	if len(p) == 0 {
		return true
	}
	switch at := p[0].(type) {
	case string:
		object, _ := v.(map[string]any)
		next, ok := object[at]
		return ok && holds(next, p[1:])
	case int:
		array, _ := v.([]any)
		return at < len(array) && holds(array[at], p[1:])
	default:
		array, _ := v.([]any)
		return slices.ContainsFunc(array, func(e any) bool { return holds(e, p[1:]) })
	}
}

// try prepares a credential that will never be sealed, to see that its claims
// can be.
func (p *prepared) try(i *Issuer, claims []byte) error {
	sealer := i.c.Keys.Current()
	t, err := p.template(sealer)
	if err != nil {
		return err
	}
	_, err = t.Prepare(i.draft(claims, issueTime(i.c.Now(), sealer.Certificate()), sampleHolder, status.Ref{URI: i.c.URL + "/status/0"}, sealer.Certificate()), rand.Reader)
	return err
}

// grain is what the times in a credential are rounded down to, so that the
// second of issuance does not link copies (OpenID4VCI 1.0, Section 15.4.1).
const grain = time.Hour

// issueTime is the time that stands in credentials sealed now: rounded down,
// but not to before the seal certificate.
func issueTime(now time.Time, c *x509.Certificate) time.Time {
	at := now.UTC().Truncate(grain)
	if at.Before(c.NotBefore) {
		return c.NotBefore.UTC()
	}
	return at
}

// sampleHolder stands for a holder key where none is at hand yet. It is the
// base point of P-256, whose private key everybody knows; nothing is ever
// sealed to it.
var sampleHolder = jose.JWK{
	Kty: "EC", Crv: "P-256",
	X: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
	Y: "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
}
