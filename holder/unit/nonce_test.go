package unit_test

import (
	"net/http"
	"strings"
	"testing"
)

// Each endpoint may demand another nonce at any time: the request is sent once
// more with it, with a proof of its own, and not a third time (RFC 9449,
// Sections 8 and 9).
func TestNonceAtEveryEndpoint(t *testing.T) {
	for _, where := range []string{"as.example/par", "as.example/token", "issuer.example/credential", "issuer.example/deferred", "issuer.example/notification"} {
		for _, times := range []int{1, 2} {
			d := newDouble(t)
			proofs, left := map[string]bool{}, times
			d.cheat = func(at string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if at != where {
					return false
				}
				proofs[r.Header.Get("DPoP")] = true
				if left == 0 {
					return false
				}
				left--
				w.Header().Set("DPoP-Nonce", d.next(r.URL.Host))
				if r.URL.Host == "as.example" {
					answerJSON(w, 400, m{"error": "use_dpop_nonce"})
				} else {
					w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
				return true
			}
			_, _, err := d.run(t)
			fails := times == 2 && where != "issuer.example/notification" // which may fail
			if (err != nil) != fails || err != nil && !strings.Contains(err.Error(), "use_dpop_nonce") || len(proofs) < 2 {
				t.Errorf("%s, %d times: %v, %d proofs", where, times, err, len(proofs))
			}
			told := len(d.events) == 1
			if !fails && told != (times == 1 || where != "issuer.example/notification") {
				t.Errorf("%s, %d times: told %v", where, times, d.events)
			}
		}
	}
}
