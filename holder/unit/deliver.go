package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// ErrUntold is returned by Tell for an error that nobody may be told of: it is
// not known who asked, so that the address could be anybody's.
var ErrUntold = errors.New("it is not known who asked, so that nobody can be told")

// delivery is a response on its way: a form to post, an address to open, or
// data for the Digital Credentials API.
type delivery struct {
	form     url.Values
	redirect string
	data     []byte
}

// prepare makes a response for the way that the request wants it back.
func prepare(v oid4vp.Verified, r oid4vp.Response) (d delivery, err error) {
	switch v.Mode() {
	case oid4vp.ModeDirectPost, oid4vp.ModeDirectPostJWT:
		d.form, err = r.Form(v.Request)
	case oid4vp.ModeFragment, oid4vp.ModeQuery:
		d.redirect, err = r.Redirect(v.Request)
	case oid4vp.ModeDCAPI, oid4vp.ModeDCAPIJWT:
		var data oid4vp.DCResponse
		if data, err = r.DC(v.Request); err == nil {
			d.data, err = jose.Marshal(data)
		}
	default:
		err = fmt.Errorf("the response mode %s has no way back", shown(v.Mode(), 40))
	}
	if err != nil {
		return delivery{}, err
	}
	return d, nil
}

// deliver posts what is to be posted; the rest is for the caller to hand on.
func (p Presentation) deliver(ctx context.Context, v oid4vp.Verified, d *delivery) (err error) {
	if d.form == nil {
		return nil
	}
	d.redirect, err = p.submit(ctx, v, d.form)
	return err
}

// decline logs the refusal and tells the verifier that nothing will come, in
// the same words for every reason (OpenID4VP 1.0, Sections 8.5 and 15.4.1). A
// log that is down keeps no citizen from refusing.
func (p Presentation) decline(ctx context.Context, v *Vault, a Asked, c Consent) (Shared, error) {
	refused := ErrRefused
	if err := v.Platform.Log(ctx, a.event(EventRefuse, "")); err != nil {
		refused = fmt.Errorf("%w, but the use log could not be written: %w", ErrRefused, err)
	}
	s, err := p.reply(ctx, a.Verified, oid4vp.Response{Error: oid4vp.AccessDenied, State: a.State})
	s.Consent = c
	if err != nil {
		return s, fmt.Errorf("%w, but the receiver could not be told: %w", refused, err)
	}
	return s, refused
}

// Tell tells the sender of a request that was refused what is wrong with it,
// if the refusal came from Read or ReadDC and the sender is known, and with
// TrustRegister admitted; otherwise the error is ErrUntold. Call it only when
// the citizen wants it told: it says that there is a wallet (OpenID4VP 1.0,
// Section 15.1).
func (p Presentation) Tell(ctx context.Context, refusal error) (Shared, error) {
	var r *oid4vp.Rejection
	if !errors.As(refusal, &r) {
		return Shared{}, ErrUntold
	}
	return p.reply(ctx, r.Sender, r.Response())
}

// Unavailable tells the receiver that the wallet cannot answer now, so that it
// need not wait (OpenID4VP 1.0, Section 8.5). It says that there is a wallet:
// call it only when the citizen wants it said (Section 15.9.1).
func (p Presentation) Unavailable(ctx context.Context, a Asked) (Shared, error) {
	if !a.read {
		return Shared{}, fmt.Errorf("%w: the request was not read and checked", ErrReceiver)
	}
	return p.reply(ctx, a.Verified, oid4vp.Response{Error: oid4vp.WalletUnavailable, State: a.State})
}

// reply sends an error the way that the request wants its answer.
func (p Presentation) reply(ctx context.Context, v oid4vp.Verified, r oid4vp.Response) (Shared, error) {
	d, err := prepare(v, r)
	if err == nil {
		err = p.deliver(ctx, v, &d)
	}
	return Shared{RedirectURI: d.redirect, Data: d.data}, err
}

// submit posts to the response URI, and nowhere else (OpenID4VP 1.0, Sections
// 8.2 and 8.3.1). It returns where the citizen is to go on; an address that a
// browser must not be sent to is an error.
func (p Presentation) submit(ctx context.Context, v oid4vp.Verified, form url.Values) (redirectURI string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.ResponseURI, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	b, h, err := send(p.HTTP, req)
	if err != nil {
		return "", fmt.Errorf("sending the answer: %w", err)
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != "application/json" {
		return "", fmt.Errorf("%w: expected application/json (OpenID4VP 1.0, Section 8.2)", errAnswer)
	}
	accepted, err := oid4vp.ParseAccepted(b, p.Words...)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errAnswer, err)
	}
	return accepted.RedirectURI, nil
}
