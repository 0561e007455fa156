package oid4vp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

func registration(leaf *x509.Certificate) Registration {
	return Registration{
		Registrar: "https://registrar.example", Receiver: "NTRBE-0123456789", Name: "Receiver", Country: "BE", Certificate: jose.X5TS256(leaf),
		IntendedUse: "use-1", Purpose: []Localized{{"nl", "toelating"}, {"en", "admission"}}, LegalBasis: "https://legal.example/1", PrivacyPolicy: "https://receiver.example/privacy",
		Credentials: []RegisteredCredential{
			{Format: "dc+sd-jwt", Meta: Meta{VCTValues: []string{"https://issuer.example/led"}}, Claims: []RegisteredClaim{{credential.Path{"degree"}}, {credential.Path{"list", nil, "a"}}, {credential.Path{"one", 0}}}},
			{Format: "dc+sd-jwt", Meta: Meta{VCTValues: []string{"https://issuer.example/led", "https://issuer.example/other"}}, Claims: []RegisteredClaim{{credential.Path{"name"}}}},
			{Format: "mso_mdoc", Meta: Meta{DoctypeValue: "doc"}, Claims: []RegisteredClaim{{credential.Path{"ns", "el"}}}},
		},
		IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Hour)),
	}
}

func TestRegistration(t *testing.T) {
	ca, registrar := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, newKey(t).Public(), "receiver.example")
	text, err := registration(leaf).Sign(registrar, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := VerifyRegistration(text, []crypto.PublicKey{registrar.Public()}, leaf, now)
	if err != nil || r.Receiver != "NTRBE-0123456789" || r.PurposeIn("fr", "en") != "admission" || r.PurposeIn("fr") != "toelating" {
		t.Fatalf("%+v, %v", r, err)
	}
	refused := func(name, text string, leaf *x509.Certificate, at time.Time, keys ...crypto.PublicKey) {
		t.Helper()
		if r, err := VerifyRegistration(text, keys, leaf, at); !errors.Is(err, ErrRegistration) || r.Receiver != "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// The present registrar's key and the next one's are as good, and no third.
	for _, keys := range [][]crypto.PublicKey{{registrar.Public(), newKey(t).Public()}, {newKey(t).Public(), registrar.Public()}} {
		if r, err := VerifyRegistration(text, keys, leaf, now); err != nil || r.Receiver == "" {
			t.Errorf("%+v, %v", r, err)
		}
	}
	refused("another registrar", text, leaf, now, newKey(t).Public())
	refused("neither this registrar nor the next", text, leaf, now, newKey(t).Public(), newKey(t).Public())
	refused("another receiver's certificate", text, ca.leaf(t, newKey(t).Public(), "receiver.example"), now, registrar.Public())
	refused("over", text, leaf, now.Add(time.Hour), registrar.Public())
	refused("ahead", text, leaf, now.Add(-time.Hour), registrar.Public())
	refused("changed", text[:len(text)-3]+"AAA", leaf, now, registrar.Public())
	refused("empty", "", leaf, now, registrar.Public())
	for name, change := range map[string]func(h, p m){
		"typ of a request":       func(h, p m) { h["typ"] = TypRequest },
		"typ JWT":                func(h, p m) { h["typ"] = "JWT" },
		"no sub":                 func(h, p m) { delete(p, "sub") },
		"no name":                func(h, p m) { delete(p, "sub_ln") },
		"no purpose":             func(h, p m) { delete(p, "purpose") },
		"no legal basis":         func(h, p m) { delete(p, "legal_basis") },
		"no privacy page":        func(h, p m) { delete(p, "privacy_policy") },
		"no use":                 func(h, p m) { delete(p, "intended_use_id") },
		"no exp":                 func(h, p m) { delete(p, "exp") },
		"no certificate":         func(h, p m) { delete(p, "x5t#S256") },
		"no iat":                 func(h, p m) { delete(p, "iat") },
		"empty purpose":          func(h, p m) { p["purpose"] = []any{m{"lang": "nl", "value": ""}} },
		"purpose of no language": func(h, p m) { p["purpose"] = []any{m{"value": "toelating"}} },
		"crit":                   func(h, p m) { h["crit"] = []any{"x"} },
		"a status that is null":  func(h, p m) { p["status"] = nil },
		"exp a string":           func(h, p m) { p["exp"] = "9999999999" },
		"path that is none":      func(h, p m) { p["credentials"] = []any{m{"claims": []any{m{"path": []any{}}}}} },
		"a status nobody checks": func(h, p m) { p["status"] = m{"status_list": m{}} },
	} {
		b, _ := jose.Marshal(registration(leaf))
		var p m
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		h := m{"alg": "ES256", "typ": TypRegistration}
		change(h, p)
		refused(name, signObject(t, registrar, h, p), leaf, now, registrar.Public())
	}
	b, _ := jose.Marshal(registration(leaf))
	for name, payload := range map[string]string{"trailing data": string(b) + " x", "member twice": strings.TrimSuffix(string(b), "}") + `,"x5t#S256":"x"}`} {
		text, err := jose.SignCompact(registrar, jose.Header{Alg: jose.ES256, Typ: TypRegistration}, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		refused(name, text, leaf, now, registrar.Public())
	}
	with := registration(leaf)
	with.Status = []byte(`{"status_list":{"idx":1,"uri":"https://registrar.example/status/1"}}`)
	if text, err = with.Sign(registrar, nil); err != nil {
		t.Fatal(err)
	}
	asked := ""
	if _, err := VerifyRegistration(text, []crypto.PublicKey{registrar.Public()}, leaf, now, func(b []byte) error { asked = string(b); return nil }); err != nil || !strings.Contains(asked, "status_list") {
		t.Errorf("%q, %v", asked, err)
	}
	if _, err := VerifyRegistration(text, []crypto.PublicKey{registrar.Public()}, leaf, now, func([]byte) error { return errors.New("revoked") }); !errors.Is(err, ErrRegistration) {
		t.Errorf("revoked: %v", err)
	}
}

// A certificate that VerifyRegistration would refuse is not signed.
func TestRegistrationSignRefuses(t *testing.T) {
	leaf, registrar := newAuthority(t).leaf(t, newKey(t).Public()), newKey(t)
	for name, change := range map[string]func(*Registration){
		"no receiver":    func(r *Registration) { r.Receiver = "" },
		"no purpose":     func(r *Registration) { r.Purpose = nil },
		"no legal basis": func(r *Registration) { r.LegalBasis = "" },
		"no end":         func(r *Registration) { r.Expires = 0 },
		"not bound":      func(r *Registration) { r.Certificate = "" },
	} {
		r := registration(leaf)
		change(&r)
		if text, err := r.Sign(registrar, nil); !errors.Is(err, ErrRegistration) || text != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registration(leaf).Sign(ed, nil); !errors.Is(err, ErrRegistration) {
		t.Errorf("a key whose signature is refused signed: %v", err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := registration(leaf).Sign(p384, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyRegistration(text, []crypto.PublicKey{p384.Public()}, leaf, now); err != nil {
		t.Error(err)
	}
	if (Registration{}).PurposeIn("nl") != "" {
		t.Error("a registration without purpose has one")
	}
	// What cannot be checked is no refusal of the certificate.
	for name, check := range map[string]func() (Registration, error){
		"key": func() (Registration, error) { return VerifyRegistration(text, nil, leaf, now) },
		"next key": func() (Registration, error) {
			return VerifyRegistration(text, []crypto.PublicKey{p384.Public(), nil}, leaf, now)
		},
		"certificate": func() (Registration, error) {
			return VerifyRegistration(text, []crypto.PublicKey{p384.Public()}, nil, now)
		},
		"time": func() (Registration, error) {
			return VerifyRegistration(text, []crypto.PublicKey{p384.Public()}, leaf, time.Time{})
		},
	} {
		if _, err := check(); err == nil || errors.Is(err, ErrRegistration) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestCovers(t *testing.T) {
	leaf := newAuthority(t).leaf(t, newKey(t).Public())
	r := registration(leaf)
	sdQuery := func(types, claims string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":` + types + `}` + claims + `}]}`
	}
	// Where a kind is named counts: a doctype registers no vct.
	r.Credentials = append(r.Credentials, RegisteredCredential{Format: "dc+sd-jwt", Meta: Meta{DoctypeValue: "https://issuer.example/doc"}})
	const led = `["https://issuer.example/led"]`
	for _, tt := range []struct {
		name, query string
		want        bool
	}{
		{"registered claim", sdQuery(led, `,"claims":[{"path":["degree"]}]`), true},
		{"below a registered claim", sdQuery(led, `,"claims":[{"path":["degree","title"]}]`), true},
		{"claims of two entries", sdQuery(led, `,"claims":[{"path":["degree"]},{"path":["name"]}]`), true},
		{"element of a registered array", sdQuery(led, `,"claims":[{"path":["list",0,"a"]}]`), true},
		{"all elements", sdQuery(led, `,"claims":[{"path":["list",null,"a"]}]`), true},
		{"no claims", sdQuery(led, ``), true},
		{"element by index, not what is registered of it", sdQuery(led, `,"claims":[{"path":["list",0,"b"]}]`), false},
		{"element by index, whole", sdQuery(led, `,"claims":[{"path":["list",0]}]`), false},
		{"one registered element", sdQuery(led, `,"claims":[{"path":["one",0]}]`), true},
		{"below one registered element", sdQuery(led, `,"claims":[{"path":["one",0,"x"]}]`), true},
		{"another element", sdQuery(led, `,"claims":[{"path":["one",1]}]`), false},
		{"every element where one is registered", sdQuery(led, `,"claims":[{"path":["one",null]}]`), false},
		{"member with the name of null", sdQuery(led, `,"claims":[{"path":["list","null","a"]}]`), false},
		{"claim that begins with a registered name", sdQuery(led, `,"claims":[{"path":["degreeplus"]}]`), false},
		{"claim with a value", sdQuery(led, `,"claims":[{"path":["birthdate"],"values":["x"]}]`), false},
		{"above a registered claim", sdQuery(led, `,"claims":[{"path":["list"]}]`), false},
		{"another claim", sdQuery(led, `,"claims":[{"path":["degree"]},{"path":["birthdate"]}]`), false},
		{"another claim in a set", sdQuery(led, `,"claims":[{"id":"x","path":["degree"]},{"id":"y","path":["birthdate"]}],"claim_sets":[["x"],["y"]]`), false},
		{"another type", sdQuery(`["https://issuer.example/x"]`, ``), false},
		{"type that is registered as a doctype", sdQuery(`["https://issuer.example/doc"]`, ``), false},
		{"one type of two", sdQuery(`["https://issuer.example/led","https://issuer.example/x"]`, ``), false},
		{"claim of the other type", sdQuery(`["https://issuer.example/led","https://issuer.example/other"]`, `,"claims":[{"path":["degree"]}]`), false},
		{"another format", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"https://issuer.example/led"}}]}`, false},
		{"mdoc", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"doc"},"claims":[{"path":["ns","el"]}]}]}`, true},
		{"format that cannot be registered", `{"credentials":[{"id":"a","format":"ldp_vc","meta":{"type_values":[["https://issuer.example/led"]]}}]}`, false},
		{"second credential", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"doc"}},{"id":"b","format":"mso_mdoc","meta":{"doctype_value":"x"}}]}`, false},
		{"type that is registered in another format", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"https://issuer.example/doc"}}]}`, false},
	} {
		if err := r.Covers(query(t, tt.query)); (err == nil) != tt.want || err != nil && !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestCoversUnvalidatedQuery(t *testing.T) {
	r := registration(newAuthority(t).leaf(t, newKey(t).Public()))
	r.Credentials = append(r.Credentials, RegisteredCredential{Format: "dc+sd-jwt", Meta: Meta{VCTValues: []string{""}}}, RegisteredCredential{Format: "mso_mdoc"})
	for name, c := range map[string]CredentialQuery{
		"no meta":    {Format: "dc+sd-jwt"},
		"no types":   {Format: "dc+sd-jwt", Meta: &Meta{}},
		"empty type": {Format: "dc+sd-jwt", Meta: &Meta{VCTValues: []string{""}}},
		"no doctype": {Format: "mso_mdoc", Meta: &Meta{}},
		"no format":  {Meta: &Meta{VCTValues: []string{"https://issuer.example/led"}}},
	} {
		if err := r.Covers(Query{Credentials: []CredentialQuery{c}}); !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerifyRegistration(f *testing.F) {
	registrar := newKey(f)
	leaf := newAuthority(f).leaf(f, newKey(f).Public())
	text, err := registration(leaf).Sign(registrar, nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := jose.Marshal(registration(leaf))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, b)
	q := query(f, goodQuery)
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		// The text as it is, and the payload as the registrar would sign it.
		signed, err := jose.SignCompact(registrar, jose.Header{Alg: jose.ES256, Typ: TypRegistration}, payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{text, signed} {
			r, err := VerifyRegistration(s, []crypto.PublicKey{registrar.Public()}, leaf, now)
			if (err == nil) != (r.Receiver != "") || err != nil && !errors.Is(err, ErrRegistration) {
				t.Fatalf("%+v, %v", r, err)
			}
			if err == nil && (r.PurposeIn() == "" || r.LegalBasis == "" || r.Certificate != jose.X5TS256(leaf)) {
				t.Fatalf("%+v", r)
			}
			if err := r.Covers(q); err == nil && len(r.Credentials) == 0 {
				t.Fatal("a registration of nothing covers a query")
			}
		}
	})
}
