package unit_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// answering answers every request with one body.
type answering string

func (a answering) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r}, nil
}

// A token that is not bound to the unit's key is not taken: a unit that asked
// for a bound one cannot use another (RFC 9449, Section 5).
func TestSessionMustBeBound(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"access_token":"t","token_type":"DPoP","expires_in":60}`:   true,
		`{"access_token":"t","token_type":"dpop","expires_in":60}`:   true,
		`{"access_token":"t","token_type":"Bearer","expires_in":60}`: false,
		`{"access_token":"t","expires_in":60}`:                       false,
		`{"access_token":"","token_type":"DPoP","expires_in":60}`:    false,
		`{"token_type":"DPoP","expires_in":60}`:                      false,
	} {
		p := &unit.Platform{Base: platformURL, HTTP: answering(body), Now: newPlatform(t).now, Key: newKey(t)}
		_, err := p.StartSession(t.Context(), "code", oauth.NewVerifier())
		if (err == nil) != ok || (p.AccessToken != "") != ok {
			t.Errorf("%s: %v, token %q", body, err, p.AccessToken)
		}
	}
}
