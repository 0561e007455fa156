package strict

import (
	"crypto/subtle"
	"encoding/json"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
)

// path of the deferred credential endpoint of this package, where the issuer
// behind has none.
const path = "/strict/deferred"

// deferred is a credential that was made and is kept back.
type deferred struct {
	authorization string // who may have it
	answer        []byte
	tries         int // that still come too early
}

// announce names the deferred credential endpoint in the metadata of an issuer
// that has none.
func (f *Front) announce(metadata object) {
	if _, has := metadata["deferred_credential_endpoint"]; f.habits[Deferral] && !has {
		metadata["deferred_credential_endpoint"] = f.base + path
	}
}

// putOff keeps an issued credential back and answers that it comes later.
func (f *Front) putOff(rec *httptest.ResponseRecorder, r *http.Request, random *rand.Rand) {
	kind, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	var issued object
	if err != nil || kind != "application/json" || rec.Code != http.StatusOK || r.Method != http.MethodPost ||
		json.Unmarshal(rec.Body.Bytes(), &issued) != nil || issued["credentials"] == nil || !f.shows(Deferral) {
		return
	}
	id := word(random)
	f.mu.Lock()
	f.waiting[id] = deferred{authorization: r.Header.Get("Authorization"), answer: rec.Body.Bytes(), tries: random.IntN(3)}
	f.mu.Unlock()
	late(rec, id)
}

// late says that it is too early (OpenID4VCI 1.0, Sections 8.3 and 9.2).
func late(rec *httptest.ResponseRecorder, id string) {
	become(rec, http.StatusAccepted, object{"transaction_id": id, "interval": 1})
	rec.Header().Set("Retry-After", "1")
}

// collect answers who asks for a credential that was put off here, at whichever
// endpoint the metadata name.
func (f *Front) collect(rec *httptest.ResponseRecorder, r *http.Request, body []byte) bool {
	var asked struct {
		TransactionID string `json:"transaction_id"`
	}
	malformed := r.Method != http.MethodPost || json.Unmarshal(body, &asked) != nil
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ours := f.waiting[asked.TransactionID]
	switch {
	case !ours && r.URL.Path != path:
		return false
	case malformed:
		become(rec, http.StatusBadRequest, object{"error": "invalid_credential_request"})
	case !ours:
		become(rec, http.StatusBadRequest, object{"error": "invalid_transaction_id"})
	case subtle.ConstantTimeCompare([]byte(d.authorization), []byte(r.Header.Get("Authorization"))) != 1:
		rec.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		rec.WriteHeader(http.StatusUnauthorized)
	case d.tries > 0:
		d.tries--
		f.waiting[asked.TransactionID] = d
		late(rec, asked.TransactionID)
	default:
		delete(f.waiting, asked.TransactionID)
		rec.Header().Set("Content-Type", "application/json")
		rec.WriteHeader(http.StatusOK)
		rec.Body.Write(d.answer)
	}
	return true
}
