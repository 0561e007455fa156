package did

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrProof is returned for a link proof or rotation proof that does not prove
// what it must.
var ErrProof = errors.New("proof does not hold")

// The typ of the two proofs, one for each kind so that neither can stand in
// for the other (RFC 8725, Section 3.11).
const (
	typLink     = "webid-did-link+jwt"
	typRotation = "webid-did-rotation+jwt"
)

const (
	// MaxLinkProof is the longest life of a link proof.
	MaxLinkProof = 90 * 24 * time.Hour
	// proofSkew is how far ahead of ours the clock of a signer may be.
	proofSkew = time.Minute
	maxProof  = 8 << 10
)

var proofAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}

// LinkProof is what the citizen's key states about the two identifiers: that
// they are the same subject's. The platform hosts both documents, so that what
// they say of each other proves no more than control of the platform; this is
// what the platform cannot make.
type LinkProof struct {
	WebID string
	DID   string
	// KeyID is the DID URL of the signing key.
	KeyID string
	// Encryption is the Multikey of the key to encrypt to, empty if there is
	// none. A platform that swapped that key in the documents could read what
	// others encrypt; it cannot swap it here.
	Encryption string
	IssuedAt   time.Time
	Expires    time.Time
}

type linkClaims struct {
	Issuer     string           `json:"iss"`
	Subject    string           `json:"sub"`
	IssuedAt   jose.NumericDate `json:"iat"`
	Expires    jose.NumericDate `json:"exp"`
	Encryption string           `json:"key_agreement,omitempty"`
}

type proofHeader struct {
	Alg jose.Alg `json:"alg"`
	Typ string   `json:"typ"`
	Kid string   `json:"kid"`
}

// NewLinkProof signs the link of a WebID and its DID with the citizen's key
// number n (fragment key-n), to hold from now for at most MaxLinkProof.
// encryption is the key to encrypt to, or nil.
func NewLinkProof(signer crypto.Signer, n int, webid string, encryption crypto.PublicKey, now time.Time, life time.Duration, options ...Option) (string, error) {
	did, err := DIDOf(webid, options...)
	if err != nil {
		return "", err
	}
	if life <= 0 || life > MaxLinkProof {
		return "", fmt.Errorf("%w: a link proof lives at most 90 days", ErrProof)
	}
	c := linkClaims{Issuer: did, Subject: webid, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(life))}
	if encryption != nil {
		if c.Encryption, err = EncodeMultikey(encryption); err != nil {
			return "", err
		}
	}
	return sign(signer, typLink, did+"#"+keyFragment(n), c)
}

// NewRotationProof signs, with the citizen's present key number n, that key
// n+1 of the same identifiers is next (fragment and RFC 7638 thumbprint). It
// has no expiry: it is the evidence that later keys follow from earlier ones.
func NewRotationProof(signer crypto.Signer, n int, webid string, next crypto.PublicKey, now time.Time, options ...Option) (string, error) {
	did, err := DIDOf(webid, options...)
	if err != nil {
		return "", err
	}
	jkt := jose.Thumbprint(next)
	if jkt == "" {
		return "", fmt.Errorf("%w: the next key has no thumbprint", ErrKey)
	}
	c := rotationClaims{Issuer: did, Subject: webid, IssuedAt: jose.Date(now)}
	c.Next.KeyID, c.Next.Thumbprint = did+"#"+keyFragment(n+1), jkt
	return sign(signer, typRotation, did+"#"+keyFragment(n), c)
}

type rotationClaims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	IssuedAt jose.NumericDate `json:"iat"`
	Next     struct {
		KeyID      string `json:"kid"`
		Thumbprint string `json:"jkt"`
	} `json:"next"`
}

func sign(signer crypto.Signer, typ, kid string, claims any) (string, error) {
	alg, err := jose.AlgFor(signer.Public())
	if err != nil {
		return "", err
	}
	payload, err := jose.Marshal(claims)
	if err != nil {
		return "", err
	}
	return jose.SignCompact(signer, proofHeader{Alg: alg, Typ: typ, Kid: kid}, payload)
}

// openProof checks typ, algorithm and signature and reads the claims. key
// returns the key of a kid that the caller trusts for this proof.
func openProof(compact, typ string, key func(kid string) (crypto.PublicKey, error), claims any) (kid string, err error) {
	if len(compact) > maxProof {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrProof, maxProof)
	}
	t, err := jose.Use{Typ: typ, Algs: proofAlgs}.Open(compact, func(h jose.Header) (crypto.PublicKey, error) {
		if h.JWK != nil || h.X5C != nil || h.X5U != "" {
			return nil, errors.New("the key must come from the document, not from the header")
		}
		return key(h.Kid)
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrProof, err)
	}
	if err := jose.UnmarshalClosed(t.Payload, claims); err != nil {
		return "", fmt.Errorf("%w: claims: %w", ErrProof, err)
	}
	return t.Header.Kid, nil
}

// verifyLinkProof judges a link proof for these identifiers at one time. key
// gives the active key of a DID URL.
func verifyLinkProof(compact, webid, did string, now time.Time, key func(kid string) (crypto.PublicKey, error)) (LinkProof, error) {
	var c linkClaims
	kid, err := openProof(compact, typLink, key, &c)
	if err != nil {
		return LinkProof{}, err
	}
	switch life := c.Expires.Time().Sub(c.IssuedAt.Time()); {
	case c.Issuer != did:
		return LinkProof{}, fmt.Errorf("%w: iss is not the DID", ErrProof)
	case c.Subject != webid:
		return LinkProof{}, fmt.Errorf("%w: sub is not the WebID", ErrProof)
	case life <= 0 || life > MaxLinkProof:
		return LinkProof{}, fmt.Errorf("%w: exp must be after iat by at most 90 days, found %s", ErrProof, life)
	case now.Add(proofSkew).Before(c.IssuedAt.Time()):
		return LinkProof{}, fmt.Errorf("%w: iat is in the future", ErrProof)
	case !now.Before(c.Expires.Time()):
		return LinkProof{}, fmt.Errorf("%w: it expired at %s; the citizen signs a new one", ErrProof, c.Expires.Time().Format(time.RFC3339))
	}
	return LinkProof{
		WebID: webid, DID: did, KeyID: kid, Encryption: c.Encryption,
		IssuedAt: c.IssuedAt.Time(), Expires: c.Expires.Time(),
	}, nil
}

// verifyRotation judges the proof that key n of these identifiers, which is
// old, is followed by key n+1, which is next. It returns when it was signed.
func verifyRotation(compact, webid, did string, n int, old, next crypto.PublicKey) (time.Time, error) {
	var c rotationClaims
	_, err := openProof(compact, typRotation, func(kid string) (crypto.PublicKey, error) {
		if kid != did+"#"+keyFragment(n) {
			return nil, errors.New("kid is not the key that is replaced")
		}
		return old, nil
	}, &c)
	if err != nil {
		return time.Time{}, err
	}
	switch {
	case c.Issuer != did || c.Subject != webid:
		return time.Time{}, fmt.Errorf("%w: iss and sub are not this DID and WebID", ErrProof)
	case c.Next.KeyID != did+"#"+keyFragment(n+1):
		return time.Time{}, fmt.Errorf("%w: next.kid is not key-%d", ErrProof, n+1)
	case c.Next.Thumbprint != jose.Thumbprint(next):
		return time.Time{}, fmt.Errorf("%w: next.jkt is not the thumbprint of the new key (RFC 7638, Section 3)", ErrProof)
	}
	return c.IssuedAt.Time(), nil
}
