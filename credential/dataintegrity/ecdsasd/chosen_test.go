package ecdsasd

import (
	"slices"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// TestChosen: the holder learns what can be held back, and the verifier what was
// chosen, whatever the issuer fixed beside it; of a proof that does not hold, nothing.
func TestChosen(t *testing.T) {
	key := newKey(t)
	tmpl, issuer := template(t, sdSigner(t, key))
	base, err := tmpl.Add([]byte(strings.Replace(credential, "ISSUER", issuer, 1)), di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	can, err := Disclosable(published, base)
	if err != nil || len(can) < 4 {
		t.Fatalf("%q, %v", can, err)
	}
	for _, p := range can {
		if strings.HasPrefix(p, "/issuer") || strings.HasPrefix(p, "/validUntil") || strings.HasPrefix(p, "/credentialStatus") {
			t.Errorf("%s was fixed", p)
		}
	}
	suite := Derived(published)
	chosen := func(pointers []string) []string {
		t.Helper()
		shown, err := Derive(published, base, pointers)
		if err != nil {
			t.Fatal(err)
		}
		s, err := di.Parse(shown)
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.Input(s.Proofs()[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := suite.Chosen(in, s.Proofs()[0].Value, key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := suite.Chosen(in, s.Proofs()[0].Value, newKey(t).Public()); err == nil || got != nil {
			t.Errorf("of another's proof: %q", got)
		}
		if _, err := Disclosable(published, shown); err == nil {
			t.Error("something can be chosen of a derived proof")
		}
		return got
	}
	if got := chosen([]string{"/credentialSubject/knows/1"}); !slices.Equal(got, []string{"/credentialSubject/knows/0/name"}) {
		t.Errorf("%q", got)
	}
	if got := chosen(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := chosen(can); len(got) != len(can) {
		t.Errorf("%q of %q", got, can)
	}
}
