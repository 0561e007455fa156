package bbs2023

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func vectors(t testing.TB) []sdtest.Vector {
	p := sdtest.Vectors(t)
	return []sdtest.Vector{
		{Name: "wind", Root: "vc-di-bbs", Inputs: "wind", P: p},
		{Name: "prc", Root: "vc-di-bbs", Folder: "prc", Inputs: "prCred", P: p},
	}
}

type octets []byte

func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.DecodeString(string(b))
	return err
}

type material struct {
	issuer             *bbs.SecretKey
	hmacKey            []byte
	presentationHeader []byte
}

func (m material) public() crypto.PublicKey { return did.BBSPublicKey(m.issuer.PublicKey().Bytes()) }

func secrets(t testing.TB) material {
	var k struct{ PrivateKeyHex, HMACKeyString, PublicKeyHex octets }
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-bbs", "BBSKeyMaterial.json"), &k)
	var d struct{ PresentationHeaderHex octets }
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-bbs", "BBSDeriveMaterial.json"), &d)
	key, err := bbs.ParseSecretKey(bbs.SHA256, k.PrivateKeyHex)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key.PublicKey().Bytes(), k.PublicKeyHex) {
		t.Fatal("another public key")
	}
	return material{key, k.HMACKeyString, d.PresentationHeaderHex}
}

// TestBaseProofVectors makes the base proofs of the official vectors, byte by
// byte, and what leads to them.
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

			d, err := selective.Read(v.P, in.Document, selective.ShuffledHMAC(m.hmacKey))
			if err != nil {
				t.Fatal(err)
			}
			var statements []string
			v.Read(t, "addBaseDocHMACCanon.json", &statements)
			sdtest.Same(t, "addBaseDocHMACCanon", sdtest.Texts(d.Statements), statements)

			mandatory, _ := v.Pointers(t)
			s, err := NewSigner(v.P, Options{Key: m.issuer, Mandatory: mandatory})
			if err != nil {
				t.Fatal(err)
			}
			base, err := s.(*signer).base(in, m.hmacKey)
			if err != nil {
				t.Fatal(err)
			}
			var hashes struct{ ProofHash, MandatoryHash octets }
			v.Read(t, "addHashData.json", &hashes)
			sdtest.Same(t, "addHashData", hex.EncodeToString(base.header), hex.EncodeToString(append(hashes.ProofHash, hashes.MandatoryHash...)))
			var raw struct {
				BBSSignature      string
				MandatoryPointers []string
			}
			v.Read(t, "addRawBaseSignatureInfo.json", &raw)
			sdtest.Same(t, "bbsSignature", hex.EncodeToString(base.signature), raw.BBSSignature)
			sdtest.Same(t, "mandatoryPointers", base.mandatoryPointers, raw.MandatoryPointers)
			sdtest.Same(t, "proofValue", di.EncodeBase64(base.encode()), want)

			recovered, err := parseBase(want)
			if err != nil {
				t.Fatal(err)
			}
			sdtest.Same(t, "derivedRecoveredBaseData", recovered, base)
			if err := Base(v.P).Verify(in, want, m.public()); err != nil {
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
			_, _, proofValue := v.Signed(t, "derivedRevealDocument.json")
			value, err := parseDerived(proofValue)
			if err != nil {
				t.Fatal(err)
			}
			document, _, _ := v.Signed(t, "addSignedSDBase.json")
			_, selected := v.Pointers(t)
			derived, err := Derive(rand.Reader, v.P, document, selected, m.presentationHeader)
			if err != nil {
				t.Fatal(err)
			}
			// A proof is another each time; all around it is the same. How the scalars of
			// the vectors follow from the seed beside them we did not find, with two tags
			// tried; package bbs has the proofs of the scheme's own fixtures, octet by octet.
			var got, want map[string]any
			sdtest.Unmarshal(t, derived, &got)
			v.Read(t, "derivedRevealDocument.json", &want)
			ours, err := parseDerived(got["proof"].(map[string]any)["proofValue"].(string))
			if err != nil {
				t.Fatal(err)
			}
			delete(got["proof"].(map[string]any), "proofValue")
			delete(want["proof"].(map[string]any), "proofValue")
			sdtest.Same(t, "derivedRevealDocument", got, want)
			sdtest.Same(t, "length of the proof", len(ours.proof), len(value.proof))
			ours.proof = value.proof
			sdtest.Same(t, "derived proof value", ours, value)

			var adjusted struct{ AdjMandatoryIndexes, AdjSelectiveIndexes []int }
			v.Read(t, "derivedAdjIndexes.json", &adjusted)
			sdtest.Same(t, "adjMandatoryIndexes", value.mandatoryIndexes, adjusted.AdjMandatoryIndexes)
			sdtest.Same(t, "adjSelectiveIndexes", value.selectiveIndexes, adjusted.AdjSelectiveIndexes)
			var data struct {
				BBSProof string
				LabelMap struct{ Value [][2]string }
			}
			v.Read(t, "derivedDisclosureData.json", &data)
			sdtest.Same(t, "bbsProof", hex.EncodeToString(value.proof), data.BBSProof)
			var labels [][2]string
			for i, l := range value.given() {
				labels = append(labels, [2]string{"c14n" + strconv.Itoa(i), l})
			}
			sdtest.Same(t, "labelMap", labels, data.LabelMap.Value)

			_, in, _ := v.Signed(t, "derivedRevealDocument.json")
			if v.Name == "prc" { // the other has no such file
				d, err := selective.Read(v.P, in.Document, selective.Given(value.given()))
				if err != nil {
					t.Fatal(err)
				}
				var nquads []string
				v.Read(t, "verifyNQuads.json", &nquads)
				sdtest.Same(t, "verifyNQuads", sdtest.Texts(d.Statements), nquads)
			}
			if err := Derived(v.P, Expect{PresentationHeader: m.presentationHeader, Required: []string{"/issuer"}}).Verify(in, proofValue, m.public()); err != nil {
				t.Errorf("the derived proof does not verify: %v", err)
			}
		})
	}
}

// TestWholeVectors verifies a signed document of the vectors through the frame,
// with did:key.
func TestWholeVectors(t *testing.T) {
	m := secrets(t)
	id, err := did.DIDKey(m.public())
	if err != nil {
		t.Fatal(err)
	}
	v := vectors(t)[1]
	for file, s := range map[string]di.Suite{"addSignedSDBase.json": Base(v.P), "derivedRevealDocument.json": Derived(v.P, Expect{PresentationHeader: m.presentationHeader})} {
		t.Run(file, func(t *testing.T) {
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
