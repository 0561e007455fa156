package oid4vp

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

// payment is a good transaction, changed.
func payment(t testing.TB, change func(d m)) string {
	t.Helper()
	d := m{"type": TransactionPayment, "credential_ids": []any{"led"}, "payee": "Shop", "amount": "12.50", "currency": "EUR"}
	if change != nil {
		change(d)
	}
	b, err := jose.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return jose.Encode(b)
}

// OpenID4VP 1.0, Sections 5.1 and 8.5: a type, member or value that is not
// registered is refused, one by one.
func TestParseTransactionData(t *testing.T) {
	set := func(name string, value any) func(d m) { return func(d m) { d[name] = value } }
	without := func(name string) func(d m) { return func(d m) { delete(d, name) } }
	raw := payment(t, set("transaction_data_hashes_alg", []any{"sha-512", "sha-256"}))
	d, err := ParseTransactionData(raw)
	if err != nil || d.Raw != raw || d.Fields["payee"] != "Shop" || len(d.Fields) != 3 || d.Type.Name != TransactionPayment || len(d.HashAlgs) != 2 || !slices.Equal(d.CredentialIDs, []string{"led"}) {
		t.Fatalf("%+v, %v", d, err)
	}
	digest := strings.Repeat("A", 43)
	for name, change := range map[string]func(d m){
		"optional field": set("reference", "R 1"),
		"nothing to pay": set("amount", "0"),
		"document approval": func(d m) {
			clear(d)
			d["type"], d["credential_ids"], d["document_title"], d["document_sha256"] = TransactionApproval, []any{"led"}, "D", digest
		},
	} {
		if _, err := ParseTransactionData(payment(t, change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Where two rules meet, the one that says most is named.
	whys := map[string]string{
		"no type": "without a type", "type a number": "without a type", "type null": "is not known here", "unknown type": "is not known here",
		"no credential_ids": "credential_ids", "credential_ids text": "credential_ids", "field missing": "lacks currency", "field null": "has a payee", "field an object": "has a payee",
		"unknown field": "has the member more", "algs text": "transaction_data_hashes_alg",
	}
	for name, change := range map[string]func(d m){
		"no type":                   without("type"),
		"type null":                 set("type", nil),
		"type a number":             set("type", 1),
		"unknown type":              set("type", "urn:zegel:transaction-data:payment:2"),
		"no credential_ids":         without("credential_ids"),
		"credential_ids null":       set("credential_ids", nil),
		"credential_ids empty":      set("credential_ids", []any{}),
		"credential_ids text":       set("credential_ids", "led"),
		"an empty id":               set("credential_ids", []any{"led", ""}),
		"endless credential_ids":    set("credential_ids", many(MaxList+1, func(int) any { return "led" })),
		"algs null":                 set("transaction_data_hashes_alg", nil),
		"algs empty":                set("transaction_data_hashes_alg", []any{}),
		"algs text":                 set("transaction_data_hashes_alg", "sha-256"),
		"endless algs":              set("transaction_data_hashes_alg", many(MaxList+1, func(int) any { return "sha-256" })),
		"field of another type":     set("document_title", "D"),
		"unknown field":             set("more", "x"),
		"field in another case":     func(d m) { delete(d, "payee"); d["Payee"] = "Shop" },
		"field missing":             without("currency"),
		"field null":                set("payee", nil),
		"field an object":           set("payee", m{}),
		"empty payee":               set("payee", ""),
		"payee too long":            set("payee", strings.Repeat("a", 513)),
		"payee on two lines":        set("payee", "Shop\nBank"),
		"payee turned round":        set("payee", "Shop\u202eknab"),
		"payee of invisible marks":  set("payee", "Shop\u200b"),
		"amount with a comma":       set("amount", "12,50"),
		"amount below nothing":      set("amount", "-1"),
		"amount with a leading 0":   set("amount", "012"),
		"amount with three decimal": set("amount", "1.005"),
		"amount endless":            set("amount", strings.Repeat("9", 14)),
		"amount a number":           set("amount", 12),
		"currency in small letters": set("currency", "eur"),
		"currency of four":          set("currency", "EURO"),
		"optional field empty":      set("reference", ""),
		"fingerprint too short": func(d m) {
			clear(d)
			d["type"], d["credential_ids"], d["document_title"], d["document_sha256"] = TransactionApproval, []any{"led"}, "D", digest[1:]
		},
	} {
		d, err := ParseTransactionData(payment(t, change))
		wantField(t, err, "transaction_data", InvalidTransactionData)
		if d.Raw != "" {
			t.Errorf("%s: returned", name)
		}
		if why := whys[name]; err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s: refused for %v, expected %q", name, err, why)
		}
	}
	plain, err := jose.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	for raw, why := range map[string]string{
		"":                          "is no JSON object",
		raw + "=":                   "is no base64url",
		"+" + raw[1:]:               "is no base64url",
		jose.Encode([]byte("x")):    "is no JSON object",
		jose.Encode([]byte("[]")):   "is no JSON object",
		jose.Encode([]byte("null")): "is no JSON object",
		jose.Encode([]byte("1")):    "is no JSON object",
		jose.Encode(append(plain, strings.Repeat(" ", MaxText)...)):             "longer than",
		jose.Encode([]byte(`{"type":"` + TransactionPayment + `","type":"x"}`)): "is no JSON object",
	} {
		_, err := ParseTransactionData(raw)
		wantField(t, err, "transaction_data", InvalidTransactionData)
		if err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("refused for %v, expected %q", err, why)
		}
	}
}

// Appendix B.3.3.1: hashes are over the text as it was sent, with a hash that
// the verifier takes, which is named when the request names any.
func TestTransactionHashes(t *testing.T) {
	read := func(algs ...any) TransactionData {
		d, err := ParseTransactionData(payment(t, func(d m) {
			if algs != nil {
				d["transaction_data_hashes_alg"] = algs
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain := read()
	b256, b384, b512 := sha256.Sum256([]byte(plain.Raw)), sha512.Sum384([]byte(plain.Raw)), sha512.Sum512([]byte(plain.Raw))
	for alg, want := range map[string][]byte{HashSHA256: b256[:], HashSHA384: b384[:], HashSHA512: b512[:]} {
		if got, err := plain.Hash(alg); err != nil || got != jose.Encode(want) {
			t.Errorf("%s: %s, %v", alg, got, err)
		}
	}
	if _, err := plain.Hash("sha-1"); err == nil {
		t.Error("sha-1 was taken")
	}
	for _, tt := range []struct {
		list  []TransactionData
		alg   string // named in the answer
		first string // that hashed it; empty: refused
	}{
		{[]TransactionData{plain}, "", HashSHA256},
		{[]TransactionData{read("sha-256")}, HashSHA256, HashSHA256},
		{[]TransactionData{read("sha-512", "sha-384")}, HashSHA384, HashSHA384},
		{[]TransactionData{read("md5", "sha-512")}, HashSHA512, HashSHA512},
		{[]TransactionData{plain, read("sha-512", "sha-256")}, HashSHA256, HashSHA256},
		{[]TransactionData{read("sha-512", "sha-384"), read("sha-512")}, HashSHA512, HashSHA512},
		{[]TransactionData{read("md5")}, "", ""},
		{[]TransactionData{plain, read("sha-512")}, "", ""},
		{[]TransactionData{read("sha-384"), read("sha-512")}, "", ""},
	} {
		got, err := HashTransactions(tt.list)
		if tt.first == "" {
			wantField(t, err, "transaction_data_hashes_alg", InvalidTransactionData)
			if got.Hashes != nil {
				t.Errorf("%+v", got)
			}
			continue
		}
		if err != nil || got.Alg != tt.alg || len(got.Hashes) != len(tt.list) {
			t.Errorf("%+v, %v, want %+v", got, err, tt)
			continue
		}
		for i, d := range tt.list {
			if want, err := d.Hash(tt.first); err != nil || got.Hashes[i] != want {
				t.Errorf("hash %d is %s, want %s", i, got.Hashes[i], want)
			}
		}
	}
}

// All transactions of a request: of its query, and of presentations that can
// carry the hashes.
func TestTransactions(t *testing.T) {
	two := func(first, second string) Request {
		q := query(t, `{"credentials":[{"id":"led","format":"dc+sd-jwt","meta":{"vct_values":["a"]}`+first+`},`+second+`]}`)
		return Request{DCQLQuery: &q}
	}
	var endless []string
	for i := range MaxList + 1 {
		endless = append(endless, payment(t, func(d m) { d["reference"] = fmt.Sprint(i) }))
	}
	const other = `{"id":"other","format":"dc+sd-jwt","meta":{"vct_values":["b"]}}`
	is := func(ids ...any) func(d m) { return func(d m) { d["credential_ids"] = ids } }
	for _, tt := range []struct {
		name string
		r    Request
		data []string
		ok   bool
	}{
		{"one", two("", other), []string{payment(t, nil)}, true},
		{"of either", two("", other), []string{payment(t, is("other", "led"))}, true},
		// Each has a hash of its own; whether one presentation takes both is seen
		// when the citizen has chosen.
		{"two with other hashes", two("", other), []string{payment(t, nil), payment(t, func(d m) { is("other")(d); d["transaction_data_hashes_alg"] = []any{"sha-512"} })}, true},
		{"not of the query", two("", other), []string{payment(t, is("z"))}, false},
		{"one of several not of the query", two("", other), []string{payment(t, is("led", "z"))}, false},
		{"the second is not right", two("", other), []string{payment(t, nil), "e30"}, false},
		{"without holder binding", two(`,"require_cryptographic_holder_binding":false`, other), []string{payment(t, nil)}, false},
		{"of another format", two("", `{"id":"other","format":"mso_mdoc","meta":{"doctype_value":"d"}}`), []string{payment(t, is("led", "other"))}, false},
		{"a hash that is not known", two("", other), []string{payment(t, nil), payment(t, func(d m) { d["transaction_data_hashes_alg"] = []any{"md5"} })}, false},
		{"none", two("", other), []string{}, false},
		{"endless", two("", other), endless, false},
		{"as many as there may be", two("", other), endless[:MaxList], true},
		{"one twice", two("", other), []string{payment(t, nil), payment(t, is("other")), payment(t, nil)}, false},
	} {
		tt.r.TransactionData = tt.data
		err := tt.r.validateTransactionData()
		if tt.ok {
			if list, e := tt.r.Transactions(); err != nil || e != nil || len(list) != len(tt.data) {
				t.Errorf("%s: %v, %v", tt.name, err, e)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		wantField(t, err, "transaction_data", InvalidTransactionData)
	}
}

// A request with a transaction that can be authorised is a good request.
func TestRequestWithTransaction(t *testing.T) {
	p := request(t, "x509_hash:a")
	p["transaction_data"] = []any{payment(t, nil)}
	b, _ := jose.Marshal(p)
	if r, err := ParseRequest(b, now); err != nil || len(r.TransactionData) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	p["transaction_data"] = []any{payment(t, func(d m) { d["credential_ids"] = []any{"z"} })}
	b, _ = jose.Marshal(p)
	r, err := ParseRequest(b, now)
	wantField(t, err, "transaction_data", InvalidTransactionData)
	if r.ClientID != "" {
		t.Error("a refused request was returned")
	}
}

// A citizen is shown each type in each language of the platform.
func TestTransactionTypes(t *testing.T) {
	for _, kind := range TransactionTypes() {
		labels := []Labels{kind.Labels}
		for _, f := range kind.Fields {
			labels = append(labels, f.Labels)
		}
		for _, l := range labels {
			for _, lang := range []string{"nl", "fr", "de", "en"} {
				if l[lang] == "" || l.In(lang) != l[lang] {
					t.Errorf("%s has no %s for %v", kind.Name, lang, l)
				}
			}
			if l.In("xx", "fr") != l["fr"] || l.In("xx") != l["en"] {
				t.Errorf("%s: %s, %s", kind.Name, l.In("xx", "fr"), l.In("xx"))
			}
		}
	}
	// A caller cannot register a type.
	TransactionTypes()[0].Name = "changed"
	if _, ok := TransactionTypeOf(TransactionPayment); !ok {
		t.Error("the register was changed from outside")
	}
}

func FuzzParseTransactionData(f *testing.F) {
	f.Add(payment(f, nil))
	f.Add(payment(f, func(d m) { d["transaction_data_hashes_alg"] = []any{"sha-256"}; d["reference"] = "R" }))
	f.Add("e30")
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := ParseTransactionData(raw)
		if err != nil {
			if d.Raw != "" || d.Fields != nil {
				t.Fatal("a failed parse returned something")
			}
			return
		}
		if d.Raw != raw || len(d.CredentialIDs) == 0 || d.Type.Name == "" {
			t.Fatalf("%+v", d)
		}
		for _, f := range d.Type.Fields {
			if value, ok := d.Fields[f.Name]; ok != (value != "") || !ok && !f.Optional || strings.ContainsAny(value, "\n\r\x1b\u202e") {
				t.Fatalf("%s is %q", f.Name, value)
			}
		}
	})
}
