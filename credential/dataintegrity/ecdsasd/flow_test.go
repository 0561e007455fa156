package ecdsasd

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/did"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// published and known are for the credential below.
var published, known = sdtest.Published, sdtest.Known

const credential = `{
  "@context": ["https://www.w3.org/ns/credentials/v2", "https://e.example/context/v1"],
  "id": "urn:uuid:0b7a5bd0-0000-4000-8000-000000000003",
  "type": ["VerifiableCredential"],
  "issuer": "ISSUER",
  "validFrom": "2026-01-01T00:00:00Z",
  "validUntil": "2030-01-01T00:00:00Z",
  "credentialStatus": {"id": "https://i.example/s/1#7", "type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": "https://i.example/s/1"},
  "name": "Diplôme",
  "credentialSubject": {
    "givenName": "An",
    "score": [ 1.50e0, 20 ],
    "knows": [{"name": "B"}, {"name": "C\u00e9"}]
  }
}`

func template(t testing.TB, s di.Signer) (*di.Template, string) {
	t.Helper()
	id, err := did.DIDKey(s.Public())
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := di.NewTemplate(di.Options{Signer: s, VerificationMethod: id + "#" + id[len("did:key:"):], Purpose: did.AssertionMethod, Contexts: known})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl, id
}

func sdSigner(t testing.TB, key crypto.Signer) di.Signer {
	t.Helper()
	s, err := NewSigner(published, Options{Key: key, Mandatory: []string{"/issuer"}, MandatoryIfPresent: Essential()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func policy(id string, suites ...di.Suite) di.Policy {
	return di.Policy{
		Now: now.Add(time.Minute), Suites: suites, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{id}, Contexts: known,
	}
}

func verify(document []byte, p di.Policy) error {
	_, err := di.Verify(context.Background(), document, p)
	return err
}

// TestFlow takes a credential from issuer to holder to verifier, and changes each part of what
// the verifier gets.
func TestFlow(t *testing.T) {
	tmpl, issuer := template(t, sdSigner(t, newKey(t)))
	base, err := tmpl.Add([]byte(strings.Replace(credential, "ISSUER", issuer, 1)), di.Terms{Created: now, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(base, policy(issuer, Base(published))); err != nil {
		t.Fatal(err)
	}
	refused(t, "the base proof", verify(base, policy(issuer, Derived(published))), di.CheckProofValue)

	shown, err := Derive(published, base, []string{"/credentialSubject/score/0", "/credentialSubject/knows/1"})
	if err != nil {
		t.Fatal(err)
	}
	verifier := policy(issuer, Derived(published, "/issuer", "/validUntil", "/credentialStatus"))
	verified, err := di.Verify(context.Background(), shown, verifier)
	if err != nil {
		t.Fatal(err)
	}
	const subject = `"credentialSubject":{"score":[1.50e0],"knows":[{"name": "C\u00e9"}]}`
	if !bytes.Contains(verified.Document, []byte(subject)) {
		t.Errorf("values as they were written: %s", verified.Document)
	}
	for _, secret := range []string{"givenName", "Diplôme", `"B"`} {
		if bytes.Contains(shown, []byte(secret)) {
			t.Errorf("%s was disclosed", secret)
		}
	}

	for name, c := range map[string]struct{ old, with, check string }{
		"purpose":        {`"assertionMethod"`, `"authentication"`, di.CheckPurpose},
		"created":        {`"created":"2026-11-25T12:00:00Z"`, `"created":"2026-11-25T11:00:00Z"`, di.CheckSignature},
		"created later":  {`"created":"2026-11-25T12:00:00Z"`, `"created":"2027-11-25T12:00:00Z"`, di.CheckValidity},
		"expires":        {`"expires":"2026-11-25T13:00:00Z"`, `"expires":"2036-11-25T13:00:00Z"`, di.CheckSignature},
		"no expires":     {`"expires":"2026-11-25T13:00:00Z",`, ``, di.CheckSignature},
		"a nonce":        {`"created"`, `"nonce":"1","created"`, di.CheckSignature},
		"a domain":       {`"created"`, `"domain":"v.example","created"`, di.CheckDomain},
		"suite":          {`"ecdsa-sd-2023"`, `"ecdsa-rdfc-2019"`, di.CheckCryptosuite},
		"issuer":         {`"issuer":"did:key:`, `"issuer":"did:key:x`, di.CheckSignature},
		"validUntil":     {`"2030-`, `"2040-`, di.CheckSignature},
		"no validUntil":  {`"validUntil":"2030-01-01T00:00:00Z",`, ``, di.CheckSignature},
		"status":         {`#7"`, `#8"`, di.CheckSignature},
		"a score":        {`1.50e0`, `1.51e0`, di.CheckSignature},
		"the same score": {`1.50e0`, `1.5`, ""},
		"subject's id":   {`"credentialSubject":{`, `"credentialSubject":{"id":"did:example:me",`, di.CheckSignature},
		"a context":      {`"https://www.w3.org/ns/credentials/v2"`, `"https://www.w3.org/ns/did/v1"`, di.CheckContext},
		"own context":    {`"credentialSubject":{`, `"credentialSubject":{"@context":{"x":"y:"},`, di.CheckContext},
		"proofValue":     {`"proofValue":"u2V0B`, `"proofValue":"u2V0A`, di.CheckProofValue},
	} {
		changed := bytes.Replace(shown, []byte(c.old), []byte(c.with), 1)
		if bytes.Equal(changed, shown) {
			t.Fatalf("%s: nothing was changed in %s", name, shown)
		}
		err := verify(changed, verifier)
		if c.check == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		refused(t, name, err, c.check)
	}
	_, other := template(t, sdSigner(t, newKey(t)))
	refused(t, "another controller required", verify(shown, policy(other, Derived(published))), di.CheckRequired)
	moved := bytes.ReplaceAll(shown, []byte(issuer[len("did:key:"):]), []byte(other[len("did:key:"):]))
	refused(t, "another's verification method", verify(moved, policy(other, Derived(published))), di.CheckSignature)
	verifier.Now = now.Add(2 * time.Hour)
	refused(t, "an expired proof", verify(shown, verifier), di.CheckValidity)
}

// TestSets: beside a proof of the whole, in a set or a chain (Data Integrity 1.0, Section
// 2.1).
func TestSets(t *testing.T) {
	whole, err := di.NewEdDSARDFC2022(published, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	first, firstID := template(t, whole)
	second, issuer := template(t, sdSigner(t, newKey(t)))
	document, err := first.Add([]byte(strings.Replace(credential, "ISSUER", issuer, 1)), di.Terms{Created: now, ID: "urn:uuid:0b7a5bd0-0000-4000-8000-0000000000ff"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := second.Append(document, di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	holder := policy(issuer, Base(published), di.EdDSARDFC2022(published))
	holder.Controllers = append(holder.Controllers, firstID)
	if err := verify(set, holder); err != nil {
		t.Fatal(err)
	}
	shown, err := Derive(published, set, []string{"/name"})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(shown, policy(issuer, Derived(published))); err != nil {
		t.Fatal(err)
	}
	refused(t, "the proof of the whole, of a part", verify(shown, holder), di.CheckProofValue)

	chain, err := second.Append(document, di.Terms{Created: now, Previous: []string{"urn:uuid:0b7a5bd0-0000-4000-8000-0000000000ff"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(chain, holder); err != nil {
		t.Fatal(err)
	}
	_, err = Derive(published, chain, []string{"/name"})
	refused(t, "derived from a chain", err, di.CheckChain)
}

// TestConcurrent: signers and suites serve many at once, and over several cores.
func TestConcurrent(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	tmpl, issuer := template(t, sdSigner(t, newKey(t)))
	document := []byte(strings.Replace(credential, "ISSUER", issuer, 1))
	b, d := policy(issuer, Base(published)), policy(issuer, Derived(published))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 4 {
				base, err := tmpl.Add(document, di.Terms{Created: now})
				if err == nil {
					err = verify(base, b)
				}
				var shown []byte
				if err == nil {
					shown, err = Derive(published, base, []string{"/credentialSubject"})
				}
				if err == nil {
					err = verify(shown, d)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// TestSecretsAreFresh: two proofs of one document share no labels, so that documents of one
// holder do not look alike by them.
func TestSecretsAreFresh(t *testing.T) {
	tmpl, issuer := template(t, sdSigner(t, newKey(t)))
	document := []byte(strings.Replace(credential, "ISSUER", issuer, 1))
	var labels []string
	for range 2 {
		base, err := tmpl.Add(document, di.Terms{Created: now})
		if err != nil {
			t.Fatal(err)
		}
		shown, err := Derive(published, base, []string{"/credentialSubject"})
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseDerived(proofOf(t, shown))
		if err != nil {
			t.Fatal(err)
		}
		labels = append(labels, v.given()...)
		if !json.Valid(shown) {
			t.Errorf("not JSON: %s", shown)
		}
	}
	slices.Sort(labels)
	if len(slices.Compact(labels)) != len(labels) {
		t.Errorf("labels twice: %q", labels)
	}
}
