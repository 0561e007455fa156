package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/controlled"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/issuer"
)

// withProofs is a world whose issuer has the diploma with Data Integrity proofs
// beside the other.
func withProofs(t *testing.T) *world {
	t.Helper()
	w := start(t, func(w *world) {
		w.tune = func(c *issuer.Config) {
			led := issuer.LEDDiploma()
			led.ID, led.Name, led.Scope = "led_diploma_elm_ldp", "led-diploma-elm-ldp", "led_diploma_elm_ldp"
			led.Format, led.Document = credential.FormatLDP, issuer.LEDDocument("elm")
			c.Types = append(c.Types, led)
			c.Collectable = append(c.Collectable, issuer.Supply{Supplier: "led", Configuration: led.ID})
		}
	})
	w.bitstring = &status.BitstringOptions{Issuer: w.base, Securer: jwsList{key: newKey(t), issuer: w.base}, MediaType: "application/vc+jwt"}
	w.restart()
	w.source.set(issuer.Collection{DataType: "led-diploma", Organisation: "OVO002067", Datasets: []issuer.Dataset{{Record: "BEWIJS-KANARIE-1", Claims: []byte(
		`{"title":"Kanarie bachelor","award_type":"Diploma","authenticity":"Authentiek","supplier":{"name":"Kanarie"},"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"Kanarieschool","country":"BE"}}`)}}}, nil)
	return w
}

// aged fetches from the running issuer as others do.
type aged struct{ w *world }

func (a aged) Fetch(_ context.Context, url, accept string) ([]byte, time.Duration, error) {
	got := a.w.send("GET", url, map[string]string{"Accept": accept}, "")
	if got.status != http.StatusOK {
		return nil, 0, errors.New(http.StatusText(got.status))
	}
	return got.body, 0, nil
}

// proofWallet is a wallet unit that can take them.
func (w *world) proofWallet() (unit.Issuance, *unit.Vault) {
	w.Helper()
	s, v, _ := w.wallet(plain, 2)
	lists, err := status.NewBitstringChecker(aged{w}, w.bitstring.Securer.(jwsList), status.BitstringCheckerOptions{CheckerOptions: status.CheckerOptions{Now: w.clock.now, InsecureLoopback: true}})
	if err != nil {
		w.Fatal(err)
	}
	documents, err := controlled.New(aged{w}, controlled.Options{Now: w.clock.now, InsecureLoopback: true})
	if err != nil {
		w.Fatal(err)
	}
	s.Bitstrings, s.Controllers = lists, documents
	return s, v
}

// take has the wallet accept an offer of the diploma.
func (w *world) take(s unit.Issuance, v *unit.Vault) (unit.Taken, error) {
	w.Helper()
	offer := w.as("OVO000001", "POST", "/issuance/v1/offers", map[string]any{"credential_configuration_id": "led_diploma_elm_ldp", "supplier": "led", "subject": map[string]string{"insz": insz}})
	if offer.status != http.StatusCreated {
		w.Fatalf("offer: %d %s", offer.status, offer.body)
	}
	o, err := s.Read(w.Context(), offer.text("credential_offer_link"))
	if err != nil {
		w.Fatal(err)
	}
	return s.Accept(w.Context(), v, o, offer.text("tx_code"))
}

// The wallet unit takes what is issued, looking the seal key up where the proof says
// that it is.
func TestDataIntegrity(t *testing.T) {
	w := withProofs(t)
	s, v := w.proofWallet()
	taken, err := w.take(s, v)
	if err != nil || len(taken.Items) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	it := taken.Items[0]
	if it.Format != "ldp_vc" || it.Title != "Kanarie bachelor" || it.Issuer != w.base || len(it.Copies) != 2 || it.Copies[0].Credential.Kind() != '{' {
		t.Errorf("%+v", it)
	}
	held, err := it.Open(0)
	if err != nil || held.Disclosable() == 0 {
		t.Errorf("%v", err)
	}
}

// What the metadata say of it (OpenID4VCI 1.0, Appendix A.1.2).
func TestDataIntegrityMetadata(t *testing.T) {
	w := withProofs(t)
	c := w.described().CredentialConfigurationsSupported["led_diploma_elm_ldp"]
	if c.Format != "ldp_vc" || len(c.CredentialSigningAlgValuesSupported) != 1 || c.CredentialSigningAlgValuesSupported[0] != "ecdsa-sd-2023" {
		t.Errorf("%+v", c)
	}
	if want := `{"@context":["https://www.w3.org/ns/credentials/v2","https://zegel-id.github.io/contexts/elm/v1.jsonld"],"type":["VerifiableCredential","EuropeanDigitalCredential"]}`; string(c.CredentialDefinition) != want {
		t.Errorf("%s", c.CredentialDefinition)
	}
}

// The document is at the issuer's own URL, as JSON under each of its names, for
// everybody and for a while, and holds nothing private.
func TestControllerDocument(t *testing.T) {
	w := withProofs(t)
	for accept, kind := range map[string]string{
		"":                                       "application/json",
		"text/html,*/*;q=0.8":                    "application/json",
		"application/json":                       "application/json",
		"application/ld+json":                    "application/ld+json",
		controlled.Accept:                        "application/cid",
		"application/json,application/cid;q=0.5": "application/json",
	} {
		a := w.send("GET", w.base, map[string]string{"Accept": accept, "Origin": "https://verifier.example"}, "")
		if a.status != 200 || a.header.Get("Content-Type") != kind || a.header.Get("Cache-Control") != "public, max-age=300" || a.header.Get("Vary") == "" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%q: %d %v", accept, a.status, a.header)
		}
		again := w.send("GET", w.base, map[string]string{"Accept": accept, "If-None-Match": a.header.Get("ETag")}, "")
		if again.status != http.StatusNotModified {
			t.Errorf("%q: %d", accept, again.status)
		}
		d, err := did.ParseDocument(a.body)
		if err != nil || d.ID != w.base {
			t.Fatalf("%v", err)
		}
		id := format.MethodOf(w.base, w.hierarchy.Seal.Certificate)
		m, err := d.Retrieve(id, did.AssertionMethod, w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		chain, err := m.Certificates()
		if err != nil || !chain[0].Equal(w.hierarchy.Seal.Certificate) {
			t.Errorf("%v", err)
		}
		if strings.Contains(string(a.body), `"d":`) || len(d.Authentication)+len(d.KeyAgreement) > 0 {
			t.Errorf("%s", a.body)
		}
	}
	// Where no signature names a key there is none.
	w = start(t)
	if a := w.send("GET", w.base, nil, ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// After a change of the seal key, and a restart on nothing but the store, what was
// sealed before verifies still; a key that never sealed anything is forgotten.
func TestSealsOfBefore(t *testing.T) {
	w := withProofs(t)
	methods := func() (ids []string) {
		d, err := did.ParseDocument(w.send("GET", w.base, nil, "").body)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range d.VerificationMethod {
			ids = append(ids, m.ID)
		}
		if len(d.AssertionMethod) != len(ids) {
			t.Errorf("%v", d.AssertionMethod)
		}
		return ids
	}
	rotate := func() string {
		before := format.MethodOf(w.base, w.hierarchy.Seal.Certificate)
		w.clock.advance(time.Hour)
		if err := w.hierarchy.RotateSeal("", w.clock.now()); err != nil {
			t.Fatal(err)
		}
		w.hierarchy.FormerSeal = nil // the store alone remembers
		w.restart()
		return before
	}
	unused := rotate()
	s, v := w.proofWallet()
	if _, err := w.take(s, v); err != nil {
		t.Fatal(err)
	}
	first := rotate()
	s, v = w.proofWallet()
	if _, err := w.take(s, v); err != nil {
		t.Fatal(err)
	}
	now := format.MethodOf(w.base, w.hierarchy.Seal.Certificate)
	if got := methods(); len(got) != 2 || got[0] != now || got[1] != first {
		t.Errorf("%v, expected %s and %s, and not %s", got, now, first, unused)
	}
}

// A wallet takes nothing whose key it cannot look up, or that was looked up
// elsewhere.
func TestDataIntegrityRefused(t *testing.T) {
	w := withProofs(t)
	for name, c := range map[string]unit.Controllers{
		"unreachable":        documents(func(string) (*did.Document, error) { return nil, controlled.ErrUnavailable }),
		"another's":          documents(func(string) (*did.Document, error) { return &did.Document{ID: "https://other.example"}, nil }),
		"without the method": documents(func(string) (*did.Document, error) { return &did.Document{ID: w.base}, nil }),
	} {
		s, v := w.proofWallet()
		s.Controllers = c
		taken, err := w.take(s, v)
		if !errors.Is(err, unit.ErrCredential) || len(taken.Items) != 0 {
			t.Errorf("%s: %v, %v", name, taken, err)
		}
	}
}

type documents func(string) (*did.Document, error)

func (d documents) Of(_ context.Context, method string) (*did.Document, error) { return d(method) }
