package verifier_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// Of several browsers one has the page, and of several ways one answers,
// whoever races.
func TestWaysRace(t *testing.T) {
	w := world.New(t)
	s := start(t, w, verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.HostedPage, RedirectURI: world.Redirect})
	page := world.Last(s.Page)
	var won atomic.Int32
	var mine atomic.Pointer[verifier.Visit]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			v, err := w.Verifier.Visit(t.Context(), page, "")
			if err == nil {
				won.Add(1)
				mine.Store(&v)
			} else if !errors.Is(err, verifier.ErrBrowser) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d browsers have the page", won.Load())
	}
	visit := mine.Load()
	h := w.Issue()
	same, cross := w.Fetch(verifier.Started{Link: visit.SameDevice}), w.Fetch(verifier.Started{Link: visit.CrossDevice})
	browser, err := w.Browser(visit.Digital[0], world.URL)
	if err != nil {
		t.Fatal(err)
	}
	one, two, three := same.Form(same.Present(h, same.Paths())), cross.Form(cross.Present(h, cross.Paths())), browser.DC(browser.Present(h, browser.Paths()))
	won.Store(0)
	for _, answer := range []func() error{
		func() error { _, err := w.Verifier.Respond(t.Context(), same.Secret(), one); return err },
		func() error { _, err := w.Verifier.Respond(t.Context(), cross.Secret(), two); return err },
		func() error {
			return w.Verifier.Answer(t.Context(), page, visit.Cookie, oid4vp.ProtocolSigned, three)
		},
	} {
		all.Go(func() {
			if err := answer(); err == nil {
				won.Add(1)
			} else if !errors.Is(err, verifier.ErrSpent) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d ways were taken", won.Load())
	}
}
