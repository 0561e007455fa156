package unit

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// KeyAttester is who attests how the unit's keys are held, for issuers that
// demand it (OpenID4VCI 1.0, Appendix D; HAIP 1.0, Section 4.5.1).
type KeyAttester interface {
	// AttestKeys returns a key attestation of exactly these keys, for the
	// issuer, with the nonce and an end.
	AttestKeys(ctx context.Context, issuer string, keys []jose.JWK, nonce string) (string, error)
}

// known: the unit holds credentials of the formats it knows, bound to keys which
// it proves with ES256, or which somebody attests.
func (s Issuance) known(c oid4vci.CredentialConfiguration) error {
	f := format.By(c.Format)
	if f == nil {
		return fmt.Errorf("its format is %s, expected one of %s", shown(c.Format, 40), known())
	}
	if format.ByMethod(f) && s.Controllers == nil {
		return errNoControllers
	}
	_, _, err := s.proofType(c)
	return err
}

var errNoControllers = errors.New("the wallet cannot look up the keys of issuers: Issuance.Controllers is not set")

// known are the formats that this unit can hold.
func known() string {
	var names []string
	for _, id := range format.IDs() {
		names = append(names, string(id))
	}
	return strings.Join(names, ", ")
}

// proofType chooses how keys are proved: by their signatures where the issuer
// takes them, else by their attestation alone (OpenID4VCI 1.0, Appendix F).
func (s Issuance) proofType(c oid4vci.CredentialConfiguration) (kind oid4vci.ProofType, attested bool, err error) {
	if p, ok := c.ProofTypesSupported[oid4vci.ProofJWT]; ok && slices.Contains(p.ProofSigningAlgValuesSupported, string(jose.ES256)) {
		if p.KeyAttestationsRequired == nil {
			return oid4vci.ProofJWT, false, nil
		}
		if s.Keys != nil {
			return oid4vci.ProofJWT, true, nil
		}
		return "", false, errors.New("its issuer demands key attestations, and Issuance.Keys is not set")
	}
	if _, ok := c.ProofTypesSupported[oid4vci.ProofAttestation]; ok && s.Keys != nil {
		return oid4vci.ProofAttestation, true, nil
	}
	return "", false, errors.New("its issuer does not take jwt proofs with ES256")
}

// prove puts proofs of the keys into the request, with a new nonce.
func (l *line) prove(ctx context.Context, c oid4vci.CredentialConfiguration, keys []*ecdsa.PrivateKey, r *oid4vci.CredentialRequest) error {
	kind, attested, err := l.s.proofType(c)
	if err != nil {
		return err
	}
	nonce, err := l.nonce(ctx)
	if err != nil {
		return err
	}
	attestation := ""
	if attested {
		if attestation, err = l.attested(ctx, kind, c, keys, nonce); err != nil {
			return err
		}
	}
	r.Proofs = &oid4vci.Proofs{}
	if kind == oid4vci.ProofAttestation {
		r.Proofs.Attestation = []string{attestation}
		return nil
	}
	claims := oid4vci.ProofClaims{Issuer: l.grant.ClientID, Audience: l.metadata.CredentialIssuer, IssuedAt: jose.Date(l.s.Now()), Nonce: nonce}
	for _, key := range keys {
		proof, err := oid4vci.NewAttestedProof(key, claims, attestation)
		if err != nil {
			return err
		}
		r.Proofs.JWT = append(r.Proofs.JWT, proof)
		if attested {
			return nil // one proof stands for all keys of the attestation (Appendix F.1)
		}
	}
	return nil
}

// nonce asks for a c_nonce; none where the issuer has no endpoint for them. It
// needs no token, and may bring a nonce for the proof of the token's key along
// (OpenID4VCI 1.0, Section 7.2).
func (l *line) nonce(ctx context.Context) (oid4vci.Secret, error) {
	if l.metadata.NonceEndpoint == "" {
		return "", nil
	}
	b, _, err := l.post(ctx, message{to: resource, address: l.metadata.NonceEndpoint, bare: true})
	if err != nil {
		return "", fmt.Errorf("asking for a nonce: %w", err)
	}
	n, err := oid4vci.ParseNonceResponse(b)
	return n.CNonce, err
}

// attested has the keys attested, and holds what came against what was asked:
// the issuer would refuse it, or could bind a credential to a key that is not
// here.
func (l *line) attested(ctx context.Context, kind oid4vci.ProofType, c oid4vci.CredentialConfiguration, keys []*ecdsa.PrivateKey, nonce oid4vci.Secret) (string, error) {
	var public []jose.JWK
	for _, key := range keys {
		jwk, err := jose.PublicJWK(key.Public())
		if err != nil {
			return "", err
		}
		public = append(public, jwk)
	}
	text, err := l.s.Keys.AttestKeys(ctx, l.metadata.CredentialIssuer, public, string(nonce))
	if err != nil {
		return "", fmt.Errorf("having the keys attested: %w", err)
	}
	ka, err := oid4vci.ParseKeyAttestation(text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAttestation, err)
	}
	bad := func(what string) (string, error) {
		return "", fmt.Errorf("%w: key attestation: %s (OpenID4VCI 1.0, Appendix D.1)", ErrAttestation, what)
	}
	if len(ka.AttestedKeys) != len(public) || slices.ContainsFunc(keys, func(k *ecdsa.PrivateKey) bool { return ka.Index(k.Public()) < 0 }) {
		return bad("attested_keys are not the keys that were asked for")
	}
	switch {
	case nonce != "" && (ka.Nonce == nil || *ka.Nonce != string(nonce)):
		return bad("nonce is not the issuer's")
	case kind == oid4vci.ProofJWT && ka.Expires.IsZero():
		return bad("exp is missing, which jwt proofs need")
	case !slices.Contains(c.ProofTypesSupported[kind].ProofSigningAlgValuesSupported, string(ka.JWS.Header.Alg)):
		return bad("alg is none of proof_signing_alg_values_supported")
	}
	return text, nil
}
