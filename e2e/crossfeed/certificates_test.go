package crossfeed_test

import (
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// Each certificate of the hierarchy is good for one use, also where the
// authority behind two uses is the same.
func TestCertificatesHaveOneUse(t *testing.T) {
	now := time.Now()
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	receiver := newKey()
	access, err := h.IssueAccess(receiver.Public(), devca.AccessRequest{Organization: h.Organization(), Registration: h.Registration()}, now)
	if err != nil {
		t.Fatal(err)
	}
	store, err := h.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		key  crypto.Signer
		leaf *x509.Certificate
	}
	holders := map[string]holder{
		"seal": {h.Seal.Key, h.Seal.Certificate}, "access": {receiver, access}, "status": {h.Status.Key, h.Status.Certificate},
		"list signer": {h.ListSigner.Key, h.ListSigner.Certificate}, "registrar": {h.Registrar.Key, h.Registrar.Certificate},
	}
	// Where a chain is good for a use, the provider list still has to name the
	// certificate's service: for seals and status lists that decides.
	type use struct {
		own   string
		takes func(holder) bool
	}
	chain := func(u trust.Use) func(holder) bool {
		return func(x holder) bool {
			_, err := store.Certificates([]*x509.Certificate{x.leaf}, u, now)
			return err == nil
		}
	}
	service := func(u trust.Use, s trust.Service) func(holder) bool {
		return func(x holder) bool {
			path, err := store.Certificates([]*x509.Certificate{x.leaf}, u, now)
			if err != nil {
				return false
			}
			_, err = store.Provider(path, s, nil, now)
			return err == nil
		}
	}
	uses := map[string]use{
		"a receiver's access": {"access", chain(trust.UseAccessCertificate)},
		"signing the list":    {"list signer", chain(trust.UseListSigner)},
		"registering":         {"registrar", chain(trust.UseRegistrar)},
		"signing statuses":    {"status", service(trust.UseStatus, trust.Revocation)},
		"a seal": {"seal", func(x holder) bool {
			text, err := jose.SignCompact(x.key, m{
				"alg": "ES256", "typ": "dc+sd-jwt", "x5c": jose.EncodeX5C([]*x509.Certificate{x.leaf}), "x5t#S256": jose.X5TS256(x.leaf), "iat": now.Unix(),
			}, []byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			v := seal.Validator{Trust: store, InsecureAcceptUnknownRevocation: true}
			out, _, err := v.ValidateCompact(t.Context(), text, "dc+sd-jwt", now)
			if err != nil {
				t.Fatal(err)
			}
			return out.Indication == seal.TotalPassed && out.Provider != nil
		}},
	}
	for what, u := range uses {
		for name, x := range holders {
			if got := u.takes(x); got != (name == u.own) {
				t.Errorf("the %s certificate for %s: taken %v", name, what, got)
			}
		}
	}
}
