package oid4vci

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// TypProof is the typ of a jwt key proof (OpenID4VCI, Appendix F.1).
const TypProof = "openid4vci-proof+jwt"

const specProof, specVerify = "OpenID4VCI 1.0, Appendix F.1", "OpenID4VCI 1.0, Appendix F.4"

// ErrNonce is returned by a CheckNonce function for a nonce that is not one of
// this issuer's, too old or spent. It becomes invalid_nonce on the wire.
var ErrNonce = errors.New("oid4vci: c_nonce is unknown, too old or spent")

// ProofClaims are the claims of a jwt key proof.
type ProofClaims struct {
	// Issuer is the client_id; empty for an anonymous wallet.
	Issuer string `json:"iss,omitzero"`
	// Audience is the credential issuer identifier.
	Audience string           `json:"aud"`
	IssuedAt jose.NumericDate `json:"iat"`
	Nonce    Secret           `json:"nonce,omitzero"`
}

// NewProof signs a jwt proof with the key that a credential is to be bound to,
// which stands in the header (Appendix F.1). Use a fresh key for every
// credential.
func NewProof(key crypto.Signer, c ProofClaims) (string, error) {
	return NewAttestedProof(key, c, "")
}

// NewAttestedProof is NewProof with a key attestation that holds the key
// (Appendix F.1); an empty one is left out.
func NewAttestedProof(key crypto.Signer, c ProofClaims, attestation string) (string, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return "", err
	}
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		return "", err
	}
	payload, err := jose.Marshal(c)
	if err != nil {
		return "", err
	}
	header := struct {
		Alg            jose.Alg `json:"alg"`
		Typ            string   `json:"typ"`
		JWK            jose.JWK `json:"jwk"`
		KeyAttestation string   `json:"key_attestation,omitzero"`
	}{alg, TypProof, jwk, attestation}
	return jose.SignCompact(key, header, payload)
}

// ProofPolicy is what an issuer demands of proofs.
type ProofPolicy struct {
	// Issuer is the credential issuer identifier, the only audience.
	Issuer string
	// ClientID is the client of the access token; empty for anonymous access,
	// and then a proof must not have iss.
	ClientID string
	// Algs are proof_signing_alg_values_supported of the proof type, for jwt
	// and attestation.
	Algs []jose.Alg
	// Cryptosuites are the same for di_vp.
	Cryptosuites []string
	// Now, with MaxAge (default 5 minutes) and Skew (default 1 minute), is the
	// window for iat.
	Now          time.Time
	MaxAge, Skew time.Duration
	// CheckNonce is asked once for each nonce, after all signatures held, and
	// may spend it. Nil only for an issuer without a nonce endpoint.
	CheckNonce func(ctx context.Context, nonce string) error
	// MaxKeys bounds how many keys come out; it is the batch size.
	MaxKeys int
	// AllowX5C accepts a certificate as the carrier of the holder key. Its
	// chain says nothing and is not looked at.
	AllowX5C bool
	// ResolveKid finds the key of a DID URL; nil refuses kid, unless a trusted
	// key attestation holds that key.
	ResolveKid func(ctx context.Context, kid string) (crypto.PublicKey, error)
	// Attestation says which key attestations count; nil ignores what they
	// say, though a malformed one is still refused.
	Attestation *AttestationPolicy
}

// ProvenKey is a key that a credential may be bound to.
type ProvenKey struct {
	JWK jose.JWK // public, bare
	// Kid is the DID URL, when the key was found by one.
	Kid string
	// Attestation is set when a trusted key attestation holds the key.
	Attestation *KeyAttestation
}

// VerifyProofs checks all proofs of a request (Appendix F.4) and returns their
// keys, each once. An *Error is the answer for the wallet; any other error
// means that the check could not be made.
func VerifyProofs(ctx context.Context, p Proofs, policy ProofPolicy) ([]ProvenKey, error) {
	if policy.Issuer == "" || len(policy.Algs)+len(policy.Cryptosuites) == 0 || policy.Now.IsZero() || policy.MaxKeys < 1 {
		return nil, errors.New("oid4vci: a proof policy needs Issuer, Algs or Cryptosuites, Now and MaxKeys")
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	if p.Len() > policy.MaxKeys {
		return nil, refuse(InvalidProof, specBatch, "proofs", "holds %d proofs, at most %d are allowed", p.Len(), policy.MaxKeys)
	}
	v := verification{ProofPolicy: policy, keys: map[string]int{}}
	switch p.Type() {
	case ProofJWT:
		for i, text := range p.JWT {
			if err := v.jwt(ctx, fmt.Sprintf("proofs.jwt[%d]", i), text); err != nil {
				return nil, err
			}
		}
	case ProofAttestation:
		if err := v.attestation(ctx, "proofs.attestation[0]", p.Attestation[0]); err != nil {
			return nil, err
		}
	case ProofDIVP:
		for i, text := range p.DIVP {
			if err := v.diVP(ctx, fmt.Sprintf("proofs.di_vp[%d]", i), text); err != nil {
				return nil, err
			}
		}
	default:
		return nil, refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F", "proofs", "the type %s is not supported", p.Type())
	}
	if len(v.proven) > policy.MaxKeys {
		return nil, refuse(InvalidProof, specBatch, "proofs", "hold %d keys, at most %d are allowed", len(v.proven), policy.MaxKeys)
	}
	for _, nonce := range v.nonces {
		if err := policy.CheckNonce(ctx, nonce); errors.Is(err, ErrNonce) {
			return nil, &Error{Code: InvalidNonce, Field: "nonce", Description: "is unknown, too old or spent: fetch a new c_nonce", Spec: specRequest, Err: err}
		} else if err != nil {
			return nil, fmt.Errorf("checking c_nonce: %w", err)
		}
	}
	return v.proven, nil
}

type verification struct {
	ProofPolicy
	proven []ProvenKey
	keys   map[string]int // thumbprint to place in proven
	nonces []string       // each once
}

type proofHeader struct {
	Kid            *string        `json:"kid"`
	JWK            jsontext.Value `json:"jwk"`
	X5C            *[]string      `json:"x5c"`
	TrustChain     jsontext.Value `json:"trust_chain"`
	KeyAttestation *string        `json:"key_attestation"`
}

// jwt checks one proof of type jwt.
func (v *verification) jwt(ctx context.Context, at, text string) error {
	// Explicit typ, an asymmetric algorithm of the list, nothing critical.
	t, err := jose.Parse(text)
	if err == nil {
		err = jose.Use{Typ: TypProof, Algs: v.Algs}.Check(t)
	}
	if err != nil {
		return &Error{Code: InvalidProof, Field: at, Description: err.Error(), Spec: specVerify, Err: err}
	}
	var h proofHeader
	if err := jose.Unmarshal(t.RawHeader, &h); err != nil {
		return refuse(InvalidProof, specProof, at+" header", "%v", err)
	}

	// Exactly one way to name the key.
	named := 0
	for _, present := range []bool{h.Kid != nil, h.JWK != nil, h.X5C != nil} {
		if present {
			named++
		}
	}
	if named != 1 {
		return refuse(InvalidProof, specProof, at+" header", "expected exactly one of kid, jwk and x5c, found %d", named)
	}
	if h.TrustChain != nil && h.Kid == nil {
		return refuse(InvalidProof, specProof, at+" header", "trust_chain needs kid")
	}

	// A key attestation first: a kid may point into it.
	var ka *KeyAttestation
	if h.KeyAttestation != nil {
		if ka, err = v.openAttestation(ctx, at+" key_attestation", *h.KeyAttestation, true); err != nil {
			return err
		}
	}
	if ka == nil && v.Attestation != nil && v.Attestation.Required {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix D", at+" key_attestation", "is required")
	}

	// The signature, by the key that the header names.
	key, kid, err := v.headerKey(ctx, at, t.Header, h, ka)
	if err != nil {
		return err
	}
	if err := t.Verify(key); err != nil {
		return &Error{Code: InvalidProof, Field: at, Description: err.Error(), Spec: specVerify, Err: err}
	}
	if err := v.claims(at, t.Payload); err != nil {
		return err
	}

	if ka == nil {
		return v.add(at, key, kid, nil)
	}
	// The proof is signed by one of the attested keys; a credential may be
	// bound to each of them (Appendix F.1).
	if ka.Index(key) < 0 {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix D.1", at, "is not signed by one of attested_keys")
	}
	return v.addAttested(ka)
}

func (v *verification) headerKey(ctx context.Context, at string, header jose.Header, h proofHeader, ka *KeyAttestation) (crypto.PublicKey, string, error) {
	switch {
	case h.JWK != nil:
		_, key, err := jose.ParseJWK(h.JWK)
		if err != nil {
			return nil, "", &Error{Code: InvalidProof, Field: at + " jwk", Description: err.Error(), Spec: specVerify, Err: err}
		}
		return key, "", nil
	case h.X5C != nil:
		if !v.AllowX5C {
			return nil, "", refuse(InvalidProof, specProof, at+" x5c", "is not supported here: use jwk")
		}
		chain, err := header.Certificates()
		if err != nil {
			return nil, "", &Error{Code: InvalidProof, Field: at + " x5c", Description: err.Error(), Spec: specProof, Err: err}
		}
		return chain[0].PublicKey, "", nil
	default:
		if ka != nil {
			if key, ok := ka.byKid(*h.Kid); ok {
				return key, "", nil
			}
		}
		if v.ResolveKid == nil || *h.Kid == "" {
			return nil, "", refuse(InvalidProof, specProof, at+" kid", "is not supported here: use jwk")
		}
		key, err := v.ResolveKid(ctx, *h.Kid)
		if err != nil {
			return nil, "", &Error{Code: InvalidProof, Field: at + " kid", Description: "its key cannot be resolved", Spec: specProof, Err: err}
		}
		return key, *h.Kid, nil
	}
}

// claims checks the payload: iss, aud, iat, nonce.
func (v *verification) claims(at string, payload []byte) error {
	var c struct {
		Issuer   *string           `json:"iss"`
		Audience *string           `json:"aud"`
		IssuedAt *jose.NumericDate `json:"iat"`
		Nonce    *string           `json:"nonce"`
	}
	if err := jose.Unmarshal(payload, &c); err != nil {
		return refuse(InvalidProof, specProof, at, "%v", err)
	}
	switch {
	case c.Audience == nil:
		return refuse(InvalidProof, specProof, at+" aud", "is missing")
	case *c.Audience != v.Issuer:
		return refuse(InvalidProof, specProof, at+" aud", "is not the credential issuer identifier")
	case c.Issuer != nil && v.ClientID == "":
		return refuse(InvalidProof, specProof, at+" iss", "must be left out with anonymous access to the token endpoint")
	case c.Issuer != nil && *c.Issuer != v.ClientID:
		return refuse(InvalidProof, specProof, at+" iss", "is not the client_id of the access token")
	case c.IssuedAt == nil:
		return refuse(InvalidProof, specProof, at+" iat", "is missing")
	}
	if err := v.window(at, c.IssuedAt.Time()); err != nil {
		return err
	}
	return v.nonce(at, c.Nonce)
}

func (v *verification) window(at string, iat time.Time) error {
	age, skew := v.MaxAge, v.Skew
	if age <= 0 {
		age = 5 * time.Minute
	}
	if skew <= 0 {
		skew = time.Minute
	}
	if iat.After(v.Now.Add(skew)) || iat.Before(v.Now.Add(-age-skew)) {
		return refuse(InvalidProof, specVerify, at+" iat", "is not within %v before now", age)
	}
	return nil
}

// nonce notes a nonce to be checked. With a nonce endpoint every proof has one.
func (v *verification) nonce(at string, nonce *string) error {
	if v.CheckNonce == nil {
		return nil
	}
	if nonce == nil || *nonce == "" {
		return refuse(InvalidProof, specVerify, at+" nonce", "is missing: fetch a c_nonce from the nonce endpoint")
	}
	if !slices.Contains(v.nonces, *nonce) {
		v.nonces = append(v.nonces, *nonce)
	}
	return nil
}

func (v *verification) add(at string, key crypto.PublicKey, kid string, ka *KeyAttestation) error {
	jwk, err := jose.PublicJWK(key)
	if err != nil {
		return &Error{Code: InvalidProof, Field: at, Description: err.Error(), Spec: specProof, Err: err}
	}
	// A credential bound to a key of another kind could not be presented.
	if alg, err := jose.AlgFor(key); err != nil || len(v.Algs) > 0 && !slices.Contains(v.Algs, alg) {
		return refuse(InvalidProof, specProof, at, "the key signs with none of proof_signing_alg_values_supported")
	}
	print := jwk.Thumbprint()
	if _, ok := v.keys[print]; ok {
		return refuse(InvalidProof, specBatch, at, "another proof has the same key: use a fresh key for each credential")
	}
	v.keys[print] = len(v.proven)
	v.proven = append(v.proven, ProvenKey{JWK: jwk, Kid: kid, Attestation: ka})
	return nil
}

// addAttested takes the keys of an attestation, which several proofs may share.
func (v *verification) addAttested(ka *KeyAttestation) error {
	for _, key := range ka.keys {
		if _, ok := v.keys[jose.Thumbprint(key)]; ok {
			continue
		}
		if err := v.add("key_attestation", key, "", ka); err != nil {
			return err
		}
	}
	return nil
}
