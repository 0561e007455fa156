package mdoc

import (
	"crypto"
	"time"

	"github.com/zegel-id/zegel/internal/cose"
)

// IssuerAuth is the issuer's signature, unverified.
func (s *IssuerSigned) IssuerAuth() *cose.Sign1 { return s.sign1 }

// Validity is when the document is valid, as the issuer states it.
func (s *IssuerSigned) Validity() (from, until time.Time) { return s.mso.validFrom, s.mso.validUntil }

// Status is the JSON of the status, as the issuer states it; nil when there is
// none, or none that JSON could hold.
func (s *IssuerSigned) Status() []byte {
	b, err := s.mso.statusJSON()
	if err != nil {
		return nil
	}
	return b
}

// DeviceKey is the key the document is bound to, as the issuer states it.
func (s *IssuerSigned) DeviceKey() crypto.PublicKey { return s.mso.deviceKey }

// Authorized is what the device key may sign itself, as the issuer states it.
func (s *IssuerSigned) Authorized() KeyAuthorizations { return s.mso.authorized }
