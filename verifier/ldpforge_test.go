package verifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// reissued is a presentation of a credential whose proof was made anew: by a key,
// under the name of the seal key, with nothing fixed but what is given.
func reissued(t *testing.T, w *world.World, a world.Asked, key crypto.Signer, change func(c members), fixed ...string) jsontext.Value {
	t.Helper()
	h := w.IssueAs(credential.FormatLDP)
	c := parsed(t, h.Credential)
	delete(c, "proof")
	change(c)
	signer, err := ecdsasd.NewSigner(processor, ecdsasd.Options{Key: key, Mandatory: fixed})
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := di.NewTemplate(di.Options{Signer: signer, VerificationMethod: format.MethodOf(world.Issuer, w.Hierarchy.Seal.Certificate), Purpose: did.AssertionMethod, Contexts: contexts.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	if h.Credential, err = proofs.Add(text(t, c), di.Terms{Created: w.Now()}); err != nil {
		t.Fatal(err)
	}
	return a.PresentAs(h, a.Paths())
}

// whole are the members that a credential cannot do without.
var whole = []string{"/issuer", "/validFrom", "/validUntil", "/credentialStatus", "/credentialSubject/id"}

// lax is what a genuine issuer sealed who let the holder leave one of them out.
func lax(left string) present {
	return func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
		fixed := slices.DeleteFunc(slices.Clone(whole), func(p string) bool { return p == left })
		return reissued(t, w, a, w.Hierarchy.Seal.Key, func(members) {}, fixed...)
	}
}

// forged is by another key under the name of the seal key.
func forged(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
	return reissued(t, w, a, world.NewKey(), func(members) {}, whole...)
}

// selfSigned is a presentation of a credential whose proof was made by one key alone:
// it signs the statements, stands inside the proof, and signs that too, as the text of
// Data Integrity ECDSA Cryptosuites 1.0, Section 3.6.7 would take it.
func selfSigned(t *testing.T, w *world.World, a world.Asked, key crypto.Signer) jsontext.Value {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h := w.IssueAs(credential.FormatLDP)
	c := parsed(t, h.Credential)
	delete(c, "proof")
	in := di.Input{Document: text(t, c), Context: text(t, c["@context"]), Options: text(t, members{
		"type": "DataIntegrityProof", "cryptosuite": ecdsasd.Name, "created": w.Now().Format(time.RFC3339), "proofPurpose": "assertionMethod",
		"verificationMethod": format.MethodOf(world.Issuer, w.Hierarchy.Seal.Certificate),
	})}
	proofHash, err := in.ConfigurationHash(processor, crypto.SHA256)
	must(err)
	hmacKey := make([]byte, selective.HMACKeySize)
	d, err := selective.Read(processor, in.Document, selective.HMAC(hmacKey))
	must(err)
	mandatory, err := d.Select(whole)
	must(err)
	point, err := key.Public().(*ecdsa.PublicKey).Bytes()
	must(err)
	public := append([]byte{0x80, 0x24, 2 + point[64]&1}, point[1:33]...)
	var fixed []byte
	var signatures [][]byte
	for i, statement := range d.Statements {
		if slices.Contains(mandatory.Indexes, i) {
			fixed = append(fixed, statement...)
			continue
		}
		signature, err := jose.Sign(key, jose.ES256, statement)
		must(err)
		signatures = append(signatures, signature)
	}
	sum := sha256.Sum256(fixed)
	signature, err := jose.Sign(key, jose.ES256, slices.Concat(proofHash, public, sum[:]))
	must(err)
	b := cbor.AppendArray([]byte{0xd9, 0x5d, 0x00}, 5)
	b = cbor.AppendBytes(cbor.AppendBytes(cbor.AppendBytes(b, signature), public), hmacKey)
	b = cbor.AppendArray(b, len(signatures))
	for _, s := range signatures {
		b = cbor.AppendBytes(b, s)
	}
	b = cbor.AppendArray(b, len(whole))
	for _, p := range whole {
		b = cbor.AppendText(b, p)
	}
	proof := parsed(t, in.Options)
	proof["proofValue"] = di.EncodeBase64(b)
	c["proof"] = proof
	h.Credential = text(t, c)
	return a.PresentAs(h, a.Paths())
}

// install takes the list of providers as it is now.
func install(t *testing.T, w *world.World) {
	t.Helper()
	list, err := w.Trust.VerifyList(w.Hierarchy.List, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Trust.Install(list); err != nil {
		t.Fatal(err)
	}
}

// another is the seal of another provider on the list.
func another(t *testing.T, w *world.World) *seal.Sealer {
	t.Helper()
	if err := w.Hierarchy.AddTenant("other", devca.Options{Issuer: "https://other.example", Organization: "Ander register (TEST)", Registration: "NTRBE-0999999328", Now: w.Now()}); err != nil {
		t.Fatal(err)
	}
	install(t, w)
	body, err := w.Hierarchy.Tenant("other")
	if err != nil {
		t.Fatal(err)
	}
	s, err := body.Sealer("", w.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rotated is the seal after a change of the key.
func rotated(t *testing.T, w *world.World) *seal.Sealer {
	t.Helper()
	if err := w.Hierarchy.RotateSeal("", w.Now()); err != nil {
		t.Fatal(err)
	}
	install(t, w)
	s, err := w.Hierarchy.Sealer("", w.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
