package verifier_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

func clearWorld(t *testing.T) *world.World {
	return world.New(t, func(c *verifier.Config) { c.InsecureAnswersInClear = true })
}

// readClear reads a request by link whose answer is to be in clear.
func readClear(t *testing.T, w *world.World, s verifier.Started) world.Asked {
	t.Helper()
	in, err := oid4vp.ParseLink(s.Link)
	if err != nil {
		t.Fatal(err)
	}
	object, err := w.Verifier.RequestObject(t.Context(), world.Last(in.RequestURI), oid4vp.RequestURIPost{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := oid4vp.VerifyRequest(t.Context(), object, oid4vp.Verification{ClientID: in.ClientID, Chain: world.Anchored{W: w}, Now: w.Now(), Modes: []string{oid4vp.ModeDirectPost}})
	if err != nil || v.Encrypted() || v.ClientMetadata.JWKS != nil {
		t.Fatalf("%v", err)
	}
	return world.Asked{Verified: v, W: w}
}

// OpenID4VP 1.0, Section 8.2: direct_post, where the operator allows it.
func TestAnswerInClear(t *testing.T) {
	w := clearWorld(t)
	o := order(query, verifier.CrossDevice)
	o.InClear = true
	s := start(t, w, o)
	a := readClear(t, w, s)
	token, err := jose.Marshal(oid4vp.VPToken{"diploma": oid4vp.Presentations(a.Present(w.Issue(), a.Paths()))})
	if err != nil {
		t.Fatal(err)
	}
	good := url.Values{"vp_token": {string(token)}, "state": {string(a.State)}}
	for name, form := range map[string]url.Values{
		"no state":      {"vp_token": {string(token)}},
		"another state": {"vp_token": {string(token)}, "state": {strings.Repeat("A", 43)}},
		"encrypted":     {"response": {"a.b.c.d.e"}, "state": {string(a.State)}},
		"no JSON":       {"vp_token": {"x"}, "state": {string(a.State)}},
		"empty":         {"vp_token": {""}, "state": {string(a.State)}},
		"twice":         {"vp_token": {string(token), string(token)}, "state": {string(a.State)}},
		"and an error":  {"vp_token": {string(token)}, "error": {"access_denied"}, "state": {string(a.State)}},
		"nothing":       {"state": {string(a.State)}},
	} {
		if _, err := w.Verifier.Respond(t.Context(), a.Secret(), form); !errors.Is(err, verifier.ErrResponse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), good); err != nil {
		t.Fatal(err)
	}
	if r := result(t, w, s, ""); !r.Verified {
		t.Errorf("%+v", r)
	}
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), good)
	refused(t, err, verifier.ErrSpent)

	// A refusal, and a VP Token for another query.
	s = start(t, w, o)
	a = readClear(t, w, s)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"error": {"access_denied"}, "state": {string(a.State)}}); err != nil || result(t, w, s, "").State != verifier.StateRefused {
		t.Error(err)
	}
	s = start(t, w, o)
	a = readClear(t, w, s)
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"vp_token": {`{"other":["x"]}`}, "state": {string(a.State)}})
	refused(t, err, verifier.ErrNotVerified)
	unverified(t, result(t, w, s, ""))
}

// Evidence of an answer in clear, and of every way of our page, holds as well as
// any: good or refused.
func TestEveryWayIsEvidence(t *testing.T) {
	w := clearWorld(t)
	holds := func(name string, s verifier.Started, code string, verified bool) {
		t.Helper()
		text, err := w.Verifier.Evidence(t.Context(), s.ID.Reveal(), world.University, code)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
		if ok, _ := r.OK(); !ok || r.Result.Verified != verified {
			t.Errorf("%s: %v", name, r.Checks)
		}
	}
	o := order(query, verifier.CrossDevice)
	o.InClear, o.Evidence = true, true
	s := start(t, w, o)
	a := readClear(t, w, s)
	token, err := jose.Marshal(oid4vp.VPToken{"diploma": oid4vp.Presentations(a.Present(w.Issue(), a.Paths()))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"vp_token": {string(token)}, "state": {string(a.State)}}); err != nil {
		t.Fatal(err)
	}
	holds("in clear", s, "", true)

	open := func() (verifier.Started, string, verifier.Visit) {
		s := start(t, w, verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.HostedPage, RedirectURI: world.Redirect, Evidence: true})
		visit, err := w.Verifier.Visit(t.Context(), world.Last(s.Page), "")
		if err != nil {
			t.Fatal(err)
		}
		return s, world.Last(s.Page), visit
	}
	s, _, visit := open()
	a = w.Fetch(verifier.Started{Link: visit.SameDevice})
	back, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	holds("same device", s, u.Query().Get(oid4vp.ResponseCodeParameter), true)

	s, page, visit := open()
	a, err = w.Browser(visit.Digital[0], world.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, a.DC(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	holds("browser", s, codeIn(t, progress(t, w, page, visit.Cookie, verifier.StateAnswered)), true)

	s, page, visit = open()
	if err := w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, []byte(`{"error":"access_denied"}`)); err != nil {
		t.Fatal(err)
	}
	holds("refused in the browser", s, "", false)
}

// Appendix A.2: dc_api.
func TestDigitalInClear(t *testing.T) {
	w := clearWorld(t)
	o := browserOrder(everyProtocol...)
	o.InClear = true
	for i := range everyProtocol {
		s := start(t, w, o)
		v, err := oid4vp.VerifyDC(t.Context(), s.Digital[i].Protocol, s.Digital[i].Data, oid4vp.Verification{Origin: origin, Chain: world.Anchored{W: w}, Now: w.Now(), Modes: []string{oid4vp.ModeDCAPI}})
		if err != nil {
			t.Fatal(err)
		}
		a := world.Asked{Verified: v, W: w}
		respond := func(data []byte) error {
			return w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, everyProtocol[i], data)
		}
		refused(t, respond([]byte(`{"response":"a.b.c.d.e"}`)), verifier.ErrResponse)
		if err := respond(a.DC(a.Present(w.Issue(), a.Paths()))); err != nil || !result(t, w, s, "").Verified {
			t.Errorf("%s: %v", everyProtocol[i], err)
		}
	}
}

func TestAnswerInClearRefused(t *testing.T) {
	o := order(query, verifier.CrossDevice)
	o.InClear = true
	_, err := world.New(t).Verifier.Start(t.Context(), world.University, o)
	var e *verifier.Error
	if !errors.As(err, &e) || !errors.Is(err, verifier.ErrRequest) || e.Field != "answer_in_clear" {
		t.Errorf("not allowed: %v", err)
	}
	w := clearWorld(t)
	// An encrypted request still takes nothing in clear.
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	_, err = w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"vp_token": {`{"diploma":["x"]}`}, "state": {string(a.State)}})
	refused(t, err, verifier.ErrResponse)
	state(t, w, s, verifier.StateFetched)
}

// Evidence of requests that cannot be verified again without a network is not
// promised.
func TestEvidenceNeedsACertificate(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) {
		a := c.Access[world.University]
		a.KeyID = verifierDID + "#k"
		c.Access[world.University] = a
	})
	o := order(query, verifier.CrossDevice)
	o.Evidence = true
	_, err := w.Verifier.Start(t.Context(), world.University, o)
	var e *verifier.Error
	if !errors.As(err, &e) || e.Field != "evidence" {
		t.Errorf("%v", err)
	}
	o = browserOrder()
	o.Evidence = true
	start(t, w, o)
}
