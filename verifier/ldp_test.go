package verifier_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

var ldpQuery = strings.Replace(w3cQuery, "jwt_vc_json", "ldp_vc", 1)

var processor = jsonld.New(jsonld.LoaderFunc(contexts.Document))

// A credential with a Data Integrity proof is judged by the same line of checks.
// What is disclosed is what was asked, and its seal is judged by the certificate
// that the issuer publishes (OpenID4VP 1.0, Appendix B.1.3.2).
func TestLDP(t *testing.T) {
	w := world.New(t)
	h := w.IssueAs(credential.FormatLDP)
	s := start(t, w, order(ldpQuery, verifier.CrossDevice))
	a := w.Fetch(s)
	if got := string(a.ClientMetadata.VPFormatsSupported["ldp_vc"]); got != `{"proof_type_values":["DataIntegrityProof"],"cryptosuite_values":["ecdsa-sd-2023","ecdsa-rdfc-2019","ecdsa-jcs-2019"]}` {
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
	if p.Issuer != world.Issuer || p.Type != world.ELM || p.Format != credential.FormatLDP || p.Expires == nil || p.Seal.Level != seal.DataIntegrity || p.Seal.Provider.Registration != w.Hierarchy.Registration() {
		t.Errorf("%+v %+v", p, p.Seal)
	}
	if want := `{"credentialSubject":{"hasClaim":{"title":{"nl":"CANARY-TITLE"}}}}`; string(p.Claims) != want {
		t.Errorf("claims %s, want %s", p.Claims, want)
	}
	for _, c := range p.Checks {
		if c.Outcome != credential.Passed {
			t.Errorf("%+v", c)
		}
	}
	if want := []string{format.MethodOf(world.Issuer, w.Hierarchy.Seal.Certificate)}; !slices.Equal(w.Controllers.Asked, want) {
		t.Errorf("looked up %v, want %v", w.Controllers.Asked, want)
	}
}

// More than was asked is found out, and is not handed over.
func TestLDPBeyond(t *testing.T) {
	w := world.New(t)
	s := start(t, w, order(ldpQuery, verifier.CrossDevice))
	a := w.Fetch(s)
	more := append(a.Paths(), credential.Path{"displayParameter", "title", "nl"}, credential.Path{"credentialSubject", "hasClaim", "awardedBy", "awardingBody"})
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(w.IssueAs(credential.FormatLDP), more))); err != nil {
		t.Fatal(err)
	}
	p := result(t, w, s, "").Presentations[0]
	if strings.Contains(string(p.Claims), "CANARY-SUBJECT") || strings.Contains(string(p.Claims), "displayParameter") {
		t.Errorf("%s", p.Claims)
	}
	for _, c := range p.Checks {
		if c.Name == verifier.CheckDisclosure && (c.Outcome == credential.Passed || !strings.Contains(c.Detail, "were disclosed")) {
			t.Errorf("%+v", c)
		}
	}
}

// A seal of before a change of the certificate holds, as long as the issuer
// publishes it and it is not revoked.
func TestLDPAfterRotation(t *testing.T) {
	w := world.New(t)
	h := w.IssueAs(credential.FormatLDP)
	w.IssueAsWith(credential.FormatLDP, rotated(t, w))
	s := start(t, w, order(ldpQuery, verifier.CrossDevice))
	a := w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(a.PresentAs(h, a.Paths()))); err != nil {
		t.Fatal(err)
	}
	if r := result(t, w, s, ""); !r.Verified {
		t.Errorf("%s", jsonText(t, r))
	}
}

// members of a JSON object, for changing them.
type members = map[string]any

func parsed(t *testing.T, v jsontext.Value) members {
	t.Helper()
	var out members
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// inside is the credential in a presentation.
func inside(vp members) members {
	return vp["verifiableCredential"].([]any)[0].(members)
}

// text is a value as JSON.
func text(t *testing.T, v any) jsontext.Value {
	t.Helper()
	b, err := jose.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signed is a presentation that a holder signs for the request, whatever is in it.
func signed(t *testing.T, w *world.World, a world.Asked, vp members, key crypto.Signer, change ...func(*di.Options, *di.Terms)) jsontext.Value {
	t.Helper()
	delete(vp, "proof")
	id, err := did.DIDKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := di.NewECDSAJCS2019(key)
	if err != nil {
		t.Fatal(err)
	}
	o := di.Options{Signer: signer, VerificationMethod: id + "#" + strings.TrimPrefix(id, "did:key:"), Purpose: did.Authentication, Contexts: contexts.URLs(), Embedded: []string{"verifiableCredential"}, InsecureAnySpelling: true}
	terms := di.Terms{Created: w.Now(), Challenge: string(a.Nonce), Domain: []string{a.PresentTo()}}
	for _, f := range change {
		f(&o, &terms)
	}
	proofs, err := di.NewTemplate(o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := proofs.Add(text(t, vp), terms)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Everything that ties a credential with a Data Integrity proof to this request,
// its holder and its issuer is refused by name when it is not as it must be.
func TestLDPRefused(t *testing.T) {
	bound := func(change func(*format.Binding)) present {
		return func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths(), change)
		}
	}
	// again signs a presentation anew after a change, by its holder.
	again := func(change func(vp members), terms ...func(*di.Options, *di.Terms)) present {
		return func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			vp := parsed(t, a.PresentAs(h, a.Paths()))
			change(vp)
			return signed(t, w, a, vp, h.Key, terms...)
		}
	}
	same := func(members) {}
	// published presents what holds, while the issuer's document is changed.
	published := func(change func(*testing.T, *world.World, *did.Document)) present {
		return func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			w.Controllers.Change = func(d *did.Document) { change(t, w, d) }
			return a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths())
		}
	}
	refuseAll(t, ldpQuery, []refusal{
		// The holder's word.
		{name: "another nonce", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.Nonce = "another" })},
		{name: "another client", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.Audience = "x509_hash:another" })},
		{name: "over the browser", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.Audience = "origin:https://verifier.example" })},
		{name: "made long ago", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.IssuedAt = b.IssuedAt.Add(-time.Hour) })},
		{name: "made in the future", check: credential.CheckReplay, present: bound(func(b *format.Binding) { b.IssuedAt = b.IssuedAt.Add(time.Hour) })},
		{name: "made at no time", check: credential.CheckReplay, present: again(same, func(_ *di.Options, x *di.Terms) { x.Created = time.Time{} })},
		{name: "made long ago, without an end", check: credential.CheckReplay, present: again(same, func(_ *di.Options, x *di.Terms) { x.Created = x.Created.Add(-time.Hour) })},
		{name: "for two", check: credential.CheckReplay, present: again(same, func(_ *di.Options, x *di.Terms) { x.Domain = append(x.Domain, "x509_hash:another") })},
		{name: "without a challenge", check: credential.CheckReplay, present: again(same, func(_ *di.Options, x *di.Terms) { x.Challenge = "" })},
		{name: "as an assertion", check: credential.CheckHolderBinding, present: again(same, func(o *di.Options, _ *di.Terms) { o.Purpose = did.AssertionMethod })},
		{name: "another holder", check: credential.CheckHolderBinding, present: bound(func(b *format.Binding) { b.Signer = world.NewKey() })},
		{name: "as another's method", check: credential.CheckHolderBinding, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			vp := parsed(t, a.PresentAs(h, a.Paths()))
			mine := vp["proof"].(members)["verificationMethod"].(string)
			return signed(t, w, a, vp, world.NewKey(), func(o *di.Options, _ *di.Terms) { o.VerificationMethod = mine })
		}},
		{name: "another holder is named", check: credential.CheckHolderBinding, present: again(func(vp members) { vp["holder"] = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv" })},
		{name: "the challenge changed after signing", check: credential.CheckHolderBinding, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			vp := parsed(t, a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths(), func(b *format.Binding) { b.Nonce = "another" }))
			vp["proof"].(members)["challenge"] = string(a.Nonce)
			return text(t, vp)
		}},
		{name: "a cryptosuite of whole documents by the issuer's side", check: credential.CheckStructure, present: again(func(vp members) { inside(vp)["proof"].(members)["cryptosuite"] = "ecdsa-rdfc-2019" })},

		// What is in it.
		{name: "the base proof", check: credential.CheckSeal, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			vp := parsed(t, a.PresentAs(h, a.Paths()))
			vp["verifiableCredential"] = []any{parsed(t, h.Credential)}
			return signed(t, w, a, vp, h.Key)
		}},
		{name: "as it was issued", check: credential.CheckStructure, present: func(_ *testing.T, w *world.World, _ world.Asked) jsontext.Value {
			return w.IssueAs(credential.FormatLDP).Credential
		}},
		{name: "none", check: credential.CheckStructure, present: again(func(vp members) { vp["verifiableCredential"] = []any{} })},
		{name: "twice", check: credential.CheckStructure, present: again(func(vp members) { vp["verifiableCredential"] = []any{inside(vp), inside(vp)} })},
		{name: "two proofs", check: credential.CheckStructure, present: again(func(vp members) {
			c := inside(vp)
			c["proof"] = []any{c["proof"], c["proof"]}
		})},
		{name: "without a proof of its own", check: credential.CheckStructure, present: again(func(vp members) { delete(inside(vp), "proof") })},
		{name: "stripped of its status", check: credential.CheckSeal, present: again(func(vp members) { delete(inside(vp), "credentialStatus") })},
		{name: "stripped of its end", check: credential.CheckSeal, present: again(func(vp members) { delete(inside(vp), "validUntil") })},
		{name: "another value put in", check: credential.CheckSeal, present: again(func(vp members) {
			inside(vp)["credentialSubject"].(members)["hasClaim"].(members)["title"] = members{"nl": "Doctor"}
		})},
		{name: "the subject renamed", check: credential.CheckSeal, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			thief := world.NewKey()
			id, err := did.DIDKey(thief.Public())
			if err != nil {
				t.Fatal(err)
			}
			vp := parsed(t, a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths()))
			inside(vp)["credentialSubject"].(members)["id"], vp["holder"] = id, id
			return signed(t, w, a, vp, thief)
		}},
		{name: "a context unknown", check: credential.CheckStructure, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			vp := parsed(t, a.PresentAs(h, a.Paths()))
			c := inside(vp)
			c["@context"] = append(c["@context"].([]any), "https://attacker.example/context")
			return signed(t, w, a, vp, h.Key, func(o *di.Options, _ *di.Terms) {
				o.Contexts = append(slices.Clone(o.Contexts), "https://attacker.example/context")
			})
		}},
		{name: "a term undefined", check: credential.CheckSeal, present: again(func(vp members) { inside(vp)["undefinedTerm"] = "x" })},
		{name: "none of what was held back", check: credential.CheckSeal, present: again(func(vp members) {
			inside(vp)["credentialSubject"].(members)["hasClaim"].(members)["title"] = members{}
		})},
		{name: "null for what was held back", check: credential.CheckSeal, present: again(func(vp members) { inside(vp)["displayParameter"] = nil })},
		{name: "a member under its IRI", check: credential.CheckStructure, present: again(func(vp members) {
			c := inside(vp)
			c["https://www.w3.org/2018/credentials#credentialStatus"] = c["credentialStatus"]
			delete(c, "credentialStatus")
		})},
		{name: "its end left out", check: credential.CheckStructure, present: lax("/validUntil")},
		{name: "its beginning left out", check: credential.CheckStructure, present: lax("/validFrom")},
		{name: "its status left out", check: credential.CheckStructure, present: lax("/credentialStatus")},
		{name: "forged by another key", check: credential.CheckSeal, present: forged},
		{name: "forged by the key inside the proof", check: credential.CheckSeal, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return selfSigned(t, w, a, world.NewKey())
		}},

		// Whose seal it is.
		{name: "a document with another id", check: credential.CheckSeal, present: published(func(_ *testing.T, _ *world.World, d *did.Document) { d.ID = "https://other.example" })},
		{name: "a method without certificates", check: credential.CheckSeal, present: published(func(_ *testing.T, _ *world.World, d *did.Document) { d.VerificationMethod[0].X5C = nil })},
		{name: "a method whose certificate is of another key", check: credential.CheckSeal, present: published(func(t *testing.T, w *world.World, d *did.Document) {
			d.VerificationMethod[0].X5C = jose.EncodeX5C([]*x509.Certificate{w.Stranger().Certificate()})
		})},
		{name: "a method with another key", check: credential.CheckSeal, present: published(func(t *testing.T, _ *world.World, d *did.Document) {
			k, err := jose.PublicJWK(world.NewKey().Public())
			if err != nil {
				t.Fatal(err)
			}
			d.VerificationMethod[0].PublicKeyJWK = &k
		})},
		{name: "a method that is not for assertions", check: credential.CheckSeal, present: published(func(_ *testing.T, _ *world.World, d *did.Document) {
			d.AssertionMethod, d.Authentication = nil, d.AssertionMethod
		})},
		{name: "a method of another controller", check: credential.CheckSeal, present: published(func(_ *testing.T, _ *world.World, d *did.Document) {
			d.VerificationMethod[0].Controller = "https://other.example"
		})},
		{name: "a method that is revoked", check: credential.CheckSeal, present: published(func(_ *testing.T, w *world.World, d *did.Document) { d.VerificationMethod[0].Revoked = w.Now() })},
		{name: "a document that cannot be had", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			p := a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths())
			w.Down.Store(true)
			return p
		}},
		{name: "an issuer that nothing is accepted from", check: credential.CheckSeal, present: again(func(vp members) {
			c := inside(vp)
			c["issuer"].(members)["id"] = "https://other.example"
			c["proof"].(members)["verificationMethod"] = "https://other.example#k"
		})},
		{name: "a method of another", check: credential.CheckSeal, present: again(func(vp members) {
			inside(vp)["proof"].(members)["verificationMethod"] = "https://other.example#k"
		})},
		{name: "a seal of strangers", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAsWith(credential.FormatLDP, w.Stranger()), a.Paths())
		}},
		{name: "a certificate of another provider", check: credential.CheckIssuerTrust, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAsWith(credential.FormatLDP, another(t, w)), a.Paths())
		}},
		{name: "revoked seal certificate", check: credential.CheckSeal, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			w.RevokeSeal()
			return a.PresentAs(h, a.Paths())
		}},
		{name: "provider withdrawn", check: credential.CheckIssuerTrust, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			w.Withdraw()
			return a.PresentAs(h, a.Paths())
		}},

		// What it says.
		{name: "over", check: credential.CheckValidity, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP, func(c *format.Copy) { c.Expires = w.Now().Add(time.Second) })
			w.Advance(2 * time.Minute)
			return a.PresentAs(h, a.Paths())
		}},
		{name: "not yet", check: credential.CheckValidity, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatLDP, func(c *format.Copy) { c.NotBefore = w.Now().Add(time.Hour) }), a.Paths())
		}},
		{name: "revoked", check: credential.CheckStatus, present: func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			h := w.IssueAs(credential.FormatLDP)
			if err := w.Statuses.Set(t.Context(), h.Ref, status.Invalid); err != nil {
				t.Fatal(err)
			}
			return a.PresentAs(h, a.Paths())
		}},
		{name: "no status", check: credential.CheckStructure, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatLDP, func(c *format.Copy) { c.Entries = nil }), a.Paths())
		}},
		{name: "a status that another body signed", check: credential.CheckStatus, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			w.ListsOfAnother.Store(true)
			return a.PresentAs(w.IssueAs(credential.FormatLDP), a.Paths())
		}},
		{name: "less than was asked", check: credential.CheckQuery, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatLDP), nil)
		}},
		{name: "of another type", check: credential.CheckQuery, query: strings.Replace(ldpQuery, world.ELM, "https://issuer.example/other", 1), present: bound(func(*format.Binding) {})},
		{name: "another value asked", check: credential.CheckQuery, query: strings.Replace(ldpQuery, `"nl"]`, `"nl"],"values":["CANARY"]`, 1), present: bound(func(*format.Binding) {})},
		{name: "a vc+jwt", check: credential.CheckStructure, present: func(_ *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return a.PresentAs(w.IssueAs(credential.FormatJWT), a.Paths())
		}},
		{name: "an object", check: credential.CheckStructure, present: func(*testing.T, *world.World, world.Asked) jsontext.Value { return jsontext.Value(`{"a":1}`) }},
	})
}

// What the tests forge with holds when it is the issuer's key, so that refusals are
// for what was changed; and documents of strangers are not asked for.
func TestLDPControls(t *testing.T) {
	for name, present := range map[string]present{
		"reissued": func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return reissued(t, w, a, w.Hierarchy.Seal.Key, func(members) {}, whole...)
		},
		"self-signed": func(t *testing.T, w *world.World, a world.Asked) jsontext.Value {
			return selfSigned(t, w, a, w.Hierarchy.Seal.Key)
		},
	} {
		w := world.New(t)
		s := start(t, w, order(ldpQuery, verifier.CrossDevice))
		a := w.Fetch(s)
		if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(present(t, w, a))); err != nil {
			t.Errorf("%s: %v: %s", name, err, jsonText(t, result(t, w, s, "")))
		}
	}
	w := world.New(t)
	a := w.Fetch(start(t, w, order(ldpQuery, verifier.CrossDevice)))
	h := w.IssueAs(credential.FormatLDP)
	vp := parsed(t, a.PresentAs(h, a.Paths()))
	inside(vp)["issuer"].(members)["id"] = "https://other.example"
	inside(vp)["proof"].(members)["verificationMethod"] = "https://other.example#k"
	_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(signed(t, w, a, vp, h.Key)))
	refused(t, err, verifier.ErrNotVerified)
	if len(w.Controllers.Asked) > 0 {
		t.Errorf("asked for %v", w.Controllers.Asked)
	}
}
