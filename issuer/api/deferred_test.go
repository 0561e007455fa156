package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// late is the record that comes later.
const late = "BEWIJS-KANARIE-9"

func promised() issuer.Collection {
	c := diplomas()
	c.Datasets = c.Datasets[:1]
	c.Pending = []issuer.Pending{{Record: late, Again: 20 * time.Second}}
	return c
}

func kept() issuer.Collection {
	c := promised()
	c.Datasets, c.Pending = append(c.Datasets, issuer.Dataset{Record: late, Claims: []byte(`{"title":"Kanarie doctor"}`)}), nil
	return c
}

func (w *world) deferred(token string, body any) answer {
	w.Helper()
	return w.send("POST", "/deferred_credential", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, string(marshal(w, body)))
}

func transaction(id string) map[string]any { return map[string]any{"transaction_id": id} }

// OpenID4VCI 1.0, Section 9, over HTTP, with a restart between any two steps
// and nothing readable anywhere.
func TestDeferredOverRestarts(t *testing.T) {
	w := start(t)
	w.source.set(promised(), nil)
	offer := w.offer("OVO000001")
	if len(offer.list("accepted")) != 1 || len(offer.list("pending")) != 1 || w.described().DeferredCredentialEndpoint != w.base+"/deferred_credential" {
		t.Fatalf("%s", offer.body)
	}
	token, ids := w.redeem(offer)
	secrets := []string{late, "Kanarie doctor", token}
	step := func(name string) {
		t.Helper()
		w.nowhere(name, secrets...)
		w.restart()
		w.nowhere(name+", restarted", secrets...)
	}
	step("redeemed")
	holders := keys(t, 2)
	a := w.credential(token, w.request(ids[1], w.nonce(), holders...))
	id := a.text("transaction_id")
	if a.status != http.StatusAccepted || id == "" || a.json["interval"].(float64) < 1 || a.json["credentials"] != nil || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	_, secret, _ := strings.Cut(id, ".")
	secrets = append(secrets, id, secret)
	step("put off")
	w.clock.advance(21 * time.Second)
	if a = w.deferred(token, transaction(id)); a.status != http.StatusAccepted || a.text("transaction_id") != id || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	step("asked once")
	w.source.set(kept(), nil)
	w.clock.advance(21 * time.Second)
	if a = w.deferred(token, transaction(id)); a.status != http.StatusOK || len(texts(a)) != 2 || a.text("transaction_id") != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// To the keys that were proven before the restarts.
	for n, text := range texts(a) {
		jwk, err := jose.PublicJWK(holders[n].Public())
		if got := payload(t, text)["cnf"].(map[string]any)["jwk"].(map[string]any)["x"]; err != nil || got != jwk.X {
			t.Errorf("copy %d is bound to another key", n)
		}
	}
	step("delivered")
	w.refused(w.deferred(token, transaction(id)), 400, "invalid_transaction_id")
	if n := w.notify(token, a.text("notification_id"), "credential_accepted"); n.status != 204 {
		t.Errorf("%d", n.status)
	}
	st := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if len(st.list("credentials")) != 1 || len(st.list("pending")) != 1 {
		t.Errorf("%s", st.body)
	}
}

// The encryption of an answer is that of the request it answers, whatever the
// first request wanted (OpenID4VCI 1.0, Sections 9.1 and 10).
func TestDeferredEncryption(t *testing.T) {
	w := start(t)
	w.source.set(promised(), nil)
	m := w.described()
	token, ids := w.redeem(w.offer("OVO000001"))
	send := func(path string, body map[string]any) (answer, oid4vci.CredentialResponse) {
		t.Helper()
		mine := newKey(t)
		wish := w.wish(m, mine)
		body["credential_response_encryption"] = wish
		a := w.send("POST", path, map[string]string{"Authorization": "Bearer " + token, "Content-Type": oid4vci.MediaTypeJWT}, w.encrypt(m, body))
		if a.header.Get("Content-Type") != oid4vci.MediaTypeJWT {
			t.Fatalf("%d %s", a.status, a.body)
		}
		plain, err := oid4vci.OpenResponse(a.body, mine, *wish)
		if err != nil {
			t.Fatal(err)
		}
		res, err := oid4vci.ParseCredentialResponse(plain, 1)
		if err != nil {
			t.Fatal(err)
		}
		return a, res
	}
	a, first := send("/credential", w.request(ids[1], w.nonce(), newKey(t)))
	if a.status != http.StatusAccepted || !first.Deferred() {
		t.Fatalf("%d", a.status)
	}
	id := string(first.TransactionID)
	// In clear now, as this request does not ask for encryption.
	if a := w.deferred(token, transaction(id)); a.status != http.StatusAccepted || a.text("transaction_id") != id {
		t.Errorf("%d %s", a.status, a.body)
	}
	// A key in a plain request is somebody's, and gets nothing.
	body := transaction(id)
	body["credential_response_encryption"] = w.wish(m, newKey(t))
	w.refused(w.deferred(token, body), 400, "invalid_encryption_parameters")
	w.source.set(kept(), nil)
	w.clock.advance(21 * time.Second)
	if a, res := send("/deferred_credential", transaction(id)); a.status != http.StatusOK || len(res.Credentials) != 1 {
		t.Errorf("%d", a.status)
	}
	// Refusals are readable.
	body = transaction(id)
	body["credential_response_encryption"] = w.wish(m, newKey(t))
	w.refused(w.send("POST", "/deferred_credential", map[string]string{"Authorization": "Bearer " + token, "Content-Type": oid4vci.MediaTypeJWT}, w.encrypt(m, body)), 400, "invalid_transaction_id")

	w = start(t, func(w *world) { w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionRequired } })
	token, _ = w.redeem(w.offer("OVO000001"))
	w.refused(w.deferred(token, transaction("x")), 400, "invalid_encryption_parameters")
}

// What is wrong with a deferred request is named (OpenID4VCI 1.0, Section 9.3).
func TestDeferredRefusals(t *testing.T) {
	w := start(t)
	token, _ := w.redeem(w.offer("OVO000001"))
	w.refused(w.deferred(token, transaction("x")), 400, "invalid_transaction_id")
	w.refused(w.deferred(token, map[string]any{}), 400, "invalid_transaction_id")
	w.refused(w.deferred(token, transaction(strings.Repeat("x", 10_000))), 400, "invalid_transaction_id")
	w.refused(w.deferred(token, []int{1}), 400, "invalid_credential_request")
	w.refused(w.deferred("wrong."+token, transaction("x")), 401, "invalid_token")
	w.refused(w.send("POST", "/deferred_credential", map[string]string{"Content-Type": "application/json"}, `{"transaction_id":"x"}`), 401, "invalid_token")
	w.refused(w.send("POST", "/deferred_credential", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "text/plain"}, `{"transaction_id":"x"}`), 415, "invalid_credential_request")
}

// The page says that some records come later, in every language.
func TestPromisedPage(t *testing.T) {
	w, _ := withWallets(t)
	c := promised()
	c.Datasets = nil
	w.source.set(c, nil)
	for lang, word := range map[string]string{"nl": "later klaar", "fr": "aura plus tard", "de": "später hat", "en": "will have later"} {
		l := w.public()
		b := w.browser(map[string]string{"Accept-Language": lang})
		_, value := b.page(l.address(l.push(l.request())), "lotte")
		a := b.decide(value, "allow")
		accessible(t, a, lang)
		if !strings.Contains(string(a.body), word) {
			t.Errorf("%s: %s", lang, a.body)
		}
	}
}

// The issuer dies at every write of a deferred issuance, once with the write
// made and once without: the wallet goes on after the restart, nothing is
// delivered twice, and the supplier is not asked twice in an interval.
func TestDeferredCrashAtEveryWrite(t *testing.T) {
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprintf("made=%v", made), func(t *testing.T) {
			w := start(t)
			writes := 0
			for ; ; writes++ {
				w.source.set(promised(), nil)
				token, ids := w.redeem(w.offer("OVO000001"))
				w.wrap = func(s store.Store) store.Store { return &dying{Store: s, made: made, left: writes} }
				w.restart()
				died := crashingDeferral(t, w, writes, token, ids[1])
				w.wrap = nil
				w.restart()
				if !died || t.Failed() {
					break
				}
			}
			if writes < 6 {
				t.Errorf("the flow made only %d writes", writes)
			}
			w.nowhere("after the crashes", late, "Kanarie doctor")
		})
	}
}

func crashingDeferral(t *testing.T, w *world, run int, token, identifier string) (died bool) {
	// on sends until the issuer, started anew if it died, has answered.
	on := func(send func() answer) answer {
		a := send()
		if a.status < 500 {
			return a
		}
		if died {
			t.Fatalf("run %d: a second failure: %d %s", run, a.status, a.body)
		}
		died, w.wrap = true, nil
		w.restart()
		return send()
	}
	begin := func() answer { return w.credential(token, w.request(identifier, w.nonce(), keys(t, 1)...)) }
	a := on(begin)
	if a.status != http.StatusAccepted {
		t.Fatalf("run %d: %d %s", run, a.status, a.body)
	}
	id := a.text("transaction_id")
	asked := w.source.asked
	w.clock.advance(21 * time.Second)
	for range 2 {
		if a = on(func() answer { return w.deferred(token, transaction(id)) }); a.status != http.StatusAccepted || a.text("transaction_id") != id {
			t.Errorf("run %d: %d %s", run, a.status, a.body)
		}
	}
	if n := w.source.asked - asked; n > 1 {
		t.Errorf("run %d: asked %d times in one interval", run, n)
	}
	w.source.set(kept(), nil)
	w.clock.advance(21 * time.Second)
	a = on(func() answer { return w.deferred(token, transaction(id)) })
	if a.status == http.StatusAccepted { // died after it had the turn to ask
		w.clock.advance(21 * time.Second)
		a = on(func() answer { return w.deferred(token, transaction(id)) })
	}
	// Either the credentials came, or they were delivered to nobody because
	// the answer was lost: never twice.
	if a.status != http.StatusOK {
		w.refused(a, 400, "invalid_transaction_id")
	}
	w.refused(on(func() answer { return w.deferred(token, transaction(id)) }), 400, "invalid_transaction_id")
	w.refused(on(begin), 400, "credential_request_denied")
	return died
}

// A supplier that does not answer at the credential endpoint keeps the wallet
// waiting instead of failing it.
func TestDeferredSupplierAwayOverHTTP(t *testing.T) {
	w := start(t)
	w.source.set(promised(), nil)
	token, ids := w.redeem(w.offer("OVO000001"))
	w.clock.advance(21 * time.Second)
	w.source.set(issuer.Collection{}, provider.ErrUnavailable)
	if a := w.credential(token, w.request(ids[1], w.nonce(), newKey(t))); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
}
