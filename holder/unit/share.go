package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// share presents, logs, sends and keeps a receipt, in this order.
func (p Presentation) share(ctx context.Context, v *Vault, a Asked, c Consent, picks []pick) (Shared, error) {
	token := oid4vp.VPToken{}
	receipt := Receipt{
		At: p.Now(), Organisation: c.Organisation, Receiver: c.Receiver, Purpose: c.Purpose, LegalBasis: c.LegalBasis, Privacy: c.PrivacyPolicy,
	}
	for _, x := range picks {
		text, err := p.present(a, x)
		if err != nil {
			return Shared{}, err
		}
		token[x.query] = append(token[x.query], oid4vp.Presentations(text)...)
		s := SharedItem{Item: x.item.Name, Title: x.item.Title, Type: x.item.Type, Disclosed: []string{}}
		for _, path := range x.paths {
			s.Disclosed = append(s.Disclosed, path.String())
		}
		receipt.Shared = append(receipt.Shared, s)
	}
	form, err := oid4vp.Response{VPToken: token, State: a.State}.Encrypt(a.ClientMetadata)
	if err != nil {
		return Shared{}, err
	}
	// What cannot be logged is not shared.
	for _, x := range picks {
		err := v.Platform.Log(ctx, Event{Kind: "share", Organisation: c.Receiver, Purpose: a.Registration.IntendedUse, LegalBasis: c.LegalBasis, DataType: x.item.Type})
		if err != nil {
			return Shared{}, fmt.Errorf("writing the use log: %w", err)
		}
	}
	redirect, sent := p.submit(ctx, a, form)
	receipt.Outcome = outcome(sent)
	// Whatever came of it, the receiver may have it: the receipt is kept also
	// when the citizen has gone in the meantime.
	name, err := NewName(p.Random)
	if err == nil {
		err = v.AddReceipt(context.WithoutCancel(ctx), name, receipt)
	}
	if err != nil {
		return Shared{Consent: c, RedirectURI: redirect}, errors.Join(sent, fmt.Errorf("it was sent, but the receipt could not be kept: %w", err))
	}
	return Shared{Consent: c, RedirectURI: redirect, Receipt: name}, sent
}

// errAnswer: the answer arrived, but what came back cannot be used.
var errAnswer = errors.New("the receiver has it, but its answer cannot be used")

func outcome(sent error) string {
	var refused *Refusal
	switch {
	case sent == nil, errors.Is(sent, errAnswer):
		return OutcomeAccepted
	case errors.As(sent, &refused) && refused.Status >= 400 && refused.Status < 500:
		return OutcomeRefused
	default:
		return OutcomeUnknown // a failing or redirecting server may have read it
	}
}

// present discloses the paths and binds them to the request: nonce, and the
// full client identifier as audience (OpenID4VP 1.0, Sections 5.10 and 14.1.2).
func (p Presentation) present(a Asked, x pick) (string, error) {
	paths := make([]sdjwt.Path, len(x.paths))
	for i, path := range x.paths {
		paths[i] = sdjwt.Path(path)
	}
	selection, err := x.sd.Disclose(paths)
	if err != nil {
		return "", err
	}
	signer, err := x.item.Copies[x.copy].Signer()
	if err != nil {
		return "", err
	}
	return x.sd.Present(selection, &sdjwt.KeyBinding{Signer: signer, Nonce: string(a.Nonce), Audience: a.ClientID, IssuedAt: p.Now()})
}

// decline tells the verifier that nothing will come, in the same words for
// every reason (OpenID4VP 1.0, Sections 8.5 and 15.4.1).
func (p Presentation) decline(ctx context.Context, a Asked) (redirectURI string, err error) {
	form := url.Values{"error": {string(oid4vp.AccessDenied)}}
	if a.State != "" {
		form.Set("state", string(a.State))
	}
	return p.submit(ctx, a, form)
}

// submit posts to the response URI, and nowhere else (OpenID4VP 1.0, Sections
// 8.2 and 8.3.1). It returns where the citizen is to go on; an address that a
// browser must not be sent to is an error.
func (p Presentation) submit(ctx context.Context, a Asked, form url.Values) (redirectURI string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.ResponseURI, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
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
