package unit_test

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// A transaction of a registered type is shown and bound, over the string as it
// was sent; any other is refused before the citizen is asked (OpenID4VP 1.0,
// Sections 5.1 and 8.4, Appendix B.3.3).
func TestTransactionData(t *testing.T) {
	a := newAuthority(t, issuerURL)
	payment := func(change func(m)) string {
		d := m{"type": oid4vp.TransactionPayment, "credential_ids": []any{"q"}, "payee": "Shop", "amount": "12.50", "currency": "EUR"}
		if change != nil {
			change(d)
		}
		return jose.Encode(must(jose.Marshal(d))(t))
	}
	send := func(r *receiver, raw ...any) { r.payload = func(p m) { p["transaction_data"] = raw } }

	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	a.hold(t, v, 1)
	raw := payment(func(d m) { d["transaction_data_hashes_alg"] = []any{"sha-256"} })
	send(r, raw)
	var seen unit.Consent
	w := r.wallet(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
	shared := must(w.Answer(t.Context(), v, r.read(w)))(t)
	if receipt := must(v.Receipt(t.Context(), shared.Receipt))(t); len(receipt.Authorised) != 1 || receipt.Authorised[0] != oid4vp.TransactionPayment {
		t.Errorf("the receipt says %v", receipt.Authorised)
	}
	if len(seen.Transactions) != 1 || len(seen.Transactions[0].Fields) != 3 || seen.Transactions[0].Fields[1].Value != "12.50" {
		t.Errorf("shown: %+v", seen.Transactions)
	}
	sum := sha256.Sum256([]byte(raw))
	kb := r.verified(r.opened(), "q")[0].KeyBinding.Claims()
	if got := string(kb.Member("transaction_data_hashes")); got != `["`+jose.Encode(sum[:])+`"]` || kb.Text("transaction_data_hashes_alg") != "sha-256" {
		t.Errorf("bound: %s", kb.Raw())
	}

	for name, raw := range map[string]any{
		"another type":           payment(func(d m) { d["type"] = "x" }),
		"no type":                payment(func(d m) { delete(d, "type") }),
		"unknown field":          payment(func(d m) { d["more"] = "x" }),
		"field missing":          payment(func(d m) { delete(d, "amount") }),
		"amount that is none":    payment(func(d m) { d["amount"] = "12,5" }),
		"amount a number":        payment(func(d m) { d["amount"] = 12 }),
		"payee on two lines":     payment(func(d m) { d["payee"] = "Shop\nBank" }),
		"payee turned round":     payment(func(d m) { d["payee"] = "Shop\u202eknab" }),
		"credential not queried": payment(func(d m) { d["credential_ids"] = []any{"z"} }),
		"no credential":          payment(func(d m) { d["credential_ids"] = []any{} }),
		"hash unknown":           payment(func(d m) { d["transaction_data_hashes_alg"] = []any{"md5"} }),
		"no base64url":           "e30=",
		"no object":              jose.Encode([]byte("[]")),
	} {
		r := newReceiver(t, a, newNetwork())
		send(r, raw)
		wantCode(t, name, r, oid4vp.InvalidTransactionData)
	}
	r = newReceiver(t, a, newNetwork())
	r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"require_cryptographic_holder_binding":false}]}`)
	send(r, payment(nil))
	wantCode(t, "without holder binding", r, oid4vp.InvalidTransactionData)
}

// wantCode wants the request refused with a code, and nothing sent.
func wantCode(t *testing.T, name string, r *receiver, code oid4vp.ErrorCode) {
	t.Helper()
	w := r.wallet(func(unit.Consent) (bool, error) { t.Errorf("%s: the citizen was asked", name); return false, nil })
	_, err := w.Read(t.Context(), r.link("post"))
	if got := codeOf(err); got != code {
		t.Errorf("%s: %q, %v", name, got, err)
	}
	if len(r.posted) != 0 {
		t.Errorf("%s: something was sent", name)
	}
}

func codeOf(err error) oid4vp.ErrorCode {
	if e := (*oid4vp.Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}
