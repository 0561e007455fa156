package sdjwt

import (
	"crypto"
	"crypto/subtle"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// TypKeyBinding is the typ of a key binding JWT (RFC 9901, Section 4.3).
const TypKeyBinding = "kb+jwt"

// KeyBinding is what a holder proves possession with (RFC 9901, Section 4.3).
type KeyBinding struct {
	Signer   crypto.Signer // the key of the credential's cnf claim
	Nonce    string        // from the verifier's request
	Audience string        // the verifier, one string
	IssuedAt time.Time
	Extra    any // further members as a JSON object or []byte, such as transaction_data_hashes
}

// roomForBinding is about how long a key binding JWT is.
const roomForBinding = 480

// token makes the key binding JWT for what of s is shown: the text up to and
// including the last tilde.
func (kb *KeyBinding) token(s *SDJWT, shown []byte) ([]byte, error) {
	if kb.Signer == nil || kb.Nonce == "" || kb.Audience == "" || kb.IssuedAt.IsZero() {
		return nil, malformed("RFC 9901, Section 4.3", "key binding needs a signer, nonce, audience and time")
	}
	if !utf8.ValidString(kb.Nonce) || !utf8.ValidString(kb.Audience) {
		return nil, malformed("RFC 9901, Section 4.3", "nonce and audience must be valid UTF-8")
	}
	_, bound, err := s.holder()
	if err != nil {
		return nil, err
	}
	if eq, ok := bound.(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(kb.Signer.Public()) {
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: "RFC 9901, Section 4.3", Detail: "the key is not the one the credential is bound to (cnf.jwk)"}
	}
	alg, err := jose.AlgFor(bound)
	if err != nil {
		return nil, err
	}
	payload := append(make([]byte, 0, 256), `{"iat":`...)
	payload = strconv.AppendInt(payload, kb.IssuedAt.Unix(), 10)
	payload = appendQuoted(append(payload, `,"aud":`...), kb.Audience)
	payload = appendQuoted(append(payload, `,"nonce":`...), kb.Nonce)
	payload = s.hash.appendDigest(append(payload, `,"sd_hash":"`...), shown)
	payload = append(payload, '"')
	if payload, err = kb.extra(payload); err != nil {
		return nil, err
	}
	payload = append(payload, '}')

	token := make([]byte, 0, roomForBinding)
	token = jose.AppendEncode(token, []byte(`{"alg":"`+string(alg)+`","typ":"`+TypKeyBinding+`"}`))
	token = jose.AppendEncode(append(token, '.'), payload)
	sig, err := jose.Sign(kb.Signer, alg, token)
	if err != nil {
		return nil, fmt.Errorf("signing key binding JWT: %w", err)
	}
	return jose.AppendEncode(append(token, '.'), sig), nil
}

func (kb *KeyBinding) extra(payload []byte) ([]byte, error) {
	if kb.Extra == nil {
		return payload, nil
	}
	var d document
	root, err := d.object("extra members of the key binding JWT", kb.Extra)
	if err != nil {
		return nil, err
	}
	for n := d.nodes[root].child; n >= 0; n = d.nodes[n].next {
		switch name := string(d.name(n)); name {
		case "iat", "aud", "nonce", "sd_hash":
			return nil, malformed("RFC 9901, Section 4.3", "extra member "+clip(name)+" is set by the key binding itself")
		default:
			payload = appendQuoted(append(payload, ','), name)
			payload = append(append(payload, ':'), d.raw(n)...)
		}
	}
	return payload, nil
}

// object scans v, raw JSON or any value that marshals to one, as an object.
func (d *document) object(what string, v any) (int32, error) {
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = jose.Marshal(v); err != nil {
			return 0, malformed("RFC 8259", what+" cannot be encoded as JSON")
		}
	}
	start := len(d.src)
	d.src = append(d.src, raw...)
	root, ok := d.scan(start, len(d.src))
	if !ok || d.nodes[root].kind != kindObject {
		return 0, malformed("RFC 8259", what+" must be one strict JSON object")
	}
	return root, nil
}

// holder is the key of the cnf claim. Only an embedded JWK counts: no key is
// fetched and none is taken from the key binding JWT (RFC 7800, Section 3.2).
func (s *SDJWT) holder() (jose.JWK, crypto.PublicKey, error) {
	const spec = "RFC 7800, Section 3.2"
	bad := func(detail string, err error) error {
		return &Error{Check: credential.CheckHolderBinding, Spec: spec, Detail: detail, Err: err}
	}
	cnf := s.doc.member(s.root, "cnf")
	if cnf < 0 {
		return jose.JWK{}, nil, bad("the credential has no cnf claim, it is bound to no key", nil)
	}
	if s.doc.member(cnf, "jku") >= 0 || s.doc.member(cnf, "x5u") >= 0 {
		return jose.JWK{}, nil, bad("cnf refers to a remote key; it must hold the key itself as jwk", nil)
	}
	n := s.doc.member(cnf, "jwk")
	if n < 0 {
		return jose.JWK{}, nil, bad("cnf has no jwk", nil)
	}
	jwk, key, err := jose.ParseJWK(s.doc.raw(n))
	if err != nil {
		return jose.JWK{}, nil, bad("cnf.jwk", err)
	}
	return jwk, key, nil
}

// KeyBound is a verified key binding JWT.
type KeyBound struct {
	Token    *jose.Token
	IssuedAt time.Time
	doc      document
	root     int32
}

// Claims are the members of the key binding JWT, such as
// transaction_data_hashes.
func (k *KeyBound) Claims() Claims { return Claims{doc: &k.doc, root: k.root} }

// keyBinding is RFC 9901, Section 7.3, step 5.
func (s *SDJWT) keyBinding(p *Policy, key crypto.PublicKey) (*KeyBound, error) {
	const spec = "RFC 9901, Section 7.3"
	bad := func(check, detail string, err error) error {
		return &Error{Check: check, Spec: spec, Detail: detail, Err: err}
	}
	// Steps 5.a to 5.d: form, typ, algorithm, signature with the key of cnf.
	t, err := jose.ParseBytes(octets(s.binding))
	if err != nil {
		return nil, bad(credential.CheckHolderBinding, "key binding JWT", err)
	}
	if err := (jose.Use{Typ: TypKeyBinding, Algs: p.holderAlgs()}).Check(t); err != nil {
		return nil, bad(credential.CheckHolderBinding, "key binding JWT", err)
	}
	if err := t.Verify(key); err != nil {
		return nil, bad(credential.CheckHolderBinding, "key binding JWT: not signed with the key of the credential's cnf claim", err)
	}
	kb := &KeyBound{Token: t, doc: document{src: t.Payload, nodes: make([]node, 0, 8)}}
	var ok bool
	if kb.root, ok = kb.doc.scan(0, len(t.Payload)); !ok || kb.doc.nodes[kb.root].kind != kindObject {
		return nil, bad(credential.CheckHolderBinding, "key binding JWT: the payload is not one strict JSON object", nil)
	}
	// Step 5.g: it belongs to exactly this text.
	if n := kb.doc.member(kb.root, "sd_hash"); n < 0 || kb.doc.nodes[n].kind != kindString ||
		subtle.ConstantTimeCompare(s.sdHash(nil), []byte(kb.doc.text(n))) != 1 {
		return nil, bad(credential.CheckHolderBinding, "sd_hash is not the digest of the presented text: disclosures were added, removed or reordered after signing", nil)
	}
	// Step 5.e: its time is in the window.
	iat, ok := kb.doc.date(kb.root, "iat")
	if !ok {
		return nil, bad(credential.CheckReplay, "key binding JWT: iat is missing or no number", nil)
	}
	kb.IssuedAt = iat
	if iat.After(p.Now.Add(p.Skew)) || iat.Before(p.Now.Add(-p.maxAge()-p.Skew)) {
		return nil, bad(credential.CheckReplay, fmt.Sprintf("key binding JWT: iat is %s, accepted is from %s before to %s after %s",
			iat.Format(time.RFC3339), p.maxAge()+p.Skew, p.Skew, p.Now.UTC().Format(time.RFC3339)), nil)
	}
	if err := kb.doc.within(kb.root, p); err != nil {
		return nil, bad(credential.CheckReplay, "key binding JWT: "+err.Error(), nil)
	}
	// Step 5.f: it was made for this transaction and this verifier.
	if n := kb.doc.member(kb.root, "nonce"); n < 0 || kb.doc.nodes[n].kind != kindString ||
		subtle.ConstantTimeCompare([]byte(kb.doc.text(n)), []byte(p.Nonce)) != 1 {
		return nil, bad(credential.CheckReplay, "key binding JWT: nonce is not the one of the request", nil)
	}
	if n := kb.doc.member(kb.root, "aud"); n < 0 || kb.doc.nodes[n].kind != kindString || kb.doc.text(n) != p.Audience {
		return nil, bad(credential.CheckReplay, "key binding JWT: aud must be one string, this verifier's "+clip(p.Audience), nil)
	}
	return kb, nil
}
