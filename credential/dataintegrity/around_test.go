package dataintegrity_test

import (
	"bytes"
	"context"
	"crypto"
	"reflect"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// around is a Suite that has another one verify what it makes of the document.
type around struct {
	di.Suite
	change func([]byte) []byte
}

func (a around) Verify(in di.Input, proofValue string, key crypto.PublicKey) error {
	in.Document = a.change(in.Document)
	return a.Suite.Verify(in, proofValue, key)
}

// TestSuiteAround: what a suite verifies is the Document that it is given, although it
// was read before.
func TestSuiteAround(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			signed, err := template(t, published, k.suite, k.key).Add([]byte(credentialText), di.Terms{Created: now})
			if err != nil {
				t.Fatal(err)
			}
			of := suite(t, published, k.suite)
			p := policy(t, k.key.Public())
			for _, c := range []struct {
				name   string
				change func([]byte) []byte
				same   bool
			}{
				{"as it is", func(b []byte) []byte { return b }, true},
				{"copied", bytes.Clone, true},
				{"changed", func(b []byte) []byte {
					return bytes.Replace(b, []byte("VerifiableCredential"), []byte("VerifiablePresentation"), 1)
				}, false},
				{"emptied", func([]byte) []byte { return nil }, false},
			} {
				if bytes.Equal(c.change([]byte(credentialText)), []byte(credentialText)) != c.same {
					t.Fatalf("%s: nothing is tested", c.name)
				}
				p.Suites = []di.Suite{around{of, c.change}}
				if _, err := di.Verify(context.Background(), signed, p); (err == nil) != c.same {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		})
	}
}

// TestProofAnywhere: a proof may be any member of the document.
func TestProofAnywhere(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			signed, err := template(t, published, k.suite, k.key).Add([]byte(credentialText), di.Terms{Created: now})
			if err != nil {
				t.Fatal(err)
			}
			s, err := di.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			proof := `"proof":` + s.Proofs()[0].Raw()
			first := "{" + proof + "," + strings.TrimPrefix(credentialText, "{")
			middle := strings.Replace(credentialText, `"type"`, proof+`,"type"`, 1)
			for _, text := range []string{first, middle} {
				if v := verified(t, []byte(text), policy(t, k.key.Public())); strings.Contains(string(v.Document), "proof") {
					t.Errorf("the proof is in what was signed: %s", v.Document)
				}
			}
		})
	}
}

// TestTextIsTheCallers: after Add and Verify the document is the caller's to change;
// results and errors are not parts of it.
func TestTextIsTheCallers(t *testing.T) {
	scribble := func(b []byte) {
		for i := range b {
			b[i] = '#'
		}
	}
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			tmpl, p := template(t, published, k.suite, k.key), policy(t, k.key.Public())
			text := []byte(credentialText)
			signed, err := tmpl.Add(text, di.Terms{ID: "urn:x", Created: now, Domain: []string{"a", "b"}, Nonce: "c"})
			if err != nil {
				t.Fatal(err)
			}
			scribble(text)
			p.Domain = []string{"a", "b"}
			sent := bytes.Clone(signed)
			v := verified(t, sent, p)
			want := verified(t, signed, p)
			for _, again := range []int{1, 2} { // what is read next uses the same memory
				scribble(sent)
				if string(v.Document) != string(want.Document) || !reflect.DeepEqual(v.Proofs, want.Proofs) || !reflect.DeepEqual(v.Checks, want.Checks) {
					t.Errorf("%d: %+v, expected %+v", again, v, want)
				}
				verified(t, signed, p)
			}
			p.Contexts = nil
			sent = bytes.Clone(signed)
			_, err = di.Verify(context.Background(), sent, p)
			before := err.Error()
			scribble(sent)
			if err.Error() != before {
				t.Errorf("the error was %s and is %s", before, err)
			}
		})
	}
}
