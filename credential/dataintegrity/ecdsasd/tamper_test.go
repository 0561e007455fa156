package ecdsasd

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// refused checks at which check something failed.
func refused(t *testing.T, what string, err error, check string) {
	t.Helper()
	var e *di.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("%s: not refused: %v", what, err)
	case e.Check != check:
		t.Errorf("%s: refused at %s, expected %s: %v", what, e.Check, check, err)
	case e.Spec == "" || e.Detail == "":
		t.Errorf("%s: a refusal that does not say why: %v", what, err)
	}
}

// encoded is a derived value as text.
func encoded(v *derivedValue) string { return di.EncodeBase64(v.encode()) }

// TestForgery: a proof whose base signature is by the key inside it, as the text of DI ECDSA
// 1.0, Section 3.6.7 would take it, is not the issuer's.
func TestForgery(t *testing.T) {
	issuer, v := secrets(t).issuer, vectors(t)[0]
	_, in, _ := v.Signed(t, "addSignedSDBase.json")
	in.Document = bytes.Replace(in.Document, []byte("Bahamas"), []byte("Utopia!"), 1)
	pair := newKey(t)
	mandatory, selected := v.Pointers(t)
	s, err := NewSigner(v.P, Options{Key: pair, Mandatory: mandatory})
	if err != nil {
		t.Fatal(err)
	}
	base, err := s.(*signer).base(in, make([]byte, 32), pair)
	if err != nil {
		t.Fatal(err)
	}
	reveal, proofValue, err := derive(v.P, in.Document, di.EncodeBase64(base.encode()), selected)
	if err != nil {
		t.Fatal(err)
	}
	in.Document = reveal
	if !bytes.Contains(reveal, []byte("Utopia!")) {
		t.Fatal("the forged statement is not there")
	}
	// It holds for who believes the key inside, so that nothing else is wrong with it.
	if err := Derived(v.P).Verify(in, proofValue, pair.Public()); err != nil {
		t.Fatal(err)
	}
	refused(t, "forged derived proof", Derived(v.P).Verify(in, proofValue, issuer.Public()), di.CheckSignature)
	refused(t, "forged base proof", Base(v.P).Verify(in, di.EncodeBase64(base.encode()), issuer.Public()), di.CheckSignature)
}

// TestTampering changes a derived proof, or the document, in one place each.
func TestTampering(t *testing.T) {
	issuer, v := secrets(t).issuer, vectors(t)[0]
	_, in, proofValue := v.Signed(t, "derivedRevealDocument.json")
	_, other, otherValue := v.Signed(t, "addSignedSDBase.json")
	_, foreign, err := derive(v.P, other.Document, otherValue, []string{"/name"})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(in di.Input, v2 *derivedValue) error {
		return Derived(v.P).Verify(in, encoded(v2), issuer.Public())
	}
	fresh := func() *derivedValue {
		value, err := parseDerived(proofValue)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	if err := verify(in, fresh()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*derivedValue)
		check  string
	}{
		"base signature":       {func(v *derivedValue) { v.baseSignature = flipped(v.baseSignature) }, di.CheckSignature},
		"public key":           {func(v *derivedValue) { v.publicKey = must(encodeKey(&newKey(t).PublicKey)) }, di.CheckSignature},
		"a signature":          {func(v *derivedValue) { v.signatures[2] = flipped(v.signatures[2]) }, di.CheckSignature},
		"the last signature":   {func(v *derivedValue) { v.signatures[5] = flipped(v.signatures[5]) }, di.CheckSignature},
		"signatures reordered": {func(v *derivedValue) { slices.Reverse(v.signatures) }, di.CheckSignature},
		"two reordered":        {func(v *derivedValue) { s := v.signatures; s[0], s[1] = s[1], s[0] }, di.CheckSignature},
		"a signature twice":    {func(v *derivedValue) { v.signatures[1] = v.signatures[0] }, di.CheckSignature},
		"a signature too few":  {func(v *derivedValue) { v.signatures = v.signatures[1:] }, di.CheckSignature},
		"a signature too many": {func(v *derivedValue) { v.signatures = append(v.signatures, v.signatures[0]) }, di.CheckSignature},
		"no signatures":        {func(v *derivedValue) { v.signatures = nil }, di.CheckSignature},
		"labels swapped":       {func(v *derivedValue) { slices.Reverse(v.labels) }, di.CheckSignature},
		"a label of another":   {func(v *derivedValue) { v.labels[0] = make([]byte, 32) }, di.CheckSignature},
		"one label for two":    {func(v *derivedValue) { v.labels[1] = v.labels[0] }, di.CheckSignature},
		"a label too few":      {func(v *derivedValue) { v.labels = v.labels[:1] }, di.CheckSignature},
		"a label too many":     {func(v *derivedValue) { v.labels = append(v.labels, make([]byte, 32)) }, di.CheckSignature},
		"mandatory elsewhere":  {func(v *derivedValue) { v.mandatoryIndexes[1] = 3 }, di.CheckSignature},
		"mandatory one less":   {func(v *derivedValue) { v.mandatoryIndexes = v.mandatoryIndexes[1:] }, di.CheckSignature},
		"mandatory all":        {func(v *derivedValue) { v.mandatoryIndexes, v.signatures = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil }, di.CheckSignature},
		"mandatory none": {func(v *derivedValue) {
			v.mandatoryIndexes, v.signatures = nil, append(v.signatures, v.signatures[:4]...)
		}, di.CheckSignature},
		"mandatory beyond":      {func(v *derivedValue) { v.mandatoryIndexes[3] = 10 }, di.CheckProofValue},
		"mandatory twice":       {func(v *derivedValue) { v.mandatoryIndexes[1] = 0 }, di.CheckProofValue},
		"mandatory not in line": {func(v *derivedValue) { slices.Reverse(v.mandatoryIndexes) }, di.CheckProofValue},
		"key off the curve": {func(v *derivedValue) {
			for i := range v.publicKey[3:] {
				v.publicKey[3+i] = 0xff
			}
		}, di.CheckSignature},
	} {
		value := fresh()
		c.change(value)
		refused(t, name, verify(in, value), c.check)
	}

	for name, change := range map[string]struct{ old, with string }{
		"a value":                        {`"Bahamas"`, `"Utopia"`},
		"a value more":                   {`"birthCountry":`, `"gender": "Male", "birthCountry":`},
		"a value less":                   {`"birthCountry": "Bahamas"`, `"gender": "Male"`},
		"a mandatory value":              {`AADUlEQVQIW2NgUPr/HwADaAIhG61j/AAAAABJRU5ErkJggg==`, `AA`},
		"a mandatory statement less":     {`"image":`, `"name": "x", "description":`},
		"a node more":                    {`"birthCountry":`, `"employmentAuthorizationDocument": {"type": "EmploymentAuthorizationDocument"}, "birthCountry":`},
		"a type less":                    {`"EmployablePerson"`, `"Person"`},
		"an identifier":                  {`"type": [`, `"id": "https://e.example/1", "type": [`},
		"something that says nothing":    {`"birthCountry":`, `"undefinedTerm": 1, "birthCountry":`},
		"something that is not absolute": {`"birthCountry":`, `"id": "relative", "birthCountry":`},
	} {
		changed := in
		changed.Document = bytes.Replace(in.Document, []byte(change.old), []byte(change.with), 1)
		if bytes.Equal(changed.Document, in.Document) {
			t.Fatalf("%s: nothing was changed", name)
		}
		refused(t, name, verify(changed, fresh()), di.CheckSignature)
	}
	changed := in
	changed.Options = bytes.Replace(in.Options, []byte("2023-08-15"), []byte("2024-08-15"), 1)
	refused(t, "the proof options", verify(changed, fresh()), di.CheckSignature)
	refused(t, "the proof of another selection", Derived(v.P).Verify(in, foreign, issuer.Public()), di.CheckSignature)
	refused(t, "another issuer", Derived(v.P).Verify(in, proofValue, newKey(t).Public()), di.CheckSignature)
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// TestBaseAndDerived: base proofs are not shown to verifiers, and nothing is derived from
// derived proofs.
func TestBaseAndDerived(t *testing.T) {
	issuer, v := secrets(t).issuer, vectors(t)[0]
	base, baseIn, baseText := v.Signed(t, "addSignedSDBase.json")
	derived, derivedIn, derivedText := v.Signed(t, "derivedRevealDocument.json")
	refused(t, "a verifier and a base proof", Derived(v.P).Verify(baseIn, baseText, issuer.Public()), di.CheckProofValue)
	refused(t, "a holder's check and a derived proof", Base(v.P).Verify(derivedIn, derivedText, issuer.Public()), di.CheckProofValue)
	out, err := Derive(v.P, derived, []string{"/validFrom"})
	refused(t, "derived from a derived proof", err, di.CheckProofValue)
	if out != nil {
		t.Error("a document beside the error")
	}
	out, err = Derive(v.P, base, []string{"/validFrom"})
	if err != nil {
		t.Fatal(err)
	}
	value, err := parseBase(baseText)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"HMAC key": jose.Encode(value.hmacKey), "base proof": baseText[:40], "a value": "SMITH", "an undisclosed member": "familyName"} {
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("the %s is in what is revealed", what)
		}
	}
	raw, err := di.MultibaseBase64(proofOf(t, out))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, value.hmacKey) || bytes.Count(raw, value.signatures[3]) != 0 {
		t.Error("secrets of the base proof are in the derived one")
	}
}

func proofOf(t testing.TB, document []byte) string {
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return s.Proofs()[0].Value
}

// TestRequired: what a verifier requires cannot be left out, nor be there in name only.
func TestRequired(t *testing.T) {
	issuer, v := secrets(t).issuer, vectors(t)[0]
	document, _, _ := v.Signed(t, "addSignedSDBase.json")
	derived, err := Derive(v.P, document, []string{"/credentialSubject/gender"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := di.Parse(derived)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Input(s.Proofs()[0])
	if err != nil {
		t.Fatal(err)
	}
	verify := func(in di.Input, required ...string) error {
		return Derived(v.P, required...).Verify(in, s.Proofs()[0].Value, issuer.Public())
	}
	if err := verify(in, "/issuer", "/type", "/credentialSubject/gender"); err != nil {
		t.Fatal(err)
	}
	refused(t, "left out", verify(in, "/issuer", "/validUntil"), CheckDisclosed)
	refused(t, "no pointer", verify(in, "validUntil"), CheckDisclosed)
}

// TestSilence: what makes no statement is signed by nobody. A holder who put it under the
// name of what was held back would say that there is none.
func TestSilence(t *testing.T) {
	issuer, v := secrets(t).issuer, vectors(t)[0]
	document, _, _ := v.Signed(t, "addSignedSDBase.json")
	derived, err := Derive(v.P, document, []string{"/credentialSubject/gender"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := di.Parse(derived)
	if err != nil {
		t.Fatal(err)
	}
	for _, nothing := range []string{"null", "[]", "[null]", "[[],null]", `{"@value":null}`, `[{"@value":null}]`, `{"@set":[]}`} {
		in, err := s.Input(s.Proofs()[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"validUntil", "name", "evidence"} {
			in := in
			in.Document = append(bytes.TrimSuffix(bytes.TrimSpace(in.Document), []byte("}")), `,"`+name+`":`+nothing+"}"...)
			refused(t, name+": "+nothing, Derived(v.P).Verify(in, s.Proofs()[0].Value, issuer.Public()), di.CheckSignature)
		}
	}
}

// TestMandatory: what an issuer fixes comes with every derived proof, and a signer refuses
// what it cannot fix.
func TestMandatory(t *testing.T) {
	key, v := newKey(t), vectors(t)[0]
	_, in, _ := v.Signed(t, "addSignedSDBase.json")
	s, err := NewSigner(v.P, Options{Key: key, Mandatory: []string{"/issuer"}, MandatoryIfPresent: Essential()})
	if err != nil {
		t.Fatal(err)
	}
	proofValue, err := s.Sign(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := Base(v.P).Verify(in, proofValue, key.Public()); err != nil {
		t.Fatal(err)
	}
	for _, selected := range [][]string{nil, {"/name"}, {""}} {
		reveal, value, err := derive(v.P, in.Document, proofValue, selected)
		if err != nil {
			t.Fatal(err)
		}
		disclosed := in
		disclosed.Document = reveal
		if err := Derived(v.P, "/type", "/issuer", "/validFrom", "/validUntil").Verify(disclosed, value, key.Public()); err != nil {
			t.Errorf("%q: %v", selected, err)
		}
	}
	again, err := s.Sign(in)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := parsedBase(t, proofValue), parsedBase(t, again); bytes.Equal(a.hmacKey, b.hmacKey) || bytes.Equal(a.publicKey, b.publicKey) {
		t.Error("two proofs share their secrets")
	}
	for name, o := range map[string]Options{
		"nothing there": {Key: key, Mandatory: []string{"/none"}},
		"no pointer":    {Key: key, Mandatory: []string{"issuer"}},
	} {
		s, err := NewSigner(v.P, o)
		if err != nil {
			t.Fatal(err)
		}
		value, err := s.Sign(in)
		refused(t, name, err, CheckPointers)
		if value != "" {
			t.Error("a value beside the error")
		}
	}
	s, err = NewSigner(v.P, Options{Key: key, Rand: strings.NewReader("too short")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Sign(in)
	refused(t, "no randomness", err, di.CheckSignature)
	in.Document = []byte(`{"@context":"https://www.w3.org/ns/credentials/v2","undefined":1}`)
	s, err = NewSigner(v.P, Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Sign(in)
	refused(t, "not all of it can be signed", err, di.CheckSignature)
}

func parsedBase(t testing.TB, text string) *baseValue {
	v, err := parseBase(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestKeys: only P-256 fits (DI ECDSA 1.0, Section 3.6.2).
func TestKeys(t *testing.T) {
	v := vectors(t)[0]
	_, in, value := v.Signed(t, "derivedRevealDocument.json")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-384": p384, "Ed25519": ed} {
		_, err := NewSigner(v.P, Options{Key: key})
		refused(t, name, err, di.CheckMethod)
		refused(t, name, Derived(v.P).Verify(in, value, key.Public()), di.CheckMethod)
		text, err := did.EncodeMultikey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		_, err = Derived(v.P).Key(&did.VerificationMethod{Type: did.TypeMultikey, PublicKeyMultibase: text})
		refused(t, name, err, di.CheckMethod)
	}
	_, err = NewSigner(v.P, Options{})
	refused(t, "no key", err, di.CheckPolicy)
	_, err = NewSigner(v.P, Options{Key: newKey(t), Mandatory: make([]string, selective.MaxPointers+1)})
	refused(t, "too many pointers", err, di.CheckPolicy)
}

// TestRefusedDerivations: what a holder cannot derive.
func TestRefusedDerivations(t *testing.T) {
	v := vectors(t)[0]
	document, in, value := v.Signed(t, "addSignedSDBase.json")
	proof := string(in.Options[:len(in.Options)-1]) + `,"proofValue":"` + value + `"`
	attach := func(proof string) []byte {
		out, err := di.Attach(in.Document, []byte(proof))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		document []byte
		pointers []string
		check    string
	}{
		"not JSON":          {[]byte("{"), nil, di.CheckStructure},
		"no proof":          {in.Document, nil, di.CheckStructure},
		"two proofs":        {attach("[" + proof + "}," + proof + "}]"), nil, di.CheckStructure},
		"another suite":     {bytes.Replace(document, []byte(Name), []byte("ecdsa-rdfc-2019"), 1), nil, di.CheckStructure},
		"a proof chain":     {attach("[" + proof + `,"previousProof":"urn:a"},` + strings.Replace(proof, Name, "other", 1) + `,"id":"urn:a"}]`), nil, di.CheckChain},
		"nothing there":     {document, []string{"/none"}, CheckPointers},
		"no pointer":        {document, []string{"name"}, CheckPointers},
		"too many pointers": {document, make([]string, selective.MaxPointers), CheckPointers},
		"another document":  {bytes.Replace(document, []byte(`"gender": "Male",`), nil, 1), nil, di.CheckProofValue},
		"not a document":    {bytes.Replace(document, []byte(`"gender"`), []byte(`"undefined"`), 1), nil, di.CheckSignature},
	} {
		out, err := Derive(v.P, c.document, c.pointers)
		refused(t, name, err, c.check)
		if out != nil {
			t.Errorf("%s: a document beside the error", name)
		}
	}
	s, err := NewSigner(v.P, Options{Key: newKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	if value, err = s.Sign(in); err != nil {
		t.Fatal(err)
	}
	_, _, err = derive(v.P, in.Document, value, nil)
	refused(t, "nothing fixed, nothing selected", err, CheckPointers)
}
