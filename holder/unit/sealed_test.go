package unit_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// listing answers as trusted lists would, each time with the next of the answers.
type listing struct{ answers []tsl.Outcome }

func (l *listing) Seal([]*x509.Certificate, tsl.Times) tsl.Determination {
	next := l.answers[0]
	if len(l.answers) > 1 {
		l.answers = l.answers[1:]
	}
	return tsl.Determination{Qualified: next, Device: next}
}

// heldItem is an item of two copies in the vault, and the wallet that took it.
func heldItem(t *testing.T, change func(*fakeIssuer), wallet func(*fakeIssuer) unit.Issuance) (unit.Item, unit.Issuance, *fakeIssuer) {
	t.Helper()
	n := newNetwork()
	i := newIssuer(t, newAuthority(t, issuerURL), n, issuerURL)
	if change != nil {
		change(i)
	}
	v, _ := newVault(t, n)
	w := i.wallet(2)
	if wallet != nil {
		w = wallet(i)
	}
	taken, err := w.Accept(t.Context(), v, must(w.Read(t.Context(), i.link()))(t), "123456")
	if err != nil || len(taken.Items) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	return taken.Items[0], w, i
}

// What the vault holds is judged by the wallet's own trust, whatever its format, and
// is said in a sentence.
func TestSealed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeIssuer)
		wallet func(*fakeIssuer) unit.Issuance
		level  seal.Level
	}{
		"SD-JWT VC": {nil, nil, seal.BaselineB},
		"mdoc": {func(i *fakeIssuer) {
			i.mobile(func(k jose.JWK) string { return i.a.mobile(t, i.a.seals, k, doctype) })
		}, nil, seal.IssuerAuth},
		"Data Integrity": {func(i *fakeIssuer) {
			i.proofs(func(k jose.JWK) jsontext.Value { return i.a.proofs(t, i.a.seals, k) })
		}, func(i *fakeIssuer) unit.Issuance { return i.proofWallet(2, &controllers{a: i.a}) }, seal.DataIntegrity},
	} {
		it, w, _ := heldItem(t, c.change, c.wallet)
		v, err := w.Sealed(t.Context(), it)
		if err != nil || v.Err() != nil || v.Level != c.level || v.Qualification != seal.AdESeal {
			t.Errorf("%s: %s %s, %v", name, v.Indication, v.Level, err)
			continue
		}
		if s, ok := statement.Of(v, at); !ok || s.SealedBy == nil || !strings.HasPrefix(s.Texts["en"], "Sealed by ") {
			t.Errorf("%s: %+v", name, s)
		}
		// The trusted lists are the wallet's own; the copy that is worth least counts.
		for _, answers := range [][]tsl.Outcome{{tsl.Positive}, {tsl.Positive, tsl.Negative}, {tsl.Negative, tsl.Positive}, {tsl.Positive, tsl.Indeterminate}} {
			want := map[tsl.Outcome]seal.Qualification{tsl.Positive: seal.QESeal, tsl.Negative: seal.AdESeal, tsl.Indeterminate: seal.NotApplicable}
			least := want[answers[0]]
			if len(answers) > 1 && answers[1] != tsl.Positive {
				least = want[answers[1]]
			}
			own := *w.Seals
			own.Lists, w.Seals = &listing{answers}, &own
			if v, err := w.Sealed(t.Context(), it); err != nil || v.Qualification != least {
				t.Errorf("%s, %v: %s, %v", name, answers, v.Qualification, err)
			}
		}
	}
}

// That a credential is over does not make its seal another's: it is judged all the
// same, and nothing else of the judgement is dropped.
func TestSealedOver(t *testing.T) {
	it, w, _ := heldItem(t, nil, nil)
	later := w
	later.Now = func() time.Time { return at.Add(48 * time.Hour) }
	v, err := later.Sealed(t.Context(), it)
	if err != nil || v.Certificate == nil {
		t.Fatalf("%v", err)
	}
	tampered := it
	tampered.Copies = append([]unit.Copy(nil), it.Copies...)
	tampered.Copies[1].Credential = quoted(changed(t, it.Copies[1].Credential, '~', 5, "AA"))
	if _, err := later.Sealed(t.Context(), tampered); err == nil {
		t.Error("a changed disclosure of a credential that is over is said to be sealed")
	}
}

// changed puts other characters at a place after a mark.
func changed(t *testing.T, credential jsontext.Value, mark byte, after int, by string) string {
	t.Helper()
	var s string
	if err := jose.Unmarshal(credential, &s); err != nil {
		t.Fatal(err)
	}
	n := strings.IndexByte(s, mark) + after
	return s[:n] + by + s[n+len(by):]
}

// What is not what was sealed, or not by whom it says, is not said to be sealed.
func TestNotSealed(t *testing.T) {
	with := func(it unit.Item, text string) unit.Item {
		it.Copies = append([]unit.Copy(nil), it.Copies...)
		it.Copies[1].Credential = quoted(text)
		return it
	}
	text := func(t *testing.T, it unit.Item) string {
		var s string
		if err := jose.Unmarshal(it.Copies[1].Credential, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *fakeIssuer, unit.Item, *unit.Issuance) unit.Item
		judged bool // a seal was found, and does not hold
	}{
		"a changed signature": {func(t *testing.T, _ *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			return with(it, changed(t, it.Copies[1].Credential, '~', -10, "AAAA"))
		}, true},
		"a changed disclosure": {func(t *testing.T, _ *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			return with(it, changed(t, it.Copies[1].Credential, '~', 5, "AA"))
		}, false},
		"another issuer than its certificate": {func(t *testing.T, i *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			return with(it, i.a.reseal(t, text(t, it), func(p m) { p["iss"] = "https://other.example" }))
		}, false},
		"a stranger's": {func(t *testing.T, i *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			return with(it, newAuthority(t, issuerURL).issue(t, must(jose.PublicJWK(newKey(t).Public()))(t)))
		}, true},
		"a provider that was withdrawn": {func(t *testing.T, i *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			i.a.withdraw(t)
			return it
		}, true},
		"no credential": {func(t *testing.T, _ *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item { return with(it, "x") }, false},
		"no such format": {func(t *testing.T, _ *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			it.Format = "x"
			return it
		}, false},
		"no copies": {func(t *testing.T, _ *fakeIssuer, it unit.Item, _ *unit.Issuance) unit.Item {
			it.Copies = nil
			return it
		}, false},
		"nobody to trust": {func(t *testing.T, _ *fakeIssuer, it unit.Item, w *unit.Issuance) unit.Item {
			w.Seals = nil
			return it
		}, false},
	} {
		it, w, i := heldItem(t, nil, nil)
		own := *w.Seals
		own.Lists, w.Seals = &listing{[]tsl.Outcome{tsl.Indeterminate}}, &own // the other copy is worth as little
		v, err := w.Sealed(t.Context(), c.change(t, i, it, &w))
		if c.judged != (err == nil) || err == nil && v.Err() == nil {
			t.Errorf("%s: %s, %v", name, v.Indication, err)
		}
		if _, ok := statement.Of(v, at); ok {
			t.Errorf("%s is stated to be sealed", name)
		}
	}
}
