package vcjose

import (
	"bytes"
	"crypto"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

// visible are the members on which verification hangs: a holder must not be
// able to leave them out, nor anything inside them (VC-JOSE-COSE, Section
// 3.2.1).
var visible = []string{
	"@context", "id", "type", "issuer", "validFrom", "validUntil", "credentialStatus", "credentialSchema",
	"relatedResource", "termsOfUse", "refreshService", "evidence",
}

// PrepareSDJWT checks a credential and makes a draft of a vc+sd-jwt in which
// the paths are selectively disclosable. What is left when nothing is disclosed
// must be a conforming document too. random is crypto/rand.Reader when nil. The
// draft is sealed as every SD-JWT is, presented with sdjwt.Parse, Disclose and
// Present.
func PrepareSDJWT(c Credential, random io.Reader, disclosable ...credential.Path) (*sdjwt.Draft, error) {
	if _, err := check(&c); err != nil {
		return nil, err
	}
	for _, p := range disclosable {
		if len(p) == 0 {
			return nil, failed(credential.CheckPolicy, "3.2.1", "a path is empty", nil)
		}
		if first, ok := p[0].(string); ok && (slices.Contains(visible, first) || first == "credentialSubject" && len(p) < 2) {
			return nil, failed(credential.CheckPolicy, "3.2.1", first+" must always be visible", nil)
		}
	}
	frame, err := sdjwt.NewFrame(disclosable...)
	if err != nil {
		return nil, failed(credential.CheckPolicy, "3.2.1", "the paths", err)
	}
	t, err := sdjwt.NewTemplate(sdjwt.Options{Profile: sdjwt.ProfileW3C, Frame: frame})
	if err != nil {
		return nil, failed(credential.CheckPolicy, "3.2.1", "the template", err)
	}
	d, err := t.Prepare(sdjwt.Credential{IssuedAt: c.IssuedAt, Expires: c.Expires, Holder: c.Holder, Claims: c.Document}, random)
	if err != nil {
		return nil, failed(credential.CheckStructure, "3.2.1", "the credential", err)
	}
	return d, nil
}

// KeyBinding is what a verifier asked of the key binding JWT.
type KeyBinding struct {
	Nonce, Audience string
	Algs            []jose.Alg // ES256 by default
}

// VerifySDJWT checks a vc+sd-jwt against the policy. With kb a key binding JWT
// is required, without it is refused. Verified.Raw is the processed
// document. The error is an *Error or an *sdjwt.Error.
func VerifySDJWT(text string, p Policy, kb *KeyBinding) (*Verified, *sdjwt.Verified, error) {
	if err := p.usable(); err != nil {
		return nil, nil, err
	}
	var doc *vcdm.Credential
	policy := sdjwt.Policy{Now: p.Now, Skew: p.Skew, W3C: true, IssuerAlgs: p.Algs, RequireExp: p.RequireExp, KeyBinding: sdjwt.BindingForbidden}
	if kb != nil {
		policy.KeyBinding, policy.Nonce, policy.Audience, policy.HolderAlgs = sdjwt.BindingRequired, kb.Nonce, kb.Audience, kb.Algs
	}
	s, err := sdjwt.Parse(text)
	if err != nil {
		return nil, nil, failed(credential.CheckStructure, "3.2.1", "the SD-JWT", err)
	}
	raw := s.Claims().Raw()
	policy.IssuerKey = func(t *jose.Token, _ sdjwt.Unverified) (crypto.PublicKey, error) {
		return p.IssuerKey(t, doc.Issuer)
	}
	// The document before the signature: its issuer chooses the key.
	if doc, err = vcdm.ParseCredential(raw, vcdm.Rules{}); err != nil {
		return nil, nil, failed(credential.CheckStructure, "5.4", "what was disclosed", err)
	}
	var c claims
	if err := jose.Unmarshal(raw, &c); err != nil {
		return nil, nil, failed(credential.CheckStructure, "3.2.1", "the payload", err)
	}
	if c.VC != nil || c.VP != nil {
		return nil, nil, failed(credential.CheckStructure, "3.1.3", "the payload has a vc or vp claim; it must be the document itself", nil)
	}
	if err := identified(s.Token(), &c, doc.Issuer); err != nil {
		return nil, nil, err
	}
	if err := alwaysVisible(s); err != nil {
		return nil, nil, err
	}
	sd, err := sdjwt.Verify(text, policy)
	if err != nil {
		return nil, nil, err
	}
	if err := doc.CheckValidity(p.Now, p.Skew); err != nil {
		return nil, nil, failed(credential.CheckValidity, "3.1.3", "the document", err)
	}
	return &Verified{Credential: doc, IssuedAt: sd.IssuedAt, Expires: sd.Expires, Holder: sd.Holder, HolderKey: sd.HolderKey,
		IssuerToken: sd.IssuerToken, IssuerKey: sd.IssuerKey, Checks: sd.Checks}, sd, nil
}

// alwaysVisible compares the members that decide with what the issuer's JWT
// says without any disclosure.
func alwaysVisible(s *sdjwt.SDJWT) error {
	var signed map[string]jsontext.Value
	if err := jose.Unmarshal(s.Token().Payload, &signed); err != nil {
		return failed(credential.CheckStructure, "3.2.1", "the payload", err)
	}
	for _, name := range visible {
		a, b := signed[name], jsontext.Value(s.Claims().Member(name))
		if a == nil && b == nil {
			continue
		}
		if a == nil || b == nil || a.Compact() != nil || b.Compact() != nil || !bytes.Equal(a, b) {
			return failed(credential.CheckStructure, "3.2.1", name+" or a part of it is selectively disclosable; it must always be visible", nil)
		}
	}
	return nil
}
