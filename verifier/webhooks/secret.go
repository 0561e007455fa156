package webhooks

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrSecret is returned for text that is no secret of Standard Webhooks.
var ErrSecret = errors.New("webhooks: not a signing secret; expected whsec_ and 24 to 64 bytes in base64, or whsk_ and the 32 bytes of an Ed25519 seed in base64")

const (
	symmetric  = "whsec_"
	asymmetric = "whsk_"
)

// Secret signs webhooks: with HMAC-SHA256 (v1) or Ed25519 (v1a). It prints
// nothing.
type Secret struct {
	shared []byte
	key    ed25519.PrivateKey
}

// ParseSecret reads whsec_… or whsk_… (Standard Webhooks, "Signature scheme").
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, symmetric); ok {
		b, err := base64.StdEncoding.Strict().DecodeString(rest)
		if err != nil || len(b) < 24 || len(b) > 64 {
			return Secret{}, ErrSecret
		}
		return Secret{shared: b}, nil
	}
	if rest, ok := strings.CutPrefix(text, asymmetric); ok {
		b, err := base64.StdEncoding.Strict().DecodeString(rest)
		if err != nil || len(b) != ed25519.SeedSize {
			return Secret{}, ErrSecret
		}
		return Secret{key: ed25519.NewKeyFromSeed(b)}, nil
	}
	return Secret{}, ErrSecret
}

// String hides the secret from logs and errors.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// PublicKey is whpk_… for a secret that signs with Ed25519, empty for others.
func (s Secret) PublicKey() string {
	if s.key == nil {
		return ""
	}
	return "whpk_" + base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))
}

// sign gives one entry of webhook-signature over id, time and body.
func (s Secret) sign(id string, seconds int64, body []byte) string {
	signed := append([]byte(fmt.Sprintf("%s.%d.", id, seconds)), body...)
	if s.key != nil {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, signed))
	}
	mac := hmac.New(sha256.New, s.shared)
	mac.Write(signed)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signature is the header value: an entry for each secret, so that a receiver
// takes the old one or the new one while they are exchanged.
func signature(secrets []Secret, id string, seconds int64, body []byte) string {
	all := make([]string, len(secrets))
	for i, s := range secrets {
		all[i] = s.sign(id, seconds, body)
	}
	return strings.Join(all, " ")
}
