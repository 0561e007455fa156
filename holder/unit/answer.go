package unit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// ErrOver is returned when the request ended while the citizen was asked.
var ErrOver = errors.New("the request is over; ask the receiver for a new one")

// Answer matches the request against the vault, asks the citizen, and shares
// what was agreed: only what was asked for, bound to this request, encrypted to
// the receiver. The use is logged before and a receipt is kept after.
//
// When the citizen refuses or nothing fits, the receiver gets the same answer
// in both cases, after the citizen was asked in both, the use log gets the same
// line, and the error is ErrRefused. With any other error before the answer was sent, the receiver
// gets nothing, as if nobody had answered.
func (p Presentation) Answer(ctx context.Context, v *Vault, a Asked) (Shared, error) {
	if !a.read {
		return Shared{}, fmt.Errorf("%w: the request was not read and checked", ErrReceiver)
	}
	if p.Consent == nil {
		return Shared{}, errors.New("nothing is shared without a way to ask the citizen: Presentation.Consent is not set")
	}
	picks, chosen, err := p.pick(ctx, v, a, nil)
	if err != nil {
		return Shared{}, err
	}
	c := p.consent(a, picks)
	agreed, err := p.Consent(ctx, c)
	if err != nil {
		return Shared{}, err
	}
	if a.Expires != 0 && !p.Now().Before(a.Expires.Time()) {
		return Shared{}, ErrOver
	}
	if !agreed || len(picks) == 0 {
		return p.decline(ctx, v, a, c)
	}
	if picks, err = p.reserve(ctx, v, a, c, picks, chosen); err != nil {
		return Shared{}, err
	}
	return p.share(ctx, v, a, c, picks)
}

// reserve counts the copies as shown before anything leaves, so that neither a
// crash nor another device shows one again while others are left. When another
// device took one in the meantime, others are picked, as long as they are of
// what the citizen agreed to.
func (p Presentation) reserve(ctx context.Context, v *Vault, a Asked, c Consent, picks []pick, chosen Chosen) ([]pick, error) {
	for range tries {
		err := count(ctx, v, picks)
		if !errors.Is(err, ErrPrecondition) {
			if err != nil {
				err = fmt.Errorf("counting the copy as shown: %w", err)
			}
			return picks, err
		}
		if picks, _, err = p.pick(ctx, v, a, &chosen); err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(p.consent(a, picks), c) {
			break
		}
	}
	return nil, fmt.Errorf("what was agreed to: %w", ErrPrecondition)
}

// count stores each item once, also when it answers several queries.
func count(ctx context.Context, v *Vault, picks []pick) error {
	done := map[string]bool{}
	for _, x := range picks {
		if done[x.item.Name] {
			continue
		}
		done[x.item.Name] = true
		it := x.item
		it.Copies = slices.Clone(it.Copies)
		it.Copies[x.copy].Shown++
		if err := v.Update(ctx, it, x.etag); err != nil {
			return err
		}
	}
	return nil
}

// consent is what the citizen is shown of a request.
func (p Presentation) consent(a Asked, picks []pick) Consent {
	c := Consent{
		Purpose: a.Registration.PurposeIn(p.Languages...), LegalBasis: a.Registration.LegalBasis, PrivacyPolicy: a.Registration.PrivacyPolicy,
		ClientID: a.ClientID, Origin: a.Origin, Warnings: a.warnings(p.Languages),
	}
	c.Receiver, c.Organisation = a.who()
	for _, t := range a.Transactions {
		shown := ConsentTransaction{Title: t.Type.Labels.In(p.Languages...)}
		for _, f := range t.Type.Fields {
			if value, ok := t.Fields[f.Name]; ok {
				shown.Fields = append(shown.Fields, ConsentField{Label: f.Labels.In(p.Languages...), Value: value})
			}
		}
		c.Transactions = append(c.Transactions, shown)
	}
	for _, info := range a.VerifierInfo {
		registered := info.Format == oid4vp.FormatRegistration && a.Registration.Receiver != ""
		c.Info = append(c.Info, ConsentInfo{Format: shown(info.Format, 100), Checked: registered})
	}
	for _, x := range picks {
		c.Items = append(c.Items, x.shown())
	}
	if slices.ContainsFunc(c.Items, func(it ConsentItem) bool { return it.Unchecked }) {
		c.Warnings = append(c.Warnings, warnStatus.In(p.Languages...))
	}
	if slices.ContainsFunc(c.Items, func(it ConsentItem) bool { return it.Whole }) {
		c.Warnings = append(c.Warnings, warnWhole.In(p.Languages...))
	}
	return c
}
