package bbs2023

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/did"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// published and known are for the credential below.
var published, known = sdtest.Published, sdtest.Known

const credential = `{
  "@context": ["https://www.w3.org/ns/credentials/v2", "https://e.example/context/v1"],
  "type": ["VerifiableCredential"],
  "issuer": "ISSUER",
  "validUntil": "2030-01-01T00:00:00Z",
  "credentialSubject": {
    "givenName": "An",
    "score": [ 1.50e0, 20 ],
    "knows": [{"name": "B"}, {"name": "C"}]
  }
}`

func newKey(t testing.TB) *bbs.SecretKey {
	t.Helper()
	k, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue makes a credential, whose issuer is the did:key of the key.
func issue(t testing.TB, key bbs.Signer) (document []byte, issuer string) {
	t.Helper()
	issuer, err := did.DIDKey(did.BBSPublicKey(key.PublicKey().Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return issueAs(t, key, issuer), issuer
}

// issueAs makes a credential under a name, be it that of the key or not.
func issueAs(t testing.TB, key bbs.Signer, issuer string) []byte {
	t.Helper()
	s, err := NewSigner(published, Options{Key: key, Mandatory: []string{"/issuer"}, MandatoryIfPresent: []string{"/validUntil", "/validFrom"}})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := di.NewTemplate(di.Options{Signer: s, VerificationMethod: issuer + "#" + issuer[len("did:key:"):], Purpose: did.AssertionMethod, Contexts: known})
	if err != nil {
		t.Fatal(err)
	}
	document, err := tmpl.Add([]byte(strings.Replace(credential, "ISSUER", issuer, 1)), di.Terms{Created: now, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func verify(document []byte, issuer string, s di.Suite) error {
	_, err := di.Verify(context.Background(), document, di.Policy{
		Now: now.Add(time.Minute), Suites: []di.Suite{s}, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{issuer}, Contexts: known,
	})
	return err
}

func refused(t *testing.T, name string, err error, check string) {
	t.Helper()
	var e *di.Error
	if !errors.As(err, &e) || e.Check != check {
		t.Errorf("%s: %v, expected the check %s to fail", name, err, check)
	}
}

// TestFlow takes a credential from issuer to holder to verifier, and changes
// each part of what the verifier gets.
func TestFlow(t *testing.T) {
	base, issuer := issue(t, newKey(t))
	if err := verify(base, issuer, Base(published)); err != nil {
		t.Fatal(err)
	}
	ph := PresentationHeader("v.example", "challenge-1")
	verifier := Derived(published, Expect{PresentationHeader: ph, Required: []string{"/validUntil"}})
	refused(t, "the base proof", verify(base, issuer, verifier), di.CheckProofValue)

	derive := func() []byte {
		shown, err := Derive(rand.Reader, published, base, []string{"/credentialSubject/score/0", "/credentialSubject/knows/1"}, ph)
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	shown := derive()
	if err := verify(shown, issuer, verifier); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(shown, derive()) {
		t.Error("two derived proofs are the same")
	}
	for _, secret := range []string{"givenName", `"B"`, "20"} {
		if i := bytes.Index(shown, []byte(`"proof"`)); bytes.Contains(shown[:i], []byte(secret)) && secret != "20" {
			t.Errorf("%s was disclosed", secret)
		}
	}
	if _, err := Derive(rand.Reader, published, shown, []string{"/issuer"}, ph); err == nil {
		t.Error("derived from a derived proof")
	}
	refused(t, "as a base proof", verify(shown, issuer, Base(published)), di.CheckProofValue)
	refused(t, "more required", verify(shown, issuer, Derived(published, Expect{PresentationHeader: ph, Required: []string{"/credentialSubject/givenName"}})), CheckDisclosed)

	for name, c := range map[string]struct{ old, with, check string }{
		"purpose":      {`"assertionMethod"`, `"authentication"`, di.CheckPurpose},
		"created":      {`"created":"2026-11-25T12:00:00Z"`, `"created":"2026-11-25T11:00:00Z"`, di.CheckSignature},
		"expires":      {`"expires":"2026-11-25T13:00:00Z"`, `"expires":"2036-11-25T13:00:00Z"`, di.CheckSignature},
		"suite":        {`"bbs-2023"`, `"ecdsa-sd-2023"`, di.CheckCryptosuite},
		"issuer":       {`"issuer":"did:key:`, `"issuer": "did:key:x`, di.CheckSignature},
		"issuer text":  {`"issuer": "did:key:`, `"issuer": "did:key:x`, di.CheckSignature},
		"validUntil":   {`"2030-`, `"2040-`, di.CheckSignature},
		"a score":      {`1.50e0`, `1.51e0`, di.CheckSignature},
		"subject's id": {`"credentialSubject":{`, `"credentialSubject":{"id":"did:example:me",`, di.CheckSignature},
		"proofValue":   {`"proofValue":"u2V0D`, `"proofValue":"u2V0C`, di.CheckProofValue},
	} {
		changed := bytes.Replace(shown, []byte(c.old), []byte(c.with), 1)
		if bytes.Equal(changed, shown) {
			if strings.HasPrefix(name, "issuer") {
				continue // one of the two spellings
			}
			t.Fatalf("%s: nothing was changed in %s", name, shown)
		}
		refused(t, name, verify(changed, issuer, verifier), c.check)
	}
}

// TestReplay: a proof counts for the presentation it was made for.
func TestReplay(t *testing.T) {
	base, issuer := issue(t, newKey(t))
	shown, err := Derive(rand.Reader, published, base, nil, PresentationHeader("v.example", "1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ph := range map[string][]byte{
		"another challenge": PresentationHeader("v.example", "2"), "another domain": PresentationHeader("w.example", "1"),
		"moved": PresentationHeader("v.example1", ""), "none expected": nil, "empty": {},
	} {
		refused(t, name, verify(shown, issuer, Derived(published, Expect{PresentationHeader: ph})), CheckPresentation)
	}
	if err := verify(shown, issuer, Derived(published, Expect{InsecureAnyPresentation: true})); err != nil {
		t.Error(err)
	}
	// The header in the proof value is bound to the proof.
	d := rewrite(t, shown, func(v *derivedValue) { v.presentationHeader = PresentationHeader("v.example", "2") })
	refused(t, "header replaced", verify(d, issuer, Derived(published, Expect{PresentationHeader: PresentationHeader("v.example", "2")})), di.CheckSignature)
	unbound, err := Derive(rand.Reader, published, base, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "bound to nothing", verify(unbound, issuer, Derived(published, Expect{})), CheckPresentation)
}

// rewrite changes the derived proof value of a document.
func rewrite(t *testing.T, document []byte, change func(*derivedValue)) []byte {
	t.Helper()
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	old := s.Proofs()[0].Value
	v, err := parseDerived(old)
	if err != nil {
		t.Fatal(err)
	}
	change(v)
	return bytes.Replace(document, []byte(old), []byte(di.EncodeBase64(v.encode())), 1)
}

// TestTampering changes each element of a derived proof value.
func TestTampering(t *testing.T) {
	base, issuer := issue(t, newKey(t))
	ph := PresentationHeader("v.example", "1")
	shown, err := Derive(rand.Reader, published, base, []string{"/credentialSubject/knows"}, ph)
	if err != nil {
		t.Fatal(err)
	}
	verifier := Derived(published, Expect{PresentationHeader: ph})
	if err := verify(shown, issuer, verifier); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*derivedValue)
		check  string
	}{
		"a scalar":            {func(v *derivedValue) { v.proof[len(v.proof)-40] ^= 1 }, di.CheckSignature},
		"a hidden one less":   {func(v *derivedValue) { v.proof = v.proof[:len(v.proof)-32] }, di.CheckSignature},
		"labels swapped":      {func(v *derivedValue) { v.labels[0], v.labels[1] = v.labels[1], v.labels[0] }, di.CheckSignature},
		"a label twice":       {func(v *derivedValue) { v.labels[0] = v.labels[1] }, di.CheckSignature},
		"a label less":        {func(v *derivedValue) { v.labels = v.labels[1:] }, di.CheckSignature},
		"mandatory less":      {func(v *derivedValue) { v.mandatoryIndexes = v.mandatoryIndexes[1:] }, di.CheckSignature},
		"mandatory beyond":    {func(v *derivedValue) { v.mandatoryIndexes = append(v.mandatoryIndexes, 99) }, di.CheckProofValue},
		"selective less":      {func(v *derivedValue) { v.selectiveIndexes = v.selectiveIndexes[1:] }, di.CheckSignature},
		"selective beyond":    {func(v *derivedValue) { v.selectiveIndexes[len(v.selectiveIndexes)-1] = 99 }, di.CheckSignature},
		"presentation header": {func(v *derivedValue) { v.presentationHeader[0] ^= 1 }, CheckPresentation},
	} {
		refused(t, name, verify(rewrite(t, shown, c.change), issuer, verifier), c.check)
	}
}

// TestForgery: a proof of another key, under the issuer's name.
func TestForgery(t *testing.T) {
	mine, _ := issue(t, newKey(t))
	_, issuer := issue(t, newKey(t))
	s, err := di.Parse(mine)
	if err != nil {
		t.Fatal(err)
	}
	// Everything in it names the victim, and only the signature is another's.
	text := string(mine)
	method := s.Proofs()[0].VerificationMethod
	attacker, _, _ := strings.Cut(method, "#")
	text = strings.ReplaceAll(text, attacker+"#"+attacker[len("did:key:"):], issuer+"#"+issuer[len("did:key:"):])
	text = strings.ReplaceAll(text, attacker, issuer)
	refused(t, "a foreign key in the base proof", verify([]byte(text), issuer, Base(published)), di.CheckSignature)
}

// TestKeys: keys of other kinds do not sign and do not verify.
func TestKeys(t *testing.T) {
	shake, err := bbs.GenerateKey(rand.Reader, bbs.SHAKE256)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]bbs.Signer{"none": nil, "SHAKE-256": shake} {
		_, err := NewSigner(published, Options{Key: k})
		refused(t, name, err, di.CheckPolicy)
	}
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	base, _ := issue(t, newKey(t))
	s, err := di.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Input(s.Proofs()[0])
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "Ed25519", Base(published).Verify(in, s.Proofs()[0].Value, pub), di.CheckMethod)
	identity := make(did.BBSPublicKey, bbs.PublicKeySize)
	identity[0] = 0xc0
	refused(t, "identity", Base(published).Verify(in, s.Proofs()[0].Value, identity), di.CheckMethod)
}

// TestBaseRepeats: the BBS header and the key in a base proof are those of the
// document and its issuer, also where the signature does not depend on them.
func TestBaseRepeats(t *testing.T) {
	base, issuer := issue(t, newKey(t))
	s, err := di.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	old := s.Proofs()[0].Value
	for name, change := range map[string]func(*baseValue){
		"header": func(v *baseValue) { v.header[0] ^= 1 },
		"key":    func(v *baseValue) { v.publicKey = newKey(t).PublicKey().Bytes() },
	} {
		v, err := parseBase(old)
		if err != nil {
			t.Fatal(err)
		}
		change(v)
		changed := bytes.Replace(base, []byte(old), []byte(di.EncodeBase64(v.encode())), 1)
		refused(t, name, verify(changed, issuer, Base(published)), di.CheckSignature)
	}
}
