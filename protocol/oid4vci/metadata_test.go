package oid4vci

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

func TestMetadataURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://issuer.example.com/tenant":   "https://issuer.example.com/.well-known/openid-credential-issuer/tenant",
		"https://tenant.issuer.example.com":   "https://tenant.issuer.example.com/.well-known/openid-credential-issuer",
		"https://issuer.example.com/":         "https://issuer.example.com/.well-known/openid-credential-issuer",
		"https://issuer.example.com:8443/a/b": "https://issuer.example.com:8443/.well-known/openid-credential-issuer/a/b",
		"https://issuer.example.com/a/b/":     "https://issuer.example.com/.well-known/openid-credential-issuer/a/b/",
		"http://issuer.example.com":           "",
		"https://issuer.example.com/a?b":      "",
		"https://issuer.example.com#":         "",
		"issuer.example.com":                  "",
	} {
		got, err := MetadataURL(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	got, err := AuthorizationServerURL("https://as.example/t/")
	if err != nil || got != "https://as.example/.well-known/oauth-authorization-server/t" {
		t.Errorf("%s, %v", got, err)
	}
}

const exampleIssuer = "https://credential-issuer.example.com"

func TestMetadataExamples(t *testing.T) {
	m, err := ParseCredentialIssuerMetadata(vector(t, "credential_issuer_metadata_sd_jwt_long.json"), exampleIssuer)
	if err != nil {
		t.Fatal(err)
	}
	if m.BatchSize() != 10 || !m.CredentialRequestEncryption.EncryptionRequired {
		t.Errorf("%+v", m)
	}
	// What is written is what was read.
	text, err := jose.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseCredentialIssuerMetadata(text, exampleIssuer)
	if err != nil {
		t.Fatal(err)
	}
	if text2, _ := jose.Marshal(again); string(text2) != string(text) {
		t.Error("metadata does not survive a round trip")
	}

	// The single-format examples hold configurations only.
	around := func(name string) []byte {
		text := strings.TrimSpace(string(vector(t, name)))
		return []byte(`{"credential_issuer":"` + exampleIssuer + `","credential_endpoint":"` + exampleIssuer + `/c",` + strings.TrimPrefix(text, "{"))
	}
	for _, name := range []string{"credential_metadata_sd_jwt_vc.json", "credential_metadata_jwt_vc_json.json"} {
		if _, err := ParseCredentialIssuerMetadata(around(name), exampleIssuer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two of them lack proof_types_supported, which Section 12.2.4 demands
	// beside cryptographic_binding_methods_supported.
	for _, name := range []string{"credential_metadata_ldp_vc.json", "credential_metadata_mso_mdoc.json"} {
		_, err := ParseCredentialIssuerMetadata(around(name), exampleIssuer)
		wantField(t, err, "proof_types_supported", "")
		whole := regexp.MustCompile(`"cryptographic_binding_methods_supported"`).ReplaceAllString(string(around(name)),
			`"proof_types_supported":{"jwt":{"proof_signing_alg_values_supported":["ES256"]}},$0`)
		if _, err := ParseCredentialIssuerMetadata([]byte(whole), exampleIssuer); err != nil {
			t.Errorf("%s with proof types: %v", name, err)
		}
	}
}

func goodMetadata() map[string]any {
	return map[string]any{
		"credential_issuer": exampleIssuer, "credential_endpoint": exampleIssuer + "/credential", "nonce_endpoint": exampleIssuer + "/nonce",
		"batch_credential_issuance": map[string]any{"batch_size": 4},
		"credential_request_encryption": map[string]any{
			"jwks":                 map[string]any{"keys": []any{map[string]any{"kty": "EC", "kid": "ac", "alg": "ECDH-ES", "crv": "P-256", "x": "YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk", "y": "Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"}}},
			"enc_values_supported": []any{"A128GCM"}, "encryption_required": false,
		},
		"credential_response_encryption": map[string]any{"alg_values_supported": []any{"ECDH-ES"}, "enc_values_supported": []any{"A128GCM"}, "encryption_required": false},
		"credential_configurations_supported": map[string]any{"led": map[string]any{
			"format": "dc+sd-jwt", "vct": "https://issuer.example/vct", "cryptographic_binding_methods_supported": []any{"jwk"},
			"proof_types_supported": map[string]any{"jwt": map[string]any{"proof_signing_alg_values_supported": []any{"ES256"}}},
			"credential_metadata": map[string]any{
				"display": []any{map[string]any{"name": "Diploma", "locale": "nl"}},
				"claims":  []any{map[string]any{"path": []any{"a"}}, map[string]any{"path": []any{"a", "b"}}, map[string]any{"path": []any{"list", nil, "x"}}},
			},
		}},
	}
}

func TestMetadataRefuses(t *testing.T) {
	type m = map[string]any
	led := func(top m) m { return top["credential_configurations_supported"].(m)["led"].(m) }
	meta := func(top m) m { return led(top)["credential_metadata"].(m) }
	claims := func(paths ...any) func(m) {
		return func(top m) {
			var list []any
			for _, p := range paths {
				list = append(list, m{"path": p})
			}
			meta(top)["claims"] = list
		}
	}
	for _, tt := range []struct {
		name   string
		change func(top m)
		field  string
	}{
		{"nothing", func(top m) {}, ""},
		{"unknown members", func(top m) { top["x"] = 1; led(top)["y"] = m{} }, ""},
		{"unknown format", func(top m) { led(top)["format"] = "new"; delete(led(top), "vct") }, ""},
		{"other issuer", func(top m) { top["credential_issuer"] = exampleIssuer + "/" }, "credential_issuer"},
		{"issuer in other case", func(top m) { top["credential_issuer"] = "https://CREDENTIAL-issuer.example.com" }, "credential_issuer"},
		{"no issuer", func(top m) { delete(top, "credential_issuer") }, "credential_issuer"},
		{"no credential endpoint", func(top m) { delete(top, "credential_endpoint") }, "credential_endpoint"},
		{"http credential endpoint", func(top m) { top["credential_endpoint"] = "http://credential-issuer.example.com/c" }, "credential_endpoint"},
		{"http nonce endpoint", func(top m) { top["nonce_endpoint"] = "http://a.example/n" }, "nonce_endpoint"},
		{"deferred endpoint with fragment", func(top m) { top["deferred_credential_endpoint"] = "https://a.example/n#x" }, "deferred_credential_endpoint"},
		{"http notification endpoint", func(top m) { top["notification_endpoint"] = "http://a.example/n" }, "notification_endpoint"},
		{"empty servers", func(top m) { top["authorization_servers"] = []any{} }, "authorization_servers"},
		{"http server", func(top m) { top["authorization_servers"] = []any{"http://as.example"} }, "authorization_servers[0]"},
		{"server twice", func(top m) { top["authorization_servers"] = []any{"https://as.example", "https://as.example"} }, "authorization_servers[1]"},
		{"batch of 1", func(top m) { top["batch_credential_issuance"] = m{"batch_size": 1} }, "batch_size"},
		{"batch without size", func(top m) { top["batch_credential_issuance"] = m{} }, "batch_size"},
		{"encryption key without kid", func(top m) {
			delete(top["credential_request_encryption"].(m)["jwks"].(m)["keys"].([]any)[0].(m), "kid")
		}, "jwks"},
		{"encryption key without alg", func(top m) {
			delete(top["credential_request_encryption"].(m)["jwks"].(m)["keys"].([]any)[0].(m), "alg")
		}, "alg"},
		{"encryption keys with one kid", func(top m) {
			j := top["credential_request_encryption"].(m)["jwks"].(m)
			j["keys"] = append(j["keys"].([]any), j["keys"].([]any)[0])
		}, "jwks"},
		{"private encryption key", func(top m) {
			top["credential_request_encryption"].(m)["jwks"].(m)["keys"].([]any)[0].(m)["d"] = "AA"
		}, "jwks"},
		{"request encryption required unsaid", func(top m) { delete(top["credential_request_encryption"].(m), "encryption_required") }, "encryption_required"},
		{"response encryption required unsaid", func(top m) { delete(top["credential_response_encryption"].(m), "encryption_required") }, "encryption_required"},
		{"response encryption without enc", func(top m) { delete(top["credential_response_encryption"].(m), "enc_values_supported") }, "enc_values_supported"},
		{"no configurations", func(top m) { delete(top, "credential_configurations_supported") }, "credential_configurations_supported"},
		{"no format", func(top m) { delete(led(top), "format") }, "format"},
		{"no vct", func(top m) { delete(led(top), "vct") }, "vct"},
		{"mdoc without doctype", func(top m) { led(top)["format"] = "mso_mdoc"; delete(led(top), "credential_metadata") }, "doctype"},
		{"W3C without definition", func(top m) { led(top)["format"] = "ldp_vc" }, "credential_definition"},
		{"proof types without binding", func(top m) { delete(led(top), "cryptographic_binding_methods_supported") }, "proof_types_supported"},
		{"binding without proof types", func(top m) { delete(led(top), "proof_types_supported") }, "proof_types_supported"},
		{"empty proof types", func(top m) { led(top)["proof_types_supported"] = m{} }, "proof_types_supported"},
		{"proof type without algs", func(top m) { led(top)["proof_types_supported"] = m{"jwt": m{}} }, "proof_signing_alg_values_supported"},
		{"empty key_storage", func(top m) {
			led(top)["proof_types_supported"].(m)["jwt"].(m)["key_attestations_required"] = m{"key_storage": []any{}}
		}, "key_storage"},
		{"alg an object", func(top m) { led(top)["credential_signing_alg_values_supported"] = []any{m{}} }, "credential_signing_alg_values_supported[0]"},
		{"two displays of a language", func(top m) {
			meta(top)["display"] = []any{m{"name": "a", "locale": "nl"}, m{"name": "b", "locale": "nl"}}
		}, "display[1].locale"},
		{"display without name", func(top m) { meta(top)["display"] = []any{m{"locale": "nl"}} }, "name"},
		{"logo without uri", func(top m) { meta(top)["display"] = []any{m{"name": "a", "logo": m{}}} }, "logo.uri"},
		{"claim twice", claims([]any{"a"}, []any{"a"}), "claims[1].path"},
		{"all and one of an array", claims([]any{"a", nil}, []any{"a", 1}), "claims[1].path"},
		{"object and array", claims([]any{"a", "b"}, []any{"a", nil, "c"}), "claims[1].path"},
		{"object and index", claims([]any{"a", 0}, []any{"a", "b"}), "claims[1].path"},
		{"empty path", claims([]any{}), "metadata"},
		{"negative index", claims([]any{"a", -1}), "claims[0].path"},
		{"path from null", claims([]any{nil}), "claims[0].path"},
		{"path a string", func(top m) { meta(top)["claims"] = []any{m{"path": "a"}} }, "metadata"},
		{"no claims", func(top m) { meta(top)["claims"] = []any{} }, "claims"},
		{"different elements", claims([]any{"a", 0, "x"}, []any{"a", 1, "y"}, []any{"b", nil}), ""},
	} {
		top := goodMetadata()
		tt.change(top)
		text, err := jose.Marshal(top)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCredentialIssuerMetadata(text, exampleIssuer)
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		wantField(t, err, tt.field, "")
		if got.CredentialIssuer != "" {
			t.Errorf("%s: a failed parse returned metadata", tt.name)
		}
	}
}

func TestSignedMetadata(t *testing.T) {
	jwt := strings.ReplaceAll(strings.TrimSpace(string(vector(t, "credential_issuer_metadata_sd_jwt_jwt.txt"))), "\n", "")
	now := time.Unix(1753000000, 0)
	leaf := func(tok *jose.Token) (crypto.PublicKey, error) {
		chain, err := tok.Header.Certificates()
		if err != nil {
			return nil, err
		}
		return chain[0].PublicKey, nil
	}
	if _, err := ParseSignedMetadata(jwt, exampleIssuer, now, leaf); err != nil {
		t.Fatal(err)
	}
	no := func(*jose.Token) (crypto.PublicKey, error) { return nil, errors.New("unknown signer") }
	if _, err := ParseSignedMetadata(jwt, exampleIssuer, now, no); err == nil {
		t.Error("an untrusted signer was accepted")
	}
	if _, err := ParseSignedMetadata(jwt, exampleIssuer+"/", now, leaf); err == nil {
		t.Error("another issuer was accepted")
	}
	if _, err := ParseSignedMetadata(jwt[:len(jwt)-4]+"AAAA", exampleIssuer, now, leaf); err == nil {
		t.Error("a changed signature was accepted")
	}

	key := newKey(t)
	mine := func(*jose.Token) (crypto.PublicKey, error) { return key.Public(), nil }
	text, _ := jose.Marshal(goodMetadata())
	m, err := ParseCredentialIssuerMetadata(text, exampleIssuer)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := m.Sign(signer{key}, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSignedMetadata(signed, exampleIssuer, now, mine); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSignedMetadata(signed, exampleIssuer, now.Add(time.Hour), mine); err == nil {
		t.Error("past exp: accepted")
	}
	type mm = map[string]any
	for name, change := range map[string]func(h, p mm){
		"typ JWT":      func(h, p mm) { h["typ"] = "JWT" },
		"no typ":       func(h, p mm) { delete(h, "typ") },
		"other sub":    func(h, p mm) { p["sub"] = "https://other.example" },
		"no sub":       func(h, p mm) { delete(p, "sub") },
		"no iat":       func(h, p mm) { delete(p, "iat") },
		"future iat":   func(h, p mm) { p["iat"] = now.Add(time.Hour).Unix() },
		"other issuer": func(h, p mm) { p["credential_issuer"] = "https://other.example" },
		"crit":         func(h, p mm) { h["crit"] = []string{"x"} },
	} {
		h := mm{"alg": "ES256", "typ": TypSignedMetadata}
		p := goodMetadata()
		maps.Copy(p, mm{"sub": exampleIssuer, "iat": now.Unix()})
		change(h, p)
		if _, err := ParseSignedMetadata(sign(t, key, h, p), exampleIssuer, now, mine); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// signer signs as a seal would, as far as this package cares.
type signer struct{ key *ecdsa.PrivateKey }

func (s signer) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	return jose.SignCompact(s.key, map[string]any{"alg": "ES256", "typ": typ, "iat": iat.Unix()}, payload)
}

func TestAuthorizationServerMetadata(t *testing.T) {
	const good = `{"issuer":"https://as.example","token_endpoint":"https://as.example/token","grant_types_supported":["urn:ietf:params:oauth:grant-type:pre-authorized_code"],"pre-authorized_grant_anonymous_access_supported":true}`
	m, err := ParseAuthorizationServerMetadata([]byte(good), "https://as.example")
	if err != nil || !m.Supports(GrantPreAuthorizedCode) || m.Supports(GrantAuthorizationCode) || !m.PreAuthorizedGrantAnonymousAccessSupported {
		t.Fatalf("%+v, %v", m, err)
	}
	if !(AuthorizationServerMetadata{}).Supports(GrantAuthorizationCode) || (AuthorizationServerMetadata{}).Supports(GrantPreAuthorizedCode) {
		t.Error("the default of grant_types_supported is wrong")
	}
	for _, tt := range []struct{ old, new, field string }{
		{`"issuer":"https://as.example"`, `"issuer":"https://as.example/"`, "issuer"},
		{`"issuer":"https://as.example",`, ``, "issuer"},
		{`https://as.example/token`, `http://as.example/token`, "token_endpoint"},
		{`"token_endpoint":"https://as.example/token"`, `"x":1`, "token_endpoint"},
		{`"grant`, `"jwks_uri":"ftp://x","grant`, "jwks_uri"},
		{`"grant`, `"issuer":"https://as.example","grant`, "authorization server metadata"},
	} {
		_, err := ParseAuthorizationServerMetadata([]byte(strings.Replace(good, tt.old, tt.new, 1)), "https://as.example")
		wantField(t, err, tt.field, "")
	}
}

func FuzzParseCredentialIssuerMetadata(f *testing.F) {
	f.Add(vector(f, "credential_issuer_metadata_sd_jwt_long.json"))
	good, _ := jose.Marshal(goodMetadata())
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseCredentialIssuerMetadata(b, exampleIssuer)
		if err != nil {
			if m.CredentialIssuer != "" || m.CredentialConfigurationsSupported != nil {
				t.Fatal("a failed parse returned metadata")
			}
			return
		}
		text, err := jose.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCredentialIssuerMetadata(text, exampleIssuer); err != nil {
			t.Fatalf("metadata does not survive a round trip: %v\n%s", err, text)
		}
	})
}
