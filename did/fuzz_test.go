package did

import (
	"testing"
	"time"
)

func FuzzRotationLog(f *testing.F) {
	c := newCitizen(f)
	first := c.DIDDocument()
	c2 := c.rotated(f, testNow.Add(time.Hour))
	good, err := c2.RotationLog()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{`{"rotations":[]}`, `{"rotations":null}`, `{"rotations":["a.b.c"]}`, `{"rotations":["x"],"rotations":[]}`, `{"other":1}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	doc := c2.DIDDocument()
	f.Fuzz(func(t *testing.T, b []byte) {
		rotations, err := ParseRotationLog(b)
		if err != nil {
			if rotations != nil {
				t.Fatal("a failed parse returned rotations")
			}
			return
		}
		if VerifyContinuity(doc, rotations) == nil && (len(rotations) != 1 || rotations[0] != c2.Rotations[0]) {
			t.Errorf("another rotation was accepted: %q", b)
		}
		if VerifyContinuity(first, rotations) == nil && len(rotations) != 0 {
			t.Errorf("a rotation of a key that is not there was accepted: %q", b)
		}
	})
}

func FuzzWebIDDocument(f *testing.F) {
	c := newCitizen(f)
	good, err := c.JSONLD()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{`{"@context":[],"id":"` + c.WebID + `"}`, `{"id":"` + c.WebID + `","oidcIssuer":"http://x"}`, `{}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseWebIDDocument(c.WebID, b)
		if err != nil {
			if p != nil {
				t.Fatal("a failed parse returned a document")
			}
			return
		}
		if p.ID != c.WebID {
			t.Errorf("the document of %q was taken", p.ID)
		}
		for _, u := range []string{p.OIDCIssuer, p.Storage} {
			if u != "" && !placeURL(u) {
				t.Errorf("%q is no place", u)
			}
		}
	})
}
