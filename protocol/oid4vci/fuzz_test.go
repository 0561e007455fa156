package oid4vci

import (
	"crypto"
	"maps"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

func FuzzParseTokenRequest(f *testing.F) {
	const grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code"
	for _, s := range []string{
		grant + "&pre-authorized_code=c0de&tx_code=1234", grant + "&pre-authorized_code=c0de&tx_code=", grant + "&pre-authorized_code=a&pre-authorized_code=b",
		grant + "&pre-authorized_code=c0de&client_id=wallet&resource=https%3A%2F%2Fissuer.example&unknown=x",
		grant + "&pre-authorized_code=c0de&authorization_details=%5B%7B%22type%22%3A%22openid_credential%22%2C%22credential_configuration_id%22%3A%22a%22%7D%5D",
		"grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fw.example&code_verifier=v", "grant_type=refresh_token&refresh_token=r&scope=s", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := ParseTokenRequest(form)
		if err != nil {
			if !reflect.DeepEqual(r, TokenRequest{}) {
				t.Fatal("a failed parse returned a request")
			}
			return
		}
		secrets := map[string]Secret{GrantPreAuthorizedCode: r.PreAuthorizedCode, GrantAuthorizationCode: r.Code, GrantRefreshToken: r.RefreshToken}
		for grant, secret := range secrets {
			if (secret != "") != (grant == r.GrantType) {
				t.Fatalf("accepted %q", body)
			}
		}
		if r.TxCode != nil && r.GrantType != GrantPreAuthorizedCode {
			t.Fatal("a tx_code for another grant")
		}
		if r.GrantType == GrantPreAuthorizedCode && (r.TxCode != nil) != form.Has("tx_code") {
			t.Fatal("a tx_code was lost or made up")
		}
		back, err := r.Form()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseTokenRequest(back); err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("a request does not survive a round trip: %v", err)
		}
	})
}

// What the signer did not sign is never taken, whatever it looks like.
func FuzzParseSignedMetadata(f *testing.F) {
	key := newKey(f)
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	payload := goodMetadata()
	maps.Copy(payload, map[string]any{"sub": exampleIssuer, "iat": now.Unix()})
	good := sign(f, key, map[string]any{"alg": "ES256", "typ": TypSignedMetadata}, payload)
	f.Add(good)
	f.Add(string(vector(f, "credential_issuer_metadata_sd_jwt_jwt.txt")))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseSignedMetadata(text, exampleIssuer, now, func(*jose.Token) (crypto.PublicKey, error) { return key.Public(), nil })
		if err == nil && text != good {
			t.Fatal("another text was accepted")
		}
		if err != nil && (m.CredentialIssuer != "" || m.CredentialConfigurationsSupported != nil) {
			t.Fatal("a failed parse returned metadata")
		}
	})
}
