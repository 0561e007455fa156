package verifier_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const origin = "https://www.university.example"

// hosted starts a transaction with a page, and opens it.
func hosted(t *testing.T, w *world.World) (verifier.Started, string, verifier.Visit) {
	t.Helper()
	s := start(t, w, verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.HostedPage, RedirectURI: world.Redirect})
	if s.Link != "" || s.RequestURI != "" || s.Digital != nil {
		t.Errorf("the receiver gets more than the page: %+v", s)
	}
	page := world.Last(s.Page)
	visit, err := w.Verifier.Visit(t.Context(), page, "")
	if err != nil || visit.Cookie == "" {
		t.Fatal(err)
	}
	return s, page, visit
}

func progress(t *testing.T, w *world.World, page, cookie string, want verifier.State) string {
	t.Helper()
	p, err := w.Verifier.Progress(t.Context(), page, cookie)
	if err != nil || p.State != want {
		t.Errorf("progress %v, %v; want %s", p.State, err, want)
	}
	return p.Next
}

func codeIn(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != "www.university.example" || u.Query().Get("session") != "1" {
		t.Errorf("leads to %s", address)
		return ""
	}
	return u.Query().Get(oid4vp.ResponseCodeParameter)
}

// Each way of a page has a request object, a nonce, a state and a key of its
// own (OpenID4VP 1.0, Section 5.2; HAIP 1.0, Section 5).
func TestEachWayIsItsOwn(t *testing.T) {
	w := world.New(t)
	s, page, visit := hosted(t, w)
	progress(t, w, page, visit.Cookie, verifier.StateRequested)
	same, cross := w.Fetch(verifier.Started{Link: visit.SameDevice}), w.Fetch(verifier.Started{Link: visit.CrossDevice})
	browser, err := w.Browser(visit.Digital[0], world.URL)
	if err != nil {
		t.Fatal(err)
	}
	var nonces, kids []string
	for _, a := range []world.Asked{same, cross, browser} {
		nonces, kids = append(nonces, string(a.Nonce)), append(kids, a.ClientMetadata.JWKS.Keys[0].Kid)
		if a.VerifierInfo == nil || len(a.Nonce) < 43 {
			t.Errorf("%+v", a.Request)
		}
	}
	nonces = append(nonces, string(same.State), string(cross.State))
	slices.Sort(nonces)
	slices.Sort(kids)
	if len(slices.Compact(nonces)) != 5 || len(slices.Compact(kids)) != 3 || browser.State != "" || same.ResponseURI == cross.ResponseURI {
		t.Error("two ways share something")
	}
	state(t, w, s, verifier.StateFetched)
	progress(t, w, page, visit.Cookie, verifier.StateFetched)
	// One wallet for each request address.
	in, err := oid4vp.ParseLink(visit.SameDevice)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Verifier.RequestObject(t.Context(), world.Last(in.RequestURI), oid4vp.RequestURIPost{})
	refused(t, err, verifier.ErrSpent)
	// What was made for one way is no answer to another: neither its key nor its
	// nonce fits.
	h := w.Issue()
	_, err = w.Verifier.Respond(t.Context(), cross.Secret(), same.Form(same.Present(h, same.Paths())))
	refused(t, err, verifier.ErrResponse)
	refused(t, w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, same.DC(same.Present(h, same.Paths()))), verifier.ErrResponse)
	// Whichever is first closes all.
	if _, err := w.Verifier.Respond(t.Context(), same.Secret(), same.Form(same.Present(h, same.Paths()))); err != nil {
		t.Fatal(err)
	}
	_, err = w.Verifier.Respond(t.Context(), cross.Secret(), cross.Form(cross.Present(h, cross.Paths())))
	refused(t, err, verifier.ErrSpent)
	refused(t, w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, browser.DC(browser.Present(h, browser.Paths()))), verifier.ErrSpent)
}

// On the same device nothing is released until the wallet's redirect comes back
// in the browser that opened the page (OpenID4VP 1.0, Section 14.3; HAIP 1.0,
// Section 5.1).
func TestPageSameDevice(t *testing.T) {
	w := world.New(t)
	s, page, visit := hosted(t, w)
	a := w.Fetch(verifier.Started{Link: visit.SameDevice})
	back, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
	if err != nil || !strings.HasPrefix(back, s.Page+"/back?") {
		t.Fatalf("%s %v", back, err)
	}
	u, _ := url.Parse(back)
	code := u.Query().Get(oid4vp.ResponseCodeParameter)
	if next := progress(t, w, page, visit.Cookie, verifier.StateAnswered); next != "" {
		t.Errorf("the page gives the code away: who opened it may not be who answered: %s", next)
	}
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrCode)
	for name, cookie := range map[string]string{"no cookie": "", "another browser": strings.Repeat("A", 43), "the page's own secret": page, "garbage": "x"} {
		if _, err := w.Verifier.Back(t.Context(), page, cookie, code); err == nil {
			t.Errorf("%s: sent on", name)
		}
	}
	_, err = w.Verifier.Back(t.Context(), page, visit.Cookie, "x")
	refused(t, err, verifier.ErrCode)
	next, err := w.Verifier.Back(t.Context(), page, visit.Cookie, code)
	if err != nil {
		t.Fatal(err)
	}
	if r := result(t, w, s, codeIn(t, next)); !r.Verified {
		t.Errorf("%+v", r)
	}
	progress(t, w, page, visit.Cookie, verifier.StateDone)
}

// From another device the page itself brings the code, to its browser only.
func TestPageCrossDevice(t *testing.T) {
	w := world.New(t)
	s, page, visit := hosted(t, w)
	a := w.Fetch(verifier.Started{Link: visit.CrossDevice})
	redirect, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths())))
	if err != nil || redirect != "" {
		t.Fatalf("the other device is sent to %q, %v", redirect, err)
	}
	_, err = w.Verifier.Progress(t.Context(), page, "")
	refused(t, err, verifier.ErrBrowser)
	_, err = w.Verifier.Result(t.Context(), s.ID.Reveal(), world.University, "")
	refused(t, err, verifier.ErrCode)
	next := progress(t, w, page, visit.Cookie, verifier.StateAnswered)
	if r := result(t, w, s, codeIn(t, next)); !r.Verified {
		t.Errorf("%+v", r)
	}
	if next := progress(t, w, page, visit.Cookie, verifier.StateDone); next != "" {
		t.Error("a code is given after the result was fetched")
	}
}

// A page belongs to the first browser; nobody else's, and no cookie that
// somebody put there (session fixation).
func TestPageBelongsToOneBrowser(t *testing.T) {
	w := world.New(t)
	s := start(t, w, verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.HostedPage, RedirectURI: world.Redirect})
	page, planted := world.Last(s.Page), strings.Repeat("A", 43)
	_, err := w.Verifier.Progress(t.Context(), page, planted)
	refused(t, err, verifier.ErrBrowser)
	mine, err := w.Verifier.Visit(t.Context(), page, planted)
	if err != nil || mine.Cookie == planted || mine.Cookie == "" {
		t.Fatal("a planted cookie was taken")
	}
	for name, cookie := range map[string]string{"none": "", "planted": planted, "of nothing": "x"} {
		if v, err := w.Verifier.Visit(t.Context(), page, cookie); err == nil {
			t.Errorf("%s: opened, with %d requests", name, len(v.Digital))
		}
		_, err = w.Verifier.Progress(t.Context(), page, cookie)
		refused(t, err, verifier.ErrBrowser)
		refused(t, w.Verifier.Answer(t.Context(), page, cookie, oid4vp.ProtocolSigned, []byte(`{"error":"access_denied"}`)), verifier.ErrBrowser)
	}
	again, err := w.Verifier.Visit(t.Context(), page, mine.Cookie)
	if err != nil || again.Cookie != "" || again.SameDevice != mine.SameDevice {
		t.Errorf("the same browser: %v", err)
	}
	other, _, _ := hosted(t, w)
	_, err = w.Verifier.Visit(t.Context(), world.Last(other.Page), mine.Cookie)
	refused(t, err, verifier.ErrBrowser)
	_, err = w.Verifier.Visit(t.Context(), planted, mine.Cookie)
	refused(t, err, verifier.ErrNotFound)
	_, err = w.Verifier.Visit(t.Context(), s.ID.Reveal(), mine.Cookie)
	refused(t, err, verifier.ErrNotFound)

	w.Suspend()
	_, err = w.Verifier.Visit(t.Context(), page, mine.Cookie)
	refused(t, err, verifier.ErrNotAdmitted)
}

func TestPageExpires(t *testing.T) {
	w := world.New(t)
	_, page, visit := hosted(t, w)
	w.Advance(6 * time.Minute)
	progress(t, w, page, visit.Cookie, verifier.StateExpired)
	_, err := w.Verifier.Visit(t.Context(), page, visit.Cookie)
	refused(t, err, verifier.ErrExpired)
	refused(t, w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, []byte(`{"error":"access_denied"}`)), verifier.ErrExpired)
}

// A refusal withholds nothing: the browser goes back without a code.
func TestPageRefused(t *testing.T) {
	w := world.New(t)
	s, page, visit := hosted(t, w)
	if err := w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, []byte(`{"error":"access_denied"}`)); err != nil {
		t.Fatal(err)
	}
	if next := progress(t, w, page, visit.Cookie, verifier.StateAnswered); next != world.Redirect {
		t.Errorf("leads to %s", next)
	}
	if r := result(t, w, s, ""); r.State != verifier.StateRefused || r.WalletError != oid4vp.AccessDenied {
		t.Errorf("%+v", r)
	}
	// So does a presentation on the same device that does not hold.
	s, page, visit = hosted(t, w)
	a := w.Fetch(verifier.Started{Link: visit.SameDevice})
	_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), nil)))
	refused(t, err, verifier.ErrNotVerified)
	if next := progress(t, w, page, visit.Cookie, verifier.StateAnswered); next != world.Redirect {
		t.Errorf("leads to %s", next)
	}
	unverified(t, result(t, w, s, ""))
}

// Pages wait as unreadably as everything else.
func TestPageRestart(t *testing.T) {
	w := world.New(t)
	s, page, visit := hosted(t, w)
	a, err := w.Browser(visit.Digital[0], world.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.Restart()
	if err := w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, a.DC(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	if r := result(t, w, s, codeIn(t, progress(t, w, page, visit.Cookie, verifier.StateAnswered))); !r.Verified {
		t.Errorf("%+v", r)
	}
}
