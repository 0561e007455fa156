package oid4vci

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// CredentialRequest of OpenID4VCI, Section 8.2.
type CredentialRequest struct {
	CredentialIdentifier         string              `json:"credential_identifier,omitzero"`
	CredentialConfigurationID    string              `json:"credential_configuration_id,omitzero"`
	Proofs                       *Proofs             `json:"proofs,omitzero"`
	CredentialResponseEncryption *ResponseEncryption `json:"credential_response_encryption,omitzero"`
	// Encrypted: it came in a JWE.
	Encrypted bool `json:"-"`
}

// Proofs holds the proofs of exactly one type.
type Proofs struct {
	JWT         []string         `json:"jwt,omitempty"`
	DIVP        []jsontext.Value `json:"di_vp,omitempty"`
	Attestation []string         `json:"attestation,omitempty"`
}

// ResponseEncryption asks for an encrypted response. It counts only inside an
// encrypted request, else an attacker could put their own key there.
type ResponseEncryption struct {
	JWK jose.JWK `json:"jwk"`
	Enc string   `json:"enc"`
	Zip string   `json:"zip,omitzero"`
}

const (
	specRequest = "OpenID4VCI 1.0, Section 8.2"
	specBatch   = "OpenID4VCI 1.0, Section 3.3.2"
)

// ParseCredentialRequest reads a request and checks what needs no knowledge of
// the token and the metadata; those are Check's.
func ParseCredentialRequest(b []byte) (CredentialRequest, error) {
	var w struct {
		Identifier    *string                   `json:"credential_identifier"`
		Configuration *string                   `json:"credential_configuration_id"`
		Proofs        map[string]jsontext.Value `json:"proofs"`
		Encryption    *ResponseEncryption       `json:"credential_response_encryption"`
	}
	if err := decode(b, &w, MaxDocument, InvalidCredentialRequest, "credential request", specRequest); err != nil {
		return CredentialRequest{}, err
	}
	if (w.Identifier == nil) == (w.Configuration == nil) {
		return CredentialRequest{}, refuse(InvalidCredentialRequest, specRequest, "credential_identifier", "expected exactly one of credential_identifier and credential_configuration_id")
	}
	var r CredentialRequest
	for _, id := range []struct {
		field string
		from  *string
		to    *string
	}{
		{"credential_identifier", w.Identifier, &r.CredentialIdentifier},
		{"credential_configuration_id", w.Configuration, &r.CredentialConfigurationID},
	} {
		if id.from == nil {
			continue
		}
		if *id.from == "" || tooLong(*id.from) {
			return CredentialRequest{}, refuse(InvalidCredentialRequest, specRequest, id.field, "is empty or longer than %d bytes", MaxText)
		}
		*id.to = *id.from
	}
	if w.Proofs != nil {
		p, err := parseProofs(w.Proofs)
		if err != nil {
			return CredentialRequest{}, err
		}
		r.Proofs = p
	}
	if w.Encryption != nil {
		if err := w.Encryption.validate(); err != nil {
			return CredentialRequest{}, err
		}
		r.CredentialResponseEncryption = w.Encryption
	}
	return r, nil
}

func parseProofs(members map[string]jsontext.Value) (*Proofs, error) {
	if len(members) != 1 {
		return nil, refuse(InvalidProof, specRequest, "proofs", "expected exactly one proof type, found %d members", len(members))
	}
	p := &Proofs{}
	for name, value := range members {
		var err error
		switch ProofType(name) {
		case ProofJWT:
			err = jose.Unmarshal(value, &p.JWT)
		case ProofDIVP:
			err = jose.Unmarshal(value, &p.DIVP)
		case ProofAttestation:
			err = jose.Unmarshal(value, &p.Attestation)
		default:
			return nil, refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F", "proofs", "holds the proof type %s, which is not known", wire.Clip(name))
		}
		if err != nil {
			return nil, refuse(InvalidProof, specRequest, "proofs."+name, "must be an array of proofs of that type")
		}
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Type of the proofs; empty for none or several.
func (p Proofs) Type() ProofType {
	switch {
	case p.JWT != nil && p.DIVP == nil && p.Attestation == nil:
		return ProofJWT
	case p.DIVP != nil && p.JWT == nil && p.Attestation == nil:
		return ProofDIVP
	case p.Attestation != nil && p.JWT == nil && p.DIVP == nil:
		return ProofAttestation
	default:
		return ""
	}
}

// Len is the number of proofs.
func (p Proofs) Len() int { return len(p.JWT) + len(p.DIVP) + len(p.Attestation) }

func (p Proofs) validate() error {
	t := p.Type()
	if t == "" || p.Len() == 0 || p.Len() > MaxList {
		return refuse(InvalidProof, specRequest, "proofs", "expected exactly one proof type with 1 to %d proofs", MaxList)
	}
	if t == ProofAttestation && p.Len() != 1 {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F.3", "proofs.attestation", "expected exactly one key attestation, found %d", p.Len())
	}
	return nil
}

func (e ResponseEncryption) validate() error {
	const at = "credential_response_encryption"
	if _, err := e.JWK.Key(); err != nil {
		return &Error{Code: InvalidEncryptionParameters, Field: at + ".jwk", Description: err.Error(), Spec: specRequest, Err: err}
	}
	if e.JWK.Alg == "" {
		return refuse(InvalidEncryptionParameters, "OpenID4VCI 1.0, Section 10", at+".jwk.alg", "is missing")
	}
	if e.JWK.Use != "" && e.JWK.Use != "enc" {
		return refuse(InvalidEncryptionParameters, "RFC 7517, Section 4.2", at+".jwk.use", "must be enc")
	}
	if e.Enc == "" {
		return refuse(InvalidEncryptionParameters, specRequest, at+".enc", "is missing")
	}
	return nil
}

// Granted is what an access token is good for at the credential endpoint.
type Granted struct {
	// Identifiers maps the credential identifiers of the token response to
	// their configurations; nil when the response had none.
	Identifiers map[string]string
	// Configurations are used when the response had no identifiers.
	Configurations []string
}

// Check holds a request against the issuer's metadata, the token it came with
// and whether it came encrypted (Sections 8.2 and 10). It returns the
// configuration that is asked for.
func (r CredentialRequest) Check(m CredentialIssuerMetadata, g Granted) (string, CredentialConfiguration, error) {
	id, err := r.granted(m, g)
	if err != nil {
		return "", CredentialConfiguration{}, err
	}
	c, ok := m.CredentialConfigurationsSupported[id]
	if !ok {
		return "", CredentialConfiguration{}, refuse(UnknownCredentialConfiguration, specRequest, "credential_configuration_id", "is none of credential_configurations_supported")
	}
	if err := r.checkProofs(c, m.BatchSize()); err != nil {
		return "", CredentialConfiguration{}, err
	}
	if err := m.checkEncryption(r.CredentialResponseEncryption, r.Encrypted); err != nil {
		return "", CredentialConfiguration{}, err
	}
	return id, c, nil
}

// granted finds the configuration and makes sure that this very token covers
// it: that an identifier exists is not enough.
func (r CredentialRequest) granted(m CredentialIssuerMetadata, g Granted) (string, error) {
	if g.Identifiers != nil {
		if r.CredentialIdentifier == "" {
			return "", refuse(InvalidCredentialRequest, specRequest, "credential_identifier", "is required, because the token response had credential_identifiers")
		}
		id, ok := g.Identifiers[r.CredentialIdentifier]
		if !ok {
			return "", refuse(UnknownCredentialIdentifier, specRequest, "credential_identifier", "is none that this access token was issued with")
		}
		return id, nil
	}
	if r.CredentialConfigurationID == "" {
		return "", refuse(InvalidCredentialRequest, specRequest, "credential_configuration_id", "is required, because the token response had no credential_identifiers")
	}
	if _, ok := m.CredentialConfigurationsSupported[r.CredentialConfigurationID]; !ok {
		return "", refuse(UnknownCredentialConfiguration, specRequest, "credential_configuration_id", "is none of credential_configurations_supported")
	}
	if !slices.Contains(g.Configurations, r.CredentialConfigurationID) {
		return "", refuse(InsufficientScope, "OpenID4VCI 1.0, Section 8.3.1.1; RFC 6750, Section 3.1", "credential_configuration_id", "is not covered by this access token")
	}
	return r.CredentialConfigurationID, nil
}

func (r CredentialRequest) checkProofs(c CredentialConfiguration, batch int) error {
	switch {
	case c.ProofTypesSupported == nil && r.Proofs != nil:
		return refuse(InvalidCredentialRequest, specRequest, "proofs", "must be left out: this configuration has no proof_types_supported")
	case c.ProofTypesSupported == nil:
		return nil
	case r.Proofs == nil:
		return refuse(InvalidProof, specRequest, "proofs", "is missing: this configuration has proof_types_supported")
	}
	if err := r.Proofs.validate(); err != nil {
		return err
	}
	if _, ok := c.ProofTypesSupported[r.Proofs.Type()]; !ok {
		return refuse(InvalidProof, specRequest, "proofs", "the type %s is none of proof_types_supported", r.Proofs.Type())
	}
	if n := r.Proofs.Len(); n > batch {
		return refuse(InvalidCredentialRequest, specBatch, "proofs", "holds %d proofs, at most %d are allowed (batch_size)", n, batch)
	}
	return nil
}

// checkEncryption holds what a request wants of the encryption of its response
// against the metadata.
func (m CredentialIssuerMetadata) checkEncryption(want *ResponseEncryption, encrypted bool) error {
	const at = "credential_response_encryption"
	if e := m.CredentialRequestEncryption; e != nil && e.EncryptionRequired && !encrypted {
		return refuse(InvalidEncryptionParameters, "OpenID4VCI 1.0, Section 10", "credential request", "must be encrypted")
	}
	e := m.CredentialResponseEncryption
	switch {
	case want == nil && e != nil && e.EncryptionRequired:
		return refuse(InvalidEncryptionParameters, specRequest, at, "is required by this issuer")
	case want == nil:
		return nil
	case e == nil:
		return refuse(InvalidEncryptionParameters, specRequest, at, "is not supported by this issuer")
	case !encrypted:
		return refuse(InvalidEncryptionParameters, specRequest, at, "counts only in an encrypted request, so that nobody can put another key there")
	case want.JWK.Kty != "EC" || want.JWK.Crv != "P-256":
		// Seen now, because after issuing it would be too late.
		return refuse(InvalidEncryptionParameters, specEncryption, at+".jwk", "expected a key on P-256")
	case !slices.Contains(e.AlgValuesSupported, want.JWK.Alg):
		return refuse(InvalidEncryptionParameters, specRequest, at+".jwk.alg", "is none of alg_values_supported")
	case !slices.Contains(e.EncValuesSupported, want.Enc):
		return refuse(InvalidEncryptionParameters, specRequest, at+".enc", "is none of enc_values_supported")
	case want.Zip != "" && !slices.Contains(e.ZipValuesSupported, want.Zip):
		return refuse(InvalidEncryptionParameters, specRequest, at+".zip", "is none of zip_values_supported")
	default:
		return want.validate()
	}
}

// CredentialResponse of Section 8.3: credentials, or a transaction to come back
// with. Serve it with Cache-Control: no-store.
type CredentialResponse struct {
	Credentials    []IssuedCredential `json:"credentials,omitempty"`
	TransactionID  Secret             `json:"transaction_id,omitzero"`
	Interval       int64              `json:"interval,omitzero"` // seconds
	NotificationID Secret             `json:"notification_id,omitzero"`
}

// IssuedCredential holds a string or, for some formats, an object.
type IssuedCredential struct {
	Credential jsontext.Value `json:"credential"`
}

// NewIssuedCredential wraps the text of a credential.
func NewIssuedCredential(text string) (IssuedCredential, error) {
	b, err := jose.Marshal(text)
	return IssuedCredential{Credential: b}, err
}

// Text is a credential that is a string.
func (c IssuedCredential) Text() (string, bool) {
	var s string
	if c.Credential.Kind() != '"' || jose.Unmarshal(c.Credential, &s) != nil {
		return "", false
	}
	return s, true
}

const specResponse = "OpenID4VCI 1.0, Section 8.3"

// ParseCredentialResponse reads a response to a request with that many keys,
// for a wallet. What is in a credential is checked by its format: never store
// it on the word of this response.
func ParseCredentialResponse(b []byte, keys int) (CredentialResponse, error) {
	var r CredentialResponse
	if err := decode(b, &r, 4*MaxDocument, "", "credential response", specResponse); err != nil {
		return CredentialResponse{}, err
	}
	if (r.Credentials == nil) == (r.TransactionID == "") {
		return CredentialResponse{}, refuse("", specResponse, "credentials", "expected exactly one of credentials and transaction_id")
	}
	if tooLong(string(r.TransactionID)) || tooLong(string(r.NotificationID)) {
		return CredentialResponse{}, refuse("", specResponse, "transaction_id", "or notification_id is longer than %d bytes", MaxText)
	}
	if r.Credentials == nil {
		if r.Interval <= 0 {
			return CredentialResponse{}, refuse("", specResponse, "interval", "must be a positive number of seconds with transaction_id")
		}
		if r.NotificationID != "" {
			return CredentialResponse{}, refuse("", specResponse, "notification_id", "must not come without credentials")
		}
		return r, nil
	}
	if n := len(r.Credentials); n == 0 || n > max(keys, 1) {
		return CredentialResponse{}, refuse("", specResponse, "credentials", "expected 1 to %d credentials, found %d", max(keys, 1), n)
	}
	for i, c := range r.Credentials {
		text, isText := c.Text()
		if !isText && c.Credential.Kind() != '{' || isText && text == "" {
			return CredentialResponse{}, refuse("", specResponse, fmt.Sprintf("credentials[%d].credential", i), "must be a non-empty string or an object")
		}
	}
	return r, nil
}
