package unit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

// What is handed out is held against what was offered, and one bad copy is a
// failure of all: nothing is stored, and the issuer hears of it (Sections 11.1
// and 14.4).
func TestCredentialRefused(t *testing.T) {
	other := newAuthority(t, issuerURL)
	first := func(i *fakeIssuer, change func(text string) any) {
		right := i.credentials
		i.credentials = func(keys []jose.JWK) []any {
			out := right(keys)
			out[0] = m{"credential": change(out[0].(m)["credential"].(string))}
			return out
		}
	}
	for _, c := range []struct {
		name, want string
		change     func(t *testing.T, i *fakeIssuer)
	}{
		{"a foreign key", "not ours", func(t *testing.T, i *fakeIssuer) {
			first(i, func(string) any { return i.a.issue(t, must(jose.PublicJWK(newKey(t).Public()))(t)) })
		}},
		{"one key twice", "twice to one", func(t *testing.T, i *fakeIssuer) {
			i.credentials = func(keys []jose.JWK) []any {
				return []any{m{"credential": i.a.issue(t, keys[0])}, m{"credential": i.a.issue(t, keys[0])}}
			}
		}},
		{"no key", "not ours", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { delete(p, "cnf") }) })
		}},
		{"another type", "vct", func(t *testing.T, i *fakeIssuer) { i.only(func(c *sdjwt.Credential) { c.Type = otherVCT }) }},
		{"a changed signature", "seal_signature", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { at := strings.IndexByte(s, '~') - 10; return s[:at] + "AAAA" + s[at+4:] })
		}},
		{"a changed disclosure", "structure", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { at := strings.IndexByte(s, '~') + 5; return s[:at] + "AA" + s[at+2:] })
		}},
		{"a provider that is not listed", "provider_list", func(t *testing.T, i *fakeIssuer) {
			i.credentials = func(keys []jose.JWK) (out []any) {
				for _, k := range keys {
					out = append(out, m{"credential": other.issue(t, k)})
				}
				return out
			}
		}},
		{"a provider that was withdrawn", "provider_list", func(t *testing.T, i *fakeIssuer) { i.a.withdraw(t) }},
		{"revoked", "INVALID", func(_ *testing.T, i *fakeIssuer) { i.status = status.Invalid }},
		{"suspended", "SUSPENDED", func(_ *testing.T, i *fakeIssuer) { i.status = status.Suspended }},
		{"a status that cannot be had", "could not be fetched", func(_ *testing.T, i *fakeIssuer) { i.statusDown = true }},
		{"over", "expired", func(t *testing.T, i *fakeIssuer) {
			i.only(func(c *sdjwt.Credential) {
				c.IssuedAt, c.NotBefore, c.Expires = at.Add(-30*time.Minute), at.Add(-30*time.Minute), at.Add(-5*time.Minute)
			})
		}},
		{"a key binding JWT", "a key binding JWT was sent", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any {
				return s + must(jose.SignCompact(newKey(t), m{"alg": "ES256", "typ": "kb+jwt"}, []byte(`{"nonce":"x","aud":"x","iat":1,"sd_hash":"x"}`)))(t)
			})
		}},
		{"iss that is not in the certificate", "subjectAltName", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { p["iss"] = "https://other.example" }) })
		}},
		{"no iss", "subjectAltName", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { delete(p, "iss") }) })
		}},
		{"no end", "exp", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { delete(p, "exp") }) })
		}},
		{"no status", "has no status", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { delete(p, "status") }) })
		}},
		{"not yet", "not valid before", func(t *testing.T, i *fakeIssuer) {
			first(i, func(s string) any { return i.a.reseal(t, s, func(p m) { p["nbf"] = at.Add(time.Hour).Unix() }) })
		}},
		{"no text", "must be a string", func(_ *testing.T, i *fakeIssuer) { first(i, func(string) any { return m{"vct": vct} }) }},
		{"no credential", "no tilde", func(_ *testing.T, i *fakeIssuer) { first(i, func(string) any { return "x" }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork()
			i := newIssuer(t, newAuthority(t, issuerURL), n, issuerURL)
			v, p := newVault(t, n)
			c.change(t, i)
			w := i.wallet(2)
			o := must(w.Read(t.Context(), i.link()))(t)
			taken, err := w.Accept(t.Context(), v, o, "123456")
			items := taken.Items
			if !errors.Is(err, unit.ErrCredential) || !strings.Contains(err.Error(), c.want) || len(items) != 0 || len(p.names()) != 0 {
				t.Errorf("%v, %d items, stored: %v", err, len(items), p.names())
			}
			if got := i.notifications(); len(got) != 1 || got[0] != "n-led credential_failure" {
				t.Errorf("notified: %v", got)
			}
		})
	}
}

// Nobody hands on what another issuer made: the one who hands it out stands in
// the certificate too.
func TestReseller(t *testing.T) {
	n := newNetwork()
	a := newAuthority(t, issuerURL)
	newIssuer(t, a, n, issuerURL)
	i := newIssuer(t, a, n, "https://reseller.example")
	v, p := newVault(t, n)
	w := i.wallet(1)
	o := must(w.Read(t.Context(), i.link()))(t)
	if _, err := w.Accept(t.Context(), v, o, "123456"); !errors.Is(err, unit.ErrCredential) || len(p.names()) != 0 {
		t.Errorf("%v", err)
	}
}

// A unit that cannot ask for a status takes nothing, rather than everything.
func TestNoStatusChecker(t *testing.T) {
	_, w, o, v, p := start(t, 1)
	w.Status = nil
	if _, err := w.Accept(t.Context(), v, o, "123456"); err == nil || !strings.Contains(err.Error(), "Issuance.Status is not set") || len(p.names()) != 0 {
		t.Errorf("%v, %d items", err, len(p.names()))
	}
}
