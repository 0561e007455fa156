package oid4vci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// The official vectors of the two suites.
func TestIntegrityVectors(t *testing.T) {
	for _, v := range []struct{ dir, file string }{
		{"vc-di-eddsa/eddsa-jcs-2022", "signedJCS.json"},
		{"vc-di-ecdsa/ecdsa-jcs-2019-p256", "signedJCSECDSAP256.json"},
		{"vc-di-ecdsa/ecdsa-jcs-2019-p384", "signedJCSECDSAP384.json"},
	} {
		t.Run(v.dir, func(t *testing.T) {
			text := testvectors.File(t, v.dir, v.file)
			s, err := dataintegrity.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			controller, _, _ := strings.Cut(s.Proofs()[0].VerificationMethod, "#")
			key, _, err := did.ParseDIDKey(controller)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifyIntegrity(text, key); err != nil {
				t.Fatal(err)
			}
			changed := []byte(strings.Replace(string(text), "Alumni", "alumni", 1))
			if err := verifyIntegrity(changed, key); err == nil {
				t.Error("a changed document was accepted")
			}
		})
	}
}

func diPolicy() ProofPolicy {
	p := policy()
	p.Algs, p.Cryptosuites = nil, []string{EdDSAJCS, ECDSAJCS}
	p.ResolveKid = HolderKeys(SelfContained(), func() time.Time { return now })
	return p
}

func presentationProof(t testing.TB, key crypto.Signer) jsontext.Value {
	t.Helper()
	v, err := NewPresentationProof(key, PresentationClaims{Audience: issuer, Created: now, Nonce: cNonce})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPresentationProof(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var list []jsontext.Value
	signers := []crypto.Signer{newKey(t), p384, ed}
	for _, key := range signers {
		list = append(list, presentationProof(t, key))
	}
	keys, err := VerifyProofs(t.Context(), Proofs{DIVP: list}, diPolicy())
	if err != nil || len(keys) != 3 {
		t.Fatalf("%+v, %v", keys, err)
	}
	for i, k := range keys {
		if k.JWK != public(t, signers[i]) || !strings.HasPrefix(k.Kid, "did:key:") {
			t.Errorf("%d: %+v", i, k)
		}
	}
	// A did:jwk as well.
	id, err := did.DIDJWK(ed.Public())
	if err != nil {
		t.Fatal(err)
	}
	v := signPresentation(t, ed, func(d, p map[string]any) { d["holder"], p["verificationMethod"] = id, id+"#0" })
	if keys, err := VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{v}}, diPolicy()); err != nil || keys[0].Kid != id+"#0" {
		t.Errorf("%+v, %v", keys, err)
	}
	_, err = VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{list[0], list[0]}}, diPolicy())
	wantField(t, err, "proofs.di_vp[1]", InvalidProof)
}

// signPresentation signs a presentation that change may spoil before.
func signPresentation(t testing.TB, key crypto.Signer, change func(document, proof map[string]any)) jsontext.Value {
	t.Helper()
	holder, err := did.DIDKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := integritySigner(key)
	if err != nil {
		t.Fatal(err)
	}
	document := map[string]any{"@context": []any{contextV2}, "type": []string{"VerifiablePresentation"}, "holder": holder}
	proof := map[string]any{
		"type": typeIntegrity, "cryptosuite": signer.Suite(), "created": now.Format(time.RFC3339), "proofPurpose": "authentication",
		"verificationMethod": holder + "#" + strings.TrimPrefix(holder, "did:key:"), "domain": issuer, "challenge": cNonce,
	}
	if change != nil {
		change(document, proof)
	}
	d, errDocument := jose.Marshal(document)
	options, errOptions := jose.Marshal(proof)
	value, err := signer.Sign(dataintegrity.Input{Document: d, Options: options})
	if err := errors.Join(errDocument, errOptions, err); err != nil {
		t.Fatal(err)
	}
	proof["proofValue"] = value
	document["proof"] = proof
	v, err := jose.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPresentationProofRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	stranger, _ := did.DIDKey(other.Public())
	type m = map[string]any
	for _, tt := range []struct {
		name   string
		change func(d, p m)
		tune   func(*ProofPolicy)
		field  string
		code   ErrorCode
	}{
		{"good", nil, nil, "", ""},
		{"domain as a set of one", func(d, p m) { p["domain"] = []string{issuer} }, nil, "", ""},
		{"holder as an object", func(d, p m) { d["holder"] = m{"id": d["holder"]} }, nil, "", ""},
		{"no holder", func(d, p m) { delete(d, "holder") }, nil, "", ""},
		{"no created", func(d, p m) { delete(p, "created") }, nil, "", ""},
		{"purpose assertionMethod", func(d, p m) { p["proofPurpose"] = "assertionMethod" }, nil, "proofPurpose", InvalidProof},
		{"no purpose", func(d, p m) { delete(p, "proofPurpose") }, nil, "proofPurpose", InvalidProof},
		{"another domain", func(d, p m) { p["domain"] = issuer + "/" }, nil, "domain", InvalidProof},
		{"two domains", func(d, p m) { p["domain"] = []string{issuer, "https://other.example"} }, nil, "domain", InvalidProof},
		{"no domain", func(d, p m) { delete(p, "domain") }, nil, "domain", InvalidProof},
		{"no domains", func(d, p m) { p["domain"] = []string{} }, nil, "domain", InvalidProof},
		{"another challenge", func(d, p m) { p["challenge"] = "x" }, nil, "nonce", InvalidNonce},
		{"no challenge", func(d, p m) { delete(p, "challenge") }, nil, "challenge", InvalidProof},
		{"another holder", func(d, p m) { d["holder"] = stranger }, nil, "holder", InvalidProof},
		{"holder a number", func(d, p m) { d["holder"] = 1 }, nil, "holder", InvalidProof},
		{"holder null", func(d, p m) { d["holder"] = nil }, nil, "holder", InvalidProof},
		{"method of another", func(d, p m) {
			delete(d, "holder")
			p["verificationMethod"] = stranger + "#" + strings.TrimPrefix(stranger, "did:key:")
		}, nil, "proofs.di_vp[0]", InvalidProof},
		{"method without fragment", func(d, p m) { p["verificationMethod"] = d["holder"] }, nil, "verificationMethod", InvalidProof},
		{"method not in the document", func(d, p m) { p["verificationMethod"] = d["holder"].(string) + "#0" }, nil, "verificationMethod", InvalidProof},
		{"another DID method", func(d, p m) { p["verificationMethod"] = "did:web:example.org#0" }, nil, "verificationMethod", InvalidProof},
		{"method with a query", func(d, p m) {
			p["verificationMethod"] = strings.Replace(p["verificationMethod"].(string), "#", "?x=1#", 1)
		}, nil, "verificationMethod", InvalidProof},
		{"no resolver", nil, func(p *ProofPolicy) { p.ResolveKid = nil }, "verificationMethod", InvalidProof},
		{"suite not on the list", nil, func(p *ProofPolicy) { p.Cryptosuites = []string{EdDSAJCS} }, "cryptosuite", InvalidProof},
		{"suite of another key", func(d, p m) { p["cryptosuite"] = EdDSAJCS }, nil, "proofs.di_vp[0]", InvalidProof},
		{"suite with RDF", func(d, p m) { p["cryptosuite"] = "ecdsa-rdfc-2019" }, nil, "cryptosuite", InvalidProof},
		{"another proof type", func(d, p m) { p["type"] = "Ed25519Signature2020" }, nil, "proof.type", InvalidProof},
		{"previous proof", func(d, p m) { p["previousProof"] = "urn:x" }, nil, "previousProof", InvalidProof},
		{"no presentation", func(d, p m) { d["type"] = "VerifiableCredential" }, nil, "proofs.di_vp[0]", InvalidProof},
		{"no context", func(d, p m) { delete(d, "@context") }, nil, "proofs.di_vp[0]", InvalidProof},
		{"created long ago", func(d, p m) { p["created"] = now.Add(-time.Hour).Format(time.RFC3339) }, nil, "created", InvalidProof},
		{"created in the future", func(d, p m) { p["created"] = now.Add(time.Hour).Format(time.RFC3339) }, nil, "created", InvalidProof},
		{"created without a zone", func(d, p m) { p["created"] = "2026-11-25T10:00:00" }, nil, "created", InvalidProof},
		{"expired", func(d, p m) { p["expires"] = now.Format(time.RFC3339) }, nil, "expires", InvalidProof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := diPolicy()
			if tt.tune != nil {
				tt.tune(&p)
			}
			keys, err := VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{signPresentation(t, key, tt.change)}}, p)
			if tt.field == "" {
				if err != nil || len(keys) != 1 {
					t.Fatalf("%v, %v", keys, err)
				}
				return
			}
			wantField(t, err, tt.field, tt.code)
			if keys != nil {
				t.Error("keys came with an error")
			}
		})
	}
}

// What was not signed, or not as it is read, is refused.
func TestPresentationProofTampered(t *testing.T) {
	good := presentationProof(t, newKey(t))
	var doc map[string]any
	if err := jose.Unmarshal(good, &doc); err != nil {
		t.Fatal(err)
	}
	proof := doc["proof"].(map[string]any)
	with := func(change func(d, p map[string]any)) jsontext.Value {
		d, p := maps.Clone(doc), maps.Clone(proof)
		d["proof"] = p
		change(d, p)
		b, err := jose.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, v := range map[string]jsontext.Value{
		"a member more":     with(func(d, p map[string]any) { d["x"] = 1 }),
		"a proof member":    with(func(d, p map[string]any) { p["x"] = 1 }),
		"an empty value":    with(func(d, p map[string]any) { p["proofValue"] = "z" }),
		"another multibase": with(func(d, p map[string]any) { p["proofValue"] = "u" + p["proofValue"].(string)[1:] }),
		"a long value":      with(func(d, p map[string]any) { p["proofValue"] = "z" + strings.Repeat("1", 4096) }),
		"two proofs":        with(func(d, p map[string]any) { d["proof"] = []any{p, p} }),
		"no proofs":         with(func(d, p map[string]any) { d["proof"] = []any{} }),
		"no proof":          with(func(d, p map[string]any) { delete(d, "proof") }),
		"context in front":  with(func(d, p map[string]any) { d["@context"] = []any{"https://other.example", contextV2} }),
		"no object":         jsontext.Value(`"x"`),
		"a member twice":    jsontext.Value(strings.Replace(string(good), "{", `{"holder":"did:key:x",`, 1)),
		"too long":          with(func(d, p map[string]any) { d["x"] = strings.Repeat("x", maxDIVP) }),
	} {
		if keys, err := VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{v}}, diPolicy()); err == nil || keys != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A context after those that were signed is not part of what is proven.
	later := with(func(d, p map[string]any) { d["@context"] = append(d["@context"].([]any), "https://other.example") })
	if _, err := VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{later}}, diPolicy()); err != nil {
		t.Errorf("a context after the signed ones (EdDSA Cryptosuites 1.0, Section 3.3.2): %v", err)
	}
	// The example of the specification names a suite of an older draft.
	var e struct {
		DIVP []jsontext.Value `json:"di_vp"`
	}
	example := inline(t, "F.2")[0]
	if err := jose.Unmarshal([]byte(strings.ReplaceAll(strings.ReplaceAll(example, "\n           WFy", "WFy"), "\n           s5X", "s5X")), &e); err == nil {
		_, err := VerifyProofs(t.Context(), Proofs{DIVP: e.DIVP}, diPolicy())
		wantField(t, err, "cryptosuite", InvalidProof)
	}
}

func FuzzPresentationProof(f *testing.F) {
	good := string(presentationProof(f, newKey(f)))
	f.Add(good)
	f.Add(`{"type":"VerifiablePresentation","proof":{}}`)
	f.Add(`{"@context":["https://www.w3.org/ns/credentials/v2"],"type":"VerifiablePresentation","holder":{},"proof":[{"domain":["x"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := VerifyProofs(t.Context(), Proofs{DIVP: []jsontext.Value{jsontext.Value(text)}}, diPolicy())
		if err != nil && keys != nil {
			t.Fatal("keys came with an error")
		}
		if err == nil && len(text) < 100 {
			t.Fatalf("accepted %q", text)
		}
	})
}
