package unit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Due is what has to be asked for again before it is over, by whom it is asked.
type Due struct {
	// Grant is what the issuer is asked with; empty when the citizen has to.
	Grant string
	// Issuer and Configurations to ask for where the citizen has to.
	Issuer         string
	Configurations []string
	// Items are the entries that are near their end.
	Items []Entry
}

// Due lists what is over within a time, or already, and where it came from. An
// item whose source is not known is left out: it cannot be asked for.
func (v *Vault) Due(ctx context.Context, now time.Time, within time.Duration) ([]Due, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, err
	}
	var out []Due
	for _, e := range entries {
		if e.Kind != KindCredential || e.Expires.IsZero() || e.Expires.After(now.Add(within)) {
			continue
		}
		it, _, err := v.Item(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		if it.Source != nil {
			out = group(out, e, *it.Source)
		}
	}
	return out, nil
}

// group puts together what one question to an issuer gives.
func group(all []Due, e Entry, s Source) []Due {
	for i, d := range all {
		if d.Issuer != s.Issuer || d.Grant != s.Grant {
			continue
		}
		all[i].Items = append(all[i].Items, e)
		all[i].add(s.Configuration)
		return all
	}
	d := Due{Grant: s.Grant, Issuer: s.Issuer, Items: []Entry{e}}
	d.add(s.Configuration)
	return append(all, d)
}

func (d *Due) add(configuration string) {
	for _, c := range d.Configurations {
		if c == configuration {
			return
		}
	}
	d.Configurations = append(d.Configurations, configuration)
}

// Renew asks again for all that a grant gives, with its refresh token, and puts
// it in place of what the vault holds (OpenID4VCI 1.0, Section 14.5). With
// ErrGrantOver the citizen has to ask: Discover, with Offered.Renewing set.
func (s Issuance) Renew(ctx context.Context, v *Vault, grant string) (Taken, error) {
	l, err := s.reopen(ctx, v, grant)
	if err != nil {
		return Taken{}, err
	}
	for _, id := range l.grant.Configurations {
		if err := s.known(l.metadata.CredentialConfigurationsSupported[id]); err != nil {
			return Taken{}, errors.Join(ErrGrantOver, err)
		}
	}
	token, err := l.refresh(ctx, v)
	if err != nil {
		return Taken{}, err
	}
	return l.fetch(ctx, v, token, true)
}

// Remove deletes what has the name from the vault. The issuer of a credential
// is told where that can be done: that it cannot is no reason to keep it
// (OpenID4VCI 1.0, Section 11). A grant goes with the last that needs it.
func (s Issuance) Remove(ctx context.Context, v *Vault, name string) error {
	entries, err := v.Entries(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if i < 0 || entries[i].Grant == "" {
		return v.Remove(ctx, name)
	}
	it, _, errItem := v.Item(ctx, name)
	if err := v.Remove(ctx, name); err != nil {
		return err
	}
	if entries[i].Kind == KindCredential && errItem == nil && it.Source != nil {
		if l, err := s.reopen(ctx, v, entries[i].Grant); err == nil {
			_ = l.notify(ctx, v, it.Source.Notification, oid4vci.CredentialDeleted)
		}
	}
	return v.release(ctx, entries[i].Grant)
}
