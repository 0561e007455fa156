package magda

import "testing"

func FuzzParseService(f *testing.F) {
	f.Add(ledGeefBewijs)
	for _, s := range []string{"name: A\nversion: 01.00.0000\n", "name: [", "a: &a [*a]", "question: [{element: a}]", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseService("service.yaml", b)
		if (s == nil) == (err == nil) {
			t.Fatalf("neither or both: %v", err)
		}
		if s != nil && (!xmlName.MatchString(s.Name) || !versions.MatchString(s.Version) || s.Namespace == "") {
			t.Errorf("%+v was loaded", s)
		}
	})
}
