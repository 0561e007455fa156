package sdjwt

import (
	"crypto"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// Verified is an SD-JWT that passed the policy. The caller still checks
// Status and whether the issuer may issue this type.
type Verified struct {
	Issuer        string // iss as signed; empty when absent
	VCT           string
	TypeIntegrity string // vct#integrity
	ID            string // jti
	Subject       string // sub
	IssuedAt      time.Time
	NotBefore     time.Time // zero when absent
	Expires       time.Time // zero when absent
	Status        []byte    // raw JSON of the status claim, nil when absent

	// Holder is the key of cnf.jwk; its Kty is empty when the credential is
	// bound to none. HolderKey is the same key, nil when there is none.
	Holder    jose.JWK
	HolderKey crypto.PublicKey

	Claims    Claims // processed, digests removed
	Disclosed []Path // what was selectively disclosed, outer values first

	IssuerToken *jose.Token
	IssuerKey   crypto.PublicKey
	KeyBinding  *KeyBound // nil when the policy forbids key binding

	// Checks lists what was checked, in order. All of them passed.
	Checks credential.Report

	sd *SDJWT
}

// Verify checks the compact form against the policy (RFC 9901, Sections 7.1
// and 7.3; SD-JWT VC, Section 2.4). The error is an *Error that names the
// first check that failed.
func Verify(text string, p Policy) (*Verified, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return s.verify(&p)
}

// VerifyJSON is Verify for the JSON serialisation (RFC 9901, Section 8). Every
// signature of the general form must verify.
func VerifyJSON(b []byte, p Policy) (*Verified, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	s, err := ParseJSON(b)
	if err != nil {
		return nil, err
	}
	return s.verify(&p)
}

func (p *Policy) usable() error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckPolicy, Spec: "RFC 9901, Section 7.3", Detail: detail}
	}
	switch {
	case p.IssuerKey == nil:
		return bad("the policy has no IssuerKey: there is no one to trust")
	case p.Now.IsZero():
		return bad("the policy has no Now")
	case p.Skew < 0 || p.MaxAge < 0:
		return bad("Skew and MaxAge must not be negative")
	}
	switch p.KeyBinding {
	case BindingForbidden:
		return nil
	case BindingRequired:
		if p.Nonce == "" || p.Audience == "" {
			return bad("key binding is required, so the policy must hold Nonce and Audience of the request")
		}
		return nil
	default:
		return bad("the policy's KeyBinding is neither required nor forbidden")
	}
}

func (s *SDJWT) verify(p *Policy) (*Verified, error) {
	v := &Verified{sd: s, IssuerToken: s.token, Claims: s.Claims(), Checks: make(credential.Report, 0, 8)}

	// Section 7.3, steps 1 and 2: key binding as the policy says.
	switch {
	case p.KeyBinding == BindingRequired && !s.KeyBound():
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: "RFC 9901, Section 7.3", Detail: "key binding is required, but no key binding JWT follows the last tilde"}
	case p.KeyBinding != BindingRequired && s.KeyBound():
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: "RFC 9901, Sections 7.2 and 7.3", Detail: "a key binding JWT was sent where a plain SD-JWT is expected"}
	}
	// Section 7.1, step 3: done by Parse; here only whether the hash is allowed.
	if !p.allows(s.hash) {
		return nil, malformed("RFC 9901, Section 7.1", "hash algorithm "+clip(string(s.hash))+" is not allowed")
	}
	if err := s.alwaysVisible(); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckStructure, "RFC 9901, Section 7.1", strconv.Itoa(len(s.disclosures))+" disclosures, all referenced")

	// Section 7.1, step 2: the issuer's signature.
	if err := s.names(v); err != nil {
		return nil, err
	}
	if err := s.issuer(v, p); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckIssuerSignature, "RFC 9901, Section 7.1", string(s.token.Header.Alg))

	// The type. Before the signature it served only to choose the key.
	if err := s.vct(v, p); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckType, "SD-JWT VC, Section 2.2.2.1", "")

	// Section 7.1, step 6: time and audience.
	if err := s.validity(v, p); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckValidity, "RFC 7519, Section 4.1", "")

	// Section 7.3, steps 3 to 5.
	if s.doc.member(s.root, "cnf") >= 0 {
		var err error
		if v.Holder, v.HolderKey, err = s.holder(); err != nil {
			return nil, err
		}
	}
	if p.KeyBinding == BindingRequired {
		if v.HolderKey == nil {
			return nil, &Error{Check: credential.CheckHolderBinding, Spec: "RFC 9901, Section 7.3", Detail: "key binding is required, but the credential has no cnf claim"}
		}
		var err error
		if v.KeyBinding, err = s.keyBinding(p, v.HolderKey); err != nil {
			return nil, err
		}
		v.Checks.Pass(credential.CheckHolderBinding, "RFC 9901, Section 7.3", "")
		v.Checks.Pass(credential.CheckReplay, "RFC 9901, Section 7.3", "")
	} else {
		v.Checks.Skip(credential.CheckHolderBinding, "RFC 9901, Section 7.3", "the policy asks for none")
	}
	v.Disclosed = s.doc.disclosed(s.root, len(s.disclosures))
	return v, nil
}

// issuer checks kind, algorithm and signature of the issuer's JWT, and of every
// further signature of the general JSON form.
func (s *SDJWT) issuer(v *Verified, p *Policy) error {
	use := jose.Use{Typ: p.typ(), Algs: p.issuerAlgs()}
	one := func(t *jose.Token, kid string, i int) (crypto.PublicKey, error) {
		if err := use.Check(t); err != nil {
			check := credential.CheckIssuerSignature
			if errors.Is(err, jose.ErrTyp) {
				check = credential.CheckType
			}
			return nil, &Error{Check: check, Spec: "RFC 9901, Section 7.1", Detail: "issuer-signed JWT", Err: err}
		}
		if t.Header.Kid != "" {
			kid = t.Header.Kid
		}
		key, err := p.IssuerKey(t, Unverified{Issuer: v.Issuer, VCT: v.VCT, KeyID: kid, Signature: i})
		if err != nil || key == nil {
			return nil, &Error{Check: credential.CheckIssuerTrust, Spec: "SD-JWT VC, Section 2.5", Detail: "no trusted key for this issuer", Err: err}
		}
		if err := t.Verify(key); err != nil {
			return nil, &Error{Check: credential.CheckIssuerSignature, Spec: "RFC 9901, Section 7.1", Detail: "issuer-signed JWT", Err: err}
		}
		return key, nil
	}
	var err error
	if v.IssuerKey, err = one(s.token, s.kid, 0); err != nil {
		return err
	}
	for i, other := range s.others {
		if _, err := one(other.token, other.kid, i+1); err != nil {
			return err
		}
	}
	return nil
}

// critical names the claims on which the validity of a credential hangs. A
// holder must not be able to leave them out (RFC 9901, Section 9.7; SD-JWT VC,
// Section 2.2.2.3), nor anything inside them.
func critical(name []byte) bool {
	switch string(name) {
	case "iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "aka_vcts", "status":
		return true
	default:
		return false
	}
}

func (s *SDJWT) alwaysVisible() error {
	for n := s.doc.nodes[s.root].child; n >= 0; n = s.doc.nodes[n].next {
		nd := &s.doc.nodes[n]
		if nd.disclosure == 0 && nd.flags&changed == 0 {
			continue
		}
		if critical(s.doc.name(n)) {
			return malformed("RFC 9901, Section 9.7; SD-JWT VC, Section 2.2.2.3", "claim "+string(s.doc.name(n))+" or a part of it is selectively disclosable; it must always be visible")
		}
	}
	return nil
}

// names reads the string claims.
func (s *SDJWT) names(v *Verified) error {
	for _, m := range [...]struct {
		name string
		to   *string
	}{{"iss", &v.Issuer}, {"vct", &v.VCT}, {"vct#integrity", &v.TypeIntegrity}, {"jti", &v.ID}, {"sub", &v.Subject}} {
		n := s.doc.member(s.root, m.name)
		if n < 0 {
			continue
		}
		if s.doc.nodes[n].kind != kindString {
			return malformed("RFC 7519, Section 4.1", "claim "+m.name+" is not a string")
		}
		*m.to = s.doc.text(n)
	}
	if n := s.doc.member(s.root, "status"); n >= 0 {
		if s.doc.nodes[n].kind != kindObject {
			return malformed("Token Status List, Section 6.1", "claim status is not an object")
		}
		v.Status = s.doc.raw(n)
	}
	return nil
}

// vct checks the type of an SD-JWT VC (Sections 2.2.2.1 and 2.2.2.2).
func (s *SDJWT) vct(v *Verified, p *Policy) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckType, Spec: "SD-JWT VC, Section 2.2.2", Detail: detail}
	}
	if p.W3C && (p.typ() != TypW3C || s.doc.member(s.root, "vct") >= 0) {
		return bad("a W3C credential has typ " + TypW3C + " and no vct")
	}
	if p.vc() && v.VCT == "" {
		return bad("vct is missing")
	}
	if n := s.doc.member(s.root, "aka_vcts"); n >= 0 && p.vc() {
		if s.doc.nodes[n].kind != kindArray || s.doc.nodes[n].child < 0 {
			return bad("aka_vcts is not a non-empty array")
		}
		for e := s.doc.nodes[n].child; e >= 0; e = s.doc.nodes[e].next {
			if s.doc.nodes[e].kind != kindString || s.doc.text(e) == v.VCT {
				return bad("aka_vcts holds something that is no string, or the vct itself")
			}
		}
	}
	if len(p.VCT) > 0 && !slices.Contains(p.VCT, v.VCT) {
		return bad("vct is " + clip(v.VCT) + ", accepted are " + strings.Join(p.VCT, ", "))
	}
	return nil
}
