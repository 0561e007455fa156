package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/issuer"
)

// signInOffer is an offer that a citizen must sign in for.
func (w *world) signInOffer(body map[string]any) (offer answer, state string) {
	w.Helper()
	body["sign_in"], body["credential_configuration_id"] = true, "led_diploma"
	offer = w.as("OVO000001", "POST", "/issuance/v1/offers", body)
	state = offer.text("credential_offer", "grants", "authorization_code", "issuer_state")
	if offer.status != http.StatusCreated || state == "" || offer.json["tx_code"] != nil || codeOf(offer) != "" {
		w.Fatalf("%d %s", offer.status, offer.body)
	}
	return offer, state
}

// What an institution offers to somebody who signs in is for them alone, and
// once, whoever has the link (OpenID4VCI 1.0, Sections 5.1.3 and 13.5).
func TestSignInOffer(t *testing.T) {
	w, _ := withWallets(t)
	subject := map[string]string{"insz": insz}
	for name, body := range map[string]map[string]any{
		"claims":   {"subject": subject, "claims": []json.RawMessage{[]byte(`{"title":"Kanarie bachelor"}`)}},
		"supplier": {"subject": subject, "supplier": "led"},
	} {
		offer, state := w.signInOffer(body)
		w.nowhere(name + " offered")
		l := w.public()
		form := l.request()
		form.Set("issuer_state", state)
		form.Del("vault_handle")
		// Nobody else gets it.
		b := w.browser(asProgram)
		_, value := b.page(l.address(l.push(form)), "nobody")
		if q := back(t, b.decide(value, "allow"), loopbackCallback); q.Get("error") != "access_denied" {
			t.Errorf("%s: another citizen: %v", name, q)
		}
		page := w.browser(map[string]string{"Accept": "text/html", "Accept-Language": "en"})
		_, value = page.page(l.address(l.push(form)), "nobody")
		if a := page.decide(value, "allow"); !strings.Contains(string(a.body), "not for you") {
			t.Errorf("%s: %s", name, a.body)
		}
		// It is no pre-authorized code.
		says(t, name, w.token(url.Values{"grant_type": {grantType}, "pre-authorized_code": {state}}), http.StatusBadRequest, "invalid_grant")
		asked := w.source.asked
		token := l.tokens(l.code(form, "lotte"))
		if w.source.asked != asked {
			t.Errorf("%s: the supplier was asked again", name)
		}
		ids := identifiersOf(token)
		id := ""
		if len(ids) > 0 {
			id = ids[0]
		}
		if a := l.fetch(token.text("access_token"), id); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		// What an institution gave itself cannot be asked for again.
		if has := token.text("refresh_token") != ""; has != (name == "supplier") {
			t.Errorf("%s: refresh %v", name, has)
		}
		st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
		if st.text("state") != "issued" {
			t.Errorf("%s: %s", name, st.body)
		}
		// Once.
		again := w.public()
		form = again.request()
		form.Set("issuer_state", state)
		code := again.code(form, "lotte")
		says(t, name+" again", again.post("/token", again.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
		w.nowhere(name + " taken")
		w.clock.advance(time.Second)
	}
}

// A state that nobody gave, that was withdrawn, or that is of another kind of
// offer gives nothing.
func TestIssuerStateRefused(t *testing.T) {
	w, _ := withWallets(t)
	_, withdrawn := w.signInOffer(map[string]any{"subject": map[string]string{"insz": insz}, "supplier": "led"})
	offer, _ := w.signInOffer(map[string]any{"subject": map[string]string{"insz": insz}, "supplier": "led"})
	gone := offer.text("credential_offer", "grants", "authorization_code", "issuer_state")
	if a := w.as("OVO000001", "DELETE", "/issuance/v1/offers/"+offer.text("offer_id"), nil); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, state := range map[string]string{"invented": "x", "another's secret": withdrawn[1:] + "A", "withdrawn": gone, "a pre-authorized code": codeOf(w.offer("OVO000001"))} {
		l := w.public()
		form := l.request()
		form.Set("issuer_state", state)
		b := w.browser(asProgram)
		_, value := b.page(l.address(l.push(form)), "lotte")
		if q := back(t, b.decide(value, "allow"), loopbackCallback); q.Get("error") != "access_denied" || q.Has("code") {
			t.Errorf("%s: %v", name, q)
		}
	}
}

// An offer that went to a vault ends with it.
func TestSignInOfferEndsWithVault(t *testing.T) {
	w, _ := withWallets(t)
	_, state := w.signInOffer(map[string]any{"subject": map[string]string{"insz": insz}, "supplier": "led"})
	l := w.public()
	form := l.request()
	form.Set("issuer_state", state)
	token := l.tokens(l.code(form, "lotte"))
	if a := w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "vault-1"}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	says(t, "the credential", l.fetch(token.text("access_token"), identifiersOf(token)[0]), http.StatusBadRequest, "credential_request_denied")
	says(t, "renewal", l.post("/token", l.refreshForm(token.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
}

// An institution must say for whom, and citizens must be able to sign in.
func TestSignInOfferRefused(t *testing.T) {
	w, _ := withWallets(t)
	claims := []json.RawMessage{[]byte(`{"title":"x"}`)}
	body := func(change map[string]any) map[string]any {
		b := map[string]any{"credential_configuration_id": "led_diploma", "sign_in": true, "claims": claims}
		for k, v := range change {
			b[k] = v
		}
		return b
	}
	w.problem(w.as("OVO000001", "POST", "/issuance/v1/offers", body(nil)), http.StatusBadRequest, "Missing member")
	w.problem(w.as("OVO000001", "POST", "/issuance/v1/offers", body(map[string]any{"subject": map[string]string{"insz": "80610100138"}})), http.StatusBadRequest, "Not a national number")
	none := start(t, func(w *world) { w.noSignIn = true })
	none.problem(none.as("OVO000001", "POST", "/issuance/v1/offers", body(map[string]any{"subject": map[string]string{"insz": insz}})), http.StatusBadRequest, "No sign-in")
}

// A citizen who does not want to sign in goes back to the wallet; one whose
// sign-in is too weak for this credential does not get on (OpenID Connect Core
// 1.0, Section 3.1.2.1, acr_values).
func TestSignInForWallet(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	b := w.browser(asProgram)
	uri := l.push(l.request())
	a := b.send("GET", l.address(uri), nil)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	// Only with the state of this browser's sign-in.
	w.problem(b.send("GET", w.base+"/signed-in?error=access_denied&state=x", nil), http.StatusForbidden, "Not signed in")
	a = b.send("GET", w.base+"/signed-in?error=access_denied&state="+u.Query().Get("state"), nil)
	if q := back(t, a, loopbackCallback); q.Get("error") != "access_denied" || q.Get("state") != "state-1" || q.Get("iss") != w.base {
		t.Errorf("%v", q)
	}
	w.problem(b.send("GET", l.address(uri), nil), http.StatusBadRequest, "Unknown authorization request")

	strict, _ := withWallets(t, func(c *issuer.Config) {
		c.Types[0].SignIn = issuer.SignIn{ACR: []string{"urn:stronger"}, MaxAge: time.Minute}
	})
	l = strict.public()
	b = strict.browser(asProgram)
	for _, address := range []string{l.address(l.push(l.request()))} {
		a = b.send("GET", address, nil)
		if u, err = url.Parse(a.header.Get("Location")); err != nil || u.Query().Get("acr_values") != "urn:stronger" || u.Query().Get("max_age") != "60" {
			t.Errorf("%v", u)
		}
		strict.problem(b.send("GET", b.signIn(a.header.Get("Location"), "lotte"), nil), http.StatusForbidden, "Not signed in")
	}
	if strict.source.asked != 0 {
		t.Error("the supplier was asked")
	}
}
