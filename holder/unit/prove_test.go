package unit_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// attester attests whatever keys it is shown.
type attester struct {
	t      testing.TB
	key    *ecdsa.PrivateKey
	asked  int
	change func(*oid4vci.AttestationClaims)
	err    error
}

func (a *attester) AttestKeys(_ context.Context, issuer string, keys []jose.JWK, nonce string) (string, error) {
	a.asked++
	if issuer != issuerURL {
		a.t.Errorf("for %s", issuer)
	}
	c := oid4vci.AttestationClaims{IssuedAt: jose.Date(at), Expires: jose.Date(at.Add(time.Hour)), AttestedKeys: keys, Nonce: oid4vci.Secret(nonce), KeyStorage: []string{"iso_18045_moderate"}}
	if a.change != nil {
		a.change(&c)
	}
	return must(oid4vci.NewKeyAttestation(a.key, "a", nil, c))(a.t), a.err
}

// attestedOnly makes the double demand attested keys, by this proof type.
func (d *double) attestedOnly(kind oid4vci.ProofType) {
	types := d.metadata["credential_configurations_supported"].(m)["led"].(m)
	types["proof_types_supported"] = m{string(kind): m{"proof_signing_alg_values_supported": []any{"ES256"}, "key_attestations_required": m{"key_storage": []any{"iso_18045_moderate"}}}}
}

// Keys are attested where the issuer demands it, in either proof type, and one
// proof stands for all of them (OpenID4VCI 1.0, Appendices D and F; HAIP 1.0,
// Section 4.5.1).
func TestAttestedKeys(t *testing.T) {
	for _, kind := range []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofAttestation} {
		d := newDouble(t)
		d.attestedOnly(kind)
		v, _ := newVault(t, d.net)
		s := d.unit()
		if _, err := s.Discover(t.Context(), issuerURL, "led"); !errors.Is(err, unit.ErrOffer) {
			t.Errorf("%s: %v", kind, err)
		}
		a := &attester{t: t, key: newKey(t)}
		d.attester = a.key.Public()
		s.Keys, s.Copies = a, 3
		taken := must(d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)))(t)
		if len(taken.Items[0].Copies) != 3 || a.asked != 1 || d.requests[0].Proofs.Len() != 1 || d.requests[0].Proofs.Type() != kind {
			t.Errorf("%s: %d copies, %d proofs of type %s", kind, len(taken.Items[0].Copies), d.requests[0].Proofs.Len(), d.requests[0].Proofs.Type())
		}
	}
	// Nobody is asked where nobody wants it.
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	a := &attester{t: t}
	s.Keys = a
	must(d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)))(t)
	if a.asked != 0 || d.requests[0].Proofs.Len() != 2 {
		t.Errorf("asked %d times", a.asked)
	}
}

// A key attestation that says something else than was asked is not sent: a
// credential could be bound to a key that is not here.
func TestAttestedKeysRefused(t *testing.T) {
	for name, c := range map[string]struct {
		attester attester
		want     string
	}{
		"a key more":       {attester{change: func(c *oid4vci.AttestationClaims) { c.AttestedKeys = append(c.AttestedKeys, public(t, newKey(t))) }}, "attested_keys"},
		"a key less":       {attester{change: func(c *oid4vci.AttestationClaims) { c.AttestedKeys = c.AttestedKeys[:1] }}, "attested_keys"},
		"another key":      {attester{change: func(c *oid4vci.AttestationClaims) { c.AttestedKeys[0] = public(t, newKey(t)) }}, "attested_keys"},
		"another nonce":    {attester{change: func(c *oid4vci.AttestationClaims) { c.Nonce = "x" }}, "nonce"},
		"no nonce":         {attester{change: func(c *oid4vci.AttestationClaims) { c.Nonce = "" }}, "nonce"},
		"no end":           {attester{change: func(c *oid4vci.AttestationClaims) { c.Expires = 0 }}, "exp"},
		"nobody who knows": {attester{err: errors.New("closed")}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			d.attestedOnly(oid4vci.ProofJWT)
			v, p := newVault(t, d.net)
			s := d.unit()
			a := c.attester
			a.t, a.key = t, newKey(t)
			s.Keys = &a
			_, err := d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(d.requests) != 0 || kindsOf(t, v)[unit.KindCredential] != 0 {
				t.Errorf("%v, %d resources", err, len(p.names()))
			}
		})
	}
}
