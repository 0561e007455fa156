package unit_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// An answer counts when it is encrypted to the key of its own request and in
// the way that was asked for (OpenID4VCI 1.0, Sections 8.3 and 10); an issuer
// that offers encryption is never sent a plain request.
func TestEncryptedAnswerRefused(t *testing.T) {
	fine := m{"credentials": []any{m{"credential": "x"}}}
	var former *oid4vci.ResponseEncryption
	for _, c := range []struct {
		name, want string
		answer     func(d *double, e *oid4vci.ResponseEncryption) (mediaType, body string)
	}{
		{"in clear", "not encrypted", func(*double, *oid4vci.ResponseEncryption) (string, string) {
			return "application/json", string(must(jose.Marshal(fine))(t))
		}},
		{"in clear, called encrypted", "", func(*double, *oid4vci.ResponseEncryption) (string, string) {
			return "application/jwt", string(must(jose.Marshal(fine))(t))
		}},
		{"encrypted, called JSON", "not encrypted", func(_ *double, e *oid4vci.ResponseEncryption) (string, string) {
			return "application/json", must(e.Encrypt(json.RawMessage(must(jose.Marshal(fine))(t))))(t)
		}},
		{"to another key", "", func(_ *double, e *oid4vci.ResponseEncryption) (string, string) {
			other := *e
			other.JWK = public(t, newKey(t))
			other.JWK.Kid, other.JWK.Alg = e.JWK.Kid, e.JWK.Alg
			return "application/jwt", must(other.Encrypt(json.RawMessage(must(jose.Marshal(fine))(t))))(t)
		}},
		{"to the key of a request before", "", func(_ *double, e *oid4vci.ResponseEncryption) (string, string) {
			if former == nil {
				t.Fatal("there was none before")
			}
			return "application/jwt", must(former.Encrypt(json.RawMessage(must(jose.Marshal(fine))(t))))(t)
		}},
		{"another kid", "kid", func(_ *double, e *oid4vci.ResponseEncryption) (string, string) {
			other := *e
			other.JWK.Kid = "other"
			return "application/jwt", must(other.Encrypt(json.RawMessage(must(jose.Marshal(fine))(t))))(t)
		}},
		{"another enc", "", func(_ *double, e *oid4vci.ResponseEncryption) (string, string) {
			other := *e
			other.Enc = jose.A256GCM
			return "application/jwt", must(other.Encrypt(json.RawMessage(must(jose.Marshal(fine))(t))))(t)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			d.encrypted()
			d.cheat = func(where string, w http.ResponseWriter, r *http.Request, body []byte) bool {
				if where != "issuer.example/credential" || r.Header.Get("DPoP") == "" {
					return false
				}
				if r.Header.Get("Content-Type") != "application/jwt" {
					t.Errorf("a plain request: %s", r.Header.Get("Content-Type"))
				}
				req := must(oid4vci.ParseCredentialRequest(must(oid4vci.Decrypt(body, []oid4vci.DecryptionKey{{Kid: "k1", Key: d.key}}, []string{"A128GCM"}))(t)))(t)
				mediaType, text := c.answer(d, req.CredentialResponseEncryption)
				former = req.CredentialResponseEncryption
				w.Header().Set("Content-Type", mediaType)
				_, _ = w.Write([]byte(text))
				return true
			}
			v, _ := newVault(t, d.net)
			s := d.unit()
			_, err := d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t))
			if !errors.Is(err, unit.ErrCredential) || !strings.Contains(err.Error(), c.want) || kindsOf(t, v)[unit.KindCredential] != 0 {
				t.Errorf("%v", err)
			}
		})
	}
	// An error is not encrypted, and is told (Section 8.3.1.2).
	d := newDouble(t)
	d.encrypted()
	d.cheat = answers("issuer.example/credential", 400, m{"error": "invalid_encryption_parameters"})
	v, _ := newVault(t, d.net)
	s := d.unit()
	r := (*unit.Refusal)(nil)
	if _, err := d.signIn(s, v, must(s.Discover(t.Context(), issuerURL, "led"))(t)); !errors.As(err, &r) || r.Code != "invalid_encryption_parameters" {
		t.Errorf("%v", err)
	}
}
