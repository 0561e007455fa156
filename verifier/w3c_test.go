package verifier_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/policy"
)

const w3cQuery = `{"credentials":[{"id":"diploma","format":"jwt_vc_json","meta":{"type_values":[["` + world.ELM + `"]]},"claims":[{"path":["credentialSubject","hasClaim","title","nl"]}]}]}`

// A W3C credential is judged by the same line of checks. It is shown whole, and
// the receiver gets what it asked for (OpenID4VP 1.0, Appendix B.1).
func TestW3C(t *testing.T) {
	w := world.New(t)
	h := w.IssueAs(credential.FormatJWT)
	s := start(t, w, order(w3cQuery, verifier.CrossDevice))
	a := w.Fetch(s)
	if got := string(a.ClientMetadata.VPFormatsSupported["jwt_vc_json"]); got != `{"alg_values":["ES256","ES384"]}` {
		t.Errorf("vp_formats_supported: %s", got)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(h, a.Paths()))); err != nil {
		t.Fatal(err)
	}
	r := result(t, w, s, "")
	if !r.Verified || r.Qualification != seal.AdESeal || len(r.Presentations) != 1 {
		t.Fatalf("%s", jsonText(t, r))
	}
	p := r.Presentations[0]
	if p.Issuer != world.Issuer || p.Type != world.ELM || p.Format != credential.FormatJWT || p.Expires == nil || p.Seal.Level != seal.BaselineB {
		t.Errorf("%+v %+v", p, p.Seal)
	}
	if want := `{"credentialSubject":{"hasClaim":{"title":{"nl":"CANARY-TITLE"}}}}`; string(p.Claims) != want {
		t.Errorf("claims %s, want %s", p.Claims, want)
	}
	// That more was shown than was asked is no fault here, and is said.
	for _, c := range p.Checks {
		if (c.Outcome != credential.Passed) != (c.Name == verifier.CheckDisclosure) {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Contains(p.Reservations, policy.DisclosedTooMuch) {
		t.Errorf("reservations %v", p.Reservations)
	}
}

// Everything that ties a W3C credential to this request, its holder and its
// issuer is refused by name when it is not as it must be.
func TestW3CRefused(t *testing.T) {
	bound := func(change func(*format.Binding)) present {
		return func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatJWT), a.Paths(), change)
		}
	}
	set := func(v status.Value) present {
		return func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatJWT)
			if err := w.Statuses.Set(t.Context(), h.Ref, v); err != nil {
				t.Fatal(err)
			}
			return a.PresentAs(h, a.Paths())
		}
	}
	refuseAll(t, w3cQuery, []refusal{
		{name: "another nonce", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.Nonce = "another" })},
		{name: "another client", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.Audience = "x509_hash:another" })},
		{name: "made long ago", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.IssuedAt = b.IssuedAt.Add(-time.Hour) })},
		{name: "another holder", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Signer = world.NewKey() })},
		{name: "a seal of strangers", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAsWith(credential.FormatJWT, w.Stranger()), a.Paths())
		}},
		{name: "revoked seal certificate", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatJWT)
			w.RevokeSeal()
			return a.PresentAs(h, a.Paths())
		}},
		{name: "provider withdrawn", check: credential.CheckIssuerTrust, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatJWT)
			w.Withdraw()
			return a.PresentAs(h, a.Paths())
		}},
		{name: "over", check: credential.CheckValidity, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatJWT, func(c *format.Copy) { c.Expires = w.Now().Add(time.Second) })
			w.Advance(2 * time.Minute)
			return a.PresentAs(h, a.Paths())
		}},
		{name: "revoked", check: credential.CheckStatus, present: set(status.Invalid)},
		{name: "suspended", check: credential.CheckStatus, present: set(status.Suspended)},
		{name: "no status", check: credential.CheckStatus, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatJWT, func(c *format.Copy) { c.Entries = nil }), a.Paths())
		}},
		{name: "a status that cannot be had", check: credential.CheckStatus, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatJWT)
			w.Down.Store(true)
			return a.PresentAs(h, a.Paths())
		}},
		{name: "a status that another body signed", check: credential.CheckStatus, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			w.ListsOfAnother.Store(true)
			return a.PresentAs(w.IssueAs(credential.FormatJWT), a.Paths())
		}},
		{name: "of another type", check: credential.CheckQuery, query: strings.Replace(w3cQuery, world.ELM, "https://issuer.example/other", 1), present: bound(func(*format.Binding) {})},
		{name: "another value", check: credential.CheckQuery, query: strings.Replace(w3cQuery, `"nl"]`, `"nl"],"values":["CANARY"]`, 1), present: bound(func(*format.Binding) {})},
		{name: "without its holder", check: credential.CheckType, present: func(_ *testing.T, w *world.World, _ world.Asked) jsontext.Value {
			return w.IssueAs(credential.FormatJWT).Credential
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

// The age of their lists counts from validFrom.
func TestW3CStatusAge(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		holds bool
	}{"new": {time.Minute, true}, "old": {2*time.Minute + time.Second, false}} {
		w, _ := under(t, nil, map[string]any{
			"formats": []string{"jwt_vc_json"}, "status_max_age": "1m", "findings": map[string]any{"disclosed_too_much": "report"},
		}, map[string]any{"type": world.ELM})
		o := order(w3cQuery, verifier.CrossDevice)
		o.Policy = "own"
		s := start(t, w, o)
		a := w.Fetch(s)
		h := w.IssueAs(credential.FormatJWT)
		w.Freeze(h.Ref.URI+"/revocation", h.Ref.URI+"/suspension")
		w.Advance(c.after)
		_, _ = w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(h, a.Paths()))) // the result says how it went
		r := result(t, w, s, "")
		if r.Verified != c.holds {
			t.Errorf("%s: %s", name, jsonText(t, r))
		}
		for _, l := range r.Presentations[0].Checks {
			if !c.holds && (l.Outcome == credential.Failed) != (l.Name == credential.CheckStatus) {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
}

// Evidence of W3C credentials is not kept, and the receiver is told before it
// relies on it.
func TestW3CEvidence(t *testing.T) {
	w := world.New(t)
	for _, query := range []string{w3cQuery, ldpQuery} {
		o := order(query, verifier.CrossDevice)
		o.Evidence = true
		_, err := w.Verifier.Start(t.Context(), world.University, o)
		refused(t, err, verifier.ErrRequest)
		if err == nil || !strings.Contains(err.Error(), "evidence") {
			t.Errorf("%v", err)
		}
	}
}

// Nothing but a vc+jwt is taken inside, whatever it is: it would bring
// disclosures that nobody asked for. It is refused as what came, so that the
// request is answered, and not as a fault of ours.
func TestW3CForeignInside(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"as it is":               func(s string) string { return s },
		"with a key binding":     func(s string) string { return s + "a.b.c" },
		"with a disclosure more": func(s string) string { return s + "e30~" },
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			h := w.Issue()
			s := start(t, w, order(w3cQuery, verifier.CrossDevice))
			a := w.Fetch(s)
			holder, err := did.DIDKey(h.Key.Public())
			if err != nil {
				t.Fatal(err)
			}
			signer, err := vcjose.NewKeySigner(h.Key, holder+"#"+strings.TrimPrefix(holder, "did:key:"))
			if err != nil {
				t.Fatal(err)
			}
			payload, err := jose.Marshal(map[string]any{
				"@context": []string{"https://www.w3.org/ns/credentials/v2"}, "type": "VerifiablePresentation", "holder": holder, "nonce": string(a.Nonce), "aud": a.PresentTo(), "iat": w.Now().Unix(),
				"verifiableCredential": []any{map[string]any{"@context": "https://www.w3.org/ns/credentials/v2", "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+sd-jwt," + change(h.Text)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			text, err := signer.SignCompact(vcjose.TypPresentation, w.Now(), payload)
			if err != nil {
				t.Fatal(err)
			}
			value, err := jose.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(value))
			refused(t, err, verifier.ErrNotVerified)
			r := result(t, w, s, "")
			unverified(t, r)
			if fails := r.Presentations[0].Checks.Failures(); len(fails) != 1 || fails[0] != credential.CheckType {
				t.Errorf("%s", r.Presentations[0].Checks)
			}
		})
	}
}

// A presentation that was made for another request rejects the whole response
// in every format, also beside one that holds and where it is optional (OpenID4VP
// 1.0, Section 14.2.2).
func TestReplayBesideRejectsAll(t *testing.T) {
	one := func(query string) string {
		return strings.TrimSuffix(strings.TrimPrefix(query, `{"credentials":[`), `]}`)
	}
	both := `{"credentials":[` + one(w3cQuery) + `,` + strings.Replace(one(mobileQuery), `"id":"diploma"`, `"id":"mobile"`, 1) + `],"credential_sets":[{"options":[["diploma"]]},{"options":[["mobile"]],"required":false}]}`
	for name, nonce := range map[string]string{"this request": "", "another": "another"} {
		w := world.New(t)
		s := start(t, w, order(both, verifier.CrossDevice))
		a := w.Fetch(s)
		good := a.PresentAs(w.IssueAs(credential.FormatJWT), a.Paths())
		replayed := a.PresentAs(w.IssueAs(credential.FormatMdoc), []credential.Path{{world.Doctype, "title"}}, func(b *format.Binding) {
			if nonce != "" {
				b.Nonce = nonce
			}
		})
		_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": {good}, "mobile": {replayed}}, State: a.State}))
		if (err == nil) != (nonce == "") {
			t.Errorf("%s: %v", name, err)
		}
		if r := result(t, w, s, ""); r.Verified != (nonce == "") {
			t.Errorf("%s: verified is %t", name, r.Verified)
		}
	}
}
