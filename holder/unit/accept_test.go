package unit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

// start reads the offer of an issuer that does all right.
func start(t *testing.T, n int) (*fakeIssuer, unit.Issuance, unit.Offered, *unit.Vault, *pod) {
	t.Helper()
	net := newNetwork()
	i := newIssuer(t, newAuthority(t, issuerURL), net, issuerURL)
	v, p := newVault(t, net)
	w := i.wallet(n)
	o := must(w.Read(t.Context(), i.linkByReference()))(t)
	if !o.NeedsTxCode() {
		t.Error("no transaction code is asked for")
	}
	return i, w, o, v, p
}

// refusing answers a path with an error, so many times.
func refusing(path string, times, status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path || times == 0 {
			return false
		}
		times--
		answerJSON(w, status, m{"error": code})
		return true
	}
}

func TestAccept(t *testing.T) {
	for _, c := range []struct{ copies, batch, want int }{{1, 4, 1}, {3, 4, 3}, {9, 4, 4}, {0, 4, 1}, {3, 0, 1}} {
		i, w, o, v, p := start(t, c.copies)
		if c.batch == 0 {
			delete(i.metadata, "batch_credential_issuance")
			o = must(w.Read(t.Context(), i.link()))(t)
		}
		items := must(w.Accept(t.Context(), v, o, " 123456\n"))(t).Items
		if len(items) != 1 || len(items[0].Copies) != c.want || items[0].Issuer != issuerURL || items[0].Title != "T" || items[0].Type != vct {
			t.Fatalf("%+v", items)
		}
		it, _, err := v.Item(t.Context(), items[0].Name)
		if err != nil || len(it.Copies) != c.want {
			t.Errorf("%v", err)
		}
		keys := map[string]bool{}
		for _, x := range it.Copies {
			keys[x.Key.Thumbprint()] = true
		}
		if len(keys) != c.want || len(p.names()) != 2 {
			t.Errorf("%d keys, stored %v", len(keys), p.names())
		}
		if got := i.notifications(); len(got) != 1 || got[0] != "n-led credential_accepted" {
			t.Errorf("%v", got)
		}
		for _, s := range i.net.to("vault.example") {
			if strings.Contains(s, "Diploma") || strings.Contains(s, "c0de.pre-authorized") || strings.Contains(s, "t0ken.of-access") {
				t.Error("the platform sees more than ciphertext")
			}
		}
	}
}

// An issuer may hand out fewer copies than were asked for, not more.
func TestFewerCopies(t *testing.T) {
	i, w, o, v, _ := start(t, 4)
	right := i.credentials
	i.credentials = func(keys []jose.JWK) []any { return right(keys[:2]) }
	if items := must(w.Accept(t.Context(), v, o, "123456"))(t).Items; len(items[0].Copies) != 2 {
		t.Errorf("%d copies", len(items[0].Copies))
	}
	i, w, o, v, p := start(t, 2)
	i.credentials = func(keys []jose.JWK) []any { return right(append(keys, keys[0])) }
	if _, err := w.Accept(t.Context(), v, o, "123456"); err == nil || len(p.names()) != 0 {
		t.Errorf("%v", err)
	}
	// None at all: it is to come later, which this unit does not wait for.
	i, w, o, v, p = start(t, 2)
	i.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/credential" {
			answerJSON(w, http.StatusAccepted, m{"transaction_id": "x", "interval": 5})
		}
		return r.URL.Path == "/credential"
	}
	if _, err := w.Accept(t.Context(), v, o, "123456"); !errors.Is(err, unit.ErrCredential) || len(p.names()) != 0 {
		t.Errorf("%v", err)
	}
}

// The nonce is fetched anew once, and only once (OpenID4VCI 1.0, Section
// 8.3.1.2).
func TestInvalidNonce(t *testing.T) {
	i, w, o, v, _ := start(t, 2)
	i.before = refusing("/credential", 1, http.StatusBadRequest, "invalid_nonce")
	must(w.Accept(t.Context(), v, o, "123456"))(t)
	if i.nonces != 2 || len(i.asked) != 1 {
		t.Errorf("%d nonces", i.nonces)
	}
	for _, c := range []struct {
		times, nonces int
		code          string
	}{{2, 2, "invalid_nonce"}, {9, 2, "invalid_nonce"}, {1, 1, "invalid_proof"}} {
		i, w, o, v, p := start(t, 2)
		i.before = refusing("/credential", c.times, http.StatusBadRequest, c.code)
		var refused *unit.Refusal
		if _, err := w.Accept(t.Context(), v, o, "123456"); !errors.As(err, &refused) || refused.Code != c.code || i.nonces != c.nonces || len(p.names()) != 0 {
			t.Errorf("%+v: %v after %d nonces", c, err, i.nonces)
		}
	}
}

// With this token the unit does not go on.
func TestTokenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeIssuer)
		code   string
	}{
		"bound to a key": {func(i *fakeIssuer) { i.token["token_type"] = "DPoP" }, "123456"},
		"unknown type":   {func(i *fakeIssuer) { i.token["token_type"] = "mac" }, "123456"},
		"no type":        {func(i *fakeIssuer) { delete(i.token, "token_type") }, "123456"},
		"no token":       {func(i *fakeIssuer) { delete(i.token, "access_token") }, "123456"},
		"wrong code":     {func(*fakeIssuer) {}, "654321"},
		"not offered": {func(i *fakeIssuer) {
			i.token["authorization_details"] = []any{m{"type": "openid_credential", "credential_configuration_id": "pid", "credential_identifiers": []any{"x"}}}
		}, "123456"},
		"too much": {func(i *fakeIssuer) {
			ids := make([]any, 200)
			for n := range ids {
				ids[n] = "x" + strings.Repeat("y", n)
			}
			d := m{"type": "openid_credential", "credential_configuration_id": "led", "credential_identifiers": ids}
			i.token["authorization_details"] = []any{d, d}
		}, "123456"},
	} {
		t.Run(name, func(t *testing.T) {
			i, w, o, v, p := start(t, 1)
			c.change(i)
			if _, err := w.Accept(t.Context(), v, o, c.code); err == nil || len(i.asked) != 0 || i.nonces != 0 || len(p.names()) != 0 {
				t.Errorf("%v, asked %d times", err, len(i.asked))
			}
		})
	}
	// What cannot be the transaction code does not use up a try.
	i, w, o, v, _ := start(t, 1)
	for _, code := range []string{"", "12345", "12345x"} {
		if _, err := w.Accept(t.Context(), v, o, code); err == nil {
			t.Errorf("%q was sent", code)
		}
	}
	for _, s := range i.net.to("issuer.example") {
		if strings.HasPrefix(s, "POST ") {
			t.Errorf("sent %s", s)
		}
	}
}

// two makes the token good for two datasets.
func two(i *fakeIssuer) {
	i.token["authorization_details"] = []any{m{"type": "openid_credential", "credential_configuration_id": "led", "credential_identifiers": []any{"1", "2"}}}
}

// What was stored before something went wrong stays, and is returned.
func TestInterrupted(t *testing.T) {
	i, w, o, v, _ := start(t, 1)
	two(i)
	i.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/credential" && len(i.asked) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	taken, err := w.Accept(t.Context(), v, o, "123456")
	items := taken.Items
	if err == nil || len(items) != 1 {
		t.Fatalf("%v, %d items", err, len(items))
	}
	if e := must(v.Entries(t.Context()))(t); len(e) != 1 || e[0].Name != items[0].Name {
		t.Errorf("%+v", e)
	}
	if got := i.notifications(); len(got) != 1 || got[0] != "n-1 credential_accepted" {
		t.Errorf("%v", got)
	}
}

// A credential that cannot be stored is reported as failed; one whose storing
// succeeded without the answer arriving is not.
func TestStoring(t *testing.T) {
	put := func(name string, status int) func(*http.Request) int {
		return func(r *http.Request) int {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/index.jwe") == (name == "index") {
				return status
			}
			return 0
		}
	}
	for name, fail := range map[string]func(*http.Request) int{"item": put("item", 503), "index": put("index", 503), "deactivated": put("item", http.StatusLocked), "too large": put("index", http.StatusRequestEntityTooLarge)} {
		t.Run(name, func(t *testing.T) {
			i, w, o, v, p := start(t, 1)
			p.fail = fail
			taken, err := w.Accept(t.Context(), v, o, "123456")
			items := taken.Items
			if err == nil || len(items) != 0 || len(p.names()) != 0 {
				t.Errorf("%v, %d items, stored %v", err, len(items), p.names())
			}
			if got := i.notifications(); len(got) != 1 || got[0] != "n-led credential_failure" {
				t.Errorf("%v", got)
			}
		})
	}
	i, w, o, v, p := start(t, 1)
	i.net.after = func(r *http.Request) error {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/index.jwe") {
			return errLine
		}
		return nil
	}
	if items := must(w.Accept(t.Context(), v, o, "123456"))(t).Items; len(items) != 1 || len(p.names()) != 2 {
		t.Errorf("%d items", len(items))
	}
	if got := i.notifications(); got[0] != "n-led credential_accepted" {
		t.Errorf("%v", got)
	}
	// That the issuer cannot be told is no reason to lose a credential.
	i, w, o, v, _ = start(t, 1)
	i.before = refusing("/notification", 9, 500, "server_error")
	must(w.Accept(t.Context(), v, o, "123456"))(t)
	// Endpoints that an issuer does not have are not asked.
	i, w, _, v, _ = start(t, 1)
	delete(i.metadata, "notification_endpoint")
	delete(i.metadata, "nonce_endpoint")
	o = must(w.Read(t.Context(), i.link()))(t)
	i.nonces = -1
	i.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/credential" {
			w.WriteHeader(http.StatusBadRequest)
		}
		return r.URL.Path == "/credential"
	}
	if _, err := w.Accept(t.Context(), v, o, "123456"); err == nil || len(i.notifications()) != 0 || i.nonces != -1 {
		t.Errorf("%v", err)
	}
}

// A tx_code object that says nothing still says that a code is needed
// (OpenID4VCI 1.0, Sections 4.1.1 and 6.1).
func TestEmptyTxCode(t *testing.T) {
	i, w, _, v, _ := start(t, 1)
	i.grant()["tx_code"] = m{}
	o := must(w.Read(t.Context(), i.link()))(t)
	if !o.NeedsTxCode() {
		t.Fatal("no transaction code is asked for")
	}
	if _, err := w.Accept(t.Context(), v, o, ""); err == nil {
		t.Error("none was needed")
	}
	must(w.Accept(t.Context(), v, o, "123456"))(t)
}
