package main

import (
	"testing"

	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust"
)

// A certificate of another body than the list of providers has is not taken for a key elsewhere.
func TestTokenOfAnotherBody(t *testing.T) {
	hsm := softhsmtest.New(t)
	s, a := newSite(t), keyringtest.New(t)
	certificates := s.token(hsm, "")
	chain := a.Certify(certificates[0].PublicKey, keyringtest.Seal{Issuer: s.urls[0], Organization: "Ander (TEST)", Registration: siteRegistrations[1], Statements: keyringtest.Statements()})
	s.file("seal-0.pem", string(trust.EncodePEM(chain...)))
	if err := s.tryOpen(); err == nil {
		t.Error("a certificate of another body than the list has seals")
	}
}
