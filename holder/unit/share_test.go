package unit_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

// A receipt is kept of every answer that left, and says what is known of it.
func TestReceipts(t *testing.T) {
	a := newAuthority(t, issuerURL)
	lost := func(r *receiver) {
		r.net.after = func(in *http.Request) error {
			if in.URL.Path == "/response/s3cr3t" {
				return errLine
			}
			return nil
		}
	}
	reply := func(status int, v any) func(*receiver) {
		return func(r *receiver) { r.answer = func(w http.ResponseWriter) { answerJSON(w, status, v) } }
	}
	for _, c := range []struct {
		name     string
		set      func(*receiver)
		outcome  string
		redirect string
		fails    bool
	}{
		{"accepted", reply(200, m{}), unit.OutcomeAccepted, "", false},
		{"accepted with a way on", reply(200, m{"redirect_uri": "https://www.receiver.example/back#response_code=1"}), unit.OutcomeAccepted, "https://www.receiver.example/back#response_code=1", false},
		{"a way on over http", reply(200, m{"redirect_uri": "http://www.receiver.example/back"}), unit.OutcomeAccepted, "", true},
		{"a way on to this machine", reply(200, m{"redirect_uri": "http://localhost:8080/back"}), unit.OutcomeAccepted, "", true},
		{"a way on that is a script", reply(200, m{"redirect_uri": "javascript:alert(1)"}), unit.OutcomeAccepted, "", true},
		{"an answer that is no JSON", func(r *receiver) { r.answer = func(w http.ResponseWriter) { _, _ = w.Write([]byte("thanks")) } }, unit.OutcomeAccepted, "", true},
		{"a way on in an answer of another kind", func(r *receiver) {
			r.answer = func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write([]byte(`{"redirect_uri":"https://www.receiver.example/back"}`))
			}
		}, unit.OutcomeAccepted, "", true},
		{"a way on in an answer of no kind", func(r *receiver) {
			r.answer = func(w http.ResponseWriter) {
				w.Header()["Content-Type"] = nil
				_, _ = w.Write([]byte(`{"redirect_uri":"https://www.receiver.example/back"}`))
			}
		}, unit.OutcomeAccepted, "", true},
		{"refused", reply(400, m{"error": "invalid_request", "error_description": "no\x1b[2J"}), unit.OutcomeRefused, "", true},
		{"failed", reply(502, m{}), unit.OutcomeUnknown, "", true},
		{"redirected", func(r *receiver) {
			r.answer = func(w http.ResponseWriter) {
				w.Header().Set("Location", "https://other.example/")
				w.WriteHeader(http.StatusTemporaryRedirect)
			}
		}, unit.OutcomeUnknown, "", true},
		{"lost", lost, unit.OutcomeUnknown, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			a.hold(t, v, 1)
			c.set(r)
			w := r.wallet(yes)
			shared, err := w.Answer(t.Context(), v, r.read(w))
			if c.fails != (err != nil) || errors.Is(err, unit.ErrRefused) || shared.RedirectURI != c.redirect {
				t.Errorf("%v, %+v", err, shared)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("%q", err)
			}
			receipt := must(v.Receipt(t.Context(), shared.Receipt))(t)
			if receipt.Outcome != c.outcome || receipt.Receiver != receiverNumber {
				t.Errorf("%+v", receipt)
			}
			if len(r.net.to("www.receiver.example"))+len(r.net.to("other.example"))+len(r.net.to("localhost:8080")) != 0 {
				t.Error("the unit followed")
			}
		})
	}
	// The citizen leaves while it is sent: the receipt is kept all the same.
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	a.hold(t, v, 1)
	ctx, cancel := context.WithCancel(t.Context())
	r.answer = func(w http.ResponseWriter) { cancel(); answerJSON(w, 200, m{}) }
	w := r.wallet(yes)
	asked := r.read(w)
	shared := must(w.Answer(ctx, v, asked))(t)
	must(v.Receipt(t.Context(), shared.Receipt))(t)
}

// The response is encrypted to the key of the request with the strongest
// offered method, names the key, and goes nowhere else (OpenID4VP 1.0, Section
// 8.3).
func TestEncryption(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for enc, offered := range map[string][]string{"A256GCM": {"A128GCM", "A256GCM"}, "A128GCM": nil} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		a.hold(t, v, 1)
		r.request.ClientMetadata.EncValuesSupported = offered
		w := r.wallet(yes)
		must(w.Answer(t.Context(), v, r.read(w)))(t)
		if len(r.posted) != 1 || len(r.posted[0]) != 1 {
			t.Fatalf("%v", r.posted)
		}
		h := must(jose.ParseJWEHeader(r.posted[0].Get("response")))(t)
		if h.Enc != enc || h.Alg != "ECDH-ES" || h.Kid != "one-time-key" {
			t.Errorf("%+v", h)
		}
		res := r.opened()
		if res.State != r.request.State || len(r.verified(res, "q")) != 1 {
			t.Errorf("%+v", res)
		}
		for _, s := range r.net.sent {
			if strings.Contains(s, "response=") && !strings.HasPrefix(s, "POST https://receiver.example/response/s3cr3t\n") {
				t.Errorf("also sent to %s", s[:60])
			}
		}
	}
}
