package oid4vci

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/internal/jose"
)

// Cryptosuites that a di_vp proof may use. Those that canonicalise as RDF are
// not among them: nothing is processed as JSON-LD here (OpenID4VCI 1.0,
// Appendix A.1.2).
const (
	EdDSAJCS = "eddsa-jcs-2022"
	ECDSAJCS = "ecdsa-jcs-2019"
)

const typeIntegrity = "DataIntegrityProof"

var errIntegrity = errors.New("the Data Integrity proof does not hold")

// suiteOf is the suite a key signs with.
func suiteOf(pub crypto.PublicKey) (string, error) {
	switch k := pub.(type) {
	case ed25519.PublicKey:
		return EdDSAJCS, nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return ECDSAJCS, nil
		}
	}
	return "", fmt.Errorf("%w: no cryptosuite for a %T of this kind", errIntegrity, pub)
}

// verifyIntegrity checks a proof over the document it stands in. The key
// decides the algorithm and the hash; the proof must name its suite (Data
// Integrity ECDSA Cryptosuites 1.0, Section 3.3; EdDSA, Section 3.3).
func verifyIntegrity(document, rawProof []byte, p integrityProof, key crypto.PublicKey) error {
	suite, err := suiteOf(key)
	if err != nil {
		return err
	}
	if suite != p.Cryptosuite {
		return fmt.Errorf("%w: the key does not fit the cryptosuite", errIntegrity)
	}
	alg, err := jose.AlgFor(key)
	if err != nil {
		return err
	}
	signature, err := proofValue(p.ProofValue)
	if err != nil {
		return err
	}
	data, err := integrityData(document, rawProof, alg)
	if err != nil {
		return err
	}
	if err := jose.VerifySignature(key, alg, data, signature); err != nil {
		return fmt.Errorf("%w: %w", errIntegrity, err)
	}
	return nil
}

// integrityData is what is signed: the hash of the proof without its value,
// then that of the document without its proof, both in the form of RFC 8785
// (EdDSA Cryptosuites 1.0, Sections 3.3.1 to 3.3.5).
func integrityData(document, rawProof []byte, alg jose.Alg) ([]byte, error) {
	var doc, proof map[string]jsontext.Value
	if err := errors.Join(jose.Unmarshal(document, &doc), jose.Unmarshal(rawProof, &proof)); err != nil {
		return nil, err
	}
	delete(doc, "proof")
	delete(proof, "proofValue")
	// The document must start with the contexts that were signed, and is read
	// with those alone (EdDSA Cryptosuites 1.0, Section 3.3.2).
	if signed, ok := proof["@context"]; ok {
		same, err := startsWith(doc["@context"], signed)
		if err != nil {
			return nil, err
		}
		if !same {
			return nil, fmt.Errorf("%w: @context does not start with that of the proof", errIntegrity)
		}
		doc["@context"] = signed
	}
	var out []byte
	hash := alg.Hash()
	if alg == jose.EdDSA {
		hash = crypto.SHA256
	}
	for _, part := range []map[string]jsontext.Value{proof, doc} {
		canonical, err := canonicalJSON(part)
		if err != nil {
			return nil, err
		}
		h := hash.New()
		h.Write(canonical)
		out = h.Sum(out)
	}
	return out, nil
}

// canonicalJSON is v in the form of RFC 8785.
func canonicalJSON(v any) ([]byte, error) {
	b, err := jose.Marshal(v)
	if err != nil {
		return nil, err
	}
	out, err := jcs.Transform(b)
	if err != nil {
		return nil, fmt.Errorf("%w: it has no canonical form (RFC 8785)", errIntegrity)
	}
	return out, nil
}

// startsWith compares contexts, each a value or an array of them.
func startsWith(all, first jsontext.Value) (bool, error) {
	a, err := elements(all)
	if err != nil {
		return false, err
	}
	f, err := elements(first)
	if err != nil || len(f) > len(a) {
		return false, err
	}
	for i := range f {
		x, errX := canonicalJSON(a[i])
		y, errY := canonicalJSON(f[i])
		if err := errors.Join(errX, errY); err != nil || !bytes.Equal(x, y) {
			return false, err
		}
	}
	return true, nil
}

func elements(v jsontext.Value) ([]jsontext.Value, error) {
	if v.Kind() != '[' {
		return []jsontext.Value{v}, nil
	}
	var list []jsontext.Value
	return list, jose.Unmarshal(v, &list)
}

// maxProofValue is the longest proofValue: base58 is quadratic, and a P-384
// signature takes 132 characters.
const maxProofValue = 160

// proofValue reads multibase base58btc in its one encoding.
func proofValue(text string) ([]byte, error) {
	if len(text) < 2 || len(text) > maxProofValue || text[0] != 'z' {
		return nil, fmt.Errorf("%w: proofValue must be base58btc with prefix z", errIntegrity)
	}
	b, err := base58.Decode(text[1:])
	if err != nil || base58.Encode(b) != text[1:] {
		return nil, fmt.Errorf("%w: proofValue must be base58btc with prefix z", errIntegrity)
	}
	return b, nil
}

// signIntegrity adds a signed proof to a document.
func signIntegrity(key crypto.Signer, document, proof map[string]any) (jsontext.Value, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return nil, err
	}
	doc, errDoc := jose.Marshal(document)
	raw, errProof := jose.Marshal(proof)
	if err := errors.Join(errDoc, errProof); err != nil {
		return nil, err
	}
	data, err := integrityData(doc, raw, alg)
	if err != nil {
		return nil, err
	}
	signature, err := jose.Sign(key, alg, data)
	if err != nil {
		return nil, err
	}
	proof["proofValue"] = "z" + base58.Encode(signature)
	document["proof"] = proof
	return jose.Marshal(document)
}
