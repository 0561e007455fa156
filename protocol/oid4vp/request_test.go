package oid4vp

import ()

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// inline returns the examples of the specification's text for a section.
func inline(t testing.TB, section string) []string {
	t.Helper()
	var v struct {
		Examples []struct{ Section, Text string } `json:"examples"`
	}
	if err := json.Unmarshal(testvectors.File(t, "openid4vp/1.0", "inline-examples.json"), &v); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range v.Examples {
		if e.Section == section {
			out = append(out, e.Text)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no inline example for section %s", section)
	}
	return out
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const exampleQuery = `{"credentials":[{"id":"led","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/led"]},"claims":[{"path":["degree"]}]}]}`

type m = map[string]any

// request is the payload of a good request of client.
func request(t testing.TB, clientID string) m {
	t.Helper()
	enc, err := jose.PublicJWK(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	enc.Kid, enc.Alg, enc.Use = "enc-1", "ECDH-ES", "enc"
	var q any
	if err := json.Unmarshal([]byte(exampleQuery), &q); err != nil {
		t.Fatal(err)
	}
	return m{
		"client_id": clientID, "response_type": "vp_token", "response_mode": "direct_post.jwt", "response_uri": "https://receiver.example/response/1",
		"nonce": "n-0S6_WzA2Mj", "state": "s.1~", "wallet_nonce": "w1", "aud": AudienceSelfIssued, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "iss": "ignored",
		"dcql_query": q,
		"client_metadata": m{"jwks": m{"keys": []any{enc}}, "encrypted_response_enc_values_supported": []any{"A128GCM", "A256GCM"},
			"vp_formats_supported": m{"dc+sd-jwt": m{"sd-jwt_alg_values": []any{"ES256"}}}},
		"verifier_info": []any{m{"format": FormatRegistration, "data": "a.b.c"}},
		"unknown":       m{"x": 1},
	}
}

func signObject(t testing.TB, key crypto.Signer, header, payload any) string {
	t.Helper()
	b, err := jose.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.SignCompact(key, header, b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSignRequest(t *testing.T) {
	ca, key, enc := newAuthority(t), newKey(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	jwk, _ := jose.PublicJWK(enc.Public())
	jwk.Kid, jwk.Alg, jwk.Use = "1", "ECDH-ES", "enc"
	q := query(t, exampleQuery)
	r := Request{
		ClientID: HashClientID(leaf), ResponseType: ResponseTypeVPToken, ResponseMode: ModeDirectPostJWT, ResponseURI: "https://receiver.example/r",
		Nonce: NewSecret(), State: NewSecret(), Audience: AudienceSelfIssued, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Minute)), DCQLQuery: &q,
		ClientMetadata: &ClientMetadata{JWKS: &wire.JWKS{Keys: []jose.JWK{jwk}}, EncValuesSupported: []string{"A128GCM", "A256GCM"},
			VPFormatsSupported: map[string]jsontext.Value{"dc+sd-jwt": SDJWTFormat([]jose.Alg{jose.ES256}, []jose.Alg{jose.ES256})}},
		VerifierInfo: []VerifierInfo{Info("a.b.c")},
	}
	text, err := r.Sign(key, []*x509.Certificate{leaf})
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyRequest(t.Context(), text, Verification{ClientID: r.ClientID, Chain: ca, Now: now})
	if err != nil || got.Nonce != r.Nonce || got.DCQLQuery.Credentials[0].ID != "led" {
		t.Fatalf("%v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", r, got), string(r.Nonce)) {
		t.Error("a request prints its nonce")
	}
	if found, err := got.RegistrationIn(); err != nil || found != "a.b.c" {
		t.Errorf("%q, %v", found, err)
	}
	bad := r
	bad.Nonce = ""
	if _, err := bad.Sign(key, []*x509.Certificate{leaf}); err == nil {
		t.Error("a request that a wallet would refuse was signed")
	}
	if _, err := r.Sign(key, []*x509.Certificate{leaf, ca.cert}); err == nil {
		t.Error("a chain with its anchor was signed")
	}
	bad = r
	bad.VerifierInfo = append(bad.VerifierInfo, Info("d.e.f"))
	if _, err := bad.RegistrationIn(); !errors.Is(err, ErrRegistration) {
		t.Error("two registration certificates were accepted")
	}
	bad.VerifierInfo = nil
	if _, err := bad.RegistrationIn(); !errors.Is(err, ErrRegistration) {
		t.Error("no registration certificate was accepted")
	}
}

func FuzzParseRequest(f *testing.F) {
	good, _ := jose.Marshal(request(f, "x509_hash:a"))
	f.Add(good)
	p := request(f, "x509_hash:a")
	maps.Copy(p, m{"transaction_data": []any{"e30"}, "state": ""})
	other, _ := jose.Marshal(p)
	f.Add(other)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRequest(b, now)
		if err != nil {
			if r.ClientID != "" || r.DCQLQuery != nil {
				t.Fatal("a failed parse returned a request")
			}
			return
		}
		if r.DCQLQuery == nil || r.ClientMetadata == nil || r.ResponseURI == "" || r.Nonce == "" || r.RedirectURI != "" || r.TransactionData != nil {
			t.Fatalf("%+v", r)
		}
	})
}
