package unit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// pick is one credential query and the copy that answers it.
type pick struct {
	query string
	item  Item
	etag  string
	copy  int
	held  format.Held
	paths []credential.Path
	// unchecked: the status of the copy could not be asked for.
	unchecked bool
	// transactions that this presentation authorises.
	transactions []oid4vp.TransactionData
}

// pick finds what answers the query; nothing when the query cannot be
// satisfied. Without a choice that was made the citizen is asked for one, where
// there is something to choose.
func (p Presentation) pick(ctx context.Context, v *Vault, a Asked, chosen *Chosen) ([]pick, Chosen, error) {
	held, unread, err := p.held(ctx, v, a)
	if err != nil {
		return nil, Chosen{}, err
	}
	candidates := make([]oid4vp.Candidate, len(held))
	for i, x := range held {
		candidates[i] = x.held
	}
	options, err := a.DCQLQuery.Options(candidates)
	if errors.Is(err, oid4vp.ErrNoMatch) {
		// What could not be read may be what is asked for: that is not for the
		// receiver to hear as nothing.
		return nil, Chosen{}, unread
	}
	if err != nil {
		return nil, Chosen{}, err
	}
	if chosen == nil {
		chosen = &Chosen{}
		if c := choice(a, options, held); p.Choose != nil && c.several() {
			if *chosen, err = p.Choose(ctx, c); err != nil {
				return nil, Chosen{}, err
			}
		}
	}
	out, err := chosen.take(a, options, held)
	return out, *chosen, err
}

func choice(a Asked, o oid4vp.Options, held []pick) Choice {
	c := Choice{Items: map[string][]ConsentItem{}}
	for _, s := range o.Sets {
		c.Sets = append(c.Sets, ChoiceSet{Required: s.Required, Options: s.Options})
	}
	for _, q := range a.DCQLQuery.Credentials {
		for _, f := range o.Fits[q.ID] {
			x := held[f.Index]
			x.query, x.paths = q.ID, f.Paths
			c.Items[q.ID] = append(c.Items[q.ID], x.shown())
		}
		if q.Multiple {
			c.Multiple = append(c.Multiple, q.ID)
		}
	}
	return c
}

// take makes the picks of what was chosen, in the order of the query. When a
// transaction finds no credential among them, nothing fits.
func (c Chosen) take(a Asked, o oid4vp.Options, held []pick) ([]pick, error) {
	wanted := map[string]bool{}
	for n, s := range o.Sets {
		option, err := c.option(n, s)
		if err != nil {
			return nil, err
		}
		for _, id := range option {
			wanted[id] = true
		}
	}
	var out []pick
	for _, q := range a.DCQLQuery.Credentials {
		if !wanted[q.ID] {
			continue
		}
		fits, err := c.fits(q, o.Fits[q.ID], func(f oid4vp.Fit) string { return held[f.Index].item.Name })
		if err != nil {
			return nil, err
		}
		for _, f := range fits {
			x := held[f.Index]
			x.query, x.paths = q.ID, f.Paths
			out = append(out, x)
		}
	}
	for _, t := range a.Transactions {
		if !authorise(out, t) {
			return nil, nil
		}
	}
	return out, nil
}

// authorise gives a transaction to the first presentation that may authorise it
// and has a hash in common with it, and to no other: also where a query takes
// several credentials, the citizen authorises once (OpenID4VP 1.0, Section 5.1).
func authorise(picks []pick, t oid4vp.TransactionData) bool {
	for _, id := range t.CredentialIDs {
		for i := range picks {
			x := &picks[i]
			// It is bound to its key: Request.Transactions saw to it that the query asks
			// for that.
			if x.query != id {
				continue
			}
			all := append(slices.Clone(x.transactions), t)
			if _, _, err := oid4vp.HashAlg(all); err != nil {
				continue
			}
			x.transactions = all
			return true
		}
	}
	return false
}

// held opens the credentials of the types that are asked for and chooses of
// each the copy that was shown least. One that cannot be read does not stand in
// the way of the others: unread says so.
func (p Presentation) held(ctx context.Context, v *Vault, a Asked) (held []pick, unread, err error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.Kind != KindCredential || !asksFor(*a.DCQLQuery, e) {
			continue
		}
		item, etag, err := v.Item(ctx, e.Name)
		if errors.Is(err, ErrNotFound) {
			continue // another device is removing it
		}
		if ended := ctx.Err(); ended != nil {
			return nil, nil, ended
		}
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("opening %s of the vault: %w", e.Name, err))
			continue
		}
		x, err := p.freshest(ctx, item)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("reading %s of the vault: %w", e.Name, err))
			continue
		}
		// The index and the item are not sealed by the issuer: its own word counts.
		if x.held == nil || x.held.Type() != e.Type || item.Type != e.Type {
			continue
		}
		if a.ClientMetadata.Accepts(x.held.Format(), x.held.Secured(), item.Copies[x.copy].alg()) {
			x.item, x.etag = item, etag
			held = append(held, x)
		}
	}
	return held, unread, nil
}

// asksFor spares opening what cannot be meant.
func asksFor(q oid4vp.Query, e Entry) bool {
	return slices.ContainsFunc(q.Credentials, func(c oid4vp.CredentialQuery) bool { return c.May(e.Format, e.Type) })
}

// freshest is the copy that was shown least of those that can be shown: what
// is over or revoked would only be refused. Without one, held is nil.
func (p Presentation) freshest(ctx context.Context, it Item) (pick, error) {
	for _, n := range leastShown(it) {
		held, err := it.Open(n)
		if err != nil {
			return pick{}, err
		}
		if !current(held, p.Now()) {
			continue
		}
		if valid, checked := p.valid(ctx, held); valid || !checked {
			return pick{copy: n, held: held, unchecked: !checked}, nil
		}
	}
	return pick{}, nil
}

// leastShown are the copies by how often they were shown. The one that evidence is
// made of comes last: it is shown when nothing else would do.
func leastShown(it Item) []int {
	order := make([]int, len(it.presentable()))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(it.Copies[a].Shown, it.Copies[b].Shown) })
	if n := len(order); n < len(it.Copies) {
		order = append(order, n)
	}
	return order
}

// valid reports whether a copy's status is valid, and whether it could be asked
// for. That it cannot be had now is for the citizen to know and for the receiver
// to judge.
func (p Presentation) valid(ctx context.Context, held format.Held) (valid, checked bool) {
	claim := held.Status()
	if claim != nil && credential.Format(held.Format()).W3C() {
		value, err := bitstring(ctx, p.Bitstrings, claim, held.Issuer())
		return value == status.Valid && err == nil, err == nil
	}
	if claim == nil {
		return true, true
	}
	if p.Status == nil {
		return false, false
	}
	ref, err := status.ParseClaim(claim)
	if err != nil {
		return false, false
	}
	value, err := p.Status.Check(ctx, ref, p.StatusTrust)
	return value == status.Valid, err == nil
}

var errNoLists = errors.New("the wallet cannot ask for its status: Bitstrings is not set")

// bitstring is the status of a W3C credential, by lists of its own issuer.
func bitstring(ctx context.Context, c *status.BitstringChecker, raw []byte, issuer string) (status.Value, error) {
	if c == nil {
		return status.Invalid, errNoLists
	}
	entries, err := status.ParseEntries(raw)
	if err != nil {
		return status.Invalid, err
	}
	if !slices.ContainsFunc(entries, func(e status.Entry) bool { return e.Purpose == status.Revocation }) {
		return status.Invalid, errors.New("no entry of its status is for revocation")
	}
	s, err := c.Check(ctx, entries, status.SameIssuer(issuer))
	return s.Value, err
}

// alg is what the copy's holder key signs with; empty for a copy without one.
func (c Copy) alg() jose.Alg {
	key, err := c.Key.Public().Key()
	if err != nil {
		return ""
	}
	alg, err := jose.AlgFor(key)
	if err != nil {
		return ""
	}
	return alg
}

// whole reports whether nothing of the credential can be held back.
func (x pick) whole() bool { return x.held.Disclosable() == 0 }

// shown is the pick as the citizen sees it.
func (x pick) shown() ConsentItem {
	return ConsentItem{Query: x.query, Name: x.item.Name, Title: x.item.Title, Type: x.item.Type, Paths: x.paths, Unchecked: x.unchecked, Whole: x.whole()}
}

// current: presenting what is over, or not valid yet, would only be refused.
func current(h format.Held, now time.Time) bool {
	from, until, ok := h.Validity()
	return ok && (until.IsZero() || now.Before(until)) && !from.After(now.Add(time.Minute))
}
