package bbs2023

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"path"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const contextCitizenship = "https://w3id.org/citizenship/v4rc1"

// vector is one of the two documents of the official vectors.
type vector struct {
	name, folder, inputs string
	p                    *jsonld.Processor
}

func vectors(t testing.TB) []vector {
	p := sdtest.Vectors(t)
	return []vector{{"wind", "", "wind", p}, {"prc", "prc", "prCred", p}}
}

func (v vector) file(t testing.TB, name string) []byte {
	return testvectors.File(t, "vc-di-bbs", path.Join(v.folder, name))
}

func (v vector) read(t testing.TB, name string, into any) { sdtest.Unmarshal(t, v.file(t, name), into) }

func (v vector) pointers(t testing.TB) (mandatory, selected []string) {
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-bbs", v.inputs+"Mandatory.json"), &mandatory)
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-bbs", v.inputs+"Selective.json"), &selected)
	return mandatory, selected
}

// signed is a document with its proof, and what the suite sees of it.
func (v vector) signed(t testing.TB, file string) (document []byte, in di.Input, proofValue string) {
	document = v.file(t, file)
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = s.Input(s.Proofs()[0]); err != nil {
		t.Fatal(err)
	}
	return document, in, s.Proofs()[0].Value
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

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

func texts(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, string(b))
	}
	return out
}

// TestBaseProofVectors makes the base proofs of the official vectors, byte by
// byte, and what leads to them.
func TestBaseProofVectors(t *testing.T) {
	m := secrets(t)
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			_, in, want := v.signed(t, "addSignedSDBase.json")
			canonical, err := in.CanonicalConfiguration(v.p, crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "addProofConfigCanon", string(bytes.TrimSpace(canonical)), string(bytes.TrimSpace(v.file(t, "addProofConfigCanon.txt"))))

			d, err := selective.Read(v.p, in.Document, selective.ShuffledHMAC(m.hmacKey))
			if err != nil {
				t.Fatal(err)
			}
			var statements []string
			v.read(t, "addBaseDocHMACCanon.json", &statements)
			same(t, "addBaseDocHMACCanon", texts(d.Statements), statements)

			mandatory, _ := v.pointers(t)
			s, err := NewSigner(v.p, Options{Key: m.issuer, Mandatory: mandatory})
			if err != nil {
				t.Fatal(err)
			}
			base, err := s.(*signer).base(in, m.hmacKey)
			if err != nil {
				t.Fatal(err)
			}
			var hashes struct{ ProofHash, MandatoryHash octets }
			v.read(t, "addHashData.json", &hashes)
			same(t, "addHashData", hex.EncodeToString(base.header), hex.EncodeToString(append(hashes.ProofHash, hashes.MandatoryHash...)))
			var raw struct {
				BBSSignature      string
				MandatoryPointers []string
			}
			v.read(t, "addRawBaseSignatureInfo.json", &raw)
			same(t, "bbsSignature", hex.EncodeToString(base.signature), raw.BBSSignature)
			same(t, "mandatoryPointers", base.mandatoryPointers, raw.MandatoryPointers)
			same(t, "proofValue", di.EncodeBase64(base.encode()), want)

			recovered, err := parseBase(want)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "derivedRecoveredBaseData", recovered, base)
			if err := Base(v.p).Verify(in, want, m.public()); err != nil {
				t.Errorf("the base proof does not verify: %v", err)
			}
		})
	}
}

// TestDerivedProofVectors derives and verifies as the official vectors do.
func TestDerivedProofVectors(t *testing.T) {
	m := secrets(t)
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			_, _, proofValue := v.signed(t, "derivedRevealDocument.json")
			value, err := parseDerived(proofValue)
			if err != nil {
				t.Fatal(err)
			}
			document, _, _ := v.signed(t, "addSignedSDBase.json")
			_, selected := v.pointers(t)
			derived, err := Derive(rand.Reader, v.p, document, selected, m.presentationHeader)
			if err != nil {
				t.Fatal(err)
			}
			// A proof is another each time; all around it is the same. How the scalars of
			// the vectors follow from the seed beside them we did not find, with two tags
			// tried; package bbs has the proofs of the scheme's own fixtures, octet by octet.
			var got, want map[string]any
			sdtest.Unmarshal(t, derived, &got)
			v.read(t, "derivedRevealDocument.json", &want)
			ours, err := parseDerived(got["proof"].(map[string]any)["proofValue"].(string))
			if err != nil {
				t.Fatal(err)
			}
			delete(got["proof"].(map[string]any), "proofValue")
			delete(want["proof"].(map[string]any), "proofValue")
			same(t, "derivedRevealDocument", got, want)
			same(t, "length of the proof", len(ours.proof), len(value.proof))
			ours.proof = value.proof
			same(t, "derived proof value", ours, value)

			var adjusted struct{ AdjMandatoryIndexes, AdjSelectiveIndexes []int }
			v.read(t, "derivedAdjIndexes.json", &adjusted)
			same(t, "adjMandatoryIndexes", value.mandatoryIndexes, adjusted.AdjMandatoryIndexes)
			same(t, "adjSelectiveIndexes", value.selectiveIndexes, adjusted.AdjSelectiveIndexes)
			var data struct {
				BBSProof string
				LabelMap struct{ Value [][2]string }
			}
			v.read(t, "derivedDisclosureData.json", &data)
			same(t, "bbsProof", hex.EncodeToString(value.proof), data.BBSProof)
			var labels [][2]string
			for i, l := range value.given() {
				labels = append(labels, [2]string{"c14n" + strconv.Itoa(i), l})
			}
			same(t, "labelMap", labels, data.LabelMap.Value)

			_, in, _ := v.signed(t, "derivedRevealDocument.json")
			if v.name == "prc" { // the other has no such file
				d, err := selective.Read(v.p, in.Document, selective.Given(value.given()))
				if err != nil {
					t.Fatal(err)
				}
				var nquads []string
				v.read(t, "verifyNQuads.json", &nquads)
				same(t, "verifyNQuads", texts(d.Statements), nquads)
			}
			if err := Derived(v.p, Expect{PresentationHeader: m.presentationHeader, Required: []string{"/issuer"}}).Verify(in, proofValue, m.public()); err != nil {
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
	for file, s := range map[string]di.Suite{"addSignedSDBase.json": Base(v.p), "derivedRevealDocument.json": Derived(v.p, Expect{PresentationHeader: m.presentationHeader})} {
		t.Run(file, func(t *testing.T) {
			got, err := di.Verify(context.Background(), v.file(t, file), di.Policy{
				Now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Suites: []di.Suite{s}, Resolver: did.KeyMethod{},
				Purpose: did.AssertionMethod, Controllers: []string{id}, Contexts: []string{contexts.CredentialsV2, contextCitizenship},
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
