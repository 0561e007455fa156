package ecdsasd

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func vectors(t testing.TB) []sdtest.Vector {
	p := sdtest.Vectors(t)
	return []sdtest.Vector{
		{Name: "employ", Root: "vc-di-ecdsa", Folder: "ecdsa-sd-2023/employ", Inputs: "employ", P: p},
		{Name: "prc", Root: "vc-di-ecdsa", Folder: "ecdsa-sd-2023/prc", Inputs: "prCred", P: p},
	}
}

type material struct {
	issuer, pair *ecdsa.PrivateKey
	hmacKey      []byte
}

func secrets(t testing.TB) material {
	var f struct {
		BaseKeyPair, ProofKeyPair struct{ SecretKeyMultibase string }
		HMACKeyString             string
	}
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-ecdsa", "ecdsa-sd-2023/SDKeyMaterial.json"), &f)
	key := func(text string) *ecdsa.PrivateKey {
		b, err := base58.Decode(text[1:])
		if err != nil {
			t.Fatal(err)
		}
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b[2:])
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	m := material{issuer: key(f.BaseKeyPair.SecretKeyMultibase), pair: key(f.ProofKeyPair.SecretKeyMultibase)}
	var err error
	if m.hmacKey, err = hex.DecodeString(f.HMACKeyString); err != nil {
		t.Fatal(err)
	}
	return m
}

func hexes(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, hex.EncodeToString(b))
	}
	return out
}

// TestBaseProofVectors makes the base proofs of the official vectors, byte by byte.
func TestBaseProofVectors(t *testing.T) {
	m := secrets(t)
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			_, in, want := v.Signed(t, "addSignedSDBase.json")
			canonical, err := in.CanonicalConfiguration(v.P, crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			sdtest.Same(t, "addProofConfigCanon", string(bytes.TrimSpace(canonical)), string(bytes.TrimSpace(v.File(t, "addProofConfigCanon.txt"))))

			mandatory, _ := v.Pointers(t)
			s, err := NewSigner(v.P, Options{Key: m.issuer, Mandatory: mandatory})
			if err != nil {
				t.Fatal(err)
			}
			base, err := s.(*signer).base(in, m.hmacKey, m.pair)
			if err != nil {
				t.Fatal(err)
			}
			var raw struct {
				BaseSignature, PublicKey string
				Signatures               []string
				MandatoryPointers        []string
			}
			v.Read(t, "addRawBaseSignatureInfo.json", &raw)
			sdtest.Same(t, "signatures", hexes(base.signatures), raw.Signatures)
			sdtest.Same(t, "baseSignature", hex.EncodeToString(base.baseSignature), raw.BaseSignature)
			sdtest.Same(t, "publicKey", di.EncodeBase58(base.publicKey), raw.PublicKey)
			sdtest.Same(t, "proofValue", di.EncodeBase64(base.encode()), want)

			// addHashData.json, from which the base signature is made.
			var hashes struct{ ProofHash, MandatoryHash string }
			v.Read(t, "addHashData.json", &hashes)
			proofHash, err := in.ConfigurationHash(v.P, crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			sdtest.Same(t, "proofHash", hex.EncodeToString(proofHash), hashes.ProofHash)
			d, err := selective.Read(v.P, in.Document, selective.HMAC(m.hmacKey))
			if err != nil {
				t.Fatal(err)
			}
			selection, err := d.Select(mandatory)
			if err != nil {
				t.Fatal(err)
			}
			fixed, _ := derivable.Split(d.Statements, selection.Indexes)
			sdtest.Same(t, "mandatoryHash", hex.EncodeToString(signData(nil, nil, fixed)), hashes.MandatoryHash)

			recovered, err := parseBase(want)
			if err != nil {
				t.Fatal(err)
			}
			sdtest.Same(t, "derivedRecoveredBaseData", recovered, base)
			if err := Base(v.P).Verify(in, want, m.issuer.Public()); err != nil {
				t.Errorf("the base proof does not verify: %v", err)
			}
		})
	}
}

// TestDerivedProofVectors derives and verifies as the official vectors do.
func TestDerivedProofVectors(t *testing.T) {
	m := secrets(t)
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			document, _, _ := v.Signed(t, "addSignedSDBase.json")
			_, selected := v.Pointers(t)
			derived, err := Derive(v.P, document, selected)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			sdtest.Unmarshal(t, derived, &got)
			v.Read(t, "derivedRevealDocument.json", &want)
			sdtest.Same(t, "derivedRevealDocument", got, want)

			_, in, proofValue := v.Signed(t, "derivedRevealDocument.json")
			value, err := parseDerived(proofValue)
			if err != nil {
				t.Fatal(err)
			}
			var adjusted struct{ FilteredSignatures []string }
			v.Read(t, "derivedAdjSignatures.json", &adjusted)
			sdtest.Same(t, "derivedAdjSignatures", hexes(value.signatures), adjusted.FilteredSignatures)
			var mandatory struct{ AdjMandatoryIndexes []int }
			v.Read(t, "derivedAdjMandatoryIndexes.json", &mandatory)
			sdtest.Same(t, "derivedAdjMandatoryIndexes", value.mandatoryIndexes, mandatory.AdjMandatoryIndexes)
			var parsed struct {
				BaseSignature, PublicKey string
				LabelMap                 [][2]string
			}
			v.Read(t, "verifyDerivedProofValue.json", &parsed)
			sdtest.Same(t, "baseSignature", hex.EncodeToString(value.baseSignature), parsed.BaseSignature)
			sdtest.Same(t, "publicKey", di.EncodeBase58(value.publicKey), parsed.PublicKey)
			var labels [][2]string
			for i, l := range value.given() {
				labels = append(labels, [2]string{"c14n" + strconv.Itoa(i), l})
			}
			sdtest.Same(t, "labelMap", labels, parsed.LabelMap)

			var data struct {
				ProofHash, MandatoryHash string
				NonMandatory             []string
			}
			v.Read(t, "verifyCreateVerifyData.json", &data)
			d, err := selective.Read(v.P, in.Document, selective.Given(value.given()))
			if err != nil {
				t.Fatal(err)
			}
			var nquads []string
			v.Read(t, "verifyNQuads.json", &nquads)
			sdtest.Same(t, "verifyNQuads", sdtest.Texts(d.Statements), nquads)
			fixed, rest := derivable.Split(d.Statements, value.mandatoryIndexes)
			sdtest.Same(t, "nonMandatory", sdtest.Texts(rest), data.NonMandatory)
			sdtest.Same(t, "mandatoryHash", hex.EncodeToString(signData(nil, nil, fixed)), data.MandatoryHash)

			if err := Derived(v.P, "/issuer", "/validUntil").Verify(in, proofValue, m.issuer.Public()); err != nil {
				t.Errorf("the derived proof does not verify: %v", err)
			}
		})
	}
}

// TestWholeVectors verifies the signed documents of the vectors through the frame, with
// did:key.
func TestWholeVectors(t *testing.T) {
	m := secrets(t)
	id, err := did.DIDKey(m.issuer.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors(t) {
		for file, s := range map[string]di.Suite{"addSignedSDBase.json": Base(v.P), "derivedRevealDocument.json": Derived(v.P)} {
			t.Run(v.Name+"/"+file, func(t *testing.T) {
				got, err := di.Verify(context.Background(), v.File(t, file), di.Policy{
					Now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Suites: []di.Suite{s}, Resolver: did.KeyMethod{},
					Purpose: did.AssertionMethod, Controllers: []string{id}, Contexts: []string{contexts.CredentialsV2, sdtest.ContextCitizenship},
				})
				if err != nil {
					t.Fatal(err)
				}
				if !got.Checks.OK() {
					t.Errorf("verified, with %s", got.Checks)
				}
			})
		}
	}
}
