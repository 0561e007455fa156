package sdjwt_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"crypto"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// vector is one official example, as the collection stores it.
type vector struct {
	Name        string                    `json:"name"`
	Kind        string                    `json:"kind"`
	IssuerJWK   json.RawMessage           `json:"issuer_jwk"`
	IssuerJWK2  json.RawMessage           `json:"issuer_jwk_2"`
	Token       json.RawMessage           `json:"token"`
	Header      struct{ Typ string }      `json:"issuer_jwt_header"`
	Payload     map[string]any            `json:"issuer_jwt_payload"`
	Processed   any                       `json:"processed_payload"`
	Disclosures []struct{ Digest string } `json:"disclosures"`
	KB          *struct {
		Nonce, Aud string
		IAT        int64
	} `json:"kb_jwt_payload"`
}

func (v vector) compact(t testing.TB) string {
	var s string
	if err := json.Unmarshal(v.Token, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func publicKey(t testing.TB, raw []byte) crypto.PublicKey {
	t.Helper()
	_, key, err := jose.ParseJWK(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// policy accepts exactly what the example says of itself.
func (v vector) policy(t testing.TB) sdjwt.Policy {
	p := sdjwt.Policy{
		Now: time.Unix(1683000000, 0).AddDate(0, 1, 0), Typ: v.Header.Typ, KeyBinding: sdjwt.BindingForbidden,
		IssuerKey: fixedKey(publicKey(t, v.IssuerJWK)),
	}
	if iat, ok := v.Payload["iat"].(float64); ok {
		p.Now = time.Unix(int64(iat)+60, 0)
	}
	if v.KB != nil {
		p.KeyBinding, p.Nonce, p.Audience, p.Now = sdjwt.BindingRequired, v.KB.Nonce, v.KB.Aud, time.Unix(v.KB.IAT+60, 0)
	}
	return p
}

func vectors(t testing.TB) (out []vector) {
	for _, dir := range []string{"sd-jwt", "sd-jwt-vc"} {
		files, err := filepath.Glob(filepath.Join(testvectors.Dir(t, dir), "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatal("no vectors in", dir, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if json.Unmarshal(b, &v) == nil && strings.HasPrefix(v.Kind, "sd-jwt") {
				v.Name = dir + "/" + v.Name
				out = append(out, v)
			}
		}
	}
	if len(out) < 13 {
		t.Fatalf("found %d examples, expected at least 13", len(out))
	}
	return out
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, err := sdjwt.Verify(v.compact(t), v.policy(t))
			if err != nil {
				t.Fatal(err)
			}
			if claims := generic(t, got.Claims.Raw()); !reflect.DeepEqual(claims, v.Processed) {
				t.Errorf("processed payload\n got %v\nwant %v", claims, v.Processed)
			}
			if len(got.Disclosed) != len(v.Disclosures) {
				t.Errorf("%d disclosed paths, want %d: %v", len(got.Disclosed), len(v.Disclosures), got.Disclosed)
			}
			for _, p := range got.Disclosed {
				if _, ok := got.Claims.Lookup(p); !ok {
					t.Errorf("disclosed path %s is not found", p)
				}
			}
			if !got.Checks.OK("structure", "issuer_signature", "type", "validity") {
				t.Errorf("report: %s", got.Checks)
			}
		})
	}
}

// Every byte of every example is changed once; none of the results may verify.
func TestVectorsTampered(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			text, policy := v.compact(t), v.policy(t)
			step := 1
			if testing.Short() || len(text) > 2000 {
				step = 7
			}
			for i := 0; i < len(text); i += step {
				changed := byte('A')
				if text[i] == 'A' {
					changed = 'B'
				}
				if _, err := sdjwt.Verify(text[:i]+string(changed)+text[i+1:], policy); err == nil {
					t.Fatalf("byte %d changed from %c to %c and it still verifies", i, text[i], changed)
				}
			}
			for i := 0; i < len(text); i += 11 {
				if _, err := sdjwt.Verify(text[:i], policy); err == nil && text[i-1] != '~' {
					t.Fatalf("cut at %d it still verifies", i)
				}
			}
			// The other kind of presentation than the policy expects.
			other := policy
			other.Nonce, other.Audience = "n", "a"
			if other.KeyBinding == sdjwt.BindingRequired {
				other.KeyBinding = sdjwt.BindingForbidden
			} else {
				other.KeyBinding = sdjwt.BindingRequired
			}
			if _, err := sdjwt.Verify(text, other); err == nil {
				t.Error("it verifies with the opposite key binding policy")
			}
			late := policy
			late.Now = time.Unix(1999999999, 0)
			if _, ok := v.Payload["exp"]; ok {
				if _, err := sdjwt.Verify(text, late); err == nil {
					t.Error("it verifies after exp")
				}
			}
			typ := policy
			typ.Typ = "other+jwt"
			if _, err := sdjwt.Verify(text, typ); err == nil {
				t.Error("it verifies with another typ")
			}
		})
	}
}

func TestVectorDigests(t *testing.T) {
	var file struct {
		Vectors []struct {
			Disclosure string `json:"disclosure"`
			Digest     string `json:"sha256_digest"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(testvectors.File(t, "sd-jwt", "disclosure-digests.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		if got := sdjwt.Digest(sdjwt.SHA256, v.Disclosure); got != v.Digest {
			t.Errorf("digest of %s: %s, want %s", v.Disclosure, got, v.Digest)
		}
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no digests")
	}
}

func TestVectorsJSONSerialization(t *testing.T) {
	dir := testvectors.Dir(t, "sd-jwt")
	files, _ := filepath.Glob(filepath.Join(dir, "json-serialization", "*.json"))
	if len(files) != 3 {
		t.Fatalf("found %d files, want 3", len(files))
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.Name, func(t *testing.T) {
			keys := map[string]crypto.PublicKey{"": publicKey(t, v.IssuerJWK), "issuer-key-1": publicKey(t, v.IssuerJWK)}
			if v.IssuerJWK2 != nil {
				keys["issuer-key-2"] = publicKey(t, v.IssuerJWK2)
			}
			p := sdjwt.Policy{Now: time.Unix(1748536865+60, 0), Typ: "example+sd-jwt", KeyBinding: sdjwt.BindingForbidden,
				IssuerKey: func(_ *jose.Token, u sdjwt.Unverified) (crypto.PublicKey, error) { return keys[u.KeyID], nil }}
			if strings.Contains(v.Name, "kb") {
				p.KeyBinding, p.Nonce, p.Audience = sdjwt.BindingRequired, "1234567890", "https://verifier.example.org"
			}
			got, err := sdjwt.VerifyJSON(v.Token, p)
			if err != nil {
				t.Fatal(err)
			}
			if claims := generic(t, got.Claims.Raw()); v.Processed != nil && !reflect.DeepEqual(claims, v.Processed) {
				t.Errorf("got %v, want %v", claims, v.Processed)
			}
			if v.IssuerJWK2 != nil {
				keys["issuer-key-2"] = keys["issuer-key-1"]
				if _, err := sdjwt.VerifyJSON(v.Token, p); err == nil {
					t.Error("the second signature is not checked")
				}
				return
			}
			// The flattened form and the compact form are the same SD-JWT.
			s, err := sdjwt.ParseJSON(v.Token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sdjwt.Verify(s.String(), p); err != nil {
				t.Errorf("compact form: %v", err)
			}
			again, err := s.JSON()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(generic(t, again), generic(t, v.Token)) {
				t.Errorf("written again it is %s", again)
			}
		})
	}
}
