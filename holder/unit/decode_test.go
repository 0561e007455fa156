package unit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

const someName = "0b5c1f2e-7f0a-4a58-9a8e-2f5b0e6a7c11"

// What opens may have been sealed by anyone who knows the vault's public key.
func FuzzDecodeItem(f *testing.F) {
	b, err := jose.Marshal(Item{Name: someName, Format: "dc+sd-jwt", Type: "x", Added: time.Unix(0, 0), Copies: []Copy{{Credential: jsontext.Value(`"a~"`)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"` + someName + `","copies":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := decodeItem(b, someName)
		if err != nil {
			if it.Name != "" || it.Copies != nil {
				t.Fatal("a failed decode returned something")
			}
			return
		}
		if order := leastShown(it); len(order) != len(it.Copies) || !carried(it.Copies[order[0]].Credential) {
			t.Fatal("an item without a credential")
		}
		again, err := jose.Marshal(it)
		if err != nil {
			return // a year that JSON cannot hold
		}
		if _, err := decodeItem(again, someName); err != nil {
			t.Fatalf("what was read cannot be written back: %v", err)
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	b, err := jose.Marshal(index{Version: 1, Entries: []Entry{{Name: someName, Kind: KindReceipt}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"entries":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decodeIndex(b)
		if err != nil {
			if x.Entries != nil {
				t.Fatal("a failed decode returned something")
			}
			return
		}
		for _, e := range x.Entries {
			if !isName(e.Name) || !x.holds(e.Name) {
				t.Fatalf("%q is no name", e.Name)
			}
		}
	})
}

func FuzzDecodeReceipt(f *testing.F) {
	b, err := jose.Marshal(Receipt{Receiver: "x", Shared: []SharedItem{{Item: someName}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeReceipt(b); err == nil && r.Receiver == "" && r.Organisation == "" {
			t.Fatal("a receipt of nobody")
		}
	})
}

// said answers every request with the same text.
type said string

func (s said) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

// No text admits anyone unless the registrar signed it.
func FuzzPublishedRegister(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	sign := func(payload []byte) string {
		text, err := jose.SignCompact(key, jose.Header{Alg: jose.ES256, Typ: typRegister}, payload)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	const right = `{"exp":4102444800,"receivers":[{"registration":"r","status":"admitted"}]}`
	f.Add([]byte(right), true)
	f.Add([]byte(strings.Replace(right, "admitted", "suspended", 1)), true)
	f.Add([]byte(sign([]byte(right))), false)
	f.Add([]byte(sign([]byte(right))[1:]), false)
	f.Fuzz(func(t *testing.T, b []byte, signed bool) {
		text := string(b)
		if signed {
			text = sign(b)
		}
		r := PublishedRegister{URL: "https://register.example/r", HTTP: said(text), Registrars: []crypto.PublicKey{key.Public()}, Now: func() time.Time { return now }}
		for _, receiver := range []string{"r", ""} {
			if r.Admitted(t.Context(), receiver) != nil {
				continue
			}
			if receiver == "" || !signed && text != sign([]byte(right)) || !strings.Contains(string(b), "admitted") && !strings.Contains(string(b), `\u`) && signed {
				t.Fatalf("%q admits %q", text, receiver)
			}
		}
	})
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\x1b[2Jb": "a [2Jb", "a\nb": "a b", "\u202eabc": "abc", strings.Repeat("é", 12): "éééééééééé...", "": "", "x\xff": "x\ufffd",
	} {
		if got := shown(in, 10); got != want {
			t.Errorf("%q: %q, expected %q", in, got, want)
		}
	}
}

func FuzzDecodeGrant(f *testing.F) {
	b, err := jose.Marshal(Grant{Name: someName, Issuer: "https://i.example", Server: "https://s.example", AccessToken: "x", Type: "Bearer"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"` + someName + `","token_type":"DPoP"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := decodeGrant(b, someName)
		if err != nil && (g.Name != "" || g.AccessToken != "") {
			t.Fatal("a failed decode returned something")
		}
		if err == nil && (g.AccessToken == "" || (g.Key != nil) != (g.Type == "DPoP")) {
			t.Fatalf("a grant that cannot be used: %s", b)
		}
	})
}

func FuzzDecodeWaiting(f *testing.F) {
	b, err := jose.Marshal(Waiting{Name: someName, Item: someName, Grant: someName, Issuer: "https://i.example", Configuration: "c", Transaction: "t", Keys: []jose.JWK{{Kty: "EC"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"` + someName + `","keys":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := decodeWaiting(b, someName)
		if err != nil && (w.Name != "" || w.Keys != nil) {
			t.Fatal("a failed decode returned something")
		}
		if err != nil {
			return
		}
		if _, err := w.keys(); err == nil && (len(w.Keys) == 0 || w.Transaction == "") {
			t.Fatalf("nothing to wait for: %s", b)
		}
	})
}

// The challenge of a protected resource comes from outside, like all of its
// answer.
func FuzzChallenge(f *testing.F) {
	for _, c := range []string{`DPoP error="use_dpop_nonce", algs="ES256"`, `Bearer realm="x", error=invalid_token`, `DPoP error="a\\"b"`, `DPoP xerror="y"`, ``} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, c string) {
		r := &Refusal{Status: http.StatusUnauthorized, Code: "before"}
		challenged(r, http.Header{"Www-Authenticate": {c}})
		if r.Code == "" || len(r.Code) > 100 || strings.ContainsAny(r.Code, "\"\\ ,\x1b\n") {
			t.Fatalf("%q", r.Code)
		}
	})
}

// Of an answer without an error code in its challenge, the body's stays.
func TestChallenge(t *testing.T) {
	for c, want := range map[string]string{
		`DPoP error="use_dpop_nonce", algs="ES256"`: "use_dpop_nonce", `Bearer realm="x", error=invalid_token`: "invalid_token",
		`DPoP realm="error=x"`: "before", `DPoP xerror="y"`: "before", ``: "before", `DPoP algs="ES256",error="invalid_token"`: "invalid_token",
	} {
		r := &Refusal{Status: http.StatusUnauthorized, Code: "before"}
		challenged(r, http.Header{"Www-Authenticate": {c}})
		if r.Code != want {
			t.Errorf("%s: %s, expected %s", c, r.Code, want)
		}
	}
}

func FuzzDecodeAsking(f *testing.F) {
	b, err := jose.Marshal(asking{Name: someName, State: "s", Verifier: "v", Redirect: "r", Grant: Grant{Name: someName, Issuer: "https://i.example", Server: "https://s.example"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"` + someName + `","grant":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := decodeAsking(b, someName)
		if err != nil && (k.Name != "" || k.State != "") {
			t.Fatal("a failed decode returned something")
		}
		if err == nil && (k.State == "" || k.Grant.AccessToken != "") {
			t.Fatalf("a request that cannot be answered: %s", b)
		}
	})
}
