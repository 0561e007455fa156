package oid4vci

import (
	"fmt"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// CredentialConfiguration is one entry of credential_configurations_supported
// (OpenID4VCI, Section 12.2.4, with the format's own members of Appendix A).
type CredentialConfiguration struct {
	Format string `json:"format"`
	Scope  string `json:"scope,omitzero"`
	// CredentialSigningAlgValuesSupported holds strings; numbers for mso_mdoc.
	CredentialSigningAlgValuesSupported  []any                  `json:"credential_signing_alg_values_supported,omitempty"`
	CryptographicBindingMethodsSupported []string               `json:"cryptographic_binding_methods_supported,omitempty"`
	ProofTypesSupported                  map[ProofType]KeyProof `json:"proof_types_supported,omitempty"`
	CredentialMetadata                   *CredentialMetadata    `json:"credential_metadata,omitzero"`

	VCT                  string         `json:"vct,omitzero"`                   // dc+sd-jwt
	Doctype              string         `json:"doctype,omitzero"`               // mso_mdoc
	CredentialDefinition jsontext.Value `json:"credential_definition,omitzero"` // W3C formats
}

// Type is what the format calls the type of its credentials: the vct or the
// doctype. It is empty for W3C formats, whose types are contexts apart.
func (c CredentialConfiguration) Type() string {
	switch credential.Format(c.Format) {
	case credential.FormatSDJWTVC:
		return c.VCT
	case credential.FormatMdoc:
		return c.Doctype
	default:
		return ""
	}
}

// ProofType names a kind of key proof (Appendix F).
type ProofType string

const (
	ProofJWT         ProofType = "jwt"
	ProofDIVP        ProofType = "di_vp"
	ProofAttestation ProofType = "attestation"
)

// KeyProof says what proofs of a type must be like.
type KeyProof struct {
	ProofSigningAlgValuesSupported []string                 `json:"proof_signing_alg_values_supported"`
	KeyAttestationsRequired        *KeyAttestationsRequired `json:"key_attestations_required,omitzero"`
}

// KeyAttestationsRequired says that a key attestation is needed, even when it
// is empty.
type KeyAttestationsRequired struct {
	KeyStorage         []string `json:"key_storage,omitempty"`
	UserAuthentication []string `json:"user_authentication,omitempty"`
}

// CredentialMetadata is how a wallet may show a credential; what stands in the
// credential itself goes before it.
type CredentialMetadata struct {
	Display []CredentialDisplay `json:"display,omitempty"`
	Claims  []ClaimDescription  `json:"claims,omitempty"`
}

// CredentialDisplay shows a credential in one language.
type CredentialDisplay struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitzero"`
	Logo            *Image `json:"logo,omitzero"`
	Description     string `json:"description,omitzero"`
	BackgroundColor string `json:"background_color,omitzero"`
	BackgroundImage *Image `json:"background_image,omitzero"`
	TextColor       string `json:"text_color,omitzero"`
}

// ClaimDescription is a claims description object (Appendix B).
type ClaimDescription struct {
	Path      credential.Path `json:"path"`
	Mandatory bool            `json:"mandatory,omitzero"`
	Display   []ClaimDisplay  `json:"display,omitempty"`
}

// ClaimDisplay names a claim in one language.
type ClaimDisplay struct {
	Name   string `json:"name,omitzero"`
	Locale string `json:"locale,omitzero"`
}

// Formats of OpenID4VCI, Appendix A. A configuration of another format is read
// and left alone.
const (
	specFormat   = "OpenID4VCI 1.0, Appendix A"
	specClaims   = "OpenID4VCI 1.0, Appendix B"
	maxClaimList = 512
)

func (c CredentialConfiguration) validate(at string) error {
	if c.Format == "" {
		return refuse("", specMetadata, at+".format", "is missing")
	}
	if err := checkAlgs(at+".credential_signing_alg_values_supported", c.CredentialSigningAlgValuesSupported); err != nil {
		return err
	}
	binding := c.CryptographicBindingMethodsSupported
	if binding != nil && (len(binding) == 0 || len(binding) > MaxList) {
		return refuse("", specMetadata, at+".cryptographic_binding_methods_supported", "must not be empty: leave it out when no key binding is required")
	}
	if (binding != nil) != (c.ProofTypesSupported != nil) {
		return refuse("", specMetadata, at+".proof_types_supported", "must be present exactly when cryptographic_binding_methods_supported is")
	}
	if err := c.validateProofTypes(at + ".proof_types_supported"); err != nil {
		return err
	}
	if err := c.validateFormat(at); err != nil {
		return err
	}
	if m := c.CredentialMetadata; m != nil {
		return m.validate(at+".credential_metadata", credential.Format(c.Format) == credential.FormatMdoc)
	}
	return nil
}

func (c CredentialConfiguration) validateProofTypes(at string) error {
	if n := len(c.ProofTypesSupported); c.ProofTypesSupported != nil && (n == 0 || n > MaxList) {
		return refuse("", specMetadata, at, "expected 1 to %d types, found %d", MaxList, n)
	}
	for name, p := range c.ProofTypesSupported {
		at := at + "." + string(name)
		if n := len(p.ProofSigningAlgValuesSupported); n == 0 || n > MaxList {
			return refuse("", specMetadata, at+".proof_signing_alg_values_supported", "must not be empty")
		}
		if r := p.KeyAttestationsRequired; r != nil {
			if n := len(r.KeyStorage); r.KeyStorage != nil && (n == 0 || n > MaxList) {
				return refuse("", specMetadata, at+".key_attestations_required.key_storage", "expected 1 to %d values, or leave it out", MaxList)
			}
			if n := len(r.UserAuthentication); r.UserAuthentication != nil && (n == 0 || n > MaxList) {
				return refuse("", specMetadata, at+".key_attestations_required.user_authentication", "expected 1 to %d values, or leave it out", MaxList)
			}
		}
	}
	return nil
}

func (c CredentialConfiguration) validateFormat(at string) error {
	switch credential.Format(c.Format) {
	case credential.FormatSDJWTVC:
		if c.VCT == "" || tooLong(c.VCT) {
			return refuse("", specFormat+".3.2", at+".vct", "is missing or longer than %d bytes", MaxText)
		}
	case credential.FormatMdoc:
		if c.Doctype == "" || tooLong(c.Doctype) {
			return refuse("", specFormat+".2.2", at+".doctype", "is missing or longer than %d bytes", MaxText)
		}
	case credential.FormatJWT, credential.FormatJWTLD, credential.FormatLDP:
		var d struct {
			Type []string `json:"type"`
		}
		if len(c.CredentialDefinition) == 0 {
			return refuse("", specFormat+".1", at+".credential_definition", "is missing")
		}
		if err := jose.Unmarshal(c.CredentialDefinition, &d); err != nil || len(d.Type) == 0 || len(d.Type) > MaxList {
			return refuse("", specFormat+".1", at+".credential_definition.type", "must be an array of 1 to %d strings", MaxList)
		}
	}
	return nil
}

// checkAlgs allows names, and the whole numbers that COSE uses.
func checkAlgs(field string, list []any) error {
	if list != nil && (len(list) == 0 || len(list) > MaxList) {
		return refuse("", specMetadata, field, "expected 1 to %d values, or leave it out", MaxList)
	}
	for i, v := range list {
		switch v := v.(type) {
		case string:
			if v != "" {
				continue
			}
		case float64:
			if v == math.Trunc(v) {
				continue
			}
		case int:
			continue
		}
		return refuse("", specMetadata, fmt.Sprintf("%s[%d]", field, i), "must be a name or a whole number")
	}
	return nil
}

func (m CredentialMetadata) validate(at string, mdoc bool) error {
	if err := checkDisplay(at+".display", m.Display, func(d CredentialDisplay) (string, *Image) { return d.Locale, d.Logo }); err != nil {
		return err
	}
	for i, d := range m.Display {
		if d.Name == "" {
			return refuse("", specMetadata, fmt.Sprintf("%s.display[%d].name", at, i), "is missing")
		}
		if d.BackgroundImage != nil && d.BackgroundImage.URI == "" {
			return refuse("", specMetadata, fmt.Sprintf("%s.display[%d].background_image.uri", at, i), "is missing")
		}
	}
	return checkClaims("", at+".claims", m.Claims, mdoc)
}

// checkClaims aborts on repeated or contradictory descriptions (Appendix B.3).
func checkClaims(code ErrorCode, field string, claims []ClaimDescription, mdoc bool) error {
	if claims != nil && (len(claims) == 0 || len(claims) > maxClaimList) {
		return refuse(code, specClaims, field, "expected 1 to %d descriptions, or leave it out", maxClaimList)
	}
	for i, c := range claims {
		at := fmt.Sprintf("%s[%d]", field, i)
		err := c.Path.Validate()
		if mdoc {
			err = c.Path.ValidateMdoc()
		}
		if err != nil {
			return &Error{Code: code, Field: at + ".path", Description: err.Error(), Spec: "OpenID4VCI 1.0, Appendix C", Err: err}
		}
		if err := checkDisplay(at+".display", c.Display, func(d ClaimDisplay) (string, *Image) { return d.Locale, nil }); err != nil {
			return err
		}
		for j, other := range claims[:i] {
			if why := contradict(c.Path, other.Path, mdoc); why != "" {
				return refuse(code, specClaims+".3", at+".path", "%s, see %s[%d]", why, field, j)
			}
		}
	}
	return nil
}

// contradict says how two paths disagree about the shape of a credential. In
// an mdoc a number may be the key of a map, so it says less there.
func contradict(p, q credential.Path, mdoc bool) string {
	if p.Equal(q) {
		return "the same claim is described twice"
	}
	for i := range min(len(p), len(q)) {
		if p[i] == q[i] {
			continue
		}
		a, b := component(p[i]), component(q[i])
		switch {
		case a == b:
			return ""
		case a+b == "all"+"index", a+b == "index"+"all":
			return "one path takes all elements of an array, another a single one"
		case mdoc && (a == "index" || b == "index"):
			return ""
		default:
			return "one path makes a claim an object, another an array"
		}
	}
	return ""
}

func component(c any) string {
	switch c.(type) {
	case nil:
		return "all"
	case int:
		return "index"
	default:
		return "name"
	}
}
