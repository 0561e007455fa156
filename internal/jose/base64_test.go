package jose

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// The encoder and the decoder agree with encoding/base64 at every length, and
// keep what stood before.
func TestBase64(t *testing.T) {
	for n := range 200 {
		b := make([]byte, n)
		rand.Read(b)
		want := base64.RawURLEncoding.EncodeToString(b)
		if got := Encode(b); got != want {
			t.Fatalf("%d octets: %s, expected %s", n, got, want)
		}
		if got := AppendEncode([]byte("x"), b); string(got) != "x"+want {
			t.Fatalf("%d octets appended: %s, expected x%s", n, got, want)
		}
		got, err := AppendDecode([]byte("x"), want)
		if err != nil || string(got) != "x"+string(b) {
			t.Fatalf("%d octets decoded: %x, %v", n, got, err)
		}
		if Octets32(want) != (n == 32) {
			t.Fatalf("%d octets: Octets32", n)
		}
	}
}

// One foreign character is found wherever it stands.
func TestBase64Foreign(t *testing.T) {
	text := strings.Repeat("A", 43)
	for at := range text {
		for _, c := range []string{"=", "+", "/", "\n", "\r", " ", "\x00", "\x80", "\xff", "."} {
			bent := text[:at] + c + text[at+1:]
			if b, err := Decode(bent); !errors.Is(err, ErrBase64) || b != nil {
				t.Errorf("%q at %d: %v", c, at, err)
			}
			if Octets32(bent) {
				t.Errorf("%q at %d passes as 32 octets", c, at)
			}
		}
	}
	for c := range alphabet {
		bent := text[:42] + alphabet[c:c+1]
		_, err := Decode(bent)
		if good := c&3 == 0; Octets32(bent) != good || (err == nil) != good {
			t.Errorf("stray bits of %q: %v", alphabet[c], err)
		}
	}
}

// Decode accepts what encoding/base64 accepts strictly, without line breaks.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "Q", "QQ", "QR", "QUI", "QUJD", "QUJDREVGRw", "QUJDREVGR0hJSks", "QQ==", "QU\nI", "+/8A"} {
		f.Add(s)
	}
	strict := base64.RawURLEncoding.Strict()
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Decode(s)
		want, wantErr := strict.DecodeString(s)
		if strings.ContainsAny(s, "\r\n") {
			wantErr = ErrBase64
		}
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q: %x, %v, expected %x, %v", s, got, err, want, wantErr)
		}
		if err == nil && Encode(got) != s {
			t.Fatalf("%q has another spelling", s)
		}
	})
}

func BenchmarkBase64(b *testing.B) {
	src := make([]byte, 3000)
	text := Encode(src)
	buf := make([]byte, 0, 5000)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			AppendEncode(buf, src)
		}
	})
	b.Run("encode-std", func(b *testing.B) {
		for b.Loop() {
			b64.AppendEncode(buf, src)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := AppendDecode(buf, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode-std", func(b *testing.B) {
		s := b64.Strict()
		for b.Loop() {
			if _, err := s.AppendDecode(buf, []byte(text)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
