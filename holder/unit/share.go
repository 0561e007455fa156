package unit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// share presents, logs, sends and keeps a receipt, in this order.
func (p Presentation) share(ctx context.Context, v *Vault, a Asked, c Consent, picks []pick) (Shared, error) {
	token := oid4vp.VPToken{}
	receipt := Receipt{
		At: p.Now(), Organisation: c.Organisation, Receiver: c.Receiver, Purpose: c.Purpose, LegalBasis: c.LegalBasis, Privacy: c.PrivacyPolicy,
	}
	for _, x := range picks {
		presentation, err := p.present(a, x)
		if err != nil {
			return Shared{}, err
		}
		token[x.query] = append(token[x.query], presentation)
		s := SharedItem{Item: x.item.Name, Title: x.item.Title, Type: x.item.Type, Disclosed: []string{}}
		for _, path := range x.paths {
			s.Disclosed = append(s.Disclosed, path.String())
		}
		receipt.Shared = append(receipt.Shared, s)
		for _, t := range x.transactions {
			receipt.Authorised = append(receipt.Authorised, t.Type.Name)
		}
	}
	out, err := prepare(a.Verified, oid4vp.Response{VPToken: token, State: a.State})
	if err != nil {
		return Shared{}, err
	}
	// What cannot be logged is not shared.
	for _, x := range picks {
		if err := v.Platform.Log(ctx, a.event(EventShare, x.item.Type)); err != nil {
			return Shared{}, fmt.Errorf("writing the use log: %w", err)
		}
	}
	sent := p.deliver(ctx, a.Verified, &out)
	receipt.Outcome = outcome(sent)
	if out.form == nil {
		receipt.Outcome = OutcomeHanded
	}
	// Whatever came of it, the receiver may have it: the receipt is kept also
	// when the citizen has gone in the meantime.
	name, err := NewName(p.Random)
	if err == nil {
		err = v.AddReceipt(context.WithoutCancel(ctx), name, receipt)
	}
	if err != nil {
		return Shared{Consent: c, RedirectURI: out.redirect, Data: out.data}, errors.Join(sent, fmt.Errorf("it was sent, but the receipt could not be kept: %w", err))
	}
	return Shared{Consent: c, RedirectURI: out.redirect, Data: out.data, Receipt: name}, sent
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

// present discloses the paths and binds them to the request: its nonce, who
// asked as audience (OpenID4VP 1.0, Sections 5.2 and 14.2.2; Appendix A.4), and
// the transactions that it authorises. A credential that is bound to no key is
// shown as it is.
func (p Presentation) present(a Asked, x pick) (jsontext.Value, error) {
	if !x.held.HolderBound() {
		return x.held.Present(x.paths, nil)
	}
	signer, err := x.item.Copies[x.copy].Signer()
	if err != nil {
		return nil, err
	}
	session := format.Session{Nonce: string(a.Nonce), Audience: a.PresentTo(), ResponseURI: cmp.Or(a.ResponseURI, a.RedirectURI), Encryption: a.EncryptionKey()}
	binding := format.Binding{Session: session, Signer: signer, IssuedAt: p.Now()}
	if len(x.transactions) > 0 {
		if binding.Transactions, err = oid4vp.HashTransactions(x.transactions); err != nil {
			return nil, err
		}
	}
	return x.held.Present(x.paths, &binding)
}

// event is a line of the use log about this request.
func (a Asked) event(kind, dataType string) Event {
	e := Event{Kind: kind, Purpose: a.Registration.IntendedUse, LegalBasis: a.Registration.LegalBasis, DataType: dataType}
	e.Organisation, _ = a.who()
	if a.Registration.Receiver == "" {
		e.Purpose, e.LegalBasis = unstated, unstated
	}
	return e
}
