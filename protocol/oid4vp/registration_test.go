package oid4vp

import ()

func registration(leaf *x509.Certificate) Registration {
	return Registration{
		Registrar: "https://registrar.example", Receiver: "NTRBE-0123456789", Name: "Receiver", Country: "BE", Certificate: jose.X5TS256(leaf),
		IntendedUse: "use-1", Purpose: []Localized{{"nl", "toelating"}, {"en", "admission"}}, LegalBasis: "https://legal.example/1", PrivacyPolicy: "https://receiver.example/privacy",
		Credentials: []RegisteredCredential{
			{Format: "dc+sd-jwt", Meta: Meta{VCTValues: []string{"https://issuer.example/led"}}, Claims: []RegisteredClaim{{credential.Path{"degree"}}, {credential.Path{"list", nil, "a"}}}},
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
	r, err := VerifyRegistration(text, registrar.Public(), leaf, now)
	if err != nil || r.Receiver != "NTRBE-0123456789" || r.PurposeIn("fr", "en") != "admission" || r.PurposeIn("fr") != "toelating" {
		t.Fatalf("%+v, %v", r, err)
	}
	refused := func(name, text string, leaf *x509.Certificate, at time.Time, key crypto.PublicKey) {
		t.Helper()
		if r, err := VerifyRegistration(text, key, leaf, at); !errors.Is(err, ErrRegistration) || r.Receiver != "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	refused("another registrar", text, leaf, now, newKey(t).Public())
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
	with := registration(leaf)
	with.Status = []byte(`{"status_list":{"idx":1,"uri":"https://registrar.example/status/1"}}`)
	if text, err = with.Sign(registrar, nil); err != nil {
		t.Fatal(err)
	}
	asked := ""
	if _, err := VerifyRegistration(text, registrar.Public(), leaf, now, func(b []byte) error { asked = string(b); return nil }); err != nil || !strings.Contains(asked, "status_list") {
		t.Errorf("%q, %v", asked, err)
	}
	if _, err := VerifyRegistration(text, registrar.Public(), leaf, now, func([]byte) error { return errors.New("revoked") }); !errors.Is(err, ErrRegistration) {
		t.Errorf("revoked: %v", err)
	}
}

func TestCovers(t *testing.T) {
	leaf := newAuthority(t).leaf(t, newKey(t).Public())
	r := registration(leaf)
	sdQuery := func(types, claims string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":` + types + `}` + claims + `}]}`
	}
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
		{"above a registered claim", sdQuery(led, `,"claims":[{"path":["list"]}]`), false},
		{"another claim", sdQuery(led, `,"claims":[{"path":["degree"]},{"path":["birthdate"]}]`), false},
		{"another claim in a set", sdQuery(led, `,"claims":[{"id":"x","path":["degree"]},{"id":"y","path":["birthdate"]}],"claim_sets":[["x"],["y"]]`), false},
		{"another type", sdQuery(`["https://issuer.example/x"]`, ``), false},
		{"one type of two", sdQuery(`["https://issuer.example/led","https://issuer.example/x"]`, ``), false},
		{"claim of the other type", sdQuery(`["https://issuer.example/led","https://issuer.example/other"]`, `,"claims":[{"path":["degree"]}]`), false},
		{"another format", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"https://issuer.example/led"}}]}`, false},
		{"mdoc", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"doc"},"claims":[{"path":["ns","el"]}]}]}`, true},
		{"format that cannot be registered", `{"credentials":[{"id":"a","format":"ldp_vc","meta":{"type_values":[["https://issuer.example/led"]]}}]}`, false},
		{"second credential", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"doc"}},{"id":"b","format":"mso_mdoc","meta":{"doctype_value":"x"}}]}`, false},
	} {
		if err := r.Covers(query(t, tt.query)); (err == nil) != tt.want || err != nil && !errors.Is(err, ErrRegistration) {
			t.Errorf("%s: %v", tt.name, err)
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
	f.Add(text)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := VerifyRegistration(s, registrar.Public(), leaf, now)
		if (err == nil) != (r.Receiver != "") || err != nil && !errors.Is(err, ErrRegistration) {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}
