package api_test

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
	"github.com/zegel-id/zegel/seal/trust"
)

// The whole pre-authorized flow: two records, several copies of each.
func TestFlow(t *testing.T) {
	for name, profile := range map[string]sdjwt.Profile{"etsi": sdjwt.ProfileETSI, "cir": sdjwt.ProfileCIR} {
		t.Run(name, func(t *testing.T) {
			w := start(t, func(w *world) { w.profile = profile })
			testFlow(t, w)
		})
	}
}

func testFlow(t *testing.T, w *world) {
	// Metadata first, as a wallet does.
	meta := w.send("GET", "/.well-known/openid-credential-issuer", nil, "")
	if meta.status != 200 || meta.header.Get("Content-Type") != "application/json" || meta.text("credential_issuer") != w.base {
		t.Fatalf("%d %s", meta.status, meta.body)
	}
	server := w.send("GET", "/.well-known/oauth-authorization-server", nil, "")
	if server.text("issuer") != w.base || server.json["pre-authorized_grant_anonymous_access_supported"] != true {
		t.Fatalf("%s", server.body)
	}
	configuration := meta.json["credential_configurations_supported"].(map[string]any)["led_diploma"].(map[string]any)
	vct := configuration["vct"].(string)

	offer := w.offer("OVO000001")
	if offer.header.Get("Location") != "/issuance/v1/offers/"+offer.text("offer_id") || len(offer.list("accepted")) != 2 || len(offer.list("refused")) != 1 {
		t.Errorf("%s", offer.body)
	}
	if offer.text("credential_offer", "credential_issuer") != w.base {
		t.Errorf("offer of %s", offer.text("credential_offer", "credential_issuer"))
	}
	token := w.token(tokenForm(offer))
	if token.status != 200 || token.header.Get("Cache-Control") != "no-store" || token.text("token_type") != "Bearer" || token.json["expires_in"].(float64) > 300 {
		t.Fatalf("%d %v %s", token.status, token.header, token.body)
	}
	ids := identifiersOf(token)
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Fatalf("identifiers %v", ids)
	}
	seen := map[string]bool{}
	titles := map[string]bool{}
	for n, id := range ids {
		res, copies := w.obtain(token.text("access_token"), id, 3+n)
		if len(copies) != 3+n || res.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d copies, %s", len(copies), res.header.Get("Cache-Control"))
		}
		for _, text := range copies {
			checkCopy(t, w, text, vct, seen)
			titles[claimsOf(t, text)["title"].(string)] = true
		}
		if a := w.notify(token.text("access_token"), res.text("notification_id"), "credential_accepted"); a.status != http.StatusNoContent {
			t.Errorf("notification: %d %s", a.status, a.body)
		}
	}
	if len(titles) != 2 {
		t.Errorf("titles %v", titles)
	}
	state := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if state.text("state") != "issued" || len(state.list("credentials")) != 2 || len(state.list("accepted")) != 2 || len(state.list("refused")) != 1 {
		t.Errorf("%s", state.body)
	}
	for _, c := range state.list("credentials") {
		if c := c.(map[string]any); c["status"] != "valid" || c["notification"] != "credential_accepted" {
			t.Errorf("%v", c)
		}
	}
	w.nowhere("after the flow")
}

// checkCopy holds one copy against everything a wallet or receiver asks of it.
func checkCopy(t *testing.T, w *world, text, vct string, seen map[string]bool) {
	t.Helper()
	now := w.clock.now()
	var found seal.Validation
	v, err := sdjwt.Verify(text, sdjwt.Policy{
		Now: now, VCT: []string{vct}, KeyBinding: sdjwt.BindingForbidden, RequireExp: true,
		IssuerKey: func(tok *jose.Token, u sdjwt.Unverified) (crypto.PublicKey, error) {
			var err error
			if found, err = w.validator().Validate(t.Context(), tok, now); err != nil {
				return nil, err
			}
			if err := found.Err(); err != nil {
				return nil, err
			}
			return found.Certificate.PublicKey, seal.CertifiesIssuer(found.Certificate, u.Issuer)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if found.Indication != seal.TotalPassed || found.Qualification != seal.AdESeal || found.Level != seal.BaselineB || found.Provider == nil {
		t.Errorf("%s %s %s %v", found.Indication, found.Qualification, found.Level, found.Provider)
	}
	if found.Source == nil || !strings.HasPrefix(found.Source.Name, "LED") {
		t.Errorf("source %+v", found.Source)
	}
	// What differs in every copy.
	p := payload(t, text)
	list := p["status"].(map[string]any)["status_list"].(map[string]any)
	for name, value := range map[string]any{"sub": p["sub"], "jti": p["jti"], "status": fmt.Sprint(list["uri"], list["idx"]), "cnf": fmt.Sprint(p["cnf"]), "_sd": fmt.Sprint(p["_sd"])} {
		if key := name + fmt.Sprint(value); value == nil || seen[key] {
			t.Errorf("%s %v stands in two copies", name, value)
		} else {
			seen[key] = true
		}
	}
	// What is visible without a disclosure: nothing of the record.
	for member := range p {
		switch member {
		case "iss", "vct", "vct#integrity", "category", "cnf", "sub", "jti", "iat", "nbf", "exp", "status", "_sd", "_sd_alg":
		case "issuing_authority", "issuing_country":
			if w.profile != sdjwt.ProfileCIR {
				t.Errorf("%s stands in the payload", member)
			}
		default:
			t.Errorf("%s is always visible", member)
		}
	}
	if w.profile == sdjwt.ProfileCIR && (p["issuing_authority"] != w.hierarchy.Organization() || p["issuing_country"] != "BE") {
		t.Errorf("%v %v", p["issuing_authority"], p["issuing_country"])
	}
	if p["category"] != sdjwt.CategoryPubEAA || p["iss"] != w.base {
		t.Errorf("%v %v", p["category"], p["iss"])
	}
	// Times tell no second, and lie in the certificate's.
	if at := v.IssuedAt; at.After(now) || at.Before(found.Certificate.NotBefore) || (at.Minute() != 0 && !at.Equal(found.Certificate.NotBefore)) {
		t.Errorf("issued at %s, certificate from %s", at, found.Certificate.NotBefore)
	}
	// The type metadata at the vct, and its integrity.
	doc := w.send("GET", v.VCT, nil, "")
	if doc.status != 200 || doc.header.Get("Content-Type") != "application/json" || sdjwt.Integrity(doc.body) != v.TypeIntegrity {
		t.Errorf("type metadata: %d %s", doc.status, v.TypeIntegrity)
	}
	m, err := sdjwt.ParseTypeMetadata(doc.body)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckHeld(s); err != nil {
		t.Error(err)
	}
	// The certificate at x5u.
	var h struct {
		X5U string   `json:"x5u"`
		X5C []string `json:"x5c"`
	}
	if err := jose.Unmarshal(v.IssuerToken.RawHeader, &h); err != nil {
		t.Fatal(err)
	}
	pem := w.send("GET", h.X5U, nil, "")
	certs, err := trust.ParsePEM(pem.body)
	if pem.status != 200 || err != nil || !reflect.DeepEqual(jose.EncodeX5C(certs), h.X5C) {
		t.Errorf("x5u: %d %v", pem.status, err)
	}
}

// A certificate that takes over may spell the name of the body otherwise; credentials
// of the CIR profile then have the name that it has.
func TestRotationToAnotherName(t *testing.T) {
	w := start(t, func(w *world) { w.profile = sdjwt.ProfileCIR })
	token, ids := w.redeem(w.offer("OVO000001"))
	key := keyringtest.Key(t)
	chain := keyringtest.New(t).Certify(key.Public(), keyringtest.Seal{
		Issuer: w.base, Organization: "Otherwise (TEST)", Registration: w.hierarchy.Registration(), Statements: keyringtest.Statements(),
		Change: func(c *x509.Certificate) { c.NotBefore = w.clock.now().Add(-2 * time.Hour) },
	})
	next, err := seal.NewSealer(key, chain[:1], seal.Options{X5U: w.base + "/seal/x.pem", RequireSeal: true, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.seals.Rotate(next); err != nil {
		t.Fatal(err)
	}
	_, copies := w.obtain(token, ids[0], 1)
	compact, _, _ := strings.Cut(copies[0], "~")
	sealed, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	var p map[string]any
	if err := jose.Unmarshal(sealed.Payload, &p); err != nil || p["issuing_authority"] != "Otherwise (TEST)" {
		t.Error(p["issuing_authority"], err)
	}
}

// A rotated key seals the next credential, the one before is still served.
func TestRotation(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	token, ids := w.redeem(offer)
	_, before := w.obtain(token, ids[0], 1)
	w.clock.advance(90 * time.Second)
	if err := w.hierarchy.RotateSeal("", w.clock.now()); err != nil {
		t.Fatal(err)
	}
	next, err := w.hierarchy.Sealer("", w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.seals.Rotate(next); err != nil {
		t.Fatal(err)
	}
	_, after := w.obtain(token, ids[1], 1)
	seen := map[string]bool{}
	vct := w.base + "/types/led-diploma"
	checkCopy(t, w, before[0], vct, seen)
	checkCopy(t, w, after[0], vct, seen)
	if list := w.send("GET", "/trust/pub-eaa.jwt", nil, ""); string(list.body) != w.hierarchy.List {
		t.Error("the provider list that is served is not the new one")
	}
}
