package vcjose

import (
	"crypto"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

// Presentation is what a holder presents to one verifier.
type Presentation struct {
	Holder      string   // the holder's identifier, a URL
	Credentials []string // vc+jwt or vc+sd-jwt texts
	Nonce       string   // of the request
	Audience    string   // the verifier
	IssuedAt    time.Time
	Expires     time.Time
}

type enveloped struct {
	Context []string `json:"@context"`
	Type    string   `json:"type"`
	ID      string   `json:"id"`
}

// Present makes a vp+jwt whose members are EnvelopedVerifiableCredentials
// (VC-JOSE-COSE, Section 3.1.2; OpenID4VP 1.0, Appendix B.1.3.1). The signer's
// kid is a verification method of the holder.
func Present(p Presentation, s *KeySigner) (string, error) {
	bad := func(detail string) error { return failed(credential.CheckHolderBinding, "3.1.2", detail, nil) }
	switch {
	case s == nil || p.Holder == "" || p.Nonce == "" || p.Audience == "" || p.IssuedAt.IsZero():
		return "", bad("a presentation needs a signer, holder, nonce, audience and time")
	case controls(s.kid, p.Holder) != nil:
		return "", bad("kid of the signer is not a verification method of the holder")
	case !p.Expires.After(p.IssuedAt):
		return "", bad("a presentation must expire after it was made")
	}
	list := make([]enveloped, len(p.Credentials))
	for i, text := range p.Credentials {
		media := "application/" + TypCredential
		if strings.Contains(text, "~") {
			media = "application/" + TypSDJWT
		}
		list[i] = enveloped{[]string{vcdm.BaseContext}, "EnvelopedVerifiableCredential", "data:" + media + "," + text}
	}
	payload, err := jose.Marshal(struct {
		Context     []string    `json:"@context"`
		Type        []string    `json:"type"`
		Holder      string      `json:"holder"`
		Credentials []enveloped `json:"verifiableCredential,omitempty"`
		Nonce       string      `json:"nonce"`
		Audience    string      `json:"aud"`
		IssuedAt    int64       `json:"iat"`
		Expires     int64       `json:"exp"`
	}{[]string{vcdm.BaseContext}, []string{"VerifiablePresentation"}, p.Holder, list, p.Nonce, p.Audience, p.IssuedAt.Unix(), p.Expires.Unix()})
	if err != nil {
		return "", bad("holder, nonce or audience is not valid UTF-8")
	}
	if _, err := vcdm.ParsePresentation(payload, vcdm.Rules{Producing: true}); err != nil {
		return "", failed(credential.CheckStructure, "3.1.2", "the presentation", err)
	}
	return s.SignCompact(TypPresentation, p.IssuedAt, payload)
}

// PresentationPolicy is everything a verifier of presentations decides.
type PresentationPolicy struct {
	Credentials Policy // also for Now and Skew

	Nonce, Audience string
	MaxAge          time.Duration // of iat; five minutes by default
	Algs            []jose.Alg    // ES256 by default

	// HolderKey gives the key of a holder for authentication, usually
	// FromDocument(…, did.Authentication, …).
	HolderKey func(t *jose.Token, holder string) (crypto.PublicKey, error)

	// AllowOtherSubject accepts credentials that are bound neither to the
	// holder's key by cnf nor to the holder as their one subject.
	AllowOtherSubject bool

	// OnlyJWT refuses credentials that are no vc+jwt, and Max is how many there may
	// be, 0 for as many as a presentation holds.
	OnlyJWT bool
	Max     int
}

// VerifiedPresentation is a presentation that passed, with every credential
// verified on its own, in the order in which they were presented.
type VerifiedPresentation struct {
	*vcdm.Presentation
	Verified  []*Verified
	HolderKey crypto.PublicKey
	Token     *jose.Token
	Checks    credential.Report
}

// VerifyPresentation checks a vp+jwt and each credential in it. Credentials
// secured with embedded proofs are refused: a proof that nobody checked must
// not look verified.
func VerifyPresentation(text string, p PresentationPolicy) (*VerifiedPresentation, error) {
	if err := p.Credentials.usable(); err != nil {
		return nil, err
	}
	if p.HolderKey == nil || p.Nonce == "" || p.Audience == "" || p.MaxAge < 0 {
		return nil, failed(credential.CheckPolicy, "3.1.2", "the policy needs HolderKey, and Nonce and Audience of the request", nil)
	}
	t, c, err := open(text, jose.Use{Typ: TypPresentation, Algs: algs(p.Algs)})
	if err != nil {
		return nil, err
	}
	doc, err := vcdm.ParsePresentation(t.Payload, vcdm.Rules{})
	if err != nil {
		return nil, failed(credential.CheckStructure, "5.4", "the payload", err)
	}
	v := &VerifiedPresentation{Presentation: doc, Token: t}
	v.Checks.Pass(credential.CheckStructure, "VC Data Model 2.0, Section 4.13", "")
	if doc.Holder == "" {
		return nil, failed(credential.CheckHolderBinding, "3.1.2", "holder is missing", nil)
	}
	if err := identified(t, c, doc.Holder); err != nil {
		return nil, err
	}
	if v.HolderKey, err = p.HolderKey(t, doc.Holder); err != nil || v.HolderKey == nil {
		return nil, failed(credential.CheckHolderBinding, "4", "no key of this holder", err)
	}
	if err := t.Verify(v.HolderKey); err != nil {
		return nil, failed(credential.CheckHolderBinding, "3.1.2", "the JWS", err)
	}
	if err := p.replay(c); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckReplay, "OpenID4VP 1.0, Section 14.1", "")
	if n := len(doc.Credentials); p.Max > 0 && n > p.Max {
		return nil, failed(credential.CheckStructure, "3.1.2", fmt.Sprintf("holds %d credentials, expected at most %d", n, p.Max), nil)
	}
	for i, one := range doc.Credentials {
		got, err := p.credential(one)
		if err != nil {
			return nil, fmt.Errorf("verifiableCredential[%d]: %w", i, err)
		}
		if !p.AllowOtherSubject && !v.bound(got) {
			return nil, failed(credential.CheckHolderBinding, "4.1.3", fmt.Sprintf("verifiableCredential[%d] is bound to someone else than the holder", i), nil)
		}
		v.Verified = append(v.Verified, got)
	}
	v.Checks.Pass(credential.CheckHolderBinding, "VC-JOSE-COSE, Section 3.1.2", fmt.Sprintf("%d credentials", len(v.Verified)))
	return v, nil
}

// replay checks that the presentation was made now, for this verifier.
func (p *PresentationPolicy) replay(c *claims) error {
	bad := func(detail string) error { return failed(credential.CheckReplay, "3.1.2", detail, nil) }
	age := p.MaxAge
	if age == 0 {
		age = 5 * time.Minute
	}
	now, skew := p.Credentials.Now, p.Credentials.Skew
	switch {
	case c.Nonce == nil || subtle.ConstantTimeCompare([]byte(*c.Nonce), []byte(p.Nonce)) != 1:
		return bad("nonce is not the one of the request")
	case !names(c.Aud, p.Audience):
		return bad("aud does not name this verifier")
	case c.Iat == nil && c.Exp == nil:
		return bad("neither iat nor exp says when the presentation was made")
	case c.Iat != nil && c.Iat.Time().Before(now.Add(-age-skew)):
		return bad("iat is too old")
	default:
		return c.within(now, skew)
	}
}

func (p *PresentationPolicy) credential(one vcdm.Presented) (*Verified, error) {
	if one.Enveloped == nil {
		return nil, failed(credential.CheckIssuerSignature, "3.1.2", "is not enveloped; embedded proofs are not verified here", nil)
	}
	if p.OnlyJWT && one.Enveloped.MediaType != "application/"+TypCredential {
		return nil, failed(credential.CheckType, "3.1.2", "must be a vc+jwt", nil)
	}
	switch text := string(one.Enveloped.Content); one.Enveloped.MediaType {
	case "application/" + TypCredential:
		return VerifyCredential(text, p.Credentials)
	case "application/" + TypSDJWT:
		v, _, err := VerifySDJWT(text, p.Credentials, nil)
		return v, err
	default:
		return nil, failed(credential.CheckType, "3.1.2", "has a media type that is not verified here", nil)
	}
}

// bound reports whether the holder is the one the credential was issued to: by
// the key of cnf where there is one, else as its only subject.
func (v *VerifiedPresentation) bound(c *Verified) bool {
	if c.HolderKey != nil {
		k, ok := c.HolderKey.(interface{ Equal(crypto.PublicKey) bool })
		return ok && k.Equal(v.HolderKey)
	}
	return len(c.Subjects) == 1 && c.Subjects[0].ID == v.Holder
}
