package verifier_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const (
	twice = `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]},` +
		`{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]}]}`
	payment  = `{"type":"urn:zegel:transaction-data:payment:1","credential_ids":["a"],"payee":"Voorbeeld NV","amount":"12.50","currency":"EUR"}`
	approval = `{"type":"urn:zegel:transaction-data:document-approval:1","credential_ids":["a","b"],"transaction_data_hashes_alg":["sha-384"],"document_title":"Contract","document_sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}`
)

// OpenID4VP 1.0, Section 8.4 and Appendix B.3.3: what is to be authorised goes
// with the request, and the holder's key says that it was.
func TestTransactionData(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	open := func(transactions ...string) (verifier.Started, world.Asked, []oid4vp.TransactionData) {
		o := order(twice, verifier.CrossDevice)
		for _, x := range transactions {
			o.Transactions = append(o.Transactions, []byte(x))
		}
		s := start(t, w, o)
		asked := w.Fetch(s)
		list, err := asked.Transactions()
		if err != nil || len(list) != len(transactions) {
			t.Fatalf("%d transactions, %v", len(list), err)
		}
		return s, asked, list
	}
	hash := func(d oid4vp.TransactionData, alg string) string {
		text, err := d.Hash(alg)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	type extra = oid4vp.TransactionHashes
	answer := func(asked world.Asked, a, b any) error {
		with := func(id string, x any) []string {
			return []string{asked.Present(h, asked.Paths(), func(k *world.Binding) { k.Extra = x })}
		}
		_, err := w.Verifier.Respond(t.Context(), asked.Secret(), asked.Encrypt(oid4vp.Response{State: asked.State, VPToken: oid4vp.VPToken{
			"a": oid4vp.Presentations(with("a", a)...), "b": oid4vp.Presentations(with("b", b)...),
		}}))
		return err
	}

	s, asked, list := open(payment, approval)
	if err := answer(asked, extra{Hashes: []string{hash(list[0], "sha-256")}}, extra{Hashes: []string{hash(list[1], "sha-384")}, Alg: "sha-384"}); err != nil {
		t.Fatal(err)
	}
	r := result(t, w, s, "")
	want := []verifier.Authorised{{0, oid4vp.TransactionPayment, "a"}, {1, oid4vp.TransactionApproval, "b"}}
	if !r.Verified || !slices.Equal(r.Transactions, want) || r.Checks.Failures() != nil {
		t.Errorf("%+v", r)
	}

	for name, c := range map[string]struct {
		transactions []string
		a, b         func([]oid4vp.TransactionData) any
	}{
		"nothing said":     {transactions: []string{payment}},
		"another hash":     {transactions: []string{payment}, a: func([]oid4vp.TransactionData) any { return extra{Hashes: []string{"AAAA"}} }},
		"a hash beside it": {transactions: []string{payment}, a: func(l []oid4vp.TransactionData) any { return extra{Hashes: []string{hash(l[0], "sha-256"), "AAAA"}} }},
		"twice": {transactions: []string{payment}, a: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-256"), hash(l[0], "sha-256")}}
		}},
		"another credential": {transactions: []string{payment}, b: func(l []oid4vp.TransactionData) any { return extra{Hashes: []string{hash(l[0], "sha-256")}} }},
		"two credentials": {transactions: []string{approval}, a: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-384")}, Alg: "sha-384"}
		}, b: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-384")}, Alg: "sha-384"}
		}},
		"algorithm not taken": {transactions: []string{approval}, a: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-256")}, Alg: "sha-256"}
		}},
		"algorithm not named": {transactions: []string{approval}, a: func(l []oid4vp.TransactionData) any { return extra{Hashes: []string{hash(l[0], "sha-384")}} }},
		"not its default": {transactions: []string{payment}, a: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-384")}, Alg: "sha-384"}
		}},
		"an unknown one": {transactions: []string{payment}, a: func(l []oid4vp.TransactionData) any {
			return extra{Hashes: []string{hash(l[0], "sha-256")}, Alg: "md5"}
		}},
		"one of two":         {transactions: []string{payment, approval}, a: func(l []oid4vp.TransactionData) any { return extra{Hashes: []string{hash(l[0], "sha-256")}} }},
		"nothing was asked":  {a: func([]oid4vp.TransactionData) any { return extra{Hashes: []string{"AAAA"}} }},
		"no strings":         {transactions: []string{payment}, a: func([]oid4vp.TransactionData) any { return map[string]any{"transaction_data_hashes": []int{1}} }},
		"an empty list":      {transactions: []string{payment}, a: func([]oid4vp.TransactionData) any { return map[string]any{"transaction_data_hashes": []string{}} }},
		"an algorithm alone": {transactions: []string{payment}, a: func([]oid4vp.TransactionData) any { return map[string]any{"transaction_data_hashes_alg": "sha-256"} }},
		"a number for one": {transactions: []string{payment}, a: func(l []oid4vp.TransactionData) any {
			return map[string]any{"transaction_data_hashes": []string{hash(l[0], "sha-256")}, "transaction_data_hashes_alg": 1}
		}},
	} {
		s, asked, list := open(c.transactions...)
		var a, b any
		if c.a != nil {
			a = c.a(list)
		}
		if c.b != nil {
			b = c.b(list)
		}
		if err := answer(asked, a, b); !errors.Is(err, verifier.ErrNotVerified) {
			t.Errorf("%s: %v", name, err)
		}
		r := result(t, w, s, "")
		if r.Verified || r.Transactions != nil || !slices.Equal(r.Checks.Failures(), []string{verifier.CheckTransaction}) || r.Presentations[0].Claims != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// What a wallet could not show or bind is not asked.
func TestTransactionDataRefused(t *testing.T) {
	w := world.New(t)
	for name, transactions := range map[string][]string{
		"none":             {},
		"an unknown type":  {`{"type":"payment","credential_ids":["a"]}`},
		"an unknown field": {`{"type":"urn:zegel:transaction-data:payment:1","credential_ids":["a"],"payee":"x","amount":"1","currency":"EUR","note":"x"}`},
		"a missing field":  {`{"type":"urn:zegel:transaction-data:payment:1","credential_ids":["a"],"payee":"x","amount":"1"}`},
		"another query":    {`{"type":"urn:zegel:transaction-data:payment:1","credential_ids":["c"],"payee":"x","amount":"1","currency":"EUR"}`},
		"no query":         {`{"type":"urn:zegel:transaction-data:payment:1","credential_ids":[],"payee":"x","amount":"1","currency":"EUR"}`},
		"no object":        {`"x"`},
		"unknown hash":     {`{"type":"urn:zegel:transaction-data:payment:1","credential_ids":["a"],"transaction_data_hashes_alg":["md5"],"payee":"x","amount":"1","currency":"EUR"}`},
		"twice the same":   {payment, payment},
	} {
		o := order(twice, verifier.CrossDevice)
		o.Transactions = [][]byte{}
		for _, x := range transactions {
			o.Transactions = append(o.Transactions, []byte(x))
		}
		_, err := w.Verifier.Start(t.Context(), world.University, o)
		var e *verifier.Error
		if !errors.Is(err, verifier.ErrRequest) || !errors.As(err, &e) || e.Field != "transaction_data" || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
