package oid4vp

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/url"

	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Secret is a nonce, state or code. It prints nothing; on the wire it is a
// plain string.
type Secret string

// NewSecret draws a fresh value of 130 bits that is URL-safe as it is: a nonce
// (OpenID4VP 1.0, Section 5.2), a state (Section 5.3), a wallet_nonce (Section
// 5.10) or a response_code (Section 8.2). Each is for one request only.
func NewSecret() Secret { return Secret(rand.Text()) }

// Format hides the value whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { wire.Redacted(f) }

// Equal compares in constant time. An empty secret equals nothing, so that a
// value that was never set cannot be matched.
func (s Secret) Equal(other Secret) bool {
	return s != "" && subtle.ConstantTimeCompare([]byte(s), []byte(other)) == 1
}

// ResponseCodeParameter carries the response code in the redirect.
const ResponseCodeParameter = "response_code"

// Redirect adds a response code to the page where the citizen goes on after
// the same-device flow. Only the session that started the request and brings
// the code back may have the result (Sections 8.2 and 14.3).
func (s Secret) Redirect(page string, opts ...Option) (string, error) {
	if err := wire.CheckURL(page, insecure(opts)); err != nil {
		return "", refuseCause("", "OpenID4VP 1.0, Section 8.2", "redirect_uri", "cannot be used", err)
	}
	u, err := url.Parse(page)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set(ResponseCodeParameter, string(s))
	u.RawQuery = q.Encode()
	return u.String(), nil
}
