package verifier

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// clientID is the receiver's client identifier with its prefix (OpenID4VP 1.0,
// Section 5.9.3).
func (a Access) clientID() string {
	switch {
	case a.KeyID != "":
		id, _, _ := strings.Cut(a.KeyID, "#")
		return string(oid4vp.PrefixDecentralized) + ":" + id
	case a.Attestation != "":
		x, err := oid4vp.ReadAttestation(a.Attestation)
		if err != nil {
			return "" // checked when it was installed
		}
		return string(oid4vp.PrefixAttestation) + ":" + x.Subject
	default:
		return a.certifiedID()
	}
}

// certifiedID is the identifier that the certificate stands for.
func (a Access) certifiedID() string {
	if a.DNSName != "" {
		return string(oid4vp.PrefixX509SANDNS) + ":" + a.DNSName
	}
	return oid4vp.HashClientID(a.Chain[0])
}

// checkIdentifier refuses more than one identifier, and one that no wallet
// could verify.
func (a Access) checkIdentifier(now time.Time) error {
	n := 0
	for _, x := range []string{a.DNSName, a.KeyID, a.Attestation} {
		if x != "" {
			n++
		}
	}
	switch {
	case n > 1:
		return errors.New("verifier: DNSName, KeyID and Attestation exclude each other: a receiver has one client identifier (OpenID4VP 1.0, Section 5.9)")
	case a.KeyID != "":
		if u, err := did.ParseURL(a.KeyID); err != nil || u.Fragment == "" || u.Path != "" || u.Query != "" {
			return errors.New("verifier: KeyID must be the DID URL of a verification method, such as did:web:verifier.example.org#key-1 (OpenID4VP 1.0, Section 5.9.3)")
		}
	case a.Attestation != "":
		x, err := oid4vp.ReadAttestation(a.Attestation)
		if err != nil {
			return fmt.Errorf("verifier: Attestation: %w", err)
		}
		_, key, err := jose.ParseJWK(x.Confirmation.JWK)
		switch {
		case err != nil || jose.Thumbprint(key) != jose.Thumbprint(a.Signer.Public()):
			return errors.New("verifier: Attestation: cnf.jwk is not the key that signs requests (OpenID4VP 1.0, Section 12)")
		case !now.Before(x.Expires.Time()):
			return errors.New("verifier: Attestation is over; have it renewed (OpenID4VP 1.0, Section 12)")
		case x.RedirectURIs != nil:
			return errors.New("verifier: Attestation has redirect_uris, and every request here has a response address of its own; have it made without (OpenID4VP 1.0, Section 5.9.3)")
		}
	}
	return nil
}

// signRequest signs a request object for whichever identifier it has.
func (a Access) signRequest(r oid4vp.Request, opts ...oid4vp.Option) (string, error) {
	switch prefix, _ := oid4vp.Split(r.ClientID); prefix {
	case oid4vp.PrefixDecentralized:
		return r.SignDID(a.Signer, a.KeyID, opts...)
	case oid4vp.PrefixAttestation:
		return r.SignAttested(a.Signer, a.Attestation, opts...)
	default:
		return r.Sign(a.Signer, a.Chain, opts...)
	}
}
