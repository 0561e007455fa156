package did

import (
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestDIDJWKVectors(t *testing.T) {
	var file struct {
		Examples []struct {
			Name, DID string
			JWK       jose.JWK       `json:"decodedJwk"`
			Document  map[string]any `json:"didDocument"`
		}
	}
	if err := json.Unmarshal(testvectors.File(t, "did-jwk", "examples.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Examples {
		t.Run(v.Name, func(t *testing.T) {
			doc, err := (JWKMethod{}).Resolve(ctx, v.DID)
			if err != nil {
				t.Fatal(err)
			}
			// The printed P-256 document has a typo in authentication.
			if a, ok := v.Document["authentication"].([]any); ok {
				a[0] = strings.Replace(a[0].(string), "$", "", 1)
			}
			if got := asMap(t, doc); !reflect.DeepEqual(got, v.Document) {
				t.Errorf("found %v\nexpected %v", got, v.Document)
			}
		})
	}
	// P-256 is written the way the specification's DID is.
	_, pub, err := ParseDIDJWK(file.Examples[0].DID)
	if err != nil {
		t.Fatal(err)
	}
	if did, err := DIDJWK(pub); err != nil || did != file.Examples[0].DID {
		t.Errorf("written as %s (%v)", did, err)
	}
	_, pub, err = ParseDIDJWK(file.Examples[1].DID)
	if err != nil {
		t.Fatal(err)
	}
	did, err := DIDJWK(pub)
	if err != nil {
		t.Fatal(err)
	}
	if _, back, err := ParseDIDJWK(did); err != nil || !back.(*ecdh.PublicKey).Equal(pub) {
		t.Errorf("X25519 does not survive: %v", err)
	}
}

func didOf(jwk string) string { return "did:jwk:" + jose.Encode([]byte(jwk)) }

const (
	jwkX = `"x":"acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0"`
	jwkY = `"y":"_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"`
	jwkC = `"kty":"EC","crv":"P-256",` + jwkX + `,` + jwkY
)

func TestDIDJWKRelationships(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		use           string
		signs, agrees bool
	}{{"", true, true}, {`,"use":"sig"`, true, false}, {`,"use":"enc"`, false, true}} {
		did := didOf(`{` + jwkC + `,"kid":"another"` + c.use + `}`)
		doc, err := (JWKMethod{}).Resolve(ctx, did)
		if err != nil {
			t.Fatal(err)
		}
		for use, want := range map[Relationship]bool{AssertionMethod: c.signs, Authentication: c.signs, CapabilityInvocation: c.signs, KeyAgreement: c.agrees} {
			if _, err := doc.Method(did+"#0", use, now); (err == nil) != want {
				t.Errorf("%s with %q: %v", use, c.use, err)
			}
		}
		if _, err := doc.Method(did+"#another", AssertionMethod, now); !errors.Is(err, ErrVerificationMethod) {
			t.Errorf("kid became the fragment: %v", err)
		}
	}
}

func TestDIDJWKRefusals(t *testing.T) {
	ok := didOf(`{` + jwkC + `}`)
	if _, err := (JWKMethod{}).Resolve(ctx, ok); err != nil {
		t.Fatal(err)
	}
	for name, did := range map[string]string{
		"padding":           ok + "%3D%3D",
		"percent-encoded":   "did:jwk:%65" + ok[len("did:jwk:")+1:],
		"standard alphabet": "did:jwk:+" + ok[len("did:jwk:"):],
		"stray bits":        ok[:len(ok)-1] + "R",
		"truncated":         ok[:len(ok)-3],
		"empty object":      didOf(`{}`),
		"array":             didOf(`[]`),
		"trailing data":     didOf(`{` + jwkC + `}{}`),
		"duplicate member":  didOf(`{` + jwkC + `,"kty":"EC"}`),
		"invalid UTF-8":     didOf("{" + jwkC + ",\"kid\":\"\xff\"}"),
		"private member":    didOf(`{` + jwkC + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`),
		"private X25519":    didOf(`{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","d":"AA"}`),
		"symmetric":         didOf(`{"kty":"oct","k":"AAAA"}`),
		"point off curve":   didOf(`{"kty":"EC","crv":"P-256",` + jwkX + `,"y":"AAAyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"}`),
		"short X25519":      didOf(`{"kty":"OKP","crv":"X25519","x":"3p7b"}`),
		"secp256k1":         didOf(`{"kty":"EC","crv":"secp256k1",` + jwkX + `,` + jwkY + `}`),
		"too long":          didOf(`{` + jwkC + `,"kid":"` + strings.Repeat("a", maxDID) + `"}`),
		"another method":    "did:key" + ok[len("did:jwk"):],
		"a DID URL":         ok + "#0",
	} {
		if doc, err := (JWKMethod{}).Resolve(ctx, did); err == nil || doc != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzDIDJWK(f *testing.F) {
	f.Add(`{` + jwkC + `}`)
	f.Add(`{"kty":"OKP","crv":"X25519","use":"enc","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`)
	f.Add(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	f.Fuzz(func(t *testing.T, text string) {
		did := didOf(text)
		doc, err := (JWKMethod{}).Resolve(ctx, did)
		if err != nil {
			return
		}
		if doc.ID != did || len(doc.VerificationMethod) != 1 || doc.VerificationMethod[0].ID != did+"#0" {
			t.Errorf("document of %q", text)
		}
		b, err := doc.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), `"d":`) {
			t.Errorf("a private member was published: %s", b)
		}
		if _, err := ParseDocument(b); err != nil {
			t.Errorf("our own document is refused: %v", err)
		}
	})
}
