// Package vault holds the words between a vault platform and an issuer: the
// vault handle, by which a citizen shows an issuer that there is a vault to
// issue to, without saying whose.
package vault

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// TypHandle is the typ of a vault handle.
const TypHandle = "vault-handle+jwt"

// HandleLife is the longest life of a handle.
const HandleLife = 10 * time.Minute

// ErrHandle is returned for a handle that does not hold.
var ErrHandle = errors.New("vault handle does not hold")

// Handle is what a vault platform says of a vault to one issuer.
type Handle struct {
	// Platform is the vault platform's base URL (iss), Issuer the credential
	// issuer it is for (aud).
	Platform, Issuer string
	// Vault is the pseudonym of the vault for that issuer only (sub).
	Vault   string
	Expires time.Time
	// ID must be used once (jti).
	ID string
}

type claims struct {
	Iss string           `json:"iss"`
	Aud string           `json:"aud"`
	Sub string           `json:"sub"`
	Iat jose.NumericDate `json:"iat"`
	Exp jose.NumericDate `json:"exp"`
	Jti string           `json:"jti"`
}

type header struct {
	Alg jose.Alg `json:"alg"`
	Kid string   `json:"kid"`
	Typ string   `json:"typ"`
}

// Sign makes a handle that lives from now on for HandleLife. The key's kid is
// its thumbprint.
func Sign(key crypto.Signer, platform, issuer, pseudonym string, now time.Time) (string, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return "", err
	}
	payload, err := jose.Marshal(claims{Iss: platform, Aud: issuer, Sub: pseudonym, Iat: jose.Date(now), Exp: jose.Date(now.Add(HandleLife)), Jti: rand.Text()})
	if err != nil {
		return "", err
	}
	return jose.SignCompact(key, header{Alg: alg, Kid: jose.Thumbprint(key.Public()), Typ: TypHandle}, payload)
}

// Verify checks a handle for an issuer. keys gives the keys of a vault
// platform the issuer trusts, or refuses a platform it does not know. The
// caller must still use the ID once.
func Verify(text, issuer string, keys func(platform string) ([]jose.JWK, error), now time.Time) (Handle, error) {
	t, err := jose.Parse(text)
	if err != nil {
		return Handle{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	if err := (jose.Use{Typ: TypHandle, Algs: []jose.Alg{jose.ES256}}).Check(t); err != nil {
		return Handle{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	var c claims
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return Handle{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	set, err := keys(c.Iss)
	if err != nil {
		return Handle{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	if err := verify(t, set); err != nil {
		return Handle{}, err
	}
	switch {
	case c.Aud != issuer:
		return Handle{}, fmt.Errorf("%w: aud is another issuer, expected %s", ErrHandle, issuer)
	case c.Sub == "" || c.Jti == "" || len(c.Sub) > 128 || len(c.Jti) > 128:
		return Handle{}, fmt.Errorf("%w: sub and jti must be there", ErrHandle)
	case !now.Before(c.Exp.Time()):
		return Handle{}, fmt.Errorf("%w: it is over; fetch a new one from the vault platform", ErrHandle)
	case c.Exp.Time().Sub(c.Iat.Time()) > HandleLife || c.Iat.Time().After(now.Add(time.Minute)):
		return Handle{}, fmt.Errorf("%w: iat and exp must span at most %s and not lie ahead", ErrHandle, HandleLife)
	}
	return Handle{Platform: c.Iss, Issuer: c.Aud, Vault: c.Sub, Expires: c.Exp.Time(), ID: c.Jti}, nil
}

func verify(t *jose.Token, set []jose.JWK) error {
	for _, k := range set {
		if k.Thumbprint() != t.Header.Kid {
			continue
		}
		pub, err := k.Key()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrHandle, err)
		}
		if err := t.Verify(pub); err != nil {
			return fmt.Errorf("%w: %w", ErrHandle, err)
		}
		return nil
	}
	return fmt.Errorf("%w: kid names no key of the vault platform", ErrHandle)
}
