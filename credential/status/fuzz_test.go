package status

import (
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

func FuzzParseClaim(f *testing.F) {
	for _, s := range []string{
		`{"status_list":{"idx":0,"uri":"https://example.com/statuslists/1"}}`, `{"status_list":{"idx":-1,"uri":"x"}}`, `{"status_list":{"idx":1.5,"uri":"x"}}`,
		`{"status_list":{"idx":"1","uri":"x"}}`, `{"status_list":{"idx":1}}`, `{"status_list":null}`, `{}`, `null`, `{"status_list":{"idx":1,"idx":2,"uri":"x"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseClaim(b)
		if err != nil {
			if r != (Ref{}) {
				t.Fatal("a failed parse returned a reference")
			}
			return
		}
		text, err := jose.Marshal(r.Claim())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseClaim(text); err != nil || again != r {
			t.Fatalf("%s does not survive a round trip: %v", text, err)
		}
	})
}

// A uri that may be fetched names a host and neither user nor fragment.
func FuzzCheckURI(f *testing.F) {
	for _, s := range []string{"https://a.example/1", "http://a.example/1", "http://127.0.0.1:1/", "https://u@a.example/", "https://a.example/#f", "https://", "//a", "ftp://a", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		strict, loose := checkURI(uri, false), checkURI(uri, true)
		if strict == nil && (loose != nil || len(uri) < 9 || !asciiPrefix(uri, "https://")) {
			t.Errorf("%q was let through", uri)
		}
		if loose == nil && strict != nil && !asciiPrefix(uri, "http://") {
			t.Errorf("%q was let through in development", uri)
		}
	})
}

func asciiPrefix(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
