package unit_test

import (
	"crypto"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
)

const doctype = "example.diploma.1"

// mobile seals one copy as an mdoc for a key.
func (a *authority) mobile(t testing.TB, sealer *seal.Sealer, holder jose.JWK, kind string, change ...func(*format.Copy)) string {
	t.Helper()
	copies.Lock()
	copies.n++
	n := copies.n
	copies.Unlock()
	template := must(format.By("mso_mdoc").Compile(format.Type{
		Issuer: issuerURL, Chain: sealer.Chain(),
		Definition: []byte(`{"doctype":"` + kind + `","namespaces":[{"name":"` + doctype + `","elements":[{"identifier":"title"},{"identifier":"level"},{"identifier":"person"},{"identifier":"tags"},{"identifier":"subjects"}]}]}`),
	}))(t)
	from := at.Add(-time.Minute)
	c := format.Copy{IssuedAt: from, NotBefore: from, Expires: at.Add(24 * time.Hour), Holder: holder, Status: status.Ref{Index: uint64(n % 64), URI: issuerURL + "/status/1"}, Claims: []byte(claims)}
	for _, f := range change {
		f(&c)
	}
	value := must(must(template.Prepare(c, nil))(t).Seal(sealer))(t)
	var text string
	if err := jose.Unmarshal(value, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// mobile makes the issuer hand out mdocs.
func (i *fakeIssuer) mobile(make func(k jose.JWK) string) {
	i.led()["format"], i.led()["doctype"] = "mso_mdoc", doctype
	delete(i.led(), "vct")
	i.credentials = func(keys []jose.JWK) (out []any) {
		for _, k := range keys {
			out = append(out, m{"credential": make(k)})
		}
		return out
	}
}

// An mdoc is taken, kept, and shown bound to the request: what the receiver
// makes its transcript of must be what the wallet signed (OpenID4VP 1.0, Appendix
// B.2.6). Nothing is disclosed that was not asked for.
func TestMobileDocument(t *testing.T) {
	n := newNetwork()
	a := newAuthority(t, issuerURL)
	i := newIssuer(t, a, n, issuerURL)
	i.mobile(func(k jose.JWK) string { return a.mobile(t, a.seals, k, doctype) })
	v, _ := newVault(t, n)
	w := i.wallet(2)
	taken, err := w.Accept(t.Context(), v, must(w.Read(t.Context(), i.link()))(t), "123456")
	if err != nil || len(taken.Items) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	it := taken.Items[0]
	if it.Format != "mso_mdoc" || it.Type != doctype || it.Title != "T" || it.Issuer != issuerURL || len(it.Copies) != 2 || it.Expires.IsZero() {
		t.Errorf("%+v", it)
	}

	r := newReceiver(t, a, n)
	r.registration.Credentials = append(r.registration.Credentials, oid4vp.RegisteredCredential{Format: "mso_mdoc", Meta: oid4vp.Meta{DoctypeValue: doctype},
		Claims: []oid4vp.RegisteredClaim{{Path: credential.Path{doctype, "title"}}, {Path: credential.Path{doctype, "level"}}}})
	r.ask(`{"credentials":[{"id":"q","format":"mso_mdoc","meta":{"doctype_value":"` + doctype + `"},"claims":[{"path":["` + doctype + `","title"]}]}]}`)
	p := r.wallet(yes)
	shared, err := p.Answer(t.Context(), v, r.read(p))
	if err != nil || len(shared.Consent.Items) != 1 || shared.Consent.Items[0].Type != doctype {
		t.Fatalf("%+v, %v", shared, err)
	}
	text, _ := oid4vp.Text(r.opened().VPToken["q"][0])
	for name, c := range map[string]struct {
		nonce, uri string
		key        crypto.PublicKey
		holds      bool
	}{
		"this request":  {string(r.request.Nonce), r.request.ResponseURI, r.enc.Public(), true},
		"other nonce":   {"other", r.request.ResponseURI, r.enc.Public(), false},
		"other address": {string(r.request.Nonce), "https://receiver.example/response/other", r.enc.Public(), false},
		"other key":     {string(r.request.Nonce), r.request.ResponseURI, newKey(t).Public(), false},
		"not encrypted": {string(r.request.Nonce), r.request.ResponseURI, nil, false},
	} {
		transcript := must(mdoc.RedirectTranscript(r.request.ClientID, c.nonce, c.uri, c.key))(t)
		got, err := mdoc.Verify(text, mdoc.Policy{Now: at, DocTypes: []string{doctype}, Transcript: transcript,
			IssuerKey: func(*cose.Sign1, mdoc.Unverified) (crypto.PublicKey, error) {
				return a.seals.Certificate().PublicKey, nil
			}})
		if (err == nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
		if c.holds && err == nil && (got.Claims.Len() != 1 || fmt.Sprint(got.Claims.Paths()) != `[["`+doctype+`","title"]]`) {
			t.Errorf("%s: disclosed %v", name, got.Claims.Paths())
		}
	}
}

// What an issuer hands out as an mdoc is held against what was asked for.
func TestMobileDocumentRefused(t *testing.T) {
	a := newAuthority(t, issuerURL)
	other := newAuthority(t, "https://other.example")
	for name, c := range map[string]struct {
		want string
		make func(k jose.JWK) string
	}{
		"another type": {"document type", func(k jose.JWK) string { return a.mobile(t, a.seals, k, "example.other.1") }},
		"another's key": {"not ours", func(jose.JWK) string {
			return a.mobile(t, a.seals, must(jose.PublicJWK(newKey(t).Public()))(t), doctype)
		}},
		"a stranger": {"", func(k jose.JWK) string { return other.mobile(t, other.seals, k, doctype) }},
		"over": {"expired", func(k jose.JWK) string {
			return a.mobile(t, a.seals, k, doctype, func(c *format.Copy) {
				c.IssuedAt, c.NotBefore, c.Expires = at.Add(-30*time.Minute), at.Add(-30*time.Minute), at.Add(-5*time.Minute)
			})
		}},
		"not yet": {"not valid before", func(k jose.JWK) string {
			return a.mobile(t, a.seals, k, doctype, func(c *format.Copy) { c.NotBefore = at.Add(time.Hour) })
		}},
		"an SD-JWT VC":    {"base64", func(k jose.JWK) string { return a.issue(t, k) }},
		"no document":     {"", func(jose.JWK) string { return "oA" }},
		"an empty string": {"", func(jose.JWK) string { return "" }},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork()
			i := newIssuer(t, a, n, issuerURL)
			i.mobile(c.make)
			v, pod := newVault(t, n)
			w := i.wallet(2)
			taken, err := w.Accept(t.Context(), v, must(w.Read(t.Context(), i.link()))(t), "123456")
			if err == nil || !strings.Contains(err.Error(), c.want) || len(taken.Items) != 0 || len(pod.names()) != 0 {
				t.Errorf("%v, %d items, stored: %v", err, len(taken.Items), pod.names())
			}
			if c.want != "" && !errors.Is(err, unit.ErrCredential) {
				t.Errorf("%v", err)
			}
		})
	}
}
