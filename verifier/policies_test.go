package verifier_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/policy"
)

// policyText is a policy of the university with members changed.
func policyText(w *world.World, change map[string]any, typ map[string]any) string {
	entry := map[string]any{"type": world.VCT, "issuers": []string{world.Issuer}, "registrations": []string{w.Hierarchy.Registration()}}
	for k, v := range typ {
		entry[k] = v
	}
	d := map[string]any{"id": "own", "version": "1", "formats": []string{"dc+sd-jwt"}, "algorithms": []string{"ES256"}, "credentials": []any{entry}}
	for k, v := range change {
		d[k] = v
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// under makes a world whose verifier has the policy beside the platform's.
func under(t *testing.T, relax []policy.Relaxation, change, typ map[string]any) (*world.World, *policy.Policy) {
	t.Helper()
	w := world.New(t)
	p, err := policy.Parse("own.json", []byte(policyText(w, change, typ)))
	if err != nil {
		t.Fatal(err)
	}
	config := w.Config
	config.Policies, config.Relax = []*policy.Policy{p}, relax
	if w.Verifier, err = verifier.New(config); err != nil {
		t.Fatal(err)
	}
	w.Config = config
	for _, whole := range w.Verifier.Policies(world.University) { // with what it leaves open
		if whole.ID == p.ID {
			p = whole
		}
	}
	return w, p
}

func report(f policy.Finding) map[string]any {
	return map[string]any{"findings": map[string]any{string(f): "report"}}
}

func fails(f policy.Finding) map[string]any {
	return map[string]any{"findings": map[string]any{string(f): "fail"}}
}

const unboundQuery = `{"credentials":[{"id":"diploma","format":"dc+sd-jwt","require_cryptographic_holder_binding":false,"meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]}]}`

// judged runs one transaction under the policy own.
func judged(t *testing.T, w *world.World, query string, present func(*world.World, world.Asked, world.Held) string) verifier.Result {
	t.Helper()
	o := order(query, verifier.CrossDevice)
	o.Policy = "own"
	s := start(t, w, o)
	a := w.Fetch(s)
	h := w.Issue()
	if present == nil {
		present = func(_ *world.World, a world.Asked, h world.Held) string { return a.Present(h, a.Paths()) }
	}
	text := present(w, a, h)
	_, _ = w.Verifier.Respond(t.Context(), a.Secret(), a.Form(text)) // the result says how it went
	return result(t, w, s, "")
}

// A policy decides what a finding does; without its word everything fails, and
// a reported finding leaves its check open.
func TestPolicyFindings(t *testing.T) {
	type presenting = func(*world.World, world.Asked, world.Held) string
	revoke := func(v status.Value) presenting {
		return func(w *world.World, a world.Asked, h world.Held) string {
			if err := w.Statuses.Set(w.T.Context(), h.Ref, v); err != nil {
				w.T.Fatal(err)
			}
			return a.Present(h, a.Paths())
		}
	}
	down := func(w *world.World, a world.Asked, h world.Held) string {
		w.Down.Store(true)
		return a.Present(h, a.Paths())
	}
	bare := func(_ *world.World, a world.Asked, h world.Held) string {
		return a.Present(h, a.Paths(), func(b *world.Binding) { b.None = true })
	}
	stale := func(_ *world.World, a world.Asked, h world.Held) string {
		return a.Present(h, a.Paths(), func(b *world.Binding) { b.Nonce = "another" })
	}
	more := func(_ *world.World, a world.Asked, h world.Held) string {
		return a.Present(h, append(a.Paths(), credential.Path{"level"}))
	}
	later := func(w *world.World, a world.Asked, h world.Held) string {
		w.Advance(2 * time.Minute)
		return a.Present(h, a.Paths())
	}
	age := map[string]any{"max_age": "1m"}
	unavailable, missing, holder := []policy.Relaxation{policy.RelaxStatusUnavailable}, []policy.Relaxation{policy.RelaxStatusMissing}, []policy.Relaxation{policy.RelaxHolderBinding}
	for _, c := range []struct {
		name    string
		relax   []policy.Relaxation
		change  map[string]any
		typ     map[string]any
		query   string
		present presenting
		holds   bool
		check   string // that failed, or was left open
		finding policy.Finding
	}{
		{name: "as it should be", holds: true},
		{name: "status out of reach", present: down, check: credential.CheckStatus},
		{name: "status out of reach, reported", relax: unavailable, change: report(policy.StatusUnavailable), present: down, holds: true, check: credential.CheckStatus, finding: policy.StatusUnavailable},
		{name: "revoked, though unavailable is reported", relax: unavailable, change: report(policy.StatusUnavailable), present: revoke(status.Invalid), check: credential.CheckStatus},
		{name: "suspended, though unavailable is reported", relax: unavailable, change: report(policy.StatusUnavailable), present: revoke(status.Suspended), check: credential.CheckStatus},
		{name: "status out of reach, though missing is reported", relax: missing, change: report(policy.StatusMissing), present: down, check: credential.CheckStatus},
		{name: "old credential", typ: age, present: later, check: credential.CheckPolicy},
		{name: "old credential, reported", typ: age, change: report(policy.CredentialTooOld), present: later, holds: true, check: credential.CheckPolicy, finding: policy.CredentialTooOld},
		{name: "young credential", typ: age, holds: true},
		{name: "no holder", query: unboundQuery, relax: holder, change: report(policy.HolderBindingMissing), present: bare, holds: true, check: credential.CheckHolderBinding, finding: policy.HolderBindingMissing},
		{name: "no holder where the query wants one", relax: holder, change: report(policy.HolderBindingMissing), present: bare, check: credential.CheckHolderBinding},
		{name: "a holder's proof for another request", query: unboundQuery, relax: holder, change: report(policy.HolderBindingMissing), present: stale, check: credential.CheckReplay},
		{name: "more than asked", present: more, holds: true, check: verifier.CheckDisclosure, finding: policy.DisclosedTooMuch},
		{name: "more than asked, failing", change: fails(policy.DisclosedTooMuch), present: more, check: verifier.CheckDisclosure},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p := under(t, c.relax, c.change, c.typ)
			if c.query == "" {
				c.query = query
			}
			r := judged(t, w, c.query, c.present)
			if r.Policy != p.Ref() || r.Policy.Digest != policy.Digest(p.Document()) {
				t.Errorf("judged by %+v", r.Policy)
			}
			if !c.holds {
				unverified(t, r)
				if len(r.Presentations) != 1 || !slices.Contains(r.Presentations[0].Checks.Failures(), c.check) {
					t.Errorf("want a failed %s: %+v", c.check, r)
				}
				return
			}
			if !r.Verified || r.Presentations[0].Issuer != world.Issuer {
				t.Fatalf("%+v", r)
			}
			var want []policy.Finding
			if c.finding != "" {
				want = []policy.Finding{c.finding}
			}
			if got := r.Presentations[0].Reservations; !slices.Equal(got, want) {
				t.Errorf("reservations %v, want %v", got, want)
			}
			for _, l := range r.Presentations[0].Checks {
				if l.Name == c.check && (l.Outcome == credential.Passed || !strings.Contains(l.Detail, "policy own only reports it")) {
					t.Errorf("reads as passed: %+v", l)
				}
			}
		})
	}
}

// The age of a status list counts from when it was signed, whatever its own
// words allow (Token Status List, Section 5.1).
func TestPolicyStatusAge(t *testing.T) {
	for effect, holds := range map[string]bool{"fail": false, "report": true} {
		w, _ := under(t, nil, map[string]any{"status_max_age": "1m", "findings": map[string]any{"status_too_old": effect}}, nil)
		r := judged(t, w, query, func(w *world.World, a world.Asked, h world.Held) string {
			w.Freeze(h.Ref.URI)
			w.Advance(2*time.Minute + time.Second) // and the tolerated difference of clocks
			return a.Present(h, a.Paths())
		})
		if r.Verified != holds {
			t.Errorf("%s: %+v", effect, r)
		}
		if holds && !slices.Contains(r.Presentations[0].Reservations, policy.StatusTooOld) {
			t.Errorf("%+v", r.Presentations[0])
		}
	}
}

// The algorithms of the policy are the ones offered and the only ones taken
// (OpenID4VP 1.0, Appendix B.3.4).
func TestPolicyAlgorithms(t *testing.T) {
	w, _ := under(t, nil, map[string]any{"algorithms": []string{"ES384"}}, nil)
	o := order(query, verifier.CrossDevice)
	o.Policy = "own"
	s := start(t, w, o)
	a := w.Fetch(s)
	if text := jsonText(t, a.ClientMetadata); !strings.Contains(text, `["ES384"]`) || strings.Contains(text, `"ES256"`+`,"ES384"`) {
		t.Errorf("offered %s", text)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err == nil {
		t.Error("a seal with ES256 was taken")
	}
	unverified(t, result(t, w, s, ""))
}

// Another issuer than the policy names is refused although the platform accepts
// it: the result names nobody (SD-JWT VC, Section 7.7).
func TestPolicyIssuers(t *testing.T) {
	w, _ := under(t, []policy.Relaxation{policy.RelaxIssuers}, nil, map[string]any{"issuers": []string{"https://other.example"}})
	r := judged(t, w, query, nil)
	unverified(t, r)
	if !slices.Contains(r.Presentations[0].Checks.Failures(), credential.CheckPolicy) {
		t.Errorf("%+v", r)
	}
}

// A transaction names a policy by id, of those that are its receiver's.
func TestPolicyNamed(t *testing.T) {
	w, _ := under(t, nil, map[string]any{"receivers": []string{world.Employer}}, nil)
	for _, id := range []string{"own", "unknown", "Platform"} {
		o := order(query, verifier.CrossDevice)
		o.Policy = id
		_, err := w.Verifier.Start(t.Context(), world.University, o)
		refused(t, err, verifier.ErrRequest)
		if err != nil && !strings.Contains(err.Error(), "those are: platform") {
			t.Errorf("%s: %v", id, err)
		}
	}
	o := order(unboundQuery, verifier.CrossDevice)
	_, err := w.Verifier.Start(t.Context(), world.University, o)
	refused(t, err, verifier.ErrRequest)
	if got := w.Verifier.Policies(world.University); len(got) != 1 || got[0].ID != policy.Platform {
		t.Errorf("the university may name %v", got)
	}
	if got := w.Verifier.Policies(world.Employer); len(got) != 2 {
		t.Errorf("the employer may name %v", got)
	}
}

// What judges is the policy that the transaction was started with. One that
// was changed under way judges nothing, at the request nor at the response.
func TestPolicyChangedUnderWay(t *testing.T) {
	w, _ := under(t, nil, nil, nil)
	o := order(query, verifier.CrossDevice)
	o.Policy = "own"
	early, late := start(t, w, o), start(t, w, o)
	a := w.Fetch(late)
	p, err := policy.Parse("own.json", []byte(policyText(w, fails(policy.DisclosedTooMuch), nil)))
	if err != nil {
		t.Fatal(err)
	}
	config := w.Config
	config.Policies = []*policy.Policy{p}
	if w.Verifier, err = verifier.New(config); err != nil {
		t.Fatal(err)
	}
	_, err = w.Object(early)
	refused(t, err, verifier.ErrExpired)
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
	refused(t, err, verifier.ErrExpired)
}

// Policies that undercut the platform, and ids that are taken, are faults of
// the configuration.
func TestPolicyConfiguration(t *testing.T) {
	w := world.New(t)
	read := func(change map[string]any) *policy.Policy {
		p, err := policy.Parse("p.json", []byte(policyText(w, change, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		policies []*policy.Policy
		relax    []policy.Relaxation
		text     string
	}{
		"laxer":               {[]*policy.Policy{read(report(policy.StatusUnavailable))}, nil, `have the operator allow "status_unavailable"`},
		"another relaxation":  {[]*policy.Policy{read(report(policy.StatusUnavailable))}, []policy.Relaxation{policy.RelaxStatusMissing}, "findings.status_unavailable"},
		"id twice":            {[]*policy.Policy{read(nil), read(nil)}, nil, "another id"},
		"the platform's id":   {[]*policy.Policy{read(map[string]any{"id": policy.Platform})}, nil, "another id"},
		"unknown relaxation":  {nil, []policy.Relaxation{"everything"}, "Relax"},
		"unverifiable format": {[]*policy.Policy{read(map[string]any{"formats": []string{"vc+sd-jwt"}})}, nil, "formats[0]"},
		"weak algorithm":      {[]*policy.Policy{read(map[string]any{"algorithms": []string{"RS256"}})}, nil, "algorithms[0]"},
	} {
		config := w.Config
		config.Policies, config.Relax = c.policies, c.relax
		if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := fmt.Sprint(policy.Relaxations()); !strings.Contains(s, "holder_binding_missing") {
		t.Error(s)
	}
}
