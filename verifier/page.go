package verifier

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// page is what our page for a transaction needs.
type page struct {
	exchange
	id string // of the record
	// RedirectURI is where the receiver awaits the citizen.
	RedirectURI string `json:"redirect_uri"`
	// SameDevice and CrossDevice are links with a request each; Digital are
	// those for the browser.
	SameDevice  string  `json:"same_device"`
	CrossDevice string  `json:"cross_device"`
	Digital     digital `json:"digital"`
	Box         []byte  `json:"box"`
}

// note is what our page learns of an answer: whether to go back to the
// receiver, and with which response code.
type note struct {
	Return bool   `json:"return"`
	Code   string `json:"code,omitempty"`
}

// hostPage keeps a page with a request for each way. The one on the same device
// comes back to the page with its response code, so that the browser that
// opened the page must be the one that the wallet opens (OpenID4VP 1.0, Section
// 14.3).
func (v *Verifier) hostPage(ctx context.Context, s *Started, x exchange, o Order, e entitlement, box []byte) error {
	secret := capsule.NewSecret()
	own, err := capsule.NewBox(secret, purposeNote)
	if err != nil {
		return err
	}
	s.Page = v.at("/ask/" + secret.Reveal())
	p := page{exchange: x, RedirectURI: o.RedirectURI, Box: own}
	same, cross := x, x
	same.Way, cross.Way = SameDevice, CrossDevice
	if _, p.SameDevice, err = v.byLink(ctx, same, fetched{Flow: SameDevice, RedirectURI: s.Page + "/back", Box: box, Page: own}); err != nil {
		return err
	}
	if _, p.CrossDevice, err = v.byLink(ctx, cross, fetched{Flow: CrossDevice, Box: box, Page: own}); err != nil {
		return err
	}
	if p.Digital, err = v.offer(x, e, v.origin(), nil, fetched{Flow: Digital, Box: box, Page: own}); err != nil {
		return err
	}
	return v.put(ctx, kindPage, secret, purposePage, p, v.end(x.Expires))
}

// origin of our own pages.
func (v *Verifier) origin() string {
	u, err := url.Parse(v.c.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// note is for the page of a transaction that has one. A code of the same-device
// flow is not in it: only the wallet brings that, to the browser that it opens.
func (f fetched) note(r sealedResult, code capsule.Secret) ([]byte, error) {
	if f.Page == nil {
		return nil, nil
	}
	n := note{Return: f.Flow != SameDevice || !r.Coded}
	if n.Return && r.Coded {
		n.Code = code.Reveal()
	}
	plain, err := jose.Marshal(n)
	if err != nil {
		return nil, err
	}
	return capsule.SealTo(f.Page, plain, []byte(f.Transaction))
}

// Visit is a page as one browser sees it.
type Visit struct {
	Receiver receivers.Receiver
	Use      receivers.IntendedUse
	// SameDevice and CrossDevice call a wallet; each has a request of its own.
	SameDevice, CrossDevice string
	// Digital are the requests for the Digital Credentials API.
	Digital []oid4vp.DCRequest
	Expires time.Time
	// Cookie is the new secret of the browser; empty when it had one.
	Cookie string
}

// ErrBrowser is returned to another browser than the one that opened a page
// first.
var ErrBrowser = errors.New("verifier: the page belongs to another browser")

// Visit opens a page for the browser with a cookie. The first browser has it:
// for any other it stays closed. The secret of the binding is always drawn here,
// so that nobody can give a browser one that he knows.
func (v *Verifier) Visit(ctx context.Context, secret, cookie string) (Visit, error) {
	s, p, err := v.page(ctx, secret)
	if err != nil {
		return Visit{}, err
	}
	if v.over(p.Expires) {
		return Visit{}, expired()
	}
	e, err := v.still(v.entitled(p.Receiver, p.Use, p.Query))
	if err != nil {
		return Visit{}, err
	}
	out := Visit{Receiver: e.receiver, Use: e.use, SameDevice: p.SameDevice, CrossDevice: p.CrossDevice, Digital: p.Digital.requests(), Expires: p.Expires}
	first := capsule.NewSecret()
	err = v.mark(ctx, kindVisit, p.id, []byte(first.ID(purposeVisit)), v.end(p.Expires))
	switch {
	case err == nil:
		out.Cookie = first.Reveal()
		return out, nil
	case !errors.Is(err, ErrSpent):
		return Visit{}, err
	}
	_, err = v.visited(ctx, s, p, cookie)
	return out, err
}

func (v *Verifier) page(ctx context.Context, secret string) (capsule.Secret, page, error) {
	var p page
	s, err := v.open(ctx, kindPage, secret, purposePage, &p)
	if err != nil {
		return s, page{}, err
	}
	p.id = s.ID(purposePage)
	return s, p, nil
}

// visited holds a browser's cookie against the one that the page was opened
// with.
func (v *Verifier) visited(ctx context.Context, s capsule.Secret, p page, cookie string) (capsule.Secret, error) {
	other := &Error{Err: ErrBrowser, Detail: "it was opened in another browser, or this one lost its cookie", Spec: "OpenID4VP 1.0, Section 14.3", Remedy: "Go on in the browser where you started, or start again at the receiver's site."}
	rec, err := v.c.Store.Get(ctx, kindVisit, p.id)
	if errors.Is(err, store.ErrNotFound) {
		return s, other
	}
	if err != nil {
		return s, fmt.Errorf("reading a %s: %w", kindVisit, err)
	}
	c, err := capsule.ParseSecret(cookie)
	if err != nil || subtle.ConstantTimeCompare([]byte(c.ID(purposeVisit)), rec.Data) != 1 {
		return s, other
	}
	return s, nil
}

// mine opens a page for the browser that it belongs to.
func (v *Verifier) mine(ctx context.Context, secret, cookie string) (capsule.Secret, page, error) {
	s, p, err := v.page(ctx, secret)
	if err != nil {
		return s, page{}, err
	}
	_, err = v.visited(ctx, s, p, cookie)
	return s, p, err
}

// Progress of a page's transaction.
type Progress struct {
	State State `json:"state"`
	// Next is where the browser goes now; empty while it stays.
	Next string `json:"next,omitempty"`
}

// Progress tells the browser of a page how far its transaction is, and where to
// go once that is over.
func (v *Verifier) Progress(ctx context.Context, secret, cookie string) (Progress, error) {
	s, p, err := v.mine(ctx, secret, cookie)
	if err != nil {
		return Progress{}, err
	}
	t := transaction{id: p.Transaction, Expires: p.Expires}
	a, err := t.answered(ctx, v)
	switch {
	case errors.Is(err, ErrExpired):
		return Progress{State: StateExpired}, nil
	case errors.Is(err, ErrPending):
		seen, err := v.exists(ctx, kindFetched, p.Transaction)
		if seen {
			return Progress{State: StateFetched}, err
		}
		return Progress{State: StateRequested}, err
	case err != nil:
		return Progress{}, err
	}
	if a.stored.Note == nil || !a.stored.Delivered.IsZero() {
		return Progress{State: StateDone}, nil
	}
	plain, err := capsule.OpenBox(s, purposeNote, p.Box, a.stored.Note, []byte(p.Transaction))
	if err != nil {
		return Progress{}, fmt.Errorf("opening a note: %w", err)
	}
	var n note
	if err := jose.Unmarshal(plain, &n); err != nil {
		return Progress{}, err
	}
	out := Progress{State: StateAnswered}
	switch {
	case !n.Return:
	case n.Code == "":
		out.Next = p.RedirectURI
	default:
		out.Next, err = oid4vp.Secret(n.Code).Redirect(p.RedirectURI, v.words()...)
	}
	return out, err
}

// Back is where the wallet's redirect on the same device leads: only the
// browser that opened the page is sent on to the receiver with the code.
func (v *Verifier) Back(ctx context.Context, secret, cookie, code string) (string, error) {
	_, p, err := v.mine(ctx, secret, cookie)
	if err != nil {
		return "", err
	}
	if _, err := capsule.ParseSecret(code); err != nil {
		return "", &Error{Err: ErrCode, Field: oid4vp.ResponseCodeParameter, Detail: "is missing or malformed", Spec: "OpenID4VP 1.0, Section 8.2"}
	}
	return oid4vp.Secret(code).Redirect(p.RedirectURI, v.words()...)
}

// Answer takes what the Digital Credentials API gave our page.
func (v *Verifier) Answer(ctx context.Context, secret, cookie, protocol string, data []byte) error {
	_, p, err := v.mine(ctx, secret, cookie)
	if err != nil {
		return err
	}
	return v.answerDigital(ctx, p.Digital, protocol, data)
}
