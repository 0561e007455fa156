package issuer

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

func testNonces(now *time.Time) nonces {
	return nonces{key: bytes.Repeat([]byte{7}, 32), now: func() time.Time { return *now }}
}

// A c_nonce is ours, whole, and in time (OpenID4VCI 1.0, Section 7).
func TestNonce(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	n := testNonces(&now)
	value := n.fresh()
	if value == n.fresh() {
		t.Error("two equal values")
	}
	expires, err := n.check(value)
	if err != nil || !expires.Equal(now.Add(nonceLife)) {
		t.Fatalf("%v %v", expires, err)
	}
	b, _ := base64.RawURLEncoding.DecodeString(value)
	for i := range b {
		b[i] ^= 1
		if _, err := n.check(jose.Encode(b)); !errors.Is(err, errNonce) {
			t.Errorf("octet %d was changed: %v", i, err)
		}
		b[i] ^= 1
	}
	other := testNonces(&now)
	other.key = bytes.Repeat([]byte{8}, 32)
	for name, v := range map[string]string{"another issuer's": other.fresh(), "cut": value[:len(value)-1], "longer": value + "A", "padded": value + "=", "nothing": ""} {
		if _, err := n.check(v); !errors.Is(err, errNonce) {
			t.Errorf("%s: %v", name, err)
		}
	}
	now = now.Add(nonceLife - time.Second)
	if _, err := n.check(value); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := n.check(value); !errors.Is(err, errNonce) {
		t.Errorf("over: %v", err)
	}
}

func FuzzNonce(f *testing.F) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	n := testNonces(&now)
	value := n.fresh()
	f.Add(value)
	f.Add("")
	f.Add(value[:20])
	f.Fuzz(func(t *testing.T, text string) {
		if expires, err := n.check(text); err == nil && text != value {
			t.Errorf("another text passed, until %v", expires)
		}
	})
}

// Times are rounded down to the hour, but never to before the certificate
// that seals (OpenID4VCI 1.0, Section 15.4.1).
func TestIssueTime(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ now, from, want string }{
		{"2026-11-25T12:34:56Z", "2026-01-01T00:00:00Z", "2026-11-25T12:00:00Z"},
		{"2026-11-25T12:34:56Z", "2026-11-25T12:30:00Z", "2026-11-25T12:30:00Z"},
		{"2026-11-25T13:00:00+01:00", "2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"},
	} {
		if got := issueTime(at(c.now), &x509.Certificate{NotBefore: at(c.from)}); !got.Equal(at(c.want)) {
			t.Errorf("%v: %s", c, got)
		}
	}
}
