package verifier_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const mobileQuery = `{"credentials":[{"id":"diploma","format":"mso_mdoc","meta":{"doctype_value":"` + world.Doctype + `"},"claims":[{"path":["` + world.Doctype + `","title"]}]}]}`

// An mdoc is judged by the same line of checks, and what was disclosed beyond
// the query is not handed over (OpenID4VP 1.0, Appendix B.2).
func TestMdoc(t *testing.T) {
	w := world.New(t)
	h := w.IssueAs(credential.FormatMdoc)
	s := start(t, w, order(mobileQuery, verifier.CrossDevice))
	a := w.Fetch(s)
	if got := string(a.ClientMetadata.VPFormatsSupported["mso_mdoc"]); got != `{"issuerauth_alg_values":[-7,-9,-35,-51],"deviceauth_alg_values":[-7,-9,-35,-51]}` {
		t.Errorf("vp_formats_supported: %s", got)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(h, append(a.Paths(), credential.Path{world.Doctype, "level"})))); err != nil {
		t.Fatal(err)
	}
	r := result(t, w, s, "")
	if !r.Verified || r.Qualification != seal.AdESeal || len(r.Presentations) != 1 {
		t.Fatalf("%s", jsonText(t, r))
	}
	p := r.Presentations[0]
	if p.Issuer != world.Issuer || p.Type != world.Doctype || p.Format != credential.FormatMdoc || p.Expires == nil || p.Seal.Level != seal.IssuerAuth || p.Seal.Provider.Registration != w.Hierarchy.Registration() {
		t.Errorf("%+v %+v", p, p.Seal)
	}
	if want := `{"` + world.Doctype + `":{"title":"CANARY-TITLE"}}`; string(p.Claims) != want {
		t.Errorf("claims %s, want %s", p.Claims, want)
	}
	var lines []string
	for _, c := range p.Checks {
		lines = append(lines, c.Name+" "+string(c.Outcome))
	}
	want := "structure passed seal passed issuer_trust passed issuer_signature passed type passed validity passed holder_binding passed replay passed query passed disclosure passed policy passed qualification passed status passed"
	if got := strings.Join(lines, " "); got != strings.Replace(want, "disclosure passed", "disclosure "+string(p.Checks[9].Outcome), 1) {
		t.Errorf("checks %v", lines)
	}
}

// Everything that ties an mdoc to this request, to its holder and to its issuer
// is refused by name when it is not as it must be.
func TestMdocRefused(t *testing.T) {
	bound := func(change func(*format.Binding)) present {
		return func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatMdoc), a.Paths(), change)
		}
	}
	refuseAll(t, mobileQuery, []refusal{
		{name: "another nonce", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Nonce = "another" })},
		{name: "another client", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Audience = "x509_hash:another" })},
		{name: "another response address", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.ResponseURI += "x" })},
		{name: "another encryption key", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) {
			k, err := jose.PublicJWK(world.NewKey().Public())
			if err != nil {
				panic(err)
			}
			b.Encryption = &k
		})},
		{name: "as if in clear", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Encryption = nil })},
		{name: "over the browser", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Audience = "origin:https://verifier.example" })},
		{name: "a seal of strangers", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAsWith(credential.FormatMdoc, w.Stranger()), a.Paths())
		}},
		{name: "revoked seal certificate", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatMdoc)
			w.RevokeSeal()
			return a.PresentAs(h, a.Paths())
		}},
		{name: "provider withdrawn", check: credential.CheckIssuerTrust, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatMdoc)
			w.Withdraw()
			return a.PresentAs(h, a.Paths())
		}},
		{name: "over", check: credential.CheckValidity, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatMdoc, func(c *format.Copy) { c.Expires = w.Now().Add(time.Second) }), a.Paths(), func(*format.Binding) { w.Advance(2 * time.Minute) })
		}},
		{name: "revoked", check: credential.CheckStatus, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatMdoc)
			if err := w.Statuses.Set(t.Context(), h.Ref, status.Invalid); err != nil {
				t.Fatal(err)
			}
			return a.PresentAs(h, a.Paths())
		}},
		{name: "of another type", check: credential.CheckType, query: strings.Replace(mobileQuery, `"doctype_value":"`+world.Doctype, `"doctype_value":"example.other.1`, 1), present: bound(func(*format.Binding) {})},
		{name: "another value", check: credential.CheckQuery, query: strings.Replace(mobileQuery, `"title"]`, `"title"],"values":["CANARY"]`, 1), present: bound(func(*format.Binding) {})},
		{name: "less than was asked", check: credential.CheckQuery, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatMdoc), []credential.Path{{world.Doctype, "level"}})
		}},
		{name: "as it was issued", check: credential.CheckStructure, present: func(_ *testing.T, w *world.World, _ world.Asked) jsontext.Value {
			return w.IssueAs(credential.FormatMdoc).Credential
		}},
		{name: "an SD-JWT VC", check: credential.CheckStructure, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			text, err := jose.Marshal(a.Present(w.Issue(), []credential.Path{{"title"}}))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}},
		{name: "an object", check: credential.CheckStructure, present: func(*testing.T, *world.World, world.Asked) jsontext.Value { return jsontext.Value(`{"a":1}`) }},
	})
}

// The evidence of an mdoc is judged again to the same verdict, without a
// network.
func TestMdocEvidence(t *testing.T) {
	w := world.New(t)
	h := w.IssueAs(credential.FormatMdoc)
	o := order(mobileQuery, verifier.CrossDevice)
	o.Evidence = true
	s := start(t, w, o)
	a := w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(h, a.Paths()))); err != nil {
		t.Fatal(err)
	}
	text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, "")
	if err != nil {
		t.Fatal(err)
	}
	review := verifier.Reverify(t.Context(), text, nil)
	if holds, _ := review.OK(); !holds || !review.Result.Verified {
		t.Errorf("%s", review.Checks)
	}
}

// An SD-JWT VC does not pass as an answer to a query for an mdoc, nor the other
// way round, whatever the query id says.
func TestFormatsAreNotMixed(t *testing.T) {
	w := world.New(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	b := w.Fetch(start(t, w, order(mobileQuery, verifier.CrossDevice)))
	p := b.PresentAs(w.IssueAs(credential.FormatMdoc), b.Paths())
	_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": {p}}, State: a.State}))
	refused(t, err, verifier.ErrNotVerified)
	unverified(t, result(t, w, s, ""))
}
