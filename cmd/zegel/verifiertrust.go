package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

// timestampAnchors are those of time-stamp authorities that the configuration
// names. What trusted lists name comes beside them.
func (c TrustConfig) timestampAnchors() (trust.Anchors, error) {
	if c.TimestampAnchors == "" {
		return nil, nil
	}
	certs, err := readCertificates(c.TimestampAnchors)
	if err != nil {
		return nil, fmt.Errorf("timestamp_anchors: %w", err)
	}
	return trust.Anchors{trust.UseTimeStamp: certs}, nil
}

// with are anchors with others added.
func with(anchors, more trust.Anchors) trust.Anchors {
	all := trust.Anchors{}
	maps.Copy(all, anchors)
	for use, certs := range more {
		all[use] = append(all[use][:len(all[use]):len(all[use])], certs...)
	}
	return all
}

// judging is whom the verifier of a configuration trusts, what it asks about
// revocation, and until when it believes algorithms.
type judging struct {
	store      *trust.Store
	revocation trust.ValueSource
	suite      *trust.Suite
}

// validator judges by it.
func (t judging) validator() *seal.Validator {
	return &seal.Validator{Trust: t.store, Revocation: t.revocation, Suite: t.suite}
}

// verifierTrust is that of the verifier of this server.
func (a *app) verifierTrust(ctx context.Context) (judging, error) {
	c := a.c.Verifier.Trust
	client := responderClient(a.c.Profile, a.now)
	a.closers = append(a.closers, client.Close)
	if c.PubEAAList == "" {
		return judging{a.local.store, c.Revocation.source(a.local.crls, client, a.now), a.local.crls.Suite}, nil
	}
	stamps, err := c.timestampAnchors()
	if err != nil {
		return judging{}, err
	}
	store, err := c.listStore(stamps)
	if err != nil {
		return judging{}, err
	}
	crls := trust.NewCRLs(fetch.Aged{Fetcher: a.revocation}, a.now)
	if crls.Suite, err = c.Revocation.suite(); err != nil {
		return judging{}, err
	}
	if a.providers, err = a.followEntities(ctx, lote.Config{Location: c.PubEAAList, Profile: trust.PubEAAProviders, Store: store}); err != nil {
		return judging{}, err
	}
	return judging{store, c.Revocation.source(crls, client, a.now), crls.Suite}, nil
}

// configuredTrust is that of the verifier of a configuration, and more anchors, for
// a command. Nothing of the installation is changed.
func configuredTrust(ctx context.Context, c *Config, more trust.Anchors, now time.Time) (judging, error) {
	clock := func() time.Time { return now }
	var t TrustConfig
	if c.Verifier != nil {
		t = c.Verifier.Trust
	}
	stamps, err := t.timestampAnchors()
	if err != nil {
		return judging{}, fmt.Errorf("verifier.trust: %w", err)
	}
	suite, err := t.Revocation.suite()
	if err != nil {
		return judging{}, err
	}
	more = with(stamps, more)
	lists := fetch.Aged{Fetcher: revocationClient(c.Profile, clock)}
	responders := responderClient(c.Profile, clock)
	if t.PubEAAList == "" {
		h, err := loadHierarchy(c.Keys)
		if err != nil {
			return judging{}, err
		}
		store, err := localStore(h, more, now)
		if err != nil {
			return judging{}, err
		}
		crls, err := h.CRLs(lists, clock)
		if err != nil {
			return judging{}, err
		}
		crls.Suite = suite
		return judging{store, t.Revocation.source(crls, responders, clock), suite}, nil
	}
	store, err := t.listStore(more)
	if err != nil {
		return judging{}, fmt.Errorf("verifier.trust: %w", err)
	}
	client := entityClient(c.Profile, clock)
	defer client.Close()
	source, err := lote.NewSource(ctx, lote.Config{
		Location: t.PubEAAList, Profile: trust.PubEAAProviders, Store: store, Fetcher: client, Keeper: readOnly{entityLists(entityListsDir(c))}, Now: clock,
	})
	if err != nil {
		return judging{}, fmt.Errorf("verifier.trust: %w", err)
	}
	// What the installation kept stands in for a list that cannot be had.
	if err := source.Refresh(ctx); err != nil && source.Health(ctx) != nil {
		return judging{}, err
	}
	crls := trust.NewCRLs(lists, clock)
	crls.Suite = suite
	return judging{store, t.Revocation.source(crls, responders, clock), suite}, nil
}

// localStore trusts a hierarchy, its list, and more.
func localStore(h *devca.Hierarchy, more trust.Anchors, now time.Time) (*trust.Store, error) {
	store, err := trust.NewStore(with(h.Anchors(), more), 0)
	if err != nil {
		return nil, err
	}
	l, err := store.VerifyList(h.List, now)
	if err != nil {
		return nil, err
	}
	return store, store.Install(l)
}

// trustAlso adds anchors to those of the hierarchy, lets revocation lists of others
// be fetched, and says until when their algorithms are believed. It is for the start,
// before a role has the store.
func (t *localTrust) trustAlso(more trust.Anchors, lists trust.Fetcher, suite *trust.Suite) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store, err = localStore(t.hierarchy, more, t.now()); err != nil {
		return err
	}
	if t.crls, err = t.hierarchy.CRLs(lists, t.now); err != nil {
		return err
	}
	t.crls.Suite = suite
	return nil
}

// listStore trusts the signers of the list of providers that others publish, for a
// verifier that is not beside its issuer, and more.
func (c TrustConfig) listStore(more trust.Anchors) (*trust.Store, error) {
	signers, err := readCertificates(c.ListSigner)
	if err != nil {
		return nil, fmt.Errorf("list_signer: %w", err)
	}
	return trust.NewStore(with(trust.Anchors{trust.UseListSigner: signers}, more), 0)
}

// revocationClient fetches the revocation lists of certificates whose chain was
// verified. Their addresses are mostly plain http, as the lists are signed.
func revocationClient(profile string, now func() time.Time) *fetch.Client {
	return fetch.Public(fetch.Options{
		MaxBody: 16 << 20, Timeout: 30 * time.Second, Redirects: 1, InsecureAllowHTTP: true, InsecureAllowLoopback: profile == ProfileDevelopment, Now: now,
	})
}
