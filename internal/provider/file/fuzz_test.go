package file

import "testing"

func FuzzParseSource(f *testing.F) {
	for _, s := range []string{"format: csv\ndelimiter: ;\n", "format: jsonl\n", "format: jsonl\ndelimiter: ','\n", "format: xml\n", "format: csv\ndelimiter: ab\n", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSource("s.yaml", b)
		if err != nil {
			if s != (Source{}) {
				t.Fatal("a failed parse returned a source")
			}
			return
		}
		if s.Format != CSV && s.Format != JSONL || len(s.Delimiter) > 1 || s.Delimiter != "" && s.Format != CSV {
			t.Errorf("%+v was loaded", s)
		}
	})
}
