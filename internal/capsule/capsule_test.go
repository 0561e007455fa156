package capsule

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSealAndOpen(t *testing.T) {
	s, other := NewSecret(), NewSecret()
	sealed, err := Seal(s, "offer", []byte("subject data"), []byte("id"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("subject")) {
		t.Fatal("plaintext in the capsule")
	}
	if out, err := Open(s, "offer", sealed, []byte("id")); err != nil || string(out) != "subject data" {
		t.Fatalf("%q %v", out, err)
	}
	changed := append([]byte{}, sealed...)
	changed[len(changed)-1] ^= 1
	for name, f := range map[string]func() ([]byte, error){
		"other secret":  func() ([]byte, error) { return Open(other, "offer", sealed, []byte("id")) },
		"other purpose": func() ([]byte, error) { return Open(s, "grant", sealed, []byte("id")) },
		"other aad":     func() ([]byte, error) { return Open(s, "offer", sealed, []byte("no")) },
		"changed":       func() ([]byte, error) { return Open(s, "offer", changed, []byte("id")) },
		"empty":         func() ([]byte, error) { return Open(s, "offer", nil, []byte("id")) },
	} {
		if out, err := f(); !errors.Is(err, ErrOpen) || out != nil {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
}

func TestBox(t *testing.T) {
	s := NewSecret()
	box, err := NewBox(s, "result")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := SealTo(box, []byte("claims"), []byte("tx"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := OpenBox(s, "result", box, sealed, []byte("tx")); err != nil || string(out) != "claims" {
		t.Fatalf("%q %v", out, err)
	}
	second, _ := NewBox(NewSecret(), "result")
	for name, f := range map[string]func() ([]byte, error){
		"other secret":  func() ([]byte, error) { return OpenBox(NewSecret(), "result", box, sealed, []byte("tx")) },
		"other purpose": func() ([]byte, error) { return OpenBox(s, "offer", box, sealed, []byte("tx")) },
		"other box":     func() ([]byte, error) { return OpenBox(s, "result", second, sealed, []byte("tx")) },
		"other aad":     func() ([]byte, error) { return OpenBox(s, "result", box, sealed, nil) },
		"short":         func() ([]byte, error) { return OpenBox(s, "result", box[:65], sealed, nil) },
	} {
		if out, err := f(); !errors.Is(err, ErrOpen) || out != nil {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
	if _, err := SealTo(make([]byte, 100), nil, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("box without a key: %v", err)
	}
}

func TestSecretPrintsNothing(t *testing.T) {
	s := NewSecret()
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "secret", s)
	text, _ := s.MarshalText()
	all := fmt.Sprintf("%v %s %+v %#v %q %s", s, s, s, s, s, text) + b.String()
	if strings.Contains(all, s.Reveal()) {
		t.Fatalf("the secret was printed: %s", all)
	}
	back, err := ParseSecret(s.Reveal())
	if err != nil || back != s {
		t.Fatalf("%v %v", back, err)
	}
	for _, bad := range []string{"", "short", s.Reveal() + "A", strings.Repeat("=", 43), strings.Repeat("A", 42) + "B"} {
		if _, err := ParseSecret(bad); !errors.Is(err, ErrSecret) {
			t.Errorf("ParseSecret(%q): %v", bad, err)
		}
	}
	if s.ID("a") == s.ID("b") || s.ID("a") == s.Reveal() || s.Derive("a") == s {
		t.Error("ids and derived secrets must differ by purpose")
	}
}
