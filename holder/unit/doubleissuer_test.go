package unit_test

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

func (d *double) authorized(w http.ResponseWriter, r *http.Request) (*asked, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a := d.tokens[token]
	want := "DPoP"
	if a != nil && a.jkt == "" {
		want = "Bearer"
	}
	if a == nil || scheme != want || !d.clock.Before(a.expires) {
		w.Header().Set("WWW-Authenticate", want+` error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return nil, false
	}
	if a.jkt == "" {
		return a, true
	}
	_, ok := d.proved(w, r, token)
	return a, ok
}

// protected answers an endpoint with a good token.
func (d *double) protected(w http.ResponseWriter, r *http.Request, a *asked, body []byte) {
	encrypted := r.Header.Get("Content-Type") == oid4vci.MediaTypeJWT
	if encrypted {
		body = must(oid4vci.Decrypt(body, []oid4vci.DecryptionKey{{Kid: "k1", Key: d.key}}, []string{"A128GCM"}))(d.t)
	} else if d.key != nil && r.URL.Path != "/notification" {
		d.t.Errorf("a plain request to %s", r.URL.Path)
	}
	switch r.URL.Path {
	case "/notification":
		n := must(oid4vci.ParseNotificationRequest(body))(d.t)
		d.events = append(d.events, string(n.NotificationID)+" "+string(n.Event))
		w.WriteHeader(http.StatusNoContent)
	case "/credential":
		req := must(oid4vci.ParseCredentialRequest(body))(d.t)
		d.requests = append(d.requests, req)
		keys, ok := d.prove(w, req, a)
		if !ok {
			return
		}
		if d.pending >= 0 {
			id := d.draw("tx")
			d.waiting[id] = &transaction{token: a, keys: keys, left: d.pending, after: d.clock.Add(30 * time.Second)}
			d.answer(w, http.StatusAccepted, m{"transaction_id": id, "interval": 30, "x_unknown": 1}, req.CredentialResponseEncryption)
			return
		}
		d.answer(w, 200, m{"credentials": d.credentials(keys), "notification_id": d.draw("n")}, req.CredentialResponseEncryption)
	case "/deferred":
		d.deferred(w, body)
	}
}

func (d *double) deferred(w http.ResponseWriter, body []byte) {
	req := must(oid4vci.ParseDeferredCredentialRequest(body))(d.t)
	tx := d.waiting[string(req.TransactionID)]
	d.polls++
	switch {
	case tx == nil:
		answerJSON(w, 400, m{"error": "invalid_transaction_id"})
	case d.clock.Before(tx.after):
		d.t.Errorf("asked %s too early", tx.after.Sub(d.clock))
		answerJSON(w, 400, m{"error": "invalid_credential_request"})
	case tx.left > 0:
		tx.left--
		tx.after = d.clock.Add(60 * time.Second)
		d.answer(w, http.StatusAccepted, m{"interval": 60, "transaction_id": string(req.TransactionID)}, req.CredentialResponseEncryption)
	case d.denied != "":
		answerJSON(w, 400, m{"error": d.denied})
	default:
		delete(d.waiting, string(req.TransactionID))
		d.answer(w, 200, m{"notification_id": d.draw("n"), "credentials": d.credentials(tx.keys)}, req.CredentialResponseEncryption)
	}
}

// prove checks what is asked and the proofs, with the last c_nonce.
func (d *double) prove(w http.ResponseWriter, req oid4vci.CredentialRequest, a *asked) (keys []jose.JWK, ok bool) {
	switch {
	case d.identifiers != nil && a.identifiers[req.CredentialIdentifier] == "":
		answerJSON(w, 400, m{"error": "unknown_credential_identifier"})
		return nil, false
	case d.identifiers == nil && !slices.Contains(a.configurations, req.CredentialConfigurationID):
		answerJSON(w, 400, m{"error": "unknown_credential_configuration"})
		return nil, false
	}
	client := "wallet"
	if d.anonymous {
		client = ""
	}
	proven, err := oid4vci.VerifyProofs(context.Background(), *req.Proofs, oid4vci.ProofPolicy{
		Issuer: issuerURL, ClientID: client, Algs: []jose.Alg{jose.ES256}, Now: d.clock, MaxKeys: 4,
		Attestation: &oid4vci.AttestationPolicy{Key: func(_ context.Context, t *jose.Token) (crypto.PublicKey, error) { return d.attester, nil }},
		CheckNonce: func(_ context.Context, nonce string) error {
			if nonce != fmt.Sprint("c-", d.nonces["c"]) {
				return oid4vci.ErrNonce
			}
			return nil
		},
	})
	if err != nil {
		d.t.Errorf("proofs: %v", err)
		answerJSON(w, 400, m{"error": "invalid_proof"})
		return nil, false
	}
	for _, k := range proven {
		keys = append(keys, k.JWK)
	}
	return keys, true
}

// answer is encrypted as this request wants it.
func (d *double) answer(w http.ResponseWriter, status int, v m, e *oid4vci.ResponseEncryption) {
	if e == nil {
		answerJSON(w, status, v)
		return
	}
	w.Header().Set("Content-Type", oid4vci.MediaTypeJWT)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(must(e.Encrypt(json.RawMessage(must(jose.Marshal(v))(d.t))))(d.t)))
}

// signIn takes the unit through the authorization code flow.
func (d *double) signIn(s unit.Issuance, v *unit.Vault, o unit.Offered) (unit.Taken, error) {
	d.t.Helper()
	a, err := s.Authorize(d.t.Context(), v, o, callback)
	if err != nil {
		return unit.Taken{}, err
	}
	return s.Redeem(d.t.Context(), v, a, d.browse(a.URL))
}
