package verifier_test

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// evidenced runs a transaction with evidence and fetches it.
func evidenced(t *testing.T, w *world.World, answer func(world.Asked) url.Values) string {
	t.Helper()
	o := order(query, verifier.CrossDevice)
	o.Evidence = true
	s := start(t, w, o)
	a := w.Fetch(s)
	_, _ = w.Verifier.Respond(t.Context(), a.Secret(), answer(a))
	text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func presenting(w *world.World) func(world.Asked) url.Values {
	return func(a world.Asked) url.Values { return a.Form(a.Present(w.Issue(), a.Paths())) }
}

// What was judged can be judged again, years later and without a network, and
// comes out the same: good, bad and refused.
func TestReverify(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(*world.World) func(world.Asked) url.Values
		verified bool
	}{
		"verified": {presenting, true},
		"revoked": {func(w *world.World) func(world.Asked) url.Values {
			return func(a world.Asked) url.Values {
				h := w.Issue()
				setStatus(t, w, h, status.Invalid)
				return a.Form(a.Present(h, a.Paths()))
			}
		}, false},
		"status out of reach": {func(w *world.World) func(world.Asked) url.Values {
			return func(a world.Asked) url.Values {
				h := w.Issue()
				w.Down.Store(true)
				return a.Form(a.Present(h, a.Paths()))
			}
		}, false},
		"a stranger's seal": {func(w *world.World) func(world.Asked) url.Values {
			return func(a world.Asked) url.Values {
				return a.Form(a.Present(w.IssueWith(w.Stranger()), a.Paths()))
			}
		}, false},
		"another nonce": {func(w *world.World) func(world.Asked) url.Values {
			return func(a world.Asked) url.Values {
				return a.Form(a.Present(w.Issue(), a.Paths(), func(b *world.Binding) { b.Nonce = "old" }))
			}
		}, false},
		"refused": {func(w *world.World) func(world.Asked) url.Values {
			return func(a world.Asked) url.Values {
				return url.Values{"error": {"access_denied"}, "state": {string(a.State)}}
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			text := evidenced(t, w, c.answer(w))
			w.Advance(10 * 365 * 24 * 3600e9)
			for _, anchors := range []trust.Anchors{w.Hierarchy.Anchors(), nil} {
				r := verifier.Reverify(t.Context(), text, anchors)
				holds, anchored := r.OK()
				if !holds || anchored != (anchors != nil) {
					t.Errorf("holds %t, anchored %t:\n%v", holds, anchored, r.Checks)
				}
				if r.Result == nil || r.Result.Verified != c.verified {
					t.Errorf("%+v", r.Result)
				}
			}
			// Under other anchors nothing of it holds.
			if holds, _ := verifier.Reverify(t.Context(), text, world.New(t).Hierarchy.Anchors()).OK(); holds {
				t.Error("it holds under a stranger's anchors")
			}
		})
	}
}

// Evidence holds what came over the Digital Credentials API, what the citizen
// authorised, and the lists that a query could name.
func TestReverifyOtherWays(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.Lists = []string{list} })
	look := func(name, text string) {
		t.Helper()
		r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
		if _, anchored := r.OK(); !anchored || !r.Result.Verified {
			t.Errorf("%s: %v", name, r.Checks)
		}
	}
	fetched := func(s verifier.Started) string {
		t.Helper()
		text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, "")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, protocols := range [][]string{nil, {oid4vp.ProtocolSigned}} {
		o := browserOrder(protocols...)
		o.Evidence = true
		s := start(t, w, o)
		a, err := w.Browser(s.Digital[0], origin)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, s.Digital[0].Protocol, a.DC(a.Present(w.Issue(), a.Paths()))); err != nil {
			t.Fatal(err)
		}
		text := fetched(s)
		look("digital credentials", text)
		// For another page it was not.
		for _, other := range []any{"https://evil.example", ""} {
			moved := resign(t, w, text, func(d map[string]any) { d["origin"] = other })
			if holds, _ := verifier.Reverify(t.Context(), moved, w.Hierarchy.Anchors()).OK(); holds {
				t.Errorf("it holds for the origin %q", other)
			}
		}
	}
	for _, protocols := range [][]string{{oid4vp.ProtocolUnsigned}, {oid4vp.ProtocolMultiSigned}, everyProtocol} {
		o := browserOrder(protocols...)
		o.Evidence = true
		_, err := w.Verifier.Start(t.Context(), world.University, o)
		refused(t, err, verifier.ErrRequest)
	}

	o := order(asking(`,"trusted_authorities":[{"type":"etsi_tl","values":["`+list+`"]}]`), verifier.CrossDevice)
	o.Evidence = true
	s := start(t, w, o)
	a := w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	look("named list", fetched(s))

	o = order(strings.ReplaceAll(query, `"id":"diploma"`, `"id":"a"`), verifier.CrossDevice)
	o.Evidence, o.Transactions = true, [][]byte{[]byte(payment)}
	s = start(t, w, o)
	a = w.Fetch(s)
	data, err := a.Transactions()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := data[0].Hash("sha-256")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths(), func(b *world.Binding) { b.Extra = oid4vp.TransactionHashes{Hashes: []string{hash}} }))); err != nil {
		t.Fatal(err)
	}
	text := fetched(s)
	look("transaction data", text)
	none := resign(t, w, text, func(d map[string]any) { delete(d["result"].(map[string]any), "transactions") })
	if holds, _ := verifier.Reverify(t.Context(), none, w.Hierarchy.Anchors()).OK(); holds {
		t.Error("what was authorised can be left out")
	}
}

// Each way of our page has evidence of its own request, behind the response
// code; a webhook tells of the transaction once, whichever way is taken.
func TestEvidenceOfThePage(t *testing.T) {
	w, i := listening(t)
	for _, way := range []verifier.Flow{verifier.SameDevice, verifier.CrossDevice, verifier.Digital} {
		s := start(t, w, verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.HostedPage, RedirectURI: world.Redirect, Evidence: true})
		page := world.Last(s.Page)
		visit, err := w.Verifier.Visit(t.Context(), page, "")
		if err != nil {
			t.Fatal(err)
		}
		same, cross := w.Fetch(verifier.Started{Link: visit.SameDevice}), w.Fetch(verifier.Started{Link: visit.CrossDevice})
		code := ""
		switch way {
		case verifier.SameDevice:
			back, err := w.Verifier.Respond(t.Context(), same.Secret(), same.Form(same.Present(w.Issue(), same.Paths())))
			if err != nil {
				t.Fatal(err)
			}
			_, code, _ = strings.Cut(back, oid4vp.ResponseCodeParameter+"=")
		case verifier.CrossDevice:
			if _, err := w.Verifier.Respond(t.Context(), cross.Secret(), cross.Form(cross.Present(w.Issue(), cross.Paths()))); err != nil {
				t.Fatal(err)
			}
			code = codeIn(t, progress(t, w, page, visit.Cookie, verifier.StateAnswered))
		default:
			a, err := w.Browser(visit.Digital[0], world.URL)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, a.DC(a.Present(w.Issue(), a.Paths()))); err != nil {
				t.Fatal(err)
			}
			code = codeIn(t, progress(t, w, page, visit.Cookie, verifier.StateAnswered))
		}
		deliver(t, w)
		i.want(s, "fetched", "answered")
		_, err = w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, "")
		refused(t, err, verifier.ErrCode)
		text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, code)
		if err != nil {
			t.Fatal(way, err)
		}
		r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
		if _, anchored := r.OK(); !anchored || !r.Result.Verified {
			t.Errorf("%s: %v", way, r.Checks)
		}
	}
}

// A wallet that refuses over the Digital Credentials API leaves evidence too.
func TestEvidenceOfARefusal(t *testing.T) {
	w := world.New(t)
	o := browserOrder()
	o.Evidence = true
	s := start(t, w, o)
	if err := w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, oid4vp.ProtocolSigned, []byte(`{"error":"access_denied"}`)); err != nil {
		t.Fatal(err)
	}
	text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, "")
	if err != nil {
		t.Fatal(err)
	}
	r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
	if _, anchored := r.OK(); !anchored || r.Result.WalletError != oid4vp.AccessDenied {
		t.Errorf("%v", r.Checks)
	}
}

// resign changes evidence and signs it as the registrar, who could lie, would.
func resign(t *testing.T, w *world.World, text string, change func(map[string]any)) string {
	t.Helper()
	tok, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(tok.Payload, &doc); err != nil {
		t.Fatal(err)
	}
	change(doc)
	payload, err := jose.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jose.SignCompact(w.Hierarchy.Registrar.Key, tok.Header, payload)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever is changed in evidence is found, by the check that is named, also
// when it is signed anew.
func TestEvidenceChanged(t *testing.T) {
	w := world.New(t)
	good := evidenced(t, w, presenting(w))
	other := evidenced(t, w, presenting(w))
	member := func(text, name string) any {
		tok, err := jose.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(tok.Payload, &doc); err != nil {
			t.Fatal(err)
		}
		return doc[name]
	}
	in := func(doc map[string]any, path ...string) map[string]any {
		for _, name := range path {
			doc = doc[name].(map[string]any)
		}
		return doc
	}
	first := func(doc map[string]any) map[string]any {
		return in(doc, "result")["presentations"].([]any)[0].(map[string]any)
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		check  string
	}{
		"a claim":              {func(d map[string]any) { in(first(d), "claims")["title"] = "Doctor" }, verifier.CheckVerdict},
		"the issuer":           {func(d map[string]any) { first(d)["issuer"] = "https://other.example" }, verifier.CheckVerdict},
		"the verdict":          {func(d map[string]any) { in(d, "result")["verified"] = false }, verifier.CheckVerdict},
		"the reference's time": {func(d map[string]any) { d["judged_at"] = "2020-01-01T00:00:00Z" }, verifier.CheckRequestObject},
		"another request":      {func(d map[string]any) { d["request_object"] = member(other, "request_object") }, verifier.CheckState},
		"another response":     {func(d map[string]any) { d["response"] = member(other, "response") }, verifier.CheckState},
		"another receiver":     {func(d map[string]any) { in(d, "receiver")["registration"] = world.EmployerNumber }, verifier.CheckRegistration},
		"the policy":           {func(d map[string]any) { in(d, "policy", "document")["version"] = "2" }, verifier.CheckEvidencePolicy},
		"the policy's digest":  {func(d map[string]any) { in(d, "policy")["digest"] = "AAAA" }, verifier.CheckEvidencePolicy},
		"no status list":       {func(d map[string]any) { d["status_lists"] = []any{} }, verifier.CheckVerdict},
		"no revocation list":   {func(d map[string]any) { in(d, "trust")["revocation_lists"] = []any{} }, verifier.CheckVerdict},
		"no list of providers": {func(d map[string]any) { in(d, "trust")["provider_list"] = "" }, verifier.CheckVerdict},
		"the list's sequence":  {func(d map[string]any) { in(d, "trust")["provider_list_sequence"] = 99 }, verifier.CheckTrustMaterial},
		"a broken list":        {func(d map[string]any) { in(d, "trust")["provider_list"] = "a.b.c" }, verifier.CheckTrustMaterial},
		"another version":      {func(d map[string]any) { d["version"] = 1 }, verifier.CheckEvidenceForm},
		"an unknown member":    {func(d map[string]any) { d["note"] = "x" }, verifier.CheckEvidenceForm},
	} {
		r := verifier.Reverify(t.Context(), resign(t, w, good, c.change), w.Hierarchy.Anchors())
		if holds, _ := r.OK(); holds || !slices.Contains(r.Checks.Failures(), c.check) {
			t.Errorf("%s: want a failed %s, got\n%v", name, c.check, r.Checks)
		}
	}
	parts := strings.Split(good, ".")
	for name, c := range map[string]struct{ text, check string }{
		"signature of another": {parts[0] + "." + parts[1] + "." + strings.Split(other, ".")[2], verifier.CheckEvidenceSignature},
		"no token":             {"{}", verifier.CheckEvidenceForm},
		"a request object":     {member(good, "request_object").(string), verifier.CheckEvidenceForm},
		"empty":                {"", verifier.CheckEvidenceForm},
	} {
		r := verifier.Reverify(t.Context(), c.text, nil)
		if holds, _ := r.OK(); holds || !slices.Contains(r.Checks.Failures(), c.check) {
			t.Errorf("%s: want a failed %s, got\n%v", name, c.check, r.Checks)
		}
	}
	// No other kind of token passes for evidence (RFC 8725, Section 3.11).
	for _, typ := range []string{"", "JWT", "oauth-authz-req+jwt", "rc-wrp+jwt", "receivers-register+jwt", "dc+sd-jwt", "kb+jwt", "statuslist+jwt", "Verifier-Evidence+jwt", "application/verifier-evidence+jwt"} {
		tok, err := jose.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		tok.Header.Typ = typ
		text, err := jose.SignCompact(w.Hierarchy.Registrar.Key, tok.Header, tok.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if r := verifier.Reverify(t.Context(), text, nil); !slices.Contains(r.Checks.Failures(), verifier.CheckEvidenceForm) {
			t.Errorf("typ %q passes for evidence", typ)
		}
	}
	// Somebody else signs the same words.
	stranger := world.New(t)
	forged := resign(t, stranger, good, func(map[string]any) {})
	if holds, _ := verifier.Reverify(t.Context(), forged, w.Hierarchy.Anchors()).OK(); holds {
		t.Error("signed by a stranger it holds")
	}
}

// Evidence outlives the registrar that signed it, and one that was replaced between the
// request and the judgement: its certificate is named in the evidence, and must be an
// anchor of the reader's like that of the signer.
func TestEvidenceAndRotation(t *testing.T) {
	w := world.New(t)
	rotate := func() {
		if err := w.Hierarchy.RotateRegistrar(w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	former := w.Hierarchy.Registrar.Certificate
	old := w.Hierarchy.Anchors()
	before := evidenced(t, w, presenting(w))
	across := evidenced(t, w, func(a world.Asked) url.Values {
		rotate()
		return presenting(w)(a)
	})
	after := evidenced(t, w, presenting(w))
	stranger := world.New(t).Hierarchy.Registrar.Certificate
	changed := map[string]string{}
	for name, chain := range map[string][]string{
		"none":         {},
		"no DER":       {"AAAA"},
		"a stranger's": jose.EncodeX5C([]*x509.Certificate{stranger}),
	} {
		changed[name] = resign(t, w, across, func(d map[string]any) {
			for _, c := range d["trust"].(map[string]any)["chains"].([]any) {
				if c := c.(map[string]any); c["use"] == "registrar" {
					c["certificates"] = chain
				}
			}
		})
	}
	signer := w.Hierarchy.Registrar.Certificate
	rotate()
	w.Advance(time.Hour)
	all := w.Hierarchy.Anchors()
	with := func(certs ...*x509.Certificate) trust.Anchors {
		a := maps.Clone(all)
		a[trust.UseRegistrar] = certs
		return a
	}
	for name, c := range map[string]struct {
		text            string
		anchors         trust.Anchors
		holds, anchored bool
		failed          string
	}{
		"before":                        {before, all, true, true, ""},
		"before, anchors of then":       {before, old, true, true, ""},
		"before, without the former":    {before, with(signer), false, false, verifier.CheckEvidenceSigner},
		"across":                        {across, all, true, true, ""},
		"across, anchors of then":       {across, old, true, true, ""}, // the next one was an anchor, too
		"across, without the former":    {across, with(signer), false, false, verifier.CheckRegistration},
		"across, without the signer":    {across, with(former), false, false, verifier.CheckEvidenceSigner},
		"across, no anchors":            {across, nil, true, false, ""},
		"across, none for registrars":   {across, with(), true, false, ""},
		"after":                         {after, all, true, true, ""},
		"after, without the former":     {after, with(signer), true, true, ""},
		"after, only the one before it": {after, with(former), false, false, verifier.CheckEvidenceSigner},
	} {
		if len(c.anchors[trust.UseRegistrar]) == 0 {
			delete(c.anchors, trust.UseRegistrar)
		}
		r := verifier.Reverify(t.Context(), c.text, c.anchors)
		holds, anchored := r.OK()
		if holds != c.holds || anchored != c.anchored || c.failed != "" && !slices.Contains(r.Checks.Failures(), c.failed) {
			t.Errorf("%s: holds %t, anchored %t\n%v", name, holds, anchored, r.Checks)
		}
	}
	// What is named must be the certificate of who signed the registration certificate.
	for name, text := range changed {
		for _, anchors := range []trust.Anchors{all, nil} {
			if r := verifier.Reverify(t.Context(), text, anchors); !slices.Contains(r.Checks.Failures(), verifier.CheckRegistration) {
				t.Errorf("%s: %v", name, r.Checks)
			}
		}
	}
}

// Evidence is there only when it was asked for, for its receiver, with the
// response code, and no longer than the result.
func TestEvidenceIsKeptAsTheResultIs(t *testing.T) {
	w := world.New(t)
	fetch := func(s verifier.Started, receiver, code string) error {
		_, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), receiver, code)
		return err
	}
	without := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(without)
	refused(t, fetch(without, world.University, ""), verifier.ErrPending)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	refused(t, fetch(without, world.University, ""), verifier.ErrNoEvidence)

	o := order(query, verifier.SameDevice)
	o.Evidence = true
	s := start(t, w, o)
	a = w.Fetch(s)
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	code := u.Query().Get("response_code")
	refused(t, fetch(s, world.Employer, code), verifier.ErrNotFound)
	refused(t, fetch(s, world.University, ""), verifier.ErrCode)
	refused(t, fetch(s, world.University, strings.Repeat("A", 43)), verifier.ErrCode)
	if err := fetch(s, world.University, code); err != nil {
		t.Fatal(err)
	}
	// It held the result: both are delivered.
	refused(t, fetch(s, world.University, code), verifier.ErrSpent)
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, code)
	refused(t, err, verifier.ErrSpent)

	// Without a code nothing that was presented on the same device is released,
	// and a response that does not hold gets none.
	s = start(t, w, o)
	a = w.Fetch(s)
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.IssueWith(w.Stranger()), a.Paths())))
	refused(t, err, verifier.ErrNotVerified)
	refused(t, fetch(s, world.University, ""), verifier.ErrNoEvidence)

	s = start(t, w, o)
	a = w.Fetch(s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	w.Restart() // it survives one
	w.Advance(3600e9)
	refused(t, fetch(s, world.University, ""), verifier.ErrExpired)
	w.Suspend()
	refused(t, fetch(s, world.University, ""), verifier.ErrNotAdmitted)
}

func FuzzReverify(f *testing.F) {
	f.Add("a.b.c")
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		if holds, _ := verifier.Reverify(t.Context(), text, nil).OK(); holds {
			t.Errorf("%q holds", text)
		}
	})
}

// allListed says of every certificate that it is a qualified one.
type allListed struct{}

func (allListed) Seal([]*x509.Certificate, tsl.Times) tsl.Determination {
	return tsl.Determination{Qualified: tsl.Positive, Device: tsl.Positive, Steps: []tsl.Step{{Name: tsl.StepListOfLists, Outcome: tsl.Positive, Found: "number 390"}, {Name: tsl.StepProvider}}}
}

// A qualified seal is one again years later, by what the evidence says that the
// lists said; that it had to be believed is told.
func TestReverifyTrustedLists(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.Seals.Lists = allListed{} })
	text := evidenced(t, w, presenting(w))
	r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
	if holds, anchored := r.OK(); !holds || anchored || r.Result.Qualification != seal.QESeal {
		t.Errorf("holds %t, anchored %t\n%v", holds, anchored, r.Checks)
	}
	if !slices.ContainsFunc(r.Checks, func(c credential.Check) bool {
		return c.Name == verifier.CheckTrustedLists && c.Outcome == credential.Skipped
	}) {
		t.Errorf("what was believed is not told\n%v", r.Checks)
	}
}
