package dataintegrity_test

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// another appends a proof of another key.
func another(t testing.TB, suite string, key ed25519.PrivateKey, document []byte, terms di.Terms) []byte {
	t.Helper()
	more, err := template(t, published, suite, key).Append(document, terms)
	if err != nil {
		t.Fatal(err)
	}
	return more
}

// proofs are the proofs of a document as text.
func proofs(t testing.TB, document []byte) []string {
	t.Helper()
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range s.Proofs() {
		all = append(all, p.Raw())
	}
	return all
}

// withProofs is the document with other proofs.
func withProofs(t testing.TB, document []byte, proofs ...string) []byte {
	t.Helper()
	s, err := di.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.TrimSuffix(strings.TrimSpace(string(s.Unsecured())), "}")
	return []byte(body + `,"proof":[` + strings.Join(proofs, ",") + `]}`)
}

const (
	issuerID  = "urn:uuid:00000000-0000-4000-8000-000000000001"
	witnessID = "urn:uuid:00000000-0000-4000-8000-000000000002"
)

// TestProofSet: Data Integrity 1.0, Sections 2.1.1 and 4.5. The proof that is
// required is that of the controller the policy names; others neither satisfy nor
// may fail.
func TestProofSet(t *testing.T) {
	for _, suite := range []string{"eddsa-jcs-2022", "eddsa-rdfc-2022"} {
		t.Run(suite, func(t *testing.T) {
			issuer, attacker := edKey(1), edKey(2)
			p := policy(t, issuer.Public())
			signed := []byte(sign(t, credentialText, di.Terms{Created: now}, suite))
			both := another(t, suite, attacker, signed, di.Terms{Created: now})
			v := verified(t, both, p)
			attackerID, _ := didKey(t, attacker.Public())
			if len(v.Proofs) != 2 || v.Proofs[0].Controller != p.Controllers[0] || v.Proofs[1].Controller != attackerID {
				t.Errorf("facts %+v", v.Proofs)
			}
			all := proofs(t, both)

			p.Controllers = append(p.Controllers, attackerID)
			verified(t, both, p)
			refused(t, signed, p, di.CheckRequired) // each one is required
			p.Controllers = p.Controllers[:1]

			refused(t, withProofs(t, both, all[1]), p, di.CheckRequired)
			refused(t, withProofs(t, both, all[1], all[1]), p, di.CheckRequired)
			for name, bad := range map[string]struct{ proof, check string }{
				"of another type": {strings.Replace(all[1], "DataIntegrityProof", "RsaSignature2018", 1), di.CheckCryptosuite},
				"unknown suite":   {strings.Replace(all[1], suite, "none-2026", 1), di.CheckCryptosuite},
				"a wrong one":     {strings.Replace(all[1], `"created":"2026`, `"created":"2025`, 1), di.CheckSignature},
				"issuer's method": {strings.ReplaceAll(all[1], strings.TrimPrefix(attackerID, "did:key:"), strings.TrimPrefix(p.Controllers[0], "did:key:")), di.CheckSignature},
				"no object":       {`"x"`, di.CheckStructure},
			} {
				t.Run(name, func(t *testing.T) {
					refused(t, withProofs(t, both, all[0], bad.proof), p, bad.check)
					refused(t, withProofs(t, both, bad.proof, all[0]), p, bad.check)
				})
			}

			p.Controllers, p.InsecureAnyController = nil, true
			verified(t, withProofs(t, both, all[1]), p)
		})
	}
}

// TestProofChain: Data Integrity 1.0, Sections 2.1.2, 4.3 and 4.5.
func TestProofChain(t *testing.T) {
	for _, suite := range []string{"eddsa-jcs-2022", "eddsa-rdfc-2022"} {
		t.Run(suite, func(t *testing.T) {
			p := policy(t, edKey(1).Public())
			signed := []byte(sign(t, credentialText, di.Terms{ID: issuerID, Created: now}, suite))
			two := another(t, suite, edKey(2), signed, di.Terms{ID: witnessID, Created: now, Previous: []string{issuerID}})
			chained := another(t, suite, edKey(3), two, di.Terms{Created: now, Previous: []string{witnessID, issuerID}})
			if v := verified(t, chained, p); len(v.Proofs) != 3 || len(v.Proofs[2].Previous) != 2 {
				t.Errorf("facts %+v", v.Proofs)
			}
			all := proofs(t, chained)
			verified(t, withProofs(t, chained, all[0], all[1]), p)
			refused(t, withProofs(t, chained, all[0], all[2]), p, di.CheckChain)
			refused(t, withProofs(t, chained, all[1]), p, di.CheckChain)

			// Another proof in the place of one that was witnessed.
			again := []byte(sign(t, credentialText, di.Terms{ID: issuerID, Created: now.AddDate(0, 0, -1)}, suite))
			refused(t, withProofs(t, chained, proofs(t, again)[0], all[1]), p, di.CheckSignature)
			refused(t, withProofs(t, chained, all[0], proofs(t, again)[0], all[1]), p, di.CheckChain) // which one?

			circle := strings.Replace(all[1], `"`+issuerID+`"`, `"`+witnessID+`"`, 1)
			refused(t, withProofs(t, chained, all[0], circle), p, di.CheckChain)
			other := strings.Replace(all[0], `"proofPurpose"`, `"previousProof":"`+witnessID+`","proofPurpose"`, 1)
			refused(t, withProofs(t, chained, other, all[1]), p, di.CheckChain)
		})
	}
}

// TestAppendRefuses: what cannot be verified is not made.
func TestAppendRefuses(t *testing.T) {
	tmpl := template(t, published, "eddsa-jcs-2022", edKey(1))
	signed := []byte(sign(t, credentialText, di.Terms{ID: issuerID, Created: now}))
	full := signed
	for range di.MaxProofs - 1 {
		full = another(t, "eddsa-jcs-2022", edKey(2), full, di.Terms{Created: now})
	}
	for name, c := range map[string]struct {
		make     func([]byte, di.Terms) ([]byte, error)
		document []byte
		terms    di.Terms
	}{
		"a second first proof":    {tmpl.Add, signed, di.Terms{}},
		"appended to none":        {tmpl.Append, []byte(credentialText), di.Terms{}},
		"no such proof":           {tmpl.Append, signed, di.Terms{Previous: []string{witnessID}}},
		"first proof after one":   {tmpl.Add, []byte(credentialText), di.Terms{Previous: []string{issuerID}}},
		"id that is taken":        {tmpl.Append, signed, di.Terms{ID: issuerID}},
		"one too many":            {tmpl.Append, full, di.Terms{}},
		"expires before it began": {tmpl.Add, []byte(credentialText), di.Terms{Created: now, Expires: now}},
		"not UTF-8":               {tmpl.Add, []byte(credentialText), di.Terms{Nonce: "\xff"}},
		"empty proof set":         {tmpl.Append, []byte(`{"proof":[]}`), di.Terms{}},
		"no JSON":                 {tmpl.Add, []byte(`{"a":1,"a":2}`), di.Terms{}},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := c.make(c.document, c.terms); err == nil || out != nil {
				t.Errorf("made %s", out)
			}
		})
	}
	if _, err := di.Verify(context.Background(), full, policy(t, edKey(1).Public())); err != nil {
		t.Errorf("8 proofs: %v", err)
	}
}
