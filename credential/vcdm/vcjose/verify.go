package vcjose

import (
	"bytes"
	"crypto"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

// Policy is everything a verifier of credentials decides on its own.
type Policy struct {
	Now  time.Time
	Skew time.Duration // tolerated difference of clocks; none by default

	Algs []jose.Alg // ES256 by default

	// IssuerKey gives the key that the credential of an issuer must verify
	// with, or refuses. It must use the mechanism that is permitted for that
	// issuer: a validated seal whose certificate names it (seal.Validator,
	// seal.CertifiesIssuer), or its controller document (FromDocument).
	IssuerKey func(t *jose.Token, issuer string) (crypto.PublicKey, error)

	// RequireExp refuses a signature without exp.
	RequireExp bool
}

// Verified is a credential that passed the policy. The caller still checks the
// status entries, the schemas and whether the issuer may issue this type.
type Verified struct {
	*vcdm.Credential // the verified document; Raw includes the JWT claims

	IssuedAt  time.Time // of the signature; zero when absent
	Expires   time.Time
	Holder    jose.JWK         // cnf.jwk; Kty empty when absent
	HolderKey crypto.PublicKey // the same key, or nil

	IssuerToken *jose.Token
	IssuerKey   crypto.PublicKey

	// Checks lists what was checked, in order. All of them passed.
	Checks credential.Report
}

// claims are the JWT claims beside the members of the document.
type claims struct {
	Iss   *string           `json:"iss"`
	Sub   *string           `json:"sub"`
	Jti   *string           `json:"jti"`
	Aud   jsontext.Value    `json:"aud"`
	Nonce *string           `json:"nonce"`
	Exp   *jose.NumericDate `json:"exp"`
	Nbf   *jose.NumericDate `json:"nbf"`
	Iat   *jose.NumericDate `json:"iat"`
	Cnf   *struct {
		JWK *jose.JWK `json:"jwk"`
	} `json:"cnf"`
	VC jsontext.Value `json:"vc"`
	VP jsontext.Value `json:"vp"`
}

func (p *Policy) usable() error {
	if p.IssuerKey == nil || p.Now.IsZero() || p.Skew < 0 {
		return failed(credential.CheckPolicy, "5.1", "the policy needs Now and IssuerKey, and a Skew that is not negative", nil)
	}
	return nil
}

func algs(list []jose.Alg) []jose.Alg {
	if list == nil { // an empty list allows none
		return []jose.Alg{jose.ES256}
	}
	return list
}

// VerifyCredential checks a vc+jwt against the policy (VC-JOSE-COSE, Sections
// 3.1.1 and 5). The error is an *Error that names the first check that failed.
func VerifyCredential(text string, p Policy) (*Verified, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	t, c, err := open(text, jose.Use{Typ: TypCredential, Algs: algs(p.Algs)})
	if err != nil {
		return nil, err
	}
	doc, err := vcdm.ParseCredential(t.Payload, vcdm.Rules{})
	if err != nil {
		return nil, failed(credential.CheckStructure, "5.4", "the payload", err)
	}
	if err := identified(t, c, doc.Issuer); err != nil {
		return nil, err
	}
	v := &Verified{Credential: doc, IssuerToken: t}
	v.Checks.Pass(credential.CheckType, "VC-JOSE-COSE, Section 3.1.1", TypCredential)
	v.Checks.Pass(credential.CheckStructure, "VC Data Model 2.0, Section 4", "")
	key, err := p.IssuerKey(t, doc.Issuer)
	if err != nil || key == nil {
		return nil, failed(credential.CheckIssuerTrust, "4", "no trusted key for this issuer", err)
	}
	if err := t.Verify(key); err != nil {
		return nil, failed(credential.CheckIssuerSignature, "3.1.1", "the JWS", err)
	}
	v.IssuerKey = key
	v.Checks.Pass(credential.CheckIssuerSignature, "VC-JOSE-COSE, Section 3.1.1", string(t.Header.Alg))

	if err := c.within(p.Now, p.Skew); err != nil {
		return nil, err
	}
	if p.RequireExp && c.Exp == nil {
		return nil, failed(credential.CheckValidity, "3.1.3", "exp is missing and the policy requires it", nil)
	}
	if c.Aud != nil || c.Nonce != nil {
		return nil, failed(credential.CheckReplay, "3.1.3", "a credential is made for no single verifier; aud and nonce belong to a presentation", nil)
	}
	if err := doc.CheckValidity(p.Now, p.Skew); err != nil {
		return nil, failed(credential.CheckValidity, "3.1.3", "the document", err)
	}
	v.IssuedAt, v.Expires = moment(c.Iat), moment(c.Exp)
	v.Checks.Pass(credential.CheckValidity, "VC-JOSE-COSE, Section 3.1.3", "signature and document")
	if err := v.confirmation(c); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Verified) confirmation(c *claims) error {
	if c.Cnf == nil {
		return nil
	}
	if c.Cnf.JWK == nil {
		return failed(credential.CheckHolderBinding, "4.1.3", "cnf has no jwk; no other confirmation is known here", nil)
	}
	key, err := c.Cnf.JWK.Key()
	if err != nil {
		return failed(credential.CheckHolderBinding, "4.1.3", "cnf.jwk", err)
	}
	v.Holder, v.HolderKey = *c.Cnf.JWK, key
	return nil
}

// open reads a compact JWS of one use and its claims. It checks no signature.
func open(text string, use jose.Use) (*jose.Token, *claims, error) {
	t, err := jose.Parse(text)
	if err != nil {
		return nil, nil, failed(credential.CheckStructure, "3.1.3", "the JWS", err)
	}
	if err := use.Check(t); err != nil {
		check := credential.CheckIssuerSignature
		if errors.Is(err, jose.ErrTyp) {
			check = credential.CheckType
		}
		return nil, nil, failed(check, "3.1.1", "the JWS", err)
	}
	if cty := t.Header.Cty; cty != "" && cty != use.Typ[:2] {
		return nil, nil, failed(credential.CheckType, "3.1.1", "cty is not "+use.Typ[:2], nil)
	}
	c := &claims{}
	if err := jose.Unmarshal(t.Payload, c); err != nil {
		return nil, nil, failed(credential.CheckStructure, "3.1.3", "the payload", err)
	}
	if c.VC != nil || c.VP != nil {
		return nil, nil, failed(credential.CheckStructure, "3.1.3", "the payload has a vc or vp claim, as version 1.1 had; it must be the document itself", nil)
	}
	return t, c, nil
}

// identified holds what the token says of its signer against the document
// (VC-JOSE-COSE, Sections 4.1.1, 4.1.2 and 4.3). A seal names its signer with
// a certificate and needs no kid.
func identified(t *jose.Token, c *claims, who string) error {
	if c.Iss != nil && *c.Iss != who {
		return failed(credential.CheckIssuerTrust, "4.1.2", "iss is not the issuer or holder of the document", nil)
	}
	if t.Header.X5TS256 != "" || len(t.Header.X5C) > 0 {
		return nil
	}
	kid := t.Header.Kid
	isDID := len(who) > 4 && who[:4] == "did:"
	switch {
	case (isDID || c.Iss == nil) && !methodURL(kid):
		return failed(credential.CheckIssuerTrust, "4.1.1 and 4.3", "kid must be the absolute URL of a verification method, because no iss is there or the signer is a DID", nil)
	case isDID && controls(kid, who) != nil:
		return failed(credential.CheckIssuerTrust, "4.1.1", "kid", errController)
	default:
		return nil
	}
}

// within checks the times of the signature.
func (c *claims) within(now time.Time, skew time.Duration) error {
	bad := func(detail string) error { return failed(credential.CheckValidity, "3.1.3", detail, nil) }
	switch {
	case c.Exp != nil && !c.Exp.Time().After(now.Add(-skew)):
		return bad("exp: the signature has expired")
	case c.Nbf != nil && c.Nbf.Time().After(now.Add(skew)):
		return bad("nbf: the signature is not valid yet")
	case c.Iat != nil && c.Iat.Time().After(now.Add(skew)):
		return bad("iat lies in the future")
	default:
		return nil
	}
}

func moment(d *jose.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.Time()
}

// names reports whether aud, a string or an array of strings, names who.
func names(aud jsontext.Value, who string) bool {
	if bytes.HasPrefix(aud, []byte{'"'}) {
		var s string
		return jose.Unmarshal(aud, &s) == nil && s == who
	}
	var list []string
	if aud == nil || jose.Unmarshal(aud, &list) != nil {
		return false
	}
	for _, s := range list {
		if s == who {
			return true
		}
	}
	return false
}
