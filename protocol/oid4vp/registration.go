package oid4vp

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// TypRegistration is the typ of a registration certificate as a JWT.
const TypRegistration = "rc-wrp+jwt"

// FormatRegistration is its format in verifier_info.
const FormatRegistration = "registration_cert"

// ErrRegistration is returned for a registration certificate that does not
// hold, or does not cover what is asked.
var ErrRegistration = errors.New("registration certificate does not hold")

var registrationAlgs = []jose.Alg{jose.ES256, jose.ES384}

// Registration says what an admitted receiver may ask, for which purpose and
// on which legal basis. The registrar of the platform signs one per intended
// use; the receiver sends it along with each request.
//
// Deviation: the shape follows the registration certificates of the European
// wallet rules (ETSI TS 119 475) as far as public texts show them; legal_basis
// and x5t#S256, which binds it to the access certificate, are ours.
type Registration struct {
	// Registrar that signed it (iss).
	Registrar string `json:"iss"`
	// Receiver is the identifier of the organisation, such as its KBO number in
	// the form NTRBE-0123456789 (sub).
	Receiver string `json:"sub"`
	// Name is the legal name.
	Name    string `json:"sub_ln"`
	Country string `json:"country"`
	// Certificate is the x5t#S256 of the access certificate.
	Certificate   string                 `json:"x5t#S256"`
	IntendedUse   string                 `json:"intended_use_id"`
	Purpose       []Localized            `json:"purpose"`
	LegalBasis    string                 `json:"legal_basis"`
	PrivacyPolicy string                 `json:"privacy_policy"`
	RegistryURI   string                 `json:"registry_uri"`
	Credentials   []RegisteredCredential `json:"credentials"`
	IssuedAt      jose.NumericDate       `json:"iat"`
	Expires       jose.NumericDate       `json:"exp"`
	// Status is where a revocation would show, if the registrar revokes before
	// exp.
	Status jsontext.Value `json:"status,omitzero"`
}

// Localized is a text in one language.
type Localized struct {
	Lang  string `json:"lang"`
	Value string `json:"value"`
}

// RegisteredCredential is a kind of credential that a receiver may ask for.
type RegisteredCredential struct {
	Format string `json:"format"`
	Meta   Meta   `json:"meta"`
	// Claims that may be asked for; none means only what is always visible.
	Claims []RegisteredClaim `json:"claims,omitempty"`
}

// RegisteredClaim is a claim that may be asked for, with all below it.
type RegisteredClaim struct {
	Path credential.Path `json:"path"`
}

// Sign makes the registration certificate.
func (r Registration) Sign(registrar crypto.Signer, chain []*x509.Certificate) (string, error) {
	if err := r.complete(); err != nil {
		return "", err
	}
	alg, err := jose.AlgFor(registrar.Public())
	if err != nil {
		return "", err
	}
	if !slices.Contains(registrationAlgs, alg) {
		return "", fmt.Errorf("%w: the registrar's key signs %s, expected one of %v", ErrRegistration, alg, registrationAlgs)
	}
	payload, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	return jose.SignCompact(registrar, jose.Header{Alg: alg, Typ: TypRegistration, X5C: jose.EncodeX5C(chain)}, payload)
}

// Info is the verifier_info element of a registration certificate.
func Info(certificate string) VerifierInfo {
	data, _ := jose.Marshal(certificate) // a string always marshals
	return VerifierInfo{Format: FormatRegistration, Data: data}
}

// RegistrationIn finds the one registration certificate of a request. It must
// be meant for every credential query of it (OpenID4VP 1.0, Section 5.1).
func (r Request) RegistrationIn() (string, error) {
	var found []VerifierInfo
	for _, info := range r.VerifierInfo {
		if info.Format == FormatRegistration {
			found = append(found, info)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: verifier_info must hold exactly one registration certificate, found %d (OpenID4VP 1.0, Section 5.1)", ErrRegistration, len(found))
	}
	if ids := found[0].CredentialIDs; ids != nil && r.DCQLQuery != nil {
		for _, c := range r.DCQLQuery.Credentials {
			if !slices.Contains(ids, c.ID) {
				return "", fmt.Errorf("%w: verifier_info.credential_ids leaves out the query %s, for which there is no other certificate (OpenID4VP 1.0, Section 5.1)", ErrRegistration, wire.Clip(c.ID))
			}
		}
	}
	text, ok := Text(found[0].Data)
	if !ok {
		return "", fmt.Errorf("%w: verifier_info data is no string", ErrRegistration)
	}
	return text, nil
}

// VerifyRegistration checks a registration certificate, which must be signed with one
// of the registrar's keys, the present one or the next, and be for the receiver with
// that access certificate. checkStatus is asked about the status member; without one,
// a certificate that has a status is refused, because it could have been revoked.
func VerifyRegistration(text string, registrars []crypto.PublicKey, leaf *x509.Certificate, now time.Time, checkStatus ...func(status []byte) error) (Registration, error) {
	if len(registrars) == 0 || slices.Contains(registrars, nil) || leaf == nil || now.IsZero() {
		return Registration{}, errors.New("oid4vp: verifying a registration certificate needs the registrar's key, the access certificate and the time")
	}
	use := jose.Use{Typ: TypRegistration, Algs: registrationAlgs}
	t, err := use.OpenAny(text, registrars...)
	if err != nil {
		return Registration{}, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	var r Registration
	if err := jose.Unmarshal(t.Payload, &r); err != nil {
		return Registration{}, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	if err := r.complete(); err != nil {
		return Registration{}, err
	}
	switch {
	case r.Certificate != jose.X5TS256(leaf):
		return Registration{}, fmt.Errorf("%w: it belongs to another access certificate", ErrRegistration)
	case !now.Before(r.Expires.Time()):
		return Registration{}, fmt.Errorf("%w: it is over", ErrRegistration)
	case r.IssuedAt.Time().After(now.Add(time.Minute)):
		return Registration{}, fmt.Errorf("%w: iat lies ahead", ErrRegistration)
	case r.Status != nil && len(checkStatus) == 0:
		return Registration{}, fmt.Errorf("%w: its status cannot be checked here", ErrRegistration)
	}
	if r.Status != nil {
		for _, check := range checkStatus {
			if err := check(r.Status); err != nil {
				return Registration{}, fmt.Errorf("%w: %w", ErrRegistration, err)
			}
		}
	}
	return r, nil
}

// complete: the citizen is shown who asks, why and on which basis, so that none
// of it may be missing.
func (r Registration) complete() error {
	if r.Receiver == "" || r.Name == "" || r.IntendedUse == "" || r.LegalBasis == "" || r.PrivacyPolicy == "" || r.Certificate == "" || r.IssuedAt == 0 || r.Expires == 0 {
		return fmt.Errorf("%w: sub, sub_ln, intended_use_id, legal_basis, privacy_policy, x5t#S256, iat and exp must be there", ErrRegistration)
	}
	if len(r.Purpose) == 0 || slices.ContainsFunc(r.Purpose, func(l Localized) bool { return l.Lang == "" || l.Value == "" }) {
		return fmt.Errorf("%w: purpose must have at least one text, each with its language", ErrRegistration)
	}
	return nil
}

// PurposeIn is the purpose in the first of the wanted languages it has,
// otherwise its first.
func (r Registration) PurposeIn(languages ...string) string {
	for _, want := range languages {
		for _, p := range r.Purpose {
			if p.Lang == want {
				return p.Value
			}
		}
	}
	if len(r.Purpose) == 0 {
		return ""
	}
	return r.Purpose[0].Value
}

// Covers reports whether a query stays within the registration: each
// credential query asks only for registered types and, of them, registered
// claims. The error names what does not.
func (r Registration) Covers(q Query) error {
	for i, c := range q.Credentials {
		at := fmt.Sprintf("dcql_query.credentials[%d]", i)
		if c.Meta == nil {
			return fmt.Errorf("%w: %s.meta is missing", ErrRegistration, at)
		}
		for _, vct := range c.Types() {
			if err := r.covers(at, c, vct); err != nil {
				return err
			}
		}
		if len(c.Types()) == 0 {
			return fmt.Errorf("%w: %s asks for no type that can be registered", ErrRegistration, at)
		}
	}
	return nil
}

// names reports whether the registered kind is the one asked for.
func (x RegisteredCredential) names(format, kind string) bool {
	return kind != "" && x.Format == format && slices.Contains(x.Meta.types(credential.Format(format)), kind)
}

// covers holds one type of a credential query against the registration. Of
// several entries for a type each adds its claims.
func (r Registration) covers(at string, c CredentialQuery, kind string) error {
	var claims []RegisteredClaim
	found := false
	for _, x := range r.Credentials {
		if x.names(c.Format, kind) {
			found = true
			claims = append(claims, x.Claims...)
		}
	}
	if !found {
		return fmt.Errorf("%w: %s asks for %s, which is not registered for the intended use %s", ErrRegistration, at, wire.Clip(kind), wire.Clip(r.IntendedUse))
	}
	var outside []string
	for _, q := range c.Claims {
		if !slices.ContainsFunc(claims, func(x RegisteredClaim) bool { return x.Path.Covers(q.Path) }) {
			outside = append(outside, q.Path.String())
		}
	}
	if len(outside) > 0 {
		return fmt.Errorf("%w: %s asks for claims that are not registered for the intended use %s: %s", ErrRegistration, at, wire.Clip(r.IntendedUse), wire.Clip(strings.Join(outside, ", ")))
	}
	return nil
}
