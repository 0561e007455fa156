package sdjwt_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func seeds(f *testing.F) {
	p := parties()
	f.Add(p.issue(f, []byte(degree), degreePaths...))
	f.Add(present(f, p.issue(f, twenty, twentyPaths(f)...), p.binding(), tenPaths()...))
	f.Add("a.b.c~")
	f.Add("~")
	for _, v := range vectorsIfThere(f) {
		f.Add(v.compact(f))
	}
}

// vectorsIfThere lets fuzzing run without the vectors.
func vectorsIfThere(f *testing.F) []vector {
	if root := os.Getenv("ZEGEL_VECTORS"); root == "" {
		if _, err := os.Stat(filepath.Join("..", "..", "..", "shared", "vectors", "sd-jwt")); err != nil {
			return nil
		}
	}
	return vectors(f)
}

// A failed parse gives nothing; a good one gives claims that are strict JSON,
// without digests, and a text that parses to the same.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sdjwt.Parse(text)
		if err != nil {
			var e *sdjwt.Error
			if s != nil || !errors.As(err, &e) || e.Check != "structure" {
				t.Fatalf("%v with %v", s, err)
			}
			return
		}
		if s.String() != text {
			t.Fatal("the text changed")
		}
		var claims any
		if err := jose.Unmarshal(s.Claims().Raw(), &claims); err != nil {
			t.Fatalf("processed claims: %v", err)
		}
		noDigests(t, claims)
	})
}

func noDigests(t *testing.T, v any) {
	switch x := v.(type) {
	case map[string]any:
		for name, member := range x {
			if name == "_sd" || name == "..." || name == "_sd_alg" {
				t.Fatalf("processed claims still hold %s", name)
			}
			noDigests(t, member)
		}
	case []any:
		for _, e := range x {
			noDigests(t, e)
		}
	}
}

// Only what the issuer signed and the holder bound verifies, whatever is put
// around it.
func FuzzVerify(f *testing.F) {
	p := parties()
	good := present(f, p.issue(f, twenty, twentyPaths(f)...), p.binding(), tenPaths()...)
	f.Add(good)
	f.Add(p.issue(f, []byte(degree), degreePaths...))
	for _, v := range vectorsIfThere(f) {
		f.Add(v.compact(f))
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := sdjwt.Verify(text, p.policy())
		if (err == nil) != (v != nil) {
			t.Fatalf("%v with %v", v, err)
		}
		if err == nil && text != good {
			t.Fatalf("a changed text verifies: %q", text)
		}
	})
}

// Whatever is selected from a credential verifies again and shows no more than
// the credential.
func FuzzDisclose(f *testing.F) {
	p := parties()
	text := p.issue(f, []byte(degree), degreePaths...)
	for _, path := range append(degreePaths, sdjwt.Path{"courses", 1, "title"}, sdjwt.Path{"open"}) {
		f.Add(path.String())
	}
	f.Add(`["tags",4294967296]`)
	f.Fuzz(func(t *testing.T, path string) {
		parsed, err := sdjwt.ParsePath([]byte(path))
		if err != nil {
			return
		}
		s, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		sel, err := s.Disclose([]sdjwt.Path{parsed})
		want := s.Claims().Select(parsed)
		if (err == nil) != (len(want) > 0) {
			t.Fatalf("%s selects %d values, disclosing says %v", parsed, len(want), err)
		}
		if err != nil {
			return
		}
		out, err := s.Present(sel, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sdjwt.Verify(out, p.plain())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range v.Disclosed {
			if _, ok := s.Claims().Lookup(d[:1]); !ok {
				t.Fatalf("%s is not in the credential", d)
			}
		}
	})
}

func FuzzScan(f *testing.F) {
	for _, text := range scanTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkScan(t, text) })
}

func FuzzParseJSON(f *testing.F) {
	p := parties()
	s, err := sdjwt.Parse(present(f, p.issue(f, twenty, twentyPaths(f)...), p.binding(), tenPaths()...))
	if err != nil {
		f.Fatal(err)
	}
	b, err := s.JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"","signature":""}]}`))
	if vectorsIfThere(f) != nil {
		f.Add(testvectors.File(f, "sd-jwt", "json-serialization/8.3-general-presentation-kb.json"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := sdjwt.ParseJSON(text)
		if err != nil {
			if s != nil {
				t.Fatal("a failed parse gave something")
			}
			return
		}
		if _, err := sdjwt.Parse(s.String()); err != nil {
			t.Fatalf("the compact form does not parse: %v", err)
		}
	})
}

func FuzzParseTypeMetadata(f *testing.F) {
	f.Add([]byte(`{"vct":"a","extends":"b","display":[{"locale":"nl","name":"x"}],"claims":[{"path":["a",null,1],"sd":"always","mandatory":true}]}`))
	if vectorsIfThere(f) != nil {
		f.Add(testvectors.File(f, "sd-jwt-vc", "type-metadata/a2-type-metadata.json"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := sdjwt.ParseTypeMetadata(text)
		if err != nil {
			return
		}
		again, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sdjwt.ParseTypeMetadata(again); err != nil {
			t.Fatalf("written again it is refused: %v: %s", err, again)
		}
		_, _ = m.Frame()
	})
}
