package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// A code is for one client, redirect_uri, verifier and key, and for a minute
// (RFC 6749, Section 4.1.3; RFC 7636, Section 4.6; RFC 9449, Section 10).
func TestCodeRedemptionRefused(t *testing.T) {
	w, _ := withWallets(t)
	d := diplomas()
	d.Refused = nil
	w.source.set(d, nil)
	for name, c := range map[string]struct {
		change func(*wallet, url.Values)
		code   string
	}{
		"another verifier":     {func(_ *wallet, f url.Values) { f.Set("code_verifier", oauth.NewVerifier()) }, "invalid_grant"},
		"no verifier":          {func(_ *wallet, f url.Values) { f.Del("code_verifier") }, "invalid_request"},
		"another redirect_uri": {func(_ *wallet, f url.Values) { f.Set("redirect_uri", "http://127.0.0.1:1/callback") }, "invalid_grant"},
		"another key":          {func(l *wallet, _ url.Values) { l.key = newKey(t) }, "invalid_grant"},
		"no key":               {func(l *wallet, _ url.Values) { l.key = nil }, "invalid_grant"},
		"too late":             {func(*wallet, url.Values) { w.clock.advance(61 * time.Second) }, "invalid_grant"},
		"another code":         {func(_ *wallet, f url.Values) { f.Set("code", f.Get("code")[1:]+"A") }, "invalid_grant"},
		"another configuration": {func(_ *wallet, f url.Values) {
			f.Set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"other"}]`)
		}, "invalid_authorization_details"},
		"another issuer": {func(_ *wallet, f url.Values) { f.Set("resource", "https://other.example") }, "invalid_target"},
		"as pre-authorized": {func(_ *wallet, f url.Values) {
			f.Set("pre-authorized_code", f.Get("code"))
			f.Set("grant_type", grantType)
		}, "invalid_grant"},
		"as a refresh token": {func(_ *wallet, f url.Values) {
			f.Set("refresh_token", f.Get("code"))
			f.Set("grant_type", "refresh_token")
		}, "invalid_grant"},
	} {
		l := w.public()
		form := l.tokenForm(l.code(l.request(), "lotte"))
		key := l.key
		c.change(l, form)
		says(t, name, l.post("/token", form), http.StatusBadRequest, c.code)
		// Who guesses does not use it up.
		if name == "another verifier" {
			l.key = key
			l.tokens(form.Get("code"))
		}
		w.clock.advance(3 * time.Second) // the rate is limited
	}
	// Another client, which exists.
	l := w.public()
	code := l.code(l.request(), "lotte")
	w2, k := withWallets(t)
	other := w2.confidential(k)
	other.verifier = l.verifier
	says(t, "another server's code", other.post("/token", other.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
}

// A code that was asked for with dpop_jkt alone is for that key (RFC 9449,
// Section 10).
func TestCodeBoundByParameter(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	key := l.key
	form := l.request()
	form.Set("dpop_jkt", jose.Thumbprint(key.Public()))
	l.key = nil
	code := l.code(form, "lotte")
	says(t, "no proof", l.post("/token", l.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
	l.key = newKey(t)
	says(t, "another key", l.post("/token", l.tokenForm(code)), http.StatusBadRequest, "invalid_grant")
	l.key = key
	l.tokens(code)
}

// DPoP at the token endpoint: a nonce is demanded, a proof works once, for this
// method and address (RFC 9449, Sections 4.3, 8 and 11.1).
func TestProofAtTokenEndpoint(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	if a := w.send("POST", "/nonce", nil, ""); a.header.Get(oauth.NonceHeader) == "" {
		t.Errorf("the nonce endpoint gives none: %v", a.header)
	}
	send := func(proof string) answer {
		w.Helper()
		return w.send("POST", "/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "DPoP": proof}, l.tokenForm("x").Encode())
	}
	a := send(l.proof("POST", "/token", ""))
	if says(t, "no nonce", a, http.StatusBadRequest, "use_dpop_nonce"); len(a.header.Values(oauth.NonceHeader)) != 1 {
		t.Errorf("%v", a.header)
	}
	l.nonce = a.header.Get(oauth.NonceHeader)
	good := l.proof("POST", "/token", "")
	says(t, "a good proof", send(good), http.StatusBadRequest, "invalid_grant")
	says(t, "the same again", send(good), http.StatusBadRequest, "invalid_dpop_proof")
	says(t, "of another endpoint", send(l.proof("POST", "/par", "")), http.StatusBadRequest, "invalid_dpop_proof")
	says(t, "of another method", send(l.proof("GET", "/token", "")), http.StatusBadRequest, "invalid_dpop_proof")
	w.clock.advance(8 * time.Minute)
	says(t, "an old nonce", send(l.proof("POST", "/token", "")), http.StatusBadRequest, "use_dpop_nonce")
	l.nonce = jose.Encode(make([]byte, 24))
	says(t, "a nonce of its own", send(l.proof("POST", "/token", "")), http.StatusBadRequest, "use_dpop_nonce")
}

// A bound token is of no use without its key, and not as Bearer (RFC 9449,
// Sections 7.1 and 7.2), at every protected endpoint.
func TestBoundToken(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	answer1 := l.tokens(l.code(l.request(), "lotte"))
	token, id := answer1.text("access_token"), identifiersOf(answer1)[0]
	for _, path := range []string{"/credential", "/deferred_credential", "/notification"} {
		body := string(marshal(t, w.request(id, w.nonce(), newKey(t))))
		switch path {
		case "/deferred_credential":
			body = `{"transaction_id":"x"}`
		case "/notification":
			body = `{"notification_id":"x","event":"credential_accepted"}`
		}
		send := func(authorization string, proofs ...string) answer {
			w.Helper()
			h := map[string]string{"Content-Type": "application/json", "Authorization": authorization}
			if len(proofs) > 0 {
				h["DPoP"] = proofs[0]
			}
			return w.send("POST", path, h, body)
		}
		stranger := *l
		stranger.key = newKey(t)
		noNonce := *l
		noNonce.nonce = ""
		for name, c := range map[string]struct {
			a    answer
			code string
		}{
			"as Bearer":              {send("Bearer " + token), "invalid_token"},
			"as Bearer with a proof": {send("Bearer "+token, l.proof("POST", path, token)), "invalid_token"},
			"no proof":               {send("DPoP " + token), "invalid_dpop_proof"},
			"another key":            {send("DPoP "+token, stranger.proof("POST", path, token)), "invalid_dpop_proof"},
			"no ath":                 {send("DPoP "+token, l.proof("POST", path, "")), "invalid_dpop_proof"},
			"another token's ath":    {send("DPoP "+token, l.proof("POST", path, token+"x")), "invalid_dpop_proof"},
			"another endpoint":       {send("DPoP "+token, l.proof("POST", "/token", token)), "invalid_dpop_proof"},
			"another method":         {send("DPoP "+token, l.proof("PUT", path, token)), "invalid_dpop_proof"},
			"no nonce":               {send("DPoP "+token, noNonce.proof("POST", path, token)), "use_dpop_nonce"},
			"another scheme":         {send("Basic " + token), "invalid_token"},
			"an unknown token":       {send("DPoP x.y", l.proof("POST", path, "x.y")), "invalid_token"},
		} {
			says(t, path+": "+name, c.a, http.StatusUnauthorized, c.code)
			challenges := strings.Join(c.a.header.Values("WWW-Authenticate"), ", ")
			if !strings.Contains(challenges, `DPoP error="`+c.code+`"`) || !strings.Contains(challenges, `algs="`) || !strings.Contains(challenges, "ES256") {
				t.Errorf("%s: %s: %s", path, name, challenges)
			}
			if c.code == "use_dpop_nonce" && c.a.header.Get(oauth.NonceHeader) == "" {
				t.Errorf("%s: %s: no nonce in %v", path, name, c.a.header)
			}
		}
		once := l.proof("POST", path, token)
		if a := send("DPoP "+token, once); a.status == http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		says(t, path+": a proof again", send("DPoP "+token, once), http.StatusUnauthorized, "invalid_dpop_proof")
	}
}

// A bearer token is no DPoP token, lives five minutes, and is not renewed
// (OpenID4VCI 1.0, Section 13.10; RFC 9449, Section 7.1).
func TestBearerToken(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	l.key = nil
	a := l.tokens(l.code(l.request(), "lotte"))
	if a.text("token_type") != "Bearer" || a.json["refresh_token"] != nil || a.json["expires_in"].(float64) > 300 {
		t.Errorf("%s", a.body)
	}
	l.key, l.nonce = newKey(t), "x"
	says(t, "with a proof", l.fetch(a.text("access_token"), identifiersOf(a)[0]), http.StatusUnauthorized, "invalid_token")
	w.obtain(a.text("access_token"), identifiersOf(a)[0], 1)
	// Where tokens must be bound, wallets without a key get none (HAIP 1.0).
	strict, _ := withWallets(t, func(c *issuer.Config) { c.BoundTokens = true })
	s := strict.public()
	s.key = nil
	says(t, "bound tokens only", s.post("/token", s.tokenForm(s.code(s.request(), "lotte"))), http.StatusBadRequest, "invalid_dpop_proof")
	says(t, "for an offer too", strict.token(tokenForm(strict.offer("OVO000001"))), http.StatusBadRequest, "invalid_dpop_proof")
}

// Offers' tokens are bound too when the wallet makes proofs.
func TestBoundOffer(t *testing.T) {
	w := start(t)
	l := &wallet{w: w, id: "", key: newKey(t)}
	a := l.post("/token", tokenForm(w.offer("OVO000001")))
	if a.text("token_type") != "DPoP" || a.text("refresh_token") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	token, ids := a.text("access_token"), identifiersOf(a)
	says(t, "as Bearer", w.credential(token, w.request(ids[0], w.nonce(), newKey(t))), http.StatusUnauthorized, "invalid_token")
	if a := l.fetch(token, ids[0]); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.nowhere("bound offer")
}

// A grant is renewed by its key alone; the supplier is asked again, each record
// has a new identifier, and what was before ends.
func TestRefresh(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	first := l.tokens(l.code(l.request(), "lotte"))
	refresh, ids := first.text("refresh_token"), identifiersOf(first)
	if a := l.fetch(first.text("access_token"), ids[0]); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	stranger := *l
	stranger.key = newKey(t)
	bare := *l
	bare.key = nil
	for name, a := range map[string]answer{
		"another key": stranger.post("/token", l.refreshForm(refresh)), "no key": bare.post("/token", l.refreshForm(refresh)),
		"the access token": l.post("/token", l.refreshForm(first.text("access_token"))), "another secret": l.post("/token", l.refreshForm(refresh[:len(refresh)-43]+ids[0][:43])),
		"nonsense": l.post("/token", l.refreshForm("x")),
	} {
		says(t, name, a, http.StatusBadRequest, "invalid_grant")
	}
	says(t, "as an access token", l.fetch(refresh, ids[0]), http.StatusUnauthorized, "invalid_token")
	w.clock.advance(60 * 24 * time.Hour)
	l.nonce = ""
	asked := w.source.asked
	again := l.post("/token", l.refreshForm(refresh))
	if again.status != http.StatusOK || again.text("token_type") != "DPoP" || len(identifiersOf(again)) != 2 {
		t.Fatalf("%d %s", again.status, again.body)
	}
	w.nowhere("renewed", "vault-1")
	for _, id := range identifiersOf(again) {
		if id == ids[0] || id == ids[1] {
			t.Error("an identifier came again")
		}
		if a := l.fetch(again.text("access_token"), id); a.status != http.StatusOK || len(texts(a)) != 1 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if w.source.asked != asked+2 {
		t.Errorf("the supplier was asked %d times", w.source.asked-asked)
	}
	says(t, "the access token before", l.fetch(first.text("access_token"), ids[1]), http.StatusUnauthorized, "invalid_token")
	// A vault that is deleted ends it.
	if a := w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "vault-1"}); a.status != http.StatusOK {
		t.Fatalf("%d %s %s", a.status, a.body, w.logs)
	}
	says(t, "after the vault", l.post("/token", l.refreshForm(refresh)), http.StatusBadRequest, "invalid_grant")
	w.nowhere("after it all", "vault-1")
}

// A refresh token lives as long as the operator says, and not at all if so.
func TestRefreshLife(t *testing.T) {
	w, _ := withWallets(t, func(c *issuer.Config) { c.RefreshLife = time.Hour })
	l := w.public()
	refresh := l.tokens(l.code(l.request(), "lotte")).text("refresh_token")
	w.clock.advance(time.Hour)
	l.nonce = ""
	says(t, "too late", l.post("/token", l.refreshForm(refresh)), http.StatusBadRequest, "invalid_grant")
	never, _ := withWallets(t, func(c *issuer.Config) { c.RefreshLife = -1 })
	n := never.public()
	if a := n.tokens(n.code(n.request(), "lotte")); a.json["refresh_token"] != nil {
		t.Errorf("%s", a.body)
	}
	says(t, "never", n.post("/token", n.refreshForm("x")), http.StatusBadRequest, "unsupported_grant_type")
}

// uses keeps what was logged, and fails when it is told to.
type uses struct {
	mu     sync.Mutex
	events []audit.Event
	err    error
}

func (u *uses) Append(_ context.Context, e audit.Event) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.events = append(u.events, e)
	}
	return u.err
}

// take gives what was logged since.
func (u *uses) take() (out []audit.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	out, u.events = u.events, nil
	return out
}

// Each time that a supplier is asked stands in the use log, the citizen's own
// asking and each renewal; what cannot be logged does not happen.
func TestCodeFlowIsLogged(t *testing.T) {
	log := &uses{}
	w, _ := withWallets(t, func(c *issuer.Config) { c.Log = log })
	l := w.public()
	kinds := func(events []audit.Event) (out []audit.Kind) {
		for _, e := range events {
			out = append(out, e.Kind)
			if strings.Contains(e.Detail+string(e.Subject)+e.Actor.ID, insz) {
				t.Error("an event names the citizen")
			}
		}
		return out
	}
	first := l.tokens(l.code(l.request(), "lotte"))
	agreed := log.take()
	if got := kinds(agreed); !slices.Equal(got, []audit.Kind{audit.Fetch, audit.OfferCreate}) || agreed[0].Actor.Kind != audit.Citizen || agreed[0].Subject == "" || agreed[0].Organisation != "OVO002067" {
		t.Errorf("agreed: %+v", agreed)
	}
	l.fetch(first.text("access_token"), identifiersOf(first)[0])
	if got := kinds(log.take()); !slices.Equal(got, []audit.Kind{audit.Issue}) {
		t.Errorf("issued: %v", got)
	}
	again := l.post("/token", l.refreshForm(first.text("refresh_token")))
	l.fetch(again.text("access_token"), identifiersOf(again)[0])
	renewed := log.take()
	if got := kinds(renewed); !slices.Equal(got, []audit.Kind{audit.Fetch, audit.Issue}) || renewed[0].Subject != agreed[0].Subject {
		t.Errorf("renewed: %+v", renewed)
	}
	b := w.browser(asProgram)
	_, value := b.page(l.address(l.push(l.request())), "lotte")
	log.err = errors.New("the disk is full")
	if a := b.decide(value, "allow"); a.status != http.StatusInternalServerError && !strings.Contains(a.text("redirect_to"), "error=") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
