package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
)

// localTrust is the local hierarchy with what is published of it. Everything
// that changes it, and everything that reads what changes, goes through here.
type localTrust struct {
	dir     string
	now     func() time.Time
	history keyHistory

	mu        sync.Mutex // guards what follows
	hierarchy *devca.Hierarchy
	store     *trust.Store
	crls      *trust.CRLs
	keys      map[string]*seal.Keys // by tenant, "" the issuer itself
	metadata  map[string]*seal.Keys // those that sign metadata, likewise
	statuses  map[string]*statusKeys
	elsewhere map[string]bool // tenants whose seal key is not in the key directory

	registrar atomic.Pointer[verifier.RegistrarKey]
}

// errElsewhere: the seal key cannot be replaced from here.
var errElsewhere = errors.New("the seal key is not in the key directory")

// chainsDir is where the chains of seal keys lie that are not of the hierarchy.
const chainsDir = "seal-chains"

func (t *localTrust) chainFile(c *x509.Certificate) string {
	return filepath.Join(filepath.Dir(t.dir), chainsDir, seal.CertificateID(c)+".pem")
}

// keysOf are the seal keys of a body. The certificates of former ones are served
// with those above them, as they were when they sealed.
func (t *localTrust) keysOf(tenant string, body *devca.Body) (*seal.Keys, error) {
	current, err := t.sealerOf(tenant, body)
	if err != nil {
		return nil, err
	}
	var former [][]*x509.Certificate
	for _, c := range body.FormerSeal {
		chain, err := readChain(t.chainFile(c))
		switch {
		case errors.Is(err, fs.ErrNotExist): // one of the hierarchy
			chain = []*x509.Certificate{c}
		case err != nil:
			return nil, err
		case !chain[0].Equal(c):
			return nil, fmt.Errorf("%s holds another certificate than its name says; put back what was there", t.chainFile(c))
		}
		former = append(former, chain)
	}
	if current == nil {
		return seal.FormerKeys(former...)
	}
	return seal.NewKeys(current, former...)
}

// keepChain keeps the chain of a key that is not of the hierarchy, for the time
// after it.
func (t *localTrust) keepChain(s *seal.Sealer) error {
	path := t.chainFile(s.Certificate())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeOver(path, s.PEM())
}

// UseSeal seals for a tenant with a key that is elsewhere. Its certificate stands
// in the list of providers from then on, also when another has taken its place.
func (t *localTrust) UseSeal(ctx context.Context, tenant string, s *seal.Sealer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, ok := t.keys[tenant]
	if !ok {
		return fmt.Errorf("%w: there is no tenant %q", devca.ErrOptions, tenant)
	}
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return err
	}
	if err := fitsBody(body, s.Certificate()); err != nil {
		return err
	}
	if err := t.notRetired(tenant, s.Certificate()); err != nil {
		return err
	}
	if err := t.announce(ctx, history.UseSeal, tenant, s.Certificate(), history.Added); err != nil {
		return err
	}
	if err := t.listSeal(tenant, s); err != nil {
		return err
	}
	t.elsewhere[tenant] = true
	if err := keys.Rotate(s); err != nil {
		return err
	}
	_ = t.supersede(ctx, history.UseSeal, tenant, s.Certificate()) // else settle does it
	return nil
}

// The names under which the revocation lists are served.
const (
	sealCRL   = "seal.crl"
	accessCRL = "access.crl"
)

// openLocalTrust loads the hierarchy. Its keys stand in the history before one of
// them signs.
func openLocalTrust(ctx context.Context, keys string, known keyHistory, now func() time.Time) (*localTrust, error) {
	h, err := loadHierarchy(keys)
	if err != nil {
		return nil, err
	}
	t := newLocalTrust(keys, h, now)
	t.history = known
	if err := t.dropUnused(); err != nil {
		return nil, err
	}
	if err := h.PreparePinned(now()); err != nil {
		return nil, err
	}
	if err := t.announceAll(ctx); err != nil {
		return nil, err
	}
	if err := t.renewPinned(ctx); err != nil {
		return nil, err
	}
	if _, err := t.renewMetadata(ctx); err != nil {
		return nil, err
	}
	if _, err := t.renewStatus(ctx); err != nil {
		return nil, err
	}
	if err := t.remake(); err != nil {
		return nil, err
	}
	t.useRegistrarKey()
	if err := t.openSeals(); err != nil {
		return nil, err
	}
	for _, tenant := range t.tenants() {
		body, err := h.Tenant(tenant)
		if err != nil {
			return nil, err
		}
		signer, err := body.MetadataSealer(now)
		if err != nil {
			return nil, err
		}
		if t.metadata[tenant], err = seal.NewKeys(signer); err != nil {
			return nil, err
		}
		if t.statuses[tenant], err = newStatusKeys(body, now); err != nil {
			return nil, err
		}
	}
	if t.store, err = h.Store(now()); err != nil {
		return nil, err
	}
	t.crls, err = h.CRLs(nil, now)
	return t, err
}

func newLocalTrust(keys string, h *devca.Hierarchy, now func() time.Time) *localTrust {
	return &localTrust{
		dir: filepath.Join(keys, hierarchyDir), now: now, hierarchy: h,
		keys: map[string]*seal.Keys{}, metadata: map[string]*seal.Keys{}, statuses: map[string]*statusKeys{}, elsewhere: map[string]bool{},
	}
}

// readLocalTrust reads the keys of a directory that a server may use, and changes
// nothing.
func readLocalTrust(keys string, now func() time.Time) (*localTrust, error) {
	h, err := loadHierarchy(keys)
	if err != nil {
		return nil, err
	}
	t := newLocalTrust(keys, h, now)
	return t, t.openSeals()
}

func (t *localTrust) openSeals() error {
	for _, tenant := range t.tenants() {
		body, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return err
		}
		if t.keys[tenant], err = t.keysOf(tenant, body); err != nil {
			return err
		}
	}
	return nil
}

// tenants are the names of all, "" the issuer itself.
func (t *localTrust) tenants() []string {
	return append(slices.Collect(maps.Keys(t.hierarchy.Tenants)), "")
}

// renewBefore is how long before its end a metadata certificate is replaced.
// Nobody keeps it, as there is one with every signature. It is the same for the
// certificate of status lists.
const renewBefore = 30 * 24 * time.Hour

// renewMetadata replaces the keys of metadata whose certificates run out soon,
// and names whose they are. The next remake keeps them.
func (t *localTrust) renewMetadata(ctx context.Context) (renewed []string, err error) {
	for _, tenant := range t.tenants() {
		body, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return nil, err
		}
		if t.now().Before(body.Metadata.Certificate.NotAfter.Add(-renewBefore)) {
			continue
		}
		if err := t.nextMetadata(ctx, tenant); err != nil {
			return renewed, err
		}
		renewed = append(renewed, tenant)
	}
	return renewed, nil
}

// nextMetadata makes a key of metadata and writes it down; nothing is kept yet.
func (t *localTrust) nextMetadata(ctx context.Context, tenant string) error {
	restore := t.hierarchy.Snapshot()
	if err := t.hierarchy.RotateMetadata(tenant, t.now()); err != nil {
		return err
	}
	body, err := t.hierarchy.Tenant(tenant)
	if err == nil {
		err = t.announce(ctx, history.UseMetadata, tenant, body.Metadata.Certificate, history.Added)
	}
	if err != nil {
		restore()
	}
	return err
}

// useMetadata signs the metadata of a tenant with the key that it has now.
func (t *localTrust) useMetadata(tenant string) (*seal.Sealer, error) {
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	signer, err := body.MetadataSealer(t.now)
	if err != nil {
		return nil, err
	}
	return signer, t.metadata[tenant].Rotate(signer)
}

// remake makes the provider list and the revocation lists anew and keeps them.
func (t *localTrust) remake() error {
	return t.keep(t.hierarchy.Snapshot(), t.anew)
}

func (t *localTrust) anew() error {
	if err := t.hierarchy.Refresh(t.now()); err != nil {
		return fmt.Errorf("making lists anew: %w", err)
	}
	return nil
}

// keep keeps what a change makes of the hierarchy, and takes it back when it cannot
// be made or kept: what is served and what is on the disk never part, and a list that
// was served once has no other of the same number after it.
func (t *localTrust) keep(restore func(), change func() error) error {
	err := change()
	if err == nil {
		if err = t.hierarchy.Update(t.dir); err != nil {
			err = fmt.Errorf("keeping the lists: %w", err)
		}
	}
	if err != nil {
		restore()
	}
	return err
}

// install takes the lists and the registrar as they are now into use.
func (t *localTrust) install() error {
	t.useRegistrarKey()
	list, err := t.store.VerifyList(t.hierarchy.List, t.now())
	if err != nil {
		return err
	}
	if err := t.store.Install(list); err != nil {
		return err
	}
	if list, err = t.store.Verify(t.hierarchy.AccessList, trust.AccessProviders, t.now()); err != nil {
		return err
	}
	if err := t.store.Install(list); err != nil {
		return err
	}
	if err := t.crls.Add(t.hierarchy.SealCRL, t.hierarchy.SealCA.Certificate); err != nil {
		return err
	}
	return t.crls.Add(t.hierarchy.AccessCRL, t.hierarchy.AccessCA.Certificate)
}

// Refresh makes the lists, and keys of metadata, anew before they run out; call
// it each day.
func (t *localTrust) Refresh(ctx context.Context) error {
	return errors.Join(t.refresh(ctx), t.settle(ctx))
}

func (t *localTrust) refresh(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var metadata, status []string
	var fault error
	err := t.keep(t.hierarchy.Snapshot(), func() (err error) {
		metadata, fault = t.renewMetadata(ctx) // the lists are made anew all the same
		status, err = t.renewStatus(ctx)
		fault = errors.Join(fault, err, t.renewPinned(ctx))
		return t.anew()
	})
	if err != nil {
		return errors.Join(fault, err)
	}
	for _, tenant := range metadata {
		if _, err := t.useMetadata(tenant); err != nil {
			return errors.Join(fault, err)
		}
	}
	if err := t.install(); err != nil {
		return errors.Join(fault, err)
	}
	for _, tenant := range status {
		if _, err := t.useStatus(tenant); err != nil {
			return errors.Join(fault, err)
		}
	}
	return fault
}

// RotateSeal replaces the seal key of a tenant, or of the issuer itself. Those
// who trust the list know the new certificate before it seals.
func (t *localTrust) RotateSeal(ctx context.Context, tenant string) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, ok := t.keys[tenant]
	if !ok {
		return nil, fmt.Errorf("%w: there is no tenant %q", devca.ErrOptions, tenant)
	}
	if t.elsewhere[tenant] {
		return nil, errElsewhere
	}
	if _, own, err := t.ring(tenant).Active(); own || err != nil {
		return nil, errors.Join(err, errAuthority)
	}
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	err = t.keep(t.hierarchy.Snapshot(), func() error {
		if err := t.hierarchy.RotateSeal(tenant, t.now()); err != nil {
			return err
		}
		return t.announce(ctx, history.UseSeal, tenant, body.Seal.Certificate, history.Added)
	})
	if err != nil {
		return nil, err
	}
	if err := t.install(); err != nil {
		return nil, err
	}
	sealer, err := body.Sealer("", t.now)
	if err != nil {
		return nil, err
	}
	if err := keys.Rotate(sealer); err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, history.UseSeal, tenant, sealer.Certificate()) // else settle does it
	return sealer, nil
}

// RotateMetadata replaces the key that signs the metadata of a tenant, or of
// the issuer itself.
func (t *localTrust) RotateMetadata(ctx context.Context, tenant string) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.metadata[tenant] == nil {
		return nil, fmt.Errorf("%w: there is no tenant %q", devca.ErrOptions, tenant)
	}
	if err := t.keep(t.hierarchy.Snapshot(), func() error { return t.nextMetadata(ctx, tenant) }); err != nil {
		return nil, err
	}
	signer, err := t.useMetadata(tenant)
	if err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, history.UseMetadata, tenant, signer.Certificate()) // else settle does it
	return signer, nil
}

// List is the provider list as it is served.
func (t *localTrust) List() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return []byte(t.hierarchy.List), nil
}

// AccessList is the list of providers of access certificates as it is served.
func (t *localTrust) AccessList() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return []byte(t.hierarchy.AccessList), nil
}

// ChangeServices withdraws services of a tenant, or notifies them again, in the
// list of providers.
func (t *localTrust) ChangeServices(tenant string, which devca.Services, withdraw bool) ([]devca.ListedService, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change := t.hierarchy.Notify
	if withdraw {
		change = t.hierarchy.Withdraw
	}
	var changed []devca.ListedService
	err := t.keep(t.hierarchy.Snapshot(), func() (err error) {
		changed, err = change(tenant, which, t.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed, t.install()
}

// CRL is a revocation list as it is served.
func (t *localTrust) CRL(name string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch name {
	case sealCRL:
		return t.hierarchy.SealCRL, true
	case accessCRL:
		return t.hierarchy.AccessCRL, true
	default:
		return nil, false
	}
}

// IssueAccess certifies a receiver's key.
func (t *localTrust) IssueAccess(pub any, r devca.AccessRequest) (*x509.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hierarchy.IssueAccess(pub, r, t.now())
}
