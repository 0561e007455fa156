package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
)

// pinnedKey is a key that others trust by itself, not by an authority. They know the
// next one from the beginning; the one after it they must learn before the next
// rotation.
type pinnedKey struct {
	name    string // as --use has it
	use     trust.Use
	history history.Use
	who     string // whose key it is
	known   string // by whom
	rotate  func(*devca.Hierarchy, time.Time) error
	sealer  func(*devca.Hierarchy, func() time.Time) (*seal.Sealer, error)
}

var pinnedKeys = []pinnedKey{
	{useLists, trust.UseListSigner, history.UseListSigner, "the signer of the lists", "those who follow the lists", (*devca.Hierarchy).RotateListSigner, (*devca.Hierarchy).ListSealer},
	{useRegistrar, trust.UseRegistrar, history.UseRegistrar, "the registrar", "those with wallets", (*devca.Hierarchy).RotateRegistrar, (*devca.Hierarchy).RegistrarSealer},
}

// pinnedBy is the pinned key of a --use, nil for another.
func pinnedBy(use string) *pinnedKey {
	if i := slices.IndexFunc(pinnedKeys, func(k pinnedKey) bool { return k.name == use }); i >= 0 {
		return &pinnedKeys[i]
	}
	return nil
}

// RotatePinned has the next key sign from now on.
func (t *localTrust) RotatePinned(ctx context.Context, k *pinnedKey) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.keep(t.hierarchy.Snapshot(), func() error { return t.nextPinned(ctx, k) }); err != nil {
		return nil, err
	}
	if err := t.install(); err != nil {
		return nil, err
	}
	signer, err := k.sealer(t.hierarchy, t.now)
	if err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, k.history, "", signer.Certificate()) // else settle does it
	return signer, nil
}

// nextPinned takes the next key; nothing is kept yet.
func (t *localTrust) nextPinned(ctx context.Context, k *pinnedKey) error {
	_, next := t.hierarchy.PinnedKeys(k.use)
	if t.store != nil && !slices.ContainsFunc(t.store.Configured(k.use), next.Certificate.Equal) {
		return fmt.Errorf("%w: the next one was made after this server started, and nobody can know it yet; start the server anew, and tell %s", keyring.ErrState, k.known)
	}
	restore := t.hierarchy.Snapshot()
	err := k.rotate(t.hierarchy, t.now())
	if err == nil {
		_, next = t.hierarchy.PinnedKeys(k.use)
		err = t.announce(ctx, k.history, "", next.Certificate, history.Added)
	}
	if err != nil {
		restore()
	}
	return err
}

// renewPinned replaces pinned keys before their certificates run out. A next one that
// was made lately waits as long as it can: nobody had time to learn of it. The next
// remake keeps it.
func (t *localTrust) renewPinned(ctx context.Context) error {
	var faults []error
	for i := range pinnedKeys {
		k := &pinnedKeys[i]
		present, next := t.hierarchy.PinnedKeys(k.use)
		now, end, known := t.now(), present.Certificate.NotAfter, next.Certificate.NotBefore.Add(renewBefore)
		if now.Before(end.Add(-renewBefore)) || now.Before(known) && now.Before(end.Add(-24*time.Hour)) {
			continue
		}
		if err := t.nextPinned(ctx, k); err != nil {
			faults = append(faults, fmt.Errorf("replacing %s: %w", k.who, err))
		}
	}
	return errors.Join(faults...)
}

// settlePinned writes down which pinned keys sign, and retires those before; with mu.
func (t *localTrust) settlePinned(ctx context.Context) error {
	var faults []error
	for _, k := range pinnedKeys {
		present, _ := t.hierarchy.PinnedKeys(k.use)
		err := t.announce(ctx, k.history, "", present.Certificate, history.Added)
		if err == nil {
			err = t.supersede(ctx, k.history, "", present.Certificate)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// pinnedInventory are the pinned keys, now and next; with mu.
func (t *localTrust) pinnedInventory() (out []keyInfo) {
	for _, k := range pinnedKeys {
		present, next := t.hierarchy.PinnedKeys(k.use)
		nowFile, nextFile := t.hierarchy.PinnedFiles(k.use)
		if nextFile != "" {
			out = append(out, keyInfo{Use: k.name, State: keyring.Ready, Where: t.file(nextFile)}.describe(next.Key.Public(), chainOf(next), t.now()))
		}
		out = append(out, keyInfo{Use: k.name, State: keyring.Active, Where: t.file(nowFile)}.describe(present.Key.Public(), chainOf(present), t.now()))
	}
	return out
}

// useRegistrarKey has the registrar sign with the key that is kept; with mu.
func (t *localTrust) useRegistrarKey() {
	p := t.hierarchy.Registrar
	t.registrar.Store(&verifier.RegistrarKey{Signer: p.Key, Chain: chainOf(p)})
}

// Registrar is the key that the registrar signs with.
func (t *localTrust) Registrar() verifier.RegistrarKey { return *t.registrar.Load() }

// Registrars are the keys of the registrar that wallets must know.
func (t *localTrust) Registrars() (now, next devca.Pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hierarchy.PinnedKeys(trust.UseRegistrar)
}

// Anchors are what relying parties trust beforehand.
func (t *localTrust) Anchors() trust.Anchors {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hierarchy.Anchors()
}
