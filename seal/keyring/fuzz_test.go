package keyring_test

import (
	"testing"

	"github.com/zegel-id/zegel/seal/keyring"
)

func FuzzParseSubject(f *testing.F) {
	for _, s := range []string{subject, "", "C=BE", `CN=\`, `O=a\,b,C=BE`, "2.5.4.97=" + registration, ",,,", "=", `C=B\E`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keyring.ParseSubject(text)
		if err == nil && s.Organization.Number == "" {
			t.Errorf("%q names no organisation", text)
		}
	})
}

func FuzzParsePKCS12(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, certs, err := keyring.ParsePKCS12(b, "x"); err == nil && (key == nil || len(certs) == 0) {
			t.Error("neither an error nor a key")
		}
	})
}
