package capsule

import (
	"bytes"
	"testing"
)

func FuzzParseSecret(f *testing.F) {
	good := NewSecret().Reveal()
	for _, s := range []string{good, good + "=", good[1:], good[:42] + "_", "+" + good[1:], "\n" + good[1:], ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSecret(text)
		if err != nil {
			if s != (Secret{}) {
				t.Fatal("a failed parse returned a secret")
			}
			return
		}
		if s.Reveal() != text {
			t.Fatal("two texts of one secret")
		}
	})
}

func FuzzOpen(f *testing.F) {
	s, aad := NewSecret(), []byte("id")
	sealed, err := Seal(s, "offer", []byte("subject data"), aad)
	if err != nil {
		f.Fatal(err)
	}
	box, err := NewBox(s, "result")
	if err != nil {
		f.Fatal(err)
	}
	put, err := SealTo(box, []byte("result"), aad)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, box, put)
	f.Add(put, put, box)
	f.Add([]byte(nil), []byte(nil), []byte(nil))
	f.Add(sealed[:20], box[:64], put[:64])
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		if out, err := Open(s, "offer", a, aad); err == nil && !bytes.Equal(a, sealed) || err != nil && out != nil {
			t.Errorf("opened %d bytes that were not sealed: %v", len(a), err)
		}
		if out, err := OpenBox(s, "result", b, c, aad); err == nil && (!bytes.Equal(b, box) || !bytes.Equal(c, put)) || err != nil && out != nil {
			t.Errorf("took %d bytes out of a box that nobody filled: %v", len(c), err)
		}
		if _, err := SealTo(b, []byte("x"), aad); err == nil && len(b) < point {
			t.Error("sealed to half a point")
		}
	})
}
