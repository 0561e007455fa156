package oid4vci

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// TypKeyAttestation is the typ of a key attestation (OpenID4VCI, Appendix D.1).
const TypKeyAttestation = "key-attestation+jwt"

const specAttestation = "OpenID4VCI 1.0, Appendix D.1"

// KeyAttestation says what kind of storage holds some keys.
type KeyAttestation struct {
	JWS *jose.Token
	// IssuedAt and Expires; Expires is zero when there is none.
	IssuedAt, Expires  time.Time
	AttestedKeys       []jose.JWK
	KeyStorage         []string
	UserAuthentication []string
	Certification      string
	Nonce              *string
	Status             jsontext.Value

	keys []crypto.PublicKey
}

// AttestationPolicy says which key attestations count.
type AttestationPolicy struct {
	// Required refuses proofs without a trusted key attestation.
	Required bool
	// KeyStorage and UserAuthentication are the accepted values; nil accepts
	// any. One of the attestation's values must be among them.
	KeyStorage, UserAuthentication []string
	// Key finds the key of a trusted attestation issuer, by x5c or kid.
	Key func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error)
	// CheckStatus checks the status member, if there is one; nil refuses an
	// attestation that has one, because it could have been revoked.
	CheckStatus func(ctx context.Context, status []byte) error
}

// ParseKeyAttestation reads a key attestation and checks its form; who signed
// it is not checked.
func ParseKeyAttestation(compact string) (*KeyAttestation, error) {
	t, err := jose.Parse(compact)
	if err == nil {
		err = jose.Use{Typ: TypKeyAttestation, Algs: algs}.Check(t)
	}
	if err != nil {
		return nil, &Error{Code: InvalidProof, Description: err.Error(), Spec: specAttestation, Err: err}
	}
	var c struct {
		IssuedAt           *jose.NumericDate `json:"iat"`
		Expires            *jose.NumericDate `json:"exp"`
		AttestedKeys       []jose.JWK        `json:"attested_keys"`
		KeyStorage         []string          `json:"key_storage"`
		UserAuthentication []string          `json:"user_authentication"`
		Certification      string            `json:"certification"`
		Nonce              *string           `json:"nonce"`
		Status             jsontext.Value    `json:"status"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return nil, refuse(InvalidProof, specAttestation, "", "%v", err)
	}
	switch {
	case c.IssuedAt == nil:
		return nil, refuse(InvalidProof, specAttestation, "iat", "is missing")
	case len(c.AttestedKeys) == 0 || len(c.AttestedKeys) > MaxList:
		return nil, refuse(InvalidProof, specAttestation, "attested_keys", "expected 1 to %d keys, found %d", MaxList, len(c.AttestedKeys))
	case c.KeyStorage != nil && len(c.KeyStorage) == 0:
		return nil, refuse(InvalidProof, specAttestation, "key_storage", "must not be empty")
	case c.UserAuthentication != nil && len(c.UserAuthentication) == 0:
		return nil, refuse(InvalidProof, specAttestation, "user_authentication", "must not be empty")
	}
	ka := &KeyAttestation{
		JWS: t, IssuedAt: c.IssuedAt.Time(), AttestedKeys: c.AttestedKeys, KeyStorage: c.KeyStorage,
		UserAuthentication: c.UserAuthentication, Certification: c.Certification, Nonce: c.Nonce, Status: c.Status,
	}
	if c.Expires != nil {
		ka.Expires = c.Expires.Time()
	}
	for i, k := range c.AttestedKeys {
		key, err := k.Key()
		if err != nil {
			return nil, &Error{Code: InvalidProof, Field: fmt.Sprintf("attested_keys[%d]", i), Description: err.Error(), Spec: specAttestation, Err: err}
		}
		if ka.Index(key) >= 0 {
			return nil, refuse(InvalidProof, specAttestation, fmt.Sprintf("attested_keys[%d]", i), "stands there twice")
		}
		ka.keys = append(ka.keys, key)
	}
	return ka, nil
}

// Index is the place of a key among the attested ones, or -1.
func (ka *KeyAttestation) Index(key crypto.PublicKey) int {
	print := jose.Thumbprint(key)
	return slices.IndexFunc(ka.keys, func(k crypto.PublicKey) bool { return print != "" && jose.Thumbprint(k) == print })
}

// byKid finds an attested key by its kid, or by its place when no key has a
// kid, which is how the example of Appendix F.1 points.
func (ka *KeyAttestation) byKid(kid string) (crypto.PublicKey, bool) {
	named := false
	for i, k := range ka.AttestedKeys {
		named = named || k.Kid != ""
		if k.Kid != "" && k.Kid == kid {
			return ka.keys[i], true
		}
	}
	if i, err := strconv.Atoi(kid); err == nil && !named && i >= 0 && i < len(ka.keys) && strconv.Itoa(i) == kid {
		return ka.keys[i], true
	}
	return nil, false
}

// openAttestation reads an attestation and, when the policy names those to
// trust, verifies it. Without such a policy the result is nil: what an
// untrusted attestation says must not be read as true.
func (v *verification) openAttestation(ctx context.Context, at, compact string, withJWT bool) (*KeyAttestation, error) {
	within := func(err error) error {
		if e, ok := err.(*Error); ok {
			e.Field = strings.TrimSuffix(at+" "+e.Field, " ")
		}
		return err
	}
	ka, err := ParseKeyAttestation(compact)
	if err != nil {
		return nil, within(err)
	}
	if !slices.Contains(v.Algs, ka.JWS.Header.Alg) {
		return nil, within(refuse(InvalidProof, specProof, "alg", "is none of proof_signing_alg_values_supported"))
	}
	switch skew := max(v.Skew, time.Minute); {
	case withJWT && ka.Expires.IsZero():
		return nil, within(refuse(InvalidProof, specAttestation, "exp", "is required with the jwt proof type"))
	case !ka.Expires.IsZero() && !v.Now.Before(ka.Expires):
		return nil, within(refuse(InvalidProof, specAttestation, "exp", "is past"))
	case ka.IssuedAt.After(v.Now.Add(skew)):
		return nil, within(refuse(InvalidProof, specAttestation, "iat", "lies in the future"))
	}
	if v.Attestation == nil || v.Attestation.Key == nil {
		return nil, nil
	}
	key, err := v.Attestation.Key(ctx, ka.JWS)
	if err == nil {
		err = ka.JWS.Verify(key)
	}
	if err != nil {
		return nil, within(&Error{Code: InvalidProof, Description: "its signer is not trusted: " + err.Error(), Spec: specAttestation, Err: err})
	}
	if err := v.nonce(at, ka.Nonce); err != nil {
		return nil, err
	}
	if err := accepted("key_storage", ka.KeyStorage, v.Attestation.KeyStorage); err != nil {
		return nil, within(err)
	}
	if err := accepted("user_authentication", ka.UserAuthentication, v.Attestation.UserAuthentication); err != nil {
		return nil, within(err)
	}
	if ka.Status != nil {
		if v.Attestation.CheckStatus == nil {
			return nil, within(refuse(InvalidProof, specAttestation, "status", "cannot be checked here"))
		}
		if err := v.Attestation.CheckStatus(ctx, ka.Status); err != nil {
			return nil, within(&Error{Code: InvalidProof, Field: "status", Description: "the attestation is not to be relied on", Spec: specAttestation, Err: err})
		}
	}
	return ka, nil
}

func accepted(field string, found, wanted []string) error {
	if wanted == nil {
		return nil
	}
	for _, f := range found {
		if slices.Contains(wanted, f) {
			return nil
		}
	}
	return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix D.2", field, "none of %s is accepted", wire.Clip(fmt.Sprint(found)))
}

// attestation checks a proof of type attestation. It proves no possession: the
// nonce in it is its only freshness, and trust in its signer is all there is
// (Appendix F.3).
func (v *verification) attestation(ctx context.Context, at, compact string) error {
	if v.Attestation == nil || v.Attestation.Key == nil {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F.3", at, "no issuer of key attestations is trusted here")
	}
	if v.CheckNonce == nil {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F.3", at, "cannot be accepted without c_nonce, its only freshness")
	}
	ka, err := v.openAttestation(ctx, at, compact, false)
	if err != nil {
		return err
	}
	if ka == nil {
		return refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F.3", at, "is not trusted")
	}
	return v.addAttested(ka)
}
