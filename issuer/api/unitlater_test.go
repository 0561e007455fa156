package api_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/seal/trust"
)

// signers are who may sign metadata, as a wallet is told.
type signers struct{ w *world }

func (s signers) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	store, err := s.w.hierarchy.Store(at)
	if err != nil {
		return err
	}
	_, err = store.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

// seen keeps the media types of answers by path.
type seen map[string]string

func (s seen) Do(r *http.Request) (*http.Response, error) {
	res, err := plain.Do(r)
	if err == nil {
		s[r.URL.Path] = res.Header.Get("Content-Type")
	}
	return res, err
}

// What the issuer puts off comes to the wallet unit later, encrypted, after
// restarts of both, and the issuer hears of it (OpenID4VCI 1.0, Sections 9, 11
// and 12.2.3).
func TestWalletUnitWaits(t *testing.T) {
	w := start(t, func(w *world) { w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionRequired } })
	w.source.set(promised(), nil)
	offer := w.offer("OVO000001")
	kinds := seen{}
	s, v, p := w.wallet(kinds, 3)
	s.Metadata, s.SignedMetadataOnly = signers{w}, true
	s.Wait = func(_ context.Context, d time.Duration) error { w.clock.advance(d); return nil }
	o, err := s.Read(t.Context(), offer.text("credential_offer_link"))
	if err != nil {
		t.Fatal(err)
	}
	if got := kinds["/.well-known/openid-credential-issuer"]; got != "application/jwt" {
		t.Errorf("metadata as %s", got)
	}
	taken, err := s.Accept(t.Context(), v, o, offer.text("tx_code"))
	if err != nil || len(taken.Items) != 1 || len(taken.Waiting) != 1 {
		t.Fatalf("%d items, %d wait, %v", len(taken.Items), len(taken.Waiting), err)
	}
	name := taken.Waiting[0].Name
	for _, b := range p.items {
		if strings.Contains(string(b), string(taken.Waiting[0].Transaction)) {
			t.Error("the platform reads the transaction")
		}
	}
	w.restart()
	if _, err := s.Continue(t.Context(), v, name); !errors.Is(err, unit.ErrWaiting) {
		t.Errorf("%v", err)
	}
	if _, err := s.Await(t.Context(), v, name, 30*time.Second, nil); !errors.Is(err, unit.ErrWaiting) {
		t.Errorf("%v", err)
	}
	w.source.set(kept(), nil)
	w.restart()
	item, err := s.Await(t.Context(), v, name, time.Minute, nil)
	if err != nil || item.Title != "Kanarie doctor" || len(item.Copies) != 3 {
		t.Fatalf("%s, %d copies, %v", item.Title, len(item.Copies), err)
	}
	if got := kinds["/deferred_credential"]; got != "application/jwt" {
		t.Errorf("the credential came as %s", got)
	}
	for _, c := range w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil).list("credentials") {
		if c := c.(map[string]any); c["notification"] != "credential_accepted" || c["copies"] != float64(3) {
			t.Errorf("%v", c)
		}
	}
	// Index, two credentials and the grant to renew them with: no transaction.
	if p.size() != 4 {
		t.Errorf("%d resources", p.size())
	}
	w.nowhere("the wallet took what came late", late)
}

// A supplier that refuses in the end, ends the waiting.
func TestWalletUnitDenied(t *testing.T) {
	w := start(t)
	w.source.set(promised(), nil)
	offer := w.offer("OVO000001")
	s, v, p := w.wallet(plain, 1)
	s.Wait = func(_ context.Context, d time.Duration) error { w.clock.advance(d); return nil }
	o, err := s.Read(t.Context(), offer.text("credential_offer_link"))
	if err != nil {
		t.Fatal(err)
	}
	taken, err := s.Accept(t.Context(), v, o, offer.text("tx_code"))
	if err != nil || len(taken.Waiting) != 1 {
		t.Fatalf("%d wait, %v", len(taken.Waiting), err)
	}
	never := promised()
	never.Pending, never.Refused = nil, []issuer.Refusal{{Record: late, Reason: "annulled"}}
	w.source.set(never, nil)
	if _, err := s.Await(t.Context(), v, taken.Waiting[0].Name, time.Minute, nil); !errors.Is(err, unit.ErrDenied) || p.size() != 3 {
		t.Errorf("%v, %d resources", err, p.size())
	}
}
