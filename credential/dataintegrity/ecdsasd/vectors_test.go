package ecdsasd

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"path"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const contextCitizenship = "https://w3id.org/citizenship/v4rc1"

// vector is one of the two documents of the official vectors.
type vector struct {
	name string // and folder
	p    *jsonld.Processor
}

func vectors(t testing.TB) []vector {
	p := sdtest.Vectors(t)
	return []vector{{"employ", p}, {"prc", p}}
}

func (v vector) file(t testing.TB, name string) []byte {
	return testvectors.File(t, "vc-di-ecdsa", path.Join("ecdsa-sd-2023", v.name, name))
}

func (v vector) read(t testing.TB, name string, into any) { sdtest.Unmarshal(t, v.file(t, name), into) }

func (v vector) pointers(t testing.TB) (mandatory, selected []string) {
	name := map[string]string{"employ": "employ", "prc": "prCred"}[v.name]
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-ecdsa", name+"Mandatory.json"), &mandatory)
	sdtest.Unmarshal(t, testvectors.File(t, "vc-di-ecdsa", name+"Selective.json"), &selected)
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

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

func hexes(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, hex.EncodeToString(b))
	}
	return out
}

func texts(all [][]byte) []string {
	out := []string{}
	for _, b := range all {
		out = append(out, string(b))
	}
	return out
}

// TestBaseProofVectors makes the base proofs of the official vectors, byte by byte.
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

			mandatory, _ := v.pointers(t)
			s, err := NewSigner(v.p, Options{Key: m.issuer, Mandatory: mandatory})
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
			v.read(t, "addRawBaseSignatureInfo.json", &raw)
			same(t, "signatures", hexes(base.signatures), raw.Signatures)
			same(t, "baseSignature", hex.EncodeToString(base.baseSignature), raw.BaseSignature)
			same(t, "publicKey", di.EncodeBase58(base.publicKey), raw.PublicKey)
			same(t, "proofValue", di.EncodeBase64(base.encode()), want)

			// addHashData.json, from which the base signature is made.
			var hashes struct{ ProofHash, MandatoryHash string }
			v.read(t, "addHashData.json", &hashes)
			proofHash, err := in.ConfigurationHash(v.p, crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "proofHash", hex.EncodeToString(proofHash), hashes.ProofHash)
			d, err := selective.Read(v.p, in.Document, selective.HMAC(m.hmacKey))
			if err != nil {
				t.Fatal(err)
			}
			selection, err := d.Select(mandatory)
			if err != nil {
				t.Fatal(err)
			}
			fixed, _ := derivable.Split(d.Statements, selection.Indexes)
			same(t, "mandatoryHash", hex.EncodeToString(signData(nil, nil, fixed)), hashes.MandatoryHash)

			recovered, err := parseBase(want)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "derivedRecoveredBaseData", recovered, base)
			if err := Base(v.p).Verify(in, want, m.issuer.Public()); err != nil {
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
			document, _, _ := v.signed(t, "addSignedSDBase.json")
			_, selected := v.pointers(t)
			derived, err := Derive(v.p, document, selected)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			sdtest.Unmarshal(t, derived, &got)
			v.read(t, "derivedRevealDocument.json", &want)
			same(t, "derivedRevealDocument", got, want)

			_, in, proofValue := v.signed(t, "derivedRevealDocument.json")
			value, err := parseDerived(proofValue)
			if err != nil {
				t.Fatal(err)
			}
			var adjusted struct{ FilteredSignatures []string }
			v.read(t, "derivedAdjSignatures.json", &adjusted)
			same(t, "derivedAdjSignatures", hexes(value.signatures), adjusted.FilteredSignatures)
			var mandatory struct{ AdjMandatoryIndexes []int }
			v.read(t, "derivedAdjMandatoryIndexes.json", &mandatory)
			same(t, "derivedAdjMandatoryIndexes", value.mandatoryIndexes, mandatory.AdjMandatoryIndexes)
			var parsed struct {
				BaseSignature, PublicKey string
				LabelMap                 [][2]string
			}
			v.read(t, "verifyDerivedProofValue.json", &parsed)
			same(t, "baseSignature", hex.EncodeToString(value.baseSignature), parsed.BaseSignature)
			same(t, "publicKey", di.EncodeBase58(value.publicKey), parsed.PublicKey)
			var labels [][2]string
			for i, l := range value.given() {
				labels = append(labels, [2]string{"c14n" + strconv.Itoa(i), l})
			}
			same(t, "labelMap", labels, parsed.LabelMap)

			var data struct {
				ProofHash, MandatoryHash string
				NonMandatory             []string
			}
			v.read(t, "verifyCreateVerifyData.json", &data)
			d, err := selective.Read(v.p, in.Document, selective.Given(value.given()))
			if err != nil {
				t.Fatal(err)
			}
			var nquads []string
			v.read(t, "verifyNQuads.json", &nquads)
			same(t, "verifyNQuads", texts(d.Statements), nquads)
			fixed, rest := derivable.Split(d.Statements, value.mandatoryIndexes)
			same(t, "nonMandatory", texts(rest), data.NonMandatory)
			same(t, "mandatoryHash", hex.EncodeToString(signData(nil, nil, fixed)), data.MandatoryHash)

			if err := Derived(v.p, "/issuer", "/validUntil").Verify(in, proofValue, m.issuer.Public()); err != nil {
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
		for file, s := range map[string]di.Suite{"addSignedSDBase.json": Base(v.p), "derivedRevealDocument.json": Derived(v.p)} {
			t.Run(v.name+"/"+file, func(t *testing.T) {
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
}
