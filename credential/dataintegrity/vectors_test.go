package dataintegrity_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// TestVectors holds every step of the suites against the vectors of Data Integrity
// EdDSA Cryptosuites 1.0, Appendix B, and ECDSA, Appendix A, and signs anew.
func TestVectors(t *testing.T) {
	for _, v := range []struct{ vectors, dir, key, mark, suite string }{
		{"vc-di-eddsa", "eddsa-rdfc-2022", "keyPair", "DataInt", "eddsa-rdfc-2022"},
		{"vc-di-eddsa", "eddsa-rdfc-2022/employ", "keyPair", "DataInt", "eddsa-rdfc-2022"},
		{"vc-di-eddsa", "eddsa-jcs-2022", "keyPair", "JCS", "eddsa-jcs-2022"},
		{"vc-di-ecdsa", "ecdsa-rdfc-2019-p256", "p256KeyPair", "ECDSAP256", "ecdsa-rdfc-2019"},
		{"vc-di-ecdsa", "ecdsa-rdfc-2019-p256/employ", "p256KeyPair", "ECDSAP256", "ecdsa-rdfc-2019"},
		{"vc-di-ecdsa", "ecdsa-rdfc-2019-p384", "p384KeyPair", "ECDSAP384", "ecdsa-rdfc-2019"},
		{"vc-di-ecdsa", "ecdsa-rdfc-2019-p384/employ", "p384KeyPair", "ECDSAP384", "ecdsa-rdfc-2019"},
		{"vc-di-ecdsa", "ecdsa-jcs-2019-p256", "p256KeyPair", "JCSECDSAP256", "ecdsa-jcs-2019"},
		{"vc-di-ecdsa", "ecdsa-jcs-2019-p384", "p384KeyPair", "JCSECDSAP384", "ecdsa-jcs-2019"},
	} {
		t.Run(v.dir, func(t *testing.T) {
			p := withVectorContexts(t)
			s := suite(t, p, v.suite)
			file := func(name string) []byte {
				return testvectors.File(t, v.vectors, filepath.Join(v.dir, strings.ReplaceAll(name, "*", v.mark)))
			}
			text := func(name string) string { return strings.TrimSpace(string(file(name))) }
			var pair struct{ PublicKeyMultibase, PrivateKeyMultibase, SecretKeyMultibase string }
			if err := json.Unmarshal(testvectors.File(t, v.vectors, v.key+".json"), &pair); err != nil {
				t.Fatal(err)
			}
			key := multikey(t, pair.PrivateKeyMultibase+pair.SecretKeyMultibase)
			pub, err := did.DecodeMultikey(pair.PublicKeyMultibase)
			if err != nil {
				t.Fatal(err)
			}

			signed := file("signed*.json")
			secured, err := di.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			proof := secured.Proofs()[0]
			in, err := secured.Input(proof)
			if err != nil {
				t.Fatal(err)
			}
			configuration, document, data, err := di.HashData(s, in, pub)
			if err != nil {
				t.Fatal(err)
			}
			half := len(data) / 2
			signature, err := di.MultibaseBase58(proof.Value)
			if err != nil {
				t.Fatal(err)
			}
			for name, got := range map[string]string{
				"proofCanon*.txt": strings.TrimSpace(string(configuration)), "canonDoc*.txt": strings.TrimSpace(string(document)),
				"proofHash*.txt": hex.EncodeToString(data[:half]), "docHash*.txt": hex.EncodeToString(data[half:]),
				"combinedHash*.txt": hex.EncodeToString(data), "sigHex*.txt": hex.EncodeToString(signature), "sigBTC58*.txt": proof.Value,
			} {
				if want := text(name); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
			}

			id, method := didKey(t, pub)
			contexts := []string{contextV2, contextExamples, "https://w3id.org/citizenship/v4rc1"}
			r := verified(t, signed, di.Policy{
				Now: now, Suites: []di.Suite{s}, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod, Controllers: []string{id},
				Contexts: contexts,
			})
			if got := r.Proofs[0]; got.Controller != id || got.VerificationMethod != method || got.Cryptosuite != v.suite {
				t.Errorf("facts %+v", got)
			}

			// Ours is the same proof: signatures are deterministic.
			ours := template(t, p, v.suite, key, func(o *di.Options) { o.Contexts = contexts })
			again, err := ours.Add(secured.Unsecured(), di.Terms{Created: proof.Created})
			if err != nil {
				t.Fatal(err)
			}
			verified(t, again, di.Policy{
				Now: now, Suites: []di.Suite{s}, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod, Controllers: []string{id},
				Contexts: contexts,
			})
			if reread, err := di.Parse(again); err != nil || reread.Proofs()[0].Value != proof.Value {
				t.Errorf("our signature is another: %v", err)
			}
		})
	}
}

// TestVectorsSetAndChain verifies and makes the proof sets and chains of Data
// Integrity EdDSA Cryptosuites 1.0, Appendix B.
func TestVectorsSetAndChain(t *testing.T) {
	p := withVectorContexts(t)
	file := func(name string) []byte { return testvectors.File(t, "vc-di-eddsa", "proof-set-chain/"+name) }
	var pairs map[string]struct{ PublicKeyMultibase, PrivateKeyMultibase string }
	if err := json.Unmarshal(file("multiKeyPairs.json"), &pairs); err != nil {
		t.Fatal(err)
	}
	contexts := []string{contextV2, contextExamples}
	document := file("unsigned.json")
	for i, v := range []struct{ signed, config string }{
		{"signedProofSet1.json", "proofSetConfig1.json"}, {"signedProofSet2.json", "proofSetConfig2.json"},
		{"signedProofChain1.json", "proofChainConfig1.json"}, {"signedProofChain2.json", "proofChainConfig2.json"},
	} {
		t.Run(v.signed, func(t *testing.T) {
			signed := file(v.signed)
			r := verified(t, signed, di.Policy{
				Now: now, Suites: suites(p), Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod, InsecureAnyController: true,
				Contexts: contexts,
			})
			if len(r.Proofs) != i+1 {
				t.Fatalf("%d proofs", len(r.Proofs))
			}
			want := r.Proofs[i]
			key := multikey(t, pairs[fmt.Sprintf("keyPair%d", i+1)].PrivateKeyMultibase)
			ours := template(t, p, "eddsa-rdfc-2022", key, func(o *di.Options) { o.Contexts = contexts })
			terms := di.Terms{ID: want.ID, Created: want.Created, Previous: want.Previous}
			make := ours.Append
			if i == 0 {
				make = ours.Add
			}
			var err error
			if document, err = make(document, terms); err != nil {
				t.Fatal(err)
			}
			s, err := di.Parse(document)
			if err != nil || s.Proofs()[i].Value != want.Value {
				t.Errorf("our proof is another: %v", err)
			}
		})
	}
}

// TestVectorsOfSpecifications: the examples that the specifications print have good
// signatures, and name their key in a way that retrieval must refuse: without a
// fragment (Controlled Identifiers 1.0, Section 3.3).
func TestVectorsOfSpecifications(t *testing.T) {
	p := withVectorContexts(t)
	ran := 0
	files, _ := filepath.Glob(testvectors.Dir(t, "w3c-spec-signed-examples") + "/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all struct {
			Examples []struct {
				Cryptosuites []string
				Document     json.RawMessage
			}
		}
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for i, e := range all.Examples {
			if len(e.Cryptosuites) != 1 || !strings.Contains(e.Cryptosuites[0], "rdfc") {
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(file), i), func(t *testing.T) {
				s, err := di.Parse(e.Document)
				if err != nil {
					t.Fatal(err)
				}
				proof := s.Proofs()[0]
				pub, _, err := did.ParseDIDKey(proof.VerificationMethod)
				if err != nil {
					t.Fatal(err)
				}
				in, err := s.Input(proof)
				if err != nil {
					t.Fatal(err)
				}
				if err := suite(t, p, proof.Cryptosuite).Verify(in, proof.Value, pub); err != nil {
					t.Errorf("the signature itself: %v", err)
				}
				refused(t, e.Document, di.Policy{
					Now: now, Suites: suites(p), Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod, InsecureAnyController: true,
					Contexts: []string{contextV2, contextExamples, "https://www.w3.org/ns/credentials/undefined-terms/v2"},
				}, di.CheckMethod)
			})
		}
	}
	if ran != 13 {
		t.Errorf("%d examples, expected 13", ran)
	}
}

// TestVectorOfAnotherType: Ed25519Signature2020 is a type that is not known here.
func TestVectorOfAnotherType(t *testing.T) {
	signed := testvectors.File(t, "vc-di-eddsa", "Ed25519Signature2020/signedEdSig.json")
	if _, err := di.Verify(context.Background(), signed, policy(t, edKey(1).Public())); err == nil {
		t.Error("a proof of another type passed")
	}
	refused(t, signed, policy(t, edKey(1).Public()), di.CheckCryptosuite)
}
