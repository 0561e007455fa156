package unit

import (
	"crypto/rand"
	"testing"
)

// However a code is written down, it is read as the one it is or not at all.
func FuzzParseRecoveryCode(f *testing.F) {
	code, err := NewRecoveryCode(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	text := code.Reveal()
	for _, s := range []string{text, " " + text + "\n", text[1:], text + "0", "", "OIL0-OIL0", "\u0130" + text[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseRecoveryCode(s)
		if err != nil {
			if c != (RecoveryCode{}) {
				t.Fatal("a failed parse returned a code")
			}
			return
		}
		again, err := ParseRecoveryCode(c.Reveal())
		if err != nil || again != c {
			t.Fatalf("a code does not survive a round trip: %v", err)
		}
	})
}
