package unit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// What a verifier cannot read is not offered to it (OpenID4VP 1.0, Section 8.5,
// Appendix B.3.4), nor what another authority issued than it asks for (Section
// 6.1.1.1).
func TestOffered(t *testing.T) {
	a := newAuthority(t, issuerURL)
	formats := func(entry m) func(p m) {
		return func(p m) { p["client_metadata"].(m)["vp_formats_supported"] = m{"dc+sd-jwt": entry} }
	}
	authority := func(kind string, key []byte) func(p m) {
		return func(p m) {
			q := p["dcql_query"].(m)["credentials"].([]any)[0].(m)
			q["trusted_authorities"] = []any{m{"type": kind, "values": []any{jose.Encode(key)}}}
		}
	}
	issuer := a.Seal.Certificate.AuthorityKeyId
	for _, c := range []struct {
		name    string
		payload func(p m)
		offered bool
	}{
		{"what it takes", formats(m{"sd-jwt_alg_values": []any{"ES256", "ES384"}, "kb-jwt_alg_values": []any{"ES256"}}), true},
		{"another seal", formats(m{"sd-jwt_alg_values": []any{"EdDSA"}}), false},
		{"another holder key", formats(m{"kb-jwt_alg_values": []any{"ES384"}}), false},
		{"of this authority", authority("aki", issuer), true},
		{"of another authority", authority("aki", []byte("another")), false},
		{"of a list that is not fetched", authority("etsi_tl", issuer), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			a.hold(t, v, 1)
			r.payload = c.payload
			var seen unit.Consent
			w := r.wallet(func(got unit.Consent) (bool, error) { seen = got; return true, nil })
			_, err := w.Answer(t.Context(), v, r.read(w))
			if c.offered != (err == nil) || c.offered != (len(seen.Items) == 1) || !c.offered && !errors.Is(err, unit.ErrRefused) {
				t.Errorf("%v, offered %+v", err, seen.Items)
			}
		})
	}
}

// An item that another device is removing is not there; where one that cannot be
// opened may be what is asked for, the answer stops before the citizen is asked.
func TestHeldItems(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for name, c := range map[string]struct {
		change func(p *pod, item string)
		want   error
	}{
		"gone":          {func(p *pod, item string) { delete(p.items, item) }, unit.ErrRefused},
		"damaged":       {func(p *pod, item string) { p.items[item] = []byte("x") }, nil},
		"no index":      {func(p *pod, _ string) { p.fail = failing("/vault/v1/items/", http.StatusServiceUnavailable) }, nil},
		"not reachable": {func(p *pod, item string) { p.fail = failing("/vault/v1/items/"+item, http.StatusServiceUnavailable) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, p := newVault(t, r.net)
			it := a.hold(t, v, 1)
			item := ""
			for _, n := range p.names() {
				if strings.Contains(n, it.Name) {
					item = n
				}
			}
			if item == "" {
				t.Fatal(p.names())
			}
			c.change(p, item)
			asked := false
			w := r.wallet(func(c unit.Consent) (bool, error) { asked = true; return true, nil })
			_, err := w.Answer(t.Context(), v, r.read(w))
			if refused := c.want != nil; refused != errors.Is(err, unit.ErrRefused) || err == nil || asked != refused || refused != (len(r.posted) == 1) {
				t.Errorf("%v, asked: %v, posted: %d", err, asked, len(r.posted))
			}
		})
	}
}

// What is damaged does not stand in the way of what is not.
func TestHeldBesideDamaged(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	var seen unit.Consent
	w := r.wallet(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
	damaged := unit.Item{Name: must(unit.NewName(w.Random))(t), Format: "dc+sd-jwt", Type: vct, Title: "T", Issuer: issuerURL, Added: at, Copies: []unit.Copy{{Credential: quoted("x")}}}
	if err := v.Add(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	good := a.hold(t, v, 1)
	if _, err := w.Answer(t.Context(), v, r.read(w)); err != nil || len(seen.Items) != 1 || seen.Items[0].Name != good.Name || len(r.posted) != 1 {
		t.Errorf("%v, shown %+v, posted %d", err, seen.Items, len(r.posted))
	}
}

// A copy that cannot be read stops the answer, where nothing else fits.
func TestHeldCopyIsDamaged(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	w := r.wallet(func(unit.Consent) (bool, error) { t.Error("the citizen was asked"); return false, nil })
	item := unit.Item{Name: must(unit.NewName(w.Random))(t), Format: "dc+sd-jwt", Type: vct, Title: "T", Issuer: issuerURL, Added: at, Copies: []unit.Copy{{Credential: quoted("x")}}}
	if err := v.Add(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Answer(t.Context(), v, r.read(w)); err == nil || !strings.Contains(err.Error(), "reading "+item.Name) || len(r.posted) != 0 {
		t.Error(err)
	}
}

// A request need not end; then the citizen may take their time.
func TestRequestWithoutEnd(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	a.hold(t, v, 1)
	r.payload = func(p m) { delete(p, "exp") }
	w := r.wallet(yes)
	asked := r.read(w)
	w.Now = func() time.Time { return at.Add(time.Hour) }
	must(w.Answer(t.Context(), v, asked))(t)
}

// Neither a log nor a receiver that is down keeps a citizen from refusing.
func TestRefusingAlwaysWorks(t *testing.T) {
	a := newAuthority(t, issuerURL)
	no := func(unit.Consent) (bool, error) { return false, nil }
	r := newReceiver(t, a, newNetwork())
	v, p := newVault(t, r.net)
	a.hold(t, v, 1)
	w := r.wallet(no)
	asked := r.read(w)
	p.fail = failing("/vault/v1/events", http.StatusServiceUnavailable)
	if _, err := w.Answer(t.Context(), v, asked); !errors.Is(err, unit.ErrRefused) || !strings.Contains(err.Error(), "use log") || len(r.posted) != 1 {
		t.Errorf("%v, %v", err, r.posted)
	}
	p.fail = nil
	r.answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
	if _, err := w.Answer(t.Context(), v, r.read(w)); !errors.Is(err, unit.ErrRefused) || !strings.Contains(err.Error(), "could not be told") {
		t.Error(err)
	}
	// Where the receiver sends the citizen on is handed on after a refusal, too
	// (HAIP 1.0, Section 5.1).
	r.answer = func(w http.ResponseWriter) {
		answerJSON(w, http.StatusOK, m{"redirect_uri": "https://receiver.example/back"})
	}
	if shared, err := w.Answer(t.Context(), v, r.read(w)); !errors.Is(err, unit.ErrRefused) || shared.RedirectURI != "https://receiver.example/back" || shared.Receipt != "" {
		t.Errorf("%+v, %v", shared, err)
	}
}

// That a receipt could not be kept is said, and does not keep the citizen from
// going on.
func TestReceiptCannotBeKept(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, p := newVault(t, r.net)
	a.hold(t, v, 1)
	r.answer = func(w http.ResponseWriter) {
		p.fail = failing("/vault/v1/items/", http.StatusServiceUnavailable)
		answerJSON(w, http.StatusOK, m{"redirect_uri": "https://receiver.example/back"})
	}
	w := r.wallet(yes)
	shared, err := w.Answer(t.Context(), v, r.read(w))
	if err == nil || !strings.Contains(err.Error(), "the receipt could not be kept") || errors.Is(err, unit.ErrRefused) || shared.Receipt != "" || shared.RedirectURI != "https://receiver.example/back" {
		t.Errorf("%+v, %v", shared, err)
	}
}

// A credential that is bound to no key is shown where the query allows it, and
// authorises nothing (OpenID4VP 1.0, Sections 5.3 and 8.4).
func TestWithoutHolderBinding(t *testing.T) {
	a := newAuthority(t, issuerURL)
	unbound := func(v *unit.Vault) {
		key := newKey(t)
		private := must(jose.PrivateJWK(key))(t)
		text := a.reseal(t, a.issue(t, private.Public()), func(p m) { delete(p, "cnf") })
		item := unit.Item{Name: must(unit.NewName(newReceiver(t, a, newNetwork()).wallet(yes).Random))(t), Format: "dc+sd-jwt", Type: vct, Title: "T", Issuer: issuerURL, Added: at,
			Copies: []unit.Copy{{Credential: quoted(text)}}}
		if err := v.Add(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		more    string
		payload func(p m)
		shared  bool
	}{
		{`,"require_cryptographic_holder_binding":false`, nil, true},
		{"", nil, false},
	} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		unbound(v)
		r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}` + c.more + `}]}`)
		w := r.wallet(yes)
		_, err := w.Answer(t.Context(), v, r.read(w))
		if c.shared != (err == nil) {
			t.Errorf("%q: %v", c.more, err)
			continue
		}
		if !c.shared {
			continue
		}
		text, _ := oid4vp.Text(r.opened().VPToken["q"][0])
		if !strings.HasSuffix(text, "~") {
			t.Errorf("shown with a key that it has not: %.20s", text)
		}
	}
}

// What a receiver sends along about itself is shown, and as checked only what
// was: the registration certificate, where it holds (OpenID4VP 1.0, Section
// 5.11).
func TestInfo(t *testing.T) {
	a := newAuthority(t, issuerURL)
	more := func(p m) {
		info, _ := p["verifier_info"].([]any)
		p["verifier_info"] = append(info, m{"format": "jwt\x1b[2J", "data": "a.b.c"})
	}
	for name, c := range map[string]struct {
		set     func(r *receiver)
		checked []bool
	}{
		"registered":     {func(r *receiver) {}, []bool{true, false}},
		"not registered": {func(r *receiver) { r.registrar = newKey(t) }, []bool{false, false}},
		"no certificate": {func(r *receiver) { r.noRegistration = true }, []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			r.payload = more
			c.set(r)
			var seen unit.Consent
			w := r.open(func(c unit.Consent) (bool, error) { seen = c; return false, nil })
			if _, err := w.Answer(t.Context(), v, r.read(w)); !errors.Is(err, unit.ErrRefused) {
				t.Fatal(err)
			}
			if len(seen.Info) != len(c.checked) {
				t.Fatalf("%+v", seen.Info)
			}
			for i, checked := range c.checked {
				if seen.Info[i].Checked != checked || strings.Contains(seen.Info[i].Format, "\x1b") {
					t.Errorf("%+v", seen.Info[i])
				}
			}
		})
	}
}

// An answer that cannot be made is neither logged nor kept: nothing left.
func TestAnswerCannotBeMade(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, pod := newVault(t, r.net)
	a.hold(t, v, 1)
	r.request.ResponseURI, r.request.ResponseMode, r.request.RedirectURI = "", oid4vp.ModeQuery, "https://receiver.example/cb?state=mine"
	w := r.open(yes)
	shared, err := w.Answer(t.Context(), v, r.read(w))
	if err == nil || !strings.Contains(err.Error(), "redirect_uri") || shared.RedirectURI != "" || shared.Receipt != "" || len(pod.events()) != 0 {
		t.Errorf("%+v, %v, %v", shared, err, pod.events())
	}
}

// Nor is one whose key is not there.
func TestKeyIsNotThere(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, pod := newVault(t, r.net)
	private := must(jose.PrivateJWK(newKey(t)))(t)
	w := r.wallet(yes)
	item := unit.Item{Name: must(unit.NewName(w.Random))(t), Format: "dc+sd-jwt", Type: vct, Title: "T", Issuer: issuerURL, Added: at,
		Copies: []unit.Copy{{Credential: quoted(a.issue(t, private.Public())), Key: private.Public()}}}
	if err := v.Add(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if shared, err := w.Answer(t.Context(), v, r.read(w)); err == nil || errors.Is(err, unit.ErrRefused) || len(r.posted) != 0 || shared.Receipt != "" || len(pod.events()) != 0 {
		t.Errorf("%+v, %v", shared, err)
	}
}
