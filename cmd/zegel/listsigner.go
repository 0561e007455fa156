package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust"
)

// RotateListSigner has the next signer sign the lists of trusted entities from now on.
// Those who follow them know its certificate from the beginning; the one after it
// they must learn before the next rotation.
func (t *localTrust) RotateListSigner(ctx context.Context) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.keep(t.hierarchy.Snapshot(), func() error { return t.nextListSigner(ctx) }); err != nil {
		return nil, err
	}
	if err := t.install(); err != nil {
		return nil, err
	}
	signer, err := t.hierarchy.ListSealer(t.now)
	if err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, history.UseListSigner, "", signer.Certificate()) // else settle does it
	return signer, nil
}

// nextListSigner takes the next signer of the lists; nothing is kept yet.
func (t *localTrust) nextListSigner(ctx context.Context) error {
	next := t.hierarchy.NextListSigner.Certificate
	if t.store != nil && !slices.ContainsFunc(t.store.Configured(trust.UseListSigner), next.Equal) {
		return fmt.Errorf("%w: the next signer was made after this server started, and nobody can know it yet; start the server anew, and tell those who follow the lists", keyring.ErrState)
	}
	restore := t.hierarchy.Snapshot()
	err := t.hierarchy.RotateListSigner(t.now())
	if err == nil {
		err = t.announce(ctx, history.UseListSigner, "", t.hierarchy.NextListSigner.Certificate, history.Added)
	}
	if err != nil {
		restore()
	}
	return err
}

// renewListSigner replaces the signer of the lists before its certificate runs out.
// One that was made lately waits as long as it can: those who follow the lists had no
// time to learn of it. The next remake keeps it.
func (t *localTrust) renewListSigner(ctx context.Context) error {
	now, end, known := t.now(), t.hierarchy.ListSigner.Certificate.NotAfter, t.hierarchy.NextListSigner.Certificate.NotBefore.Add(renewBefore)
	if now.Before(end.Add(-renewBefore)) || now.Before(known) && now.Before(end.Add(-24*time.Hour)) {
		return nil
	}
	if err := t.nextListSigner(ctx); err != nil {
		return fmt.Errorf("replacing the signer of the lists: %w", err)
	}
	return nil
}

// settleListSigner writes down who signs the lists, and retires those before; with mu.
func (t *localTrust) settleListSigner(ctx context.Context) error {
	c := t.hierarchy.ListSigner.Certificate
	if err := t.announce(ctx, history.UseListSigner, "", c, history.Added); err != nil {
		return err
	}
	return t.supersede(ctx, history.UseListSigner, "", c)
}

// Anchors are what relying parties trust beforehand.
func (t *localTrust) Anchors() trust.Anchors {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hierarchy.Anchors()
}
