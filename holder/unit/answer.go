package unit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// ErrOver is returned when the request ended while the citizen was asked.
var ErrOver = errors.New("the request is over; ask the receiver for a new one")

// Answer matches the request against the vault, asks the citizen, and shares
// what was agreed: only what was asked for, bound to this request, encrypted to
// the receiver. The use is logged before and a receipt is kept after.
//
// When the citizen refuses or nothing fits, the receiver gets the same answer
// in both cases, after the citizen was asked in both, and the error is
// ErrRefused. With any other error before the answer was sent, the receiver
// gets nothing, as if nobody had answered.
func (p Presentation) Answer(ctx context.Context, v *Vault, a Asked) (Shared, error) {
	if !a.read {
		return Shared{}, fmt.Errorf("%w: the request was not read and checked", ErrReceiver)
	}
	picks, err := p.pick(ctx, v, a)
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
		redirect, err := p.decline(ctx, a)
		if err != nil {
			return Shared{Consent: c}, fmt.Errorf("%w, but the receiver could not be told: %w", ErrRefused, err)
		}
		return Shared{Consent: c, RedirectURI: redirect}, ErrRefused
	}
	if picks, err = p.reserve(ctx, v, a, c, picks); err != nil {
		return Shared{}, err
	}
	return p.share(ctx, v, a, c, picks)
}

// pick is one credential query and the copy that answers it.
type pick struct {
	query string
	item  Item
	etag  string
	copy  int
	sd    *sdjwt.SDJWT
	paths []credential.Path
}

// pick finds what answers the query; nothing when the query cannot be
// satisfied.
func (p Presentation) pick(ctx context.Context, v *Vault, a Asked) ([]pick, error) {
	held, err := p.held(ctx, v, *a.DCQLQuery)
	if err != nil {
		return nil, err
	}
	candidates := make([]oid4vp.Candidate, len(held))
	for i, x := range held {
		candidates[i] = heldCredential{sd: x.sd, vct: x.item.Type}
	}
	choices, err := a.DCQLQuery.Match(candidates)
	if errors.Is(err, oid4vp.ErrNoMatch) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []pick
	for _, c := range choices {
		if c.Optional {
			continue // nothing is shared that need not be
		}
		fits := c.Fits
		if !c.Query.Multiple {
			fits = fits[:1]
		}
		for _, f := range fits {
			x := held[f.Index]
			x.query, x.paths = c.Query.ID, f.Paths
			out = append(out, x)
		}
	}
	return out, nil
}

// held opens the credentials of the types that are asked for and chooses of
// each the copy that was shown least.
func (p Presentation) held(ctx context.Context, v *Vault, q oid4vp.Query) ([]pick, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, err
	}
	var held []pick
	for _, e := range entries {
		if e.Kind != KindCredential || !asksFor(q, e.Type) {
			continue
		}
		item, etag, err := v.Item(ctx, e.Name)
		if errors.Is(err, ErrNotFound) {
			continue // another device is removing it
		}
		if err != nil {
			return nil, fmt.Errorf("opening %s of the vault: %w", e.Name, err)
		}
		n := freshest(item)
		sd, err := sdjwt.Parse(item.Copies[n].Credential)
		if err != nil {
			return nil, fmt.Errorf("reading %s of the vault: %w", e.Name, err)
		}
		if (heldCredential{sd: sd}).current(p.Now()) {
			held = append(held, pick{item: item, etag: etag, copy: n, sd: sd})
		}
	}
	return held, nil
}

func asksFor(q oid4vp.Query, vct string) bool {
	return slices.ContainsFunc(q.Credentials, func(c oid4vp.CredentialQuery) bool {
		return c.Format == sdjwt.TypVC && c.Meta != nil && slices.Contains(c.Meta.VCTValues, vct)
	})
}

// freshest is the copy that was shown least.
func freshest(it Item) int {
	best := 0
	for i, c := range it.Copies {
		if c.Shown < it.Copies[best].Shown {
			best = i
		}
	}
	return best
}

// reserve counts the copies as shown before anything leaves, so that neither a
// crash nor another device shows one again while others are left. When another
// device took one in the meantime, others are picked, as long as they are of
// what the citizen agreed to.
func (p Presentation) reserve(ctx context.Context, v *Vault, a Asked, c Consent, picks []pick) ([]pick, error) {
	for range tries {
		err := count(ctx, v, picks)
		if !errors.Is(err, ErrPrecondition) {
			if err != nil {
				err = fmt.Errorf("counting the copy as shown: %w", err)
			}
			return picks, err
		}
		if picks, err = p.pick(ctx, v, a); err != nil {
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

func (p Presentation) consent(a Asked, picks []pick) Consent {
	c := Consent{
		Receiver: a.Registration.Receiver, Organisation: a.Registration.Name, Purpose: a.Registration.PurposeIn(p.Languages...),
		LegalBasis: a.Registration.LegalBasis, PrivacyPolicy: a.Registration.PrivacyPolicy,
	}
	for _, x := range picks {
		c.Items = append(c.Items, ConsentItem{Query: x.query, Name: x.item.Name, Title: x.item.Title, Type: x.item.Type, Paths: x.paths})
	}
	return c
}

// heldCredential is a held SD-JWT VC as DCQL sees it.
type heldCredential struct {
	sd  *sdjwt.SDJWT
	vct string
}

func (h heldCredential) Format() string    { return sdjwt.TypVC }
func (h heldCredential) Types() []string   { return []string{h.vct} }
func (h heldCredential) HolderBound() bool { return len(h.sd.Claims().Member("cnf")) > 0 }

func (h heldCredential) AuthorityKeys() [][]byte {
	chain, err := h.sd.Token().Header.Certificates()
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, c := range chain {
		if len(c.AuthorityKeyId) > 0 {
			out = append(out, c.AuthorityKeyId)
		}
	}
	return out
}

func (h heldCredential) Select(path credential.Path) [][]byte {
	return h.sd.Claims().Select(sdjwt.Path(path))
}

// current: presenting what is over would only be refused.
func (h heldCredential) current(now time.Time) bool {
	var exp jose.NumericDate
	b := h.sd.Claims().Member("exp")
	return b == nil || jose.Unmarshal(b, &exp) == nil && now.Before(exp.Time())
}
