package dataintegrity_test

import (
	"crypto"
	"crypto/elliptic"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// credentialText is a document as it may be written by hand.
const credentialText = `{
  "@context": ["https://www.w3.org/ns/credentials/v2"],
  "type": ["VerifiableCredential"],
  "issuer": "https://university.example/issuers/1",
  "validFrom": "2026-01-01T00:00:00Z",
  "name": "Diplôme \"cum laude\"",
  "credentialSubject": {"id": "did:example:subject", "name": "A. Student"}
}`

// kinds are the suites with the keys that fit them.
func kinds(t testing.TB) map[string]struct {
	suite string
	key   crypto.Signer
} {
	p256, p384 := ecKey(t, elliptic.P256(), 7), ecKey(t, elliptic.P384(), 7)
	return map[string]struct {
		suite string
		key   crypto.Signer
	}{
		"eddsa-rdfc-2022":      {"eddsa-rdfc-2022", edKey(1)},
		"ecdsa-rdfc-2019 P256": {"ecdsa-rdfc-2019", p256},
		"ecdsa-rdfc-2019 P384": {"ecdsa-rdfc-2019", p384},
		"eddsa-jcs-2022":       {"eddsa-jcs-2022", edKey(1)},
		"ecdsa-jcs-2019 P256":  {"ecdsa-jcs-2019", p256},
		"ecdsa-jcs-2019 P384":  {"ecdsa-jcs-2019", p384},
	}
}

// TestAdd: the text of the document stays, the proof is its last member, and what
// comes back from verifying is the document that went in.
func TestAdd(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			signed, err := template(t, published, k.suite, k.key).Add([]byte(credentialText), di.Terms{
				ID: "urn:uuid:1d3a2f52-0000-4000-8000-000000000001", Created: now, Expires: now.AddDate(1, 0, 0),
				Domain: []string{"https://a.example", "https://b.example"}, Challenge: "c", Nonce: "n",
			})
			if err != nil {
				t.Fatal(err)
			}
			body := strings.TrimRight(strings.TrimSuffix(credentialText, "}"), "\n")
			if !strings.HasPrefix(string(signed), body+`,"proof":{`) {
				t.Errorf("the document was written anew:\n%s", signed)
			}
			p := policy(t, k.key.Public())
			p.Domain, p.Challenge = []string{"https://b.example", "https://a.example"}, "c"
			v := verified(t, signed, p)
			if got := string(v.Document); got != credentialText {
				t.Errorf("the document came back as\n%s", got)
			}
			f := v.Proofs[0]
			s, err := di.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			before, err1 := s.Input(s.Proofs()[0])
			after, err2 := s.Input(f)
			if err1 != nil || err2 != nil || f.Raw() != s.Proofs()[0].Raw() || string(before.Options) != string(after.Options) || len(after.Options) == 0 {
				t.Errorf("a verified proof has other options: %s, %v, %v", after.Options, err1, err2)
			}
			if !f.Created.Equal(now) || !f.Expires.Equal(now.AddDate(1, 0, 0)) || f.Nonce != "n" || f.Challenge != "c" || f.Controller != p.Controllers[0] {
				t.Errorf("facts %+v", f)
			}
		})
	}
}

// TestTemplateAgain: what a template remembers of one proof does not get into the
// next.
func TestTemplateAgain(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			p := policy(t, k.key.Public())
			p.Contexts = append(p.Contexts, contexts.MultikeyV1)
			tmpl := template(t, published, k.suite, k.key, func(o *di.Options) { o.Contexts = p.Contexts })
			longer := change(t, credentialText, `v2"]`, `v2","`+contexts.MultikeyV1+`"]`)
			for _, document := range [][]byte{[]byte(credentialText), longer, []byte(credentialText)} {
				for _, terms := range []di.Terms{{Created: now}, {Created: now}, {Created: now.AddDate(0, 0, -1)}, {Created: now, Nonce: "n"}} {
					signed, err := tmpl.Add(document, terms)
					if err != nil {
						t.Fatal(err)
					}
					verified(t, signed, p)
				}
			}
		})
	}
}
