package did

import (
	"crypto/ecdsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// A rotation proof says of these identifiers that this key is followed by that
// one; each word of it is held against what it should be, when the platform
// takes it and when anybody checks the continuity.
func TestRotationProofRefusals(t *testing.T) {
	c := newCitizen(t)
	at := testNow.Add(time.Hour)
	next := newKey(t)
	jkt := func(k *ecdsa.PrivateKey) string { return jose.Thumbprint(&k.PublicKey) }
	header := func() map[string]any {
		return map[string]any{"alg": "ES256", "typ": typRotation, "kid": testDID + "#key-1"}
	}
	claims := func() map[string]any {
		return map[string]any{"iss": testDID, "sub": testWebID, "iat": at.Unix(), "next": map[string]any{"kid": testDID + "#key-2", "jkt": jkt(next)}}
	}
	rotate := func(proof string) (Profile, error) {
		return c.Rotate(Rotation{Key: &next.PublicKey, RotationProof: proof, LinkProof: linkProof(t, next, 2, &c.enc.PublicKey, at)}, at)
	}
	good := craft(t, c.key, header(), claims())
	p, err := rotate(good)
	if err != nil {
		t.Fatal(err)
	}
	doc := p.DIDDocument()
	if err := VerifyContinuity(doc, []string{good}); err != nil {
		t.Fatal(err)
	}
	nextClaim := func(name string, value any) func(h, p map[string]any) {
		return func(_, p map[string]any) { p["next"].(map[string]any)[name] = value }
	}
	for name, change := range map[string]func(h, p map[string]any){
		"other typ":                func(h, _ map[string]any) { h["typ"] = typLink },
		"no typ":                   func(h, _ map[string]any) { delete(h, "typ") },
		"kid of the new key":       func(h, _ map[string]any) { h["kid"] = testDID + "#key-2" },
		"kid of the WebID":         func(h, _ map[string]any) { h["kid"] = testWebID + "#key-1" },
		"no kid":                   func(h, _ map[string]any) { delete(h, "kid") },
		"key in the header":        func(h, _ map[string]any) { h["jwk"] = map[string]any{"kty": "EC"} },
		"x5c in the header":        func(h, _ map[string]any) { h["x5c"] = []string{"AAAA"} },
		"x5u in the header":        func(h, _ map[string]any) { h["x5u"] = "https://a.example/c.pem" },
		"crit":                     func(h, _ map[string]any) { h["crit"] = []string{"x"} },
		"iss the WebID":            func(_, p map[string]any) { p["iss"] = testWebID },
		"iss of another":           func(_, p map[string]any) { p["iss"] = testDID[:len(testDID)-1] + "b" },
		"no iss":                   func(_, p map[string]any) { delete(p, "iss") },
		"sub of another":           func(_, p map[string]any) { p["sub"] = testWebID[:len(testWebID)-1] + "b" },
		"no sub":                   func(_, p map[string]any) { delete(p, "sub") },
		"next is the third":        nextClaim("kid", testDID+"#key-3"),
		"next of another DID":      nextClaim("kid", "did:web:a.example#key-2"),
		"next without kid":         nextClaim("kid", ""),
		"thumbprint of another":    nextClaim("jkt", jkt(newKey(t))),
		"thumbprint of itself":     nextClaim("jkt", jkt(c.key)),
		"no thumbprint":            nextClaim("jkt", ""),
		"no next":                  func(_, p map[string]any) { delete(p, "next") },
		"an expiry it cannot have": func(_, p map[string]any) { p["exp"] = at.Add(time.Hour).Unix() },
	} {
		h, cl := header(), claims()
		change(h, cl)
		proof := craft(t, c.key, h, cl)
		if _, err := rotate(proof); !errors.Is(err, ErrProof) {
			t.Errorf("%s: taken by the platform: %v", name, err)
		}
		if err := VerifyContinuity(doc, []string{proof}); !errors.Is(err, ErrProof) {
			t.Errorf("%s: continuity: %v", name, err)
		}
	}
	for name, proof := range map[string]string{
		"signed by the new key": craft(t, next, header(), claims()), "too long": good + strings.Repeat("A", maxProof), "empty": "", "no signature": good[:strings.LastIndexByte(good, '.')+1],
	} {
		if _, err := rotate(proof); !errors.Is(err, ErrProof) {
			t.Errorf("%s: taken by the platform: %v", name, err)
		}
		if err := VerifyContinuity(doc, []string{proof}); !errors.Is(err, ErrProof) {
			t.Errorf("%s: continuity: %v", name, err)
		}
	}
}

// A history starts with the creation, and encryption keys stay in it as
// signing keys do, or what was encrypted to them could be denied.
func TestHistoryKeepsItsBeginningAndItsKeys(t *testing.T) {
	c := newCitizen(t)
	first := FirstVersion(c.Profile)
	renamed := first
	renamed.Change = Renewed
	head, err := renamed.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyHistory([]Version{renamed}, head); !errors.Is(err, ErrHistory) {
		t.Errorf("a history without a creation: %v", err)
	}
	for name, keys := range map[string][]Key{"taken away": nil, "replaced": {{Fragment: c.EncryptionKeys[0].Fragment, Multikey: c.Keys[0].Multikey}}} {
		p := c.Profile
		p.EncryptionKeys, p.Changed = keys, testNow.Add(time.Hour)
		second, err := first.Next(p, Renewed)
		if err != nil {
			t.Fatal(err)
		}
		if head, err = second.Hash(); err != nil {
			t.Fatal(err)
		}
		if err := VerifyHistory([]Version{first, second}, head); !errors.Is(err, ErrHistory) {
			t.Errorf("an encryption key %s: %v", name, err)
		}
	}
}

// What the table of TestVerifyLinkRefusals cannot make by replacing words.
func TestVerifyLinkRefusesOtherForms(t *testing.T) {
	c := newCitizen(t)
	jwk, err := jose.PublicJWK(&c.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	jwkText, err := jose.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]any{"alg": "ES256", "typ": typLink, "kid": testWebID + "#key-1"}
	claims := map[string]any{"iss": testDID, "sub": testWebID, "iat": testNow.Unix(), "exp": testNow.Add(time.Hour).Unix(), "key_agreement": c.EncryptionKeys[0].Multikey}
	const did, link = testWebID + "/did.json", testWebID + "/link.jwt"
	multikey := `"type":"Multikey","controller":"` + testDID + `","publicKeyMultibase":"` + c.Keys[0].Multikey + `"`
	for name, x := range map[string]struct {
		url, from, to, rule string
	}{
		"DID names a second WebID over plain http": {did, `"alsoKnownAs":["`, `"alsoKnownAs":["http://a.example/","`, RuleReciprocal},
		"the same key as a JWK":                    {did, multikey, `"type":"JsonWebKey","controller":"` + testDID + `","publicKeyJwk":` + string(jwkText), RuleKeys},
		"kid under the WebID":                      {link, "", craft(t, c.key, header, claims), RuleProof},
	} {
		s := host(t, c.Profile)
		body := x.to
		if x.from != "" {
			if !strings.Contains(s[x.url].body, x.from) {
				t.Fatalf("%s: %q is not there", name, x.from)
			}
			body = strings.Replace(s[x.url].body, x.from, x.to, 1)
		}
		s[x.url] = answer{body: body}
		r, err := VerifyLink(ctx, testDID, s, at(testNow))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Checks.Failures(); len(got) != 1 || got[0] != x.rule || r.Keys != nil {
			t.Errorf("%s: failed %v, expected %s\n%s", name, got, x.rule, r.Checks)
		}
	}
}
