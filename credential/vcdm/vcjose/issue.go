package vcjose

import (
	"bytes"
	"crypto"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

// Credential is what is issued. The times speak about the signature; when the
// claims hold stands in the document as validFrom and validUntil.
type Credential struct {
	Document []byte    // a credential without proof and JWT claims
	IssuedAt time.Time // iat, whole seconds
	Expires  time.Time // exp; zero for none
	Holder   jose.JWK  // public key of cnf.jwk; Kty empty for none
}

// Draft is a checked credential that is not signed yet.
type Draft struct {
	payload  []byte
	issuer   string
	issuedAt time.Time
	sealed   atomic.Bool
}

// Signer makes a compact JWS with typ, and its cty, in the protected header. It
// must not keep payload. *seal.Sealer and *seal.Keys make JAdES B-B seals,
// KeySigner a plain signature.
type Signer interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// jwtClaims are the names that a document may not bring along: they would say
// something about the signature that the signer did not decide.
type jwtClaims struct {
	Iss jsontext.Value `json:"iss"`
	Sub jsontext.Value `json:"sub"`
	Aud jsontext.Value `json:"aud"`
	Exp jsontext.Value `json:"exp"`
	Nbf jsontext.Value `json:"nbf"`
	Iat jsontext.Value `json:"iat"`
	Jti jsontext.Value `json:"jti"`
	Cnf jsontext.Value `json:"cnf"`
	VC  jsontext.Value `json:"vc"`
	VP  jsontext.Value `json:"vp"`
	SD  jsontext.Value `json:"_sd"`

	Nonce jsontext.Value `json:"nonce"`
	VCT   jsontext.Value `json:"vct"`
	Proof jsontext.Value `json:"proof"`
}

// noClaims reads the document once more only if one of the names, or an escape
// that could spell one, stands anywhere in it.
func noClaims(doc []byte) error {
	if !suspect(doc) {
		return nil
	}
	var c jwtClaims
	if err := jose.Unmarshal(doc, &c); err != nil {
		return failed(credential.CheckStructure, "3.1.3", "the document", err)
	}
	for _, v := range [...]jsontext.Value{c.Iss, c.Sub, c.Aud, c.Exp, c.Nbf, c.Iat, c.Jti, c.Cnf, c.VC, c.VP, c.SD, c.Nonce, c.VCT, c.Proof} {
		if v != nil {
			return failed(credential.CheckStructure, "3.1.3", "the document holds a JWT claim, vc, vp or a proof; the signer adds what belongs to the signature", nil)
		}
	}
	return nil
}

// suspect reports whether a quoted claim name or an escape stands in doc.
func suspect(doc []byte) bool {
	if bytes.Contains(doc, []byte(`\u`)) {
		return true
	}
	for {
		_, rest, ok := bytes.Cut(doc, []byte{'"'})
		if !ok {
			return false
		}
		// Behind a closing quote this is no name, and does no harm.
		if end := bytes.IndexByte(rest[:min(len(rest), 6)], '"'); end >= 0 {
			switch string(rest[:end]) {
			case "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vc", "vp", "_sd", "nonce", "vct", "proof":
				return true
			}
		}
		doc = rest
	}
}

// Prepare checks a credential and makes its payload.
func Prepare(c Credential) (*Draft, error) {
	doc, err := check(&c)
	if err != nil {
		return nil, err
	}
	claims := append(make([]byte, 0, len(c.Document)+256), `{"iat":`...)
	claims = strconv.AppendInt(claims, c.IssuedAt.Unix(), 10)
	if !c.Expires.IsZero() {
		claims = append(claims, `,"exp":`...)
		claims = strconv.AppendInt(claims, c.Expires.Unix(), 10)
	}
	if c.Holder.Kty != "" {
		k, err := jose.Marshal(bare(c.Holder))
		if err != nil {
			return nil, failed(credential.CheckHolderBinding, "4.1.3", "holder key", err)
		}
		claims = append(append(append(claims, `,"cnf":{"jwk":`...), k...), '}')
	}
	return &Draft{payload: join(claims, c.Document), issuer: doc.Issuer, issuedAt: c.IssuedAt}, nil
}

// check holds a credential against the data model and its times against one
// another.
func check(c *Credential) (*vcdm.Credential, error) {
	doc, err := vcdm.ParseCredential(c.Document, vcdm.Rules{Producing: true})
	if err != nil {
		return nil, failed(credential.CheckStructure, "3.1.1", "the document", err)
	}
	if err := noClaims(c.Document); err != nil {
		return nil, err
	}
	switch {
	case c.IssuedAt.IsZero() || c.IssuedAt.Nanosecond() != 0 || c.Expires.Nanosecond() != 0:
		return nil, failed(credential.CheckValidity, "3.1.3", "IssuedAt is needed, and times must be whole seconds: truncate them", nil)
	case !c.Expires.IsZero() && !c.Expires.After(c.IssuedAt):
		return nil, failed(credential.CheckValidity, "3.1.3", "exp is not after iat", nil)
	}
	if c.Holder.Kty != "" {
		if err := holderKey(c.Holder); err != nil {
			return nil, failed(credential.CheckHolderBinding, "4.1.3", "holder key", err)
		}
	}
	return doc, nil
}

// holderKey checks a key to be put into cnf. For P-256 it checks the form only:
// that the point is on the curve has been shown by the proof of possession, and
// a bad point could verify nothing.
func holderKey(k jose.JWK) error {
	private := k.D+k.P+k.Q+k.DP+k.DQ+k.QI+k.K != ""
	if k.Kty == "EC" && k.Crv == "P-256" && !private && jose.Octets32(k.X) && jose.Octets32(k.Y) {
		return nil
	}
	_, err := k.Key()
	return err
}

// bare leaves out of a key what could link copies, such as a kid.
func bare(k jose.JWK) jose.JWK {
	return jose.JWK{Kty: k.Kty, Crv: k.Crv, X: k.X, Y: k.Y, N: k.N, E: k.E}
}

// join puts the members of a document behind claims, which lacks its closing
// brace. The document was parsed before: an object with members.
func join(claims, doc []byte) []byte {
	return append(append(claims, ','), bytes.TrimSpace(doc)[1:]...)
}

// Seal signs the draft and gives the compact JWS. A draft is sealed once,
// whether or not sealing succeeds: a second call is ErrSealed. A signer that
// names its own issuer, as KeySigner does, must be the issuer of the document.
func (d *Draft) Seal(s Signer) (string, error) {
	if !d.sealed.CompareAndSwap(false, true) {
		return "", ErrSealed
	}
	if k, ok := s.(*KeySigner); ok {
		if err := controls(k.kid, d.issuer); err != nil {
			return "", failed(credential.CheckSeal, "4.1.1", "signing", err)
		}
	}
	text, err := s.SignCompact(TypCredential, d.issuedAt, d.payload)
	if err != nil {
		return "", failed(credential.CheckSeal, "3.1.1", "sealing", err)
	}
	return text, nil
}

// KeySigner signs with a key that a controller document or DID document
// publishes.
type KeySigner struct {
	key crypto.Signer
	alg jose.Alg
	kid string
}

// NewKeySigner takes a key and the URL of its verification method, such as a
// DID URL (VC-JOSE-COSE, Sections 4.1.1 and 4.3).
func NewKeySigner(key crypto.Signer, kid string) (*KeySigner, error) {
	if key == nil {
		return nil, failed(credential.CheckSeal, "4.1.1", "no key", nil)
	}
	if !methodURL(kid) {
		return nil, failed(credential.CheckSeal, "4.3", "kid must be the absolute URL, with fragment, of a verification method", nil)
	}
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return nil, failed(credential.CheckSeal, "4.1", "the key", err)
	}
	return &KeySigner{key: key, alg: alg, kid: kid}, nil
}

type header struct {
	Alg jose.Alg `json:"alg"`
	Typ string   `json:"typ"`
	Cty string   `json:"cty"`
	Kid string   `json:"kid"`
}

// SignCompact implements Signer. The time stands in the payload.
func (s *KeySigner) SignCompact(typ string, _ time.Time, payload []byte) (string, error) {
	cty := "vc"
	if typ == TypPresentation {
		cty = "vp"
	}
	return jose.SignCompact(s.key, header{s.alg, typ, cty, s.kid}, payload)
}
