package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// statusKeys sign the status lists of an issuer, in every form, with the key in use.
type statusKeys struct {
	*seal.Keys

	mu      sync.Mutex // guards what follows
	cwt     status.CWTSigner
	changed func()
}

func newStatusKeys(b *devca.Body, now func() time.Time) (*statusKeys, error) {
	k := &statusKeys{}
	sealer, cwt, err := statusSigners(b, now)
	if err != nil {
		return nil, err
	}
	k.cwt = cwt
	k.Keys, err = seal.NewKeys(sealer)
	return k, err
}

func statusSigners(b *devca.Body, now func() time.Time) (*seal.Sealer, status.CWTSigner, error) {
	sealer, err := b.StatusSealer(now)
	if err != nil {
		return nil, nil, err
	}
	cwt, err := status.NewCWTSigner(b.Status.Key, []*x509.Certificate{b.Status.Certificate})
	return sealer, cwt, err
}

// SignCWT implements status.CWTSigner.
func (k *statusKeys) SignCWT(iat time.Time, claims []byte) ([]byte, error) {
	k.mu.Lock()
	signer := k.cwt
	k.mu.Unlock()
	return signer.SignCWT(iat, claims)
}

// onChange is called after another key has taken over.
func (k *statusKeys) onChange(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changed = f
}

// use signs with the status key that a body has now.
func (k *statusKeys) use(b *devca.Body, now func() time.Time) (*seal.Sealer, error) {
	sealer, cwt, err := statusSigners(b, now)
	if err != nil {
		return nil, err
	}
	if err := k.Rotate(sealer); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cwt = cwt
	if k.changed != nil {
		k.changed()
	}
	return sealer, nil
}

// renewStatus replaces the keys of status lists whose certificates run out soon,
// and names whose they are. The next remake keeps them.
func (t *localTrust) renewStatus(ctx context.Context) (renewed []string, err error) {
	for _, tenant := range t.tenants() {
		body, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return nil, err
		}
		if t.now().Before(body.Status.Certificate.NotAfter.Add(-renewBefore)) {
			continue
		}
		if err := t.nextStatus(ctx, tenant); err != nil {
			return renewed, err
		}
		renewed = append(renewed, tenant)
	}
	return renewed, nil
}

// nextStatus makes a key of status lists and writes it down; nothing is kept yet.
func (t *localTrust) nextStatus(ctx context.Context, tenant string) error {
	restore := t.hierarchy.Snapshot()
	if err := t.hierarchy.RotateStatus(tenant, t.now()); err != nil {
		return err
	}
	body, err := t.hierarchy.Tenant(tenant)
	if err == nil {
		err = t.announce(ctx, history.UseStatus, tenant, body.Status.Certificate, history.Added)
	}
	if err != nil {
		restore()
	}
	return err
}

// RotateStatus replaces the key that signs the status lists of a tenant, or of the
// issuer itself. Those who trust the list of providers know the new certificate
// before it signs, and still the one before: lists may be kept.
func (t *localTrust) RotateStatus(ctx context.Context, tenant string) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.statuses[tenant] == nil {
		return nil, fmt.Errorf("%w: there is no tenant %q", devca.ErrOptions, tenant)
	}
	if err := t.keep(t.hierarchy.Snapshot(), func() error { return t.nextStatus(ctx, tenant) }); err != nil {
		return nil, err
	}
	if err := t.install(); err != nil {
		return nil, err
	}
	signer, err := t.useStatus(tenant)
	if err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, history.UseStatus, tenant, signer.Certificate()) // else settle does it
	return signer, nil
}

// useStatus signs the status lists of a tenant with the key that it has now.
func (t *localTrust) useStatus(tenant string) (*seal.Sealer, error) {
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	return t.statuses[tenant].use(body, t.now)
}
