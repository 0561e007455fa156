package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// sealDir is where the software keys lie whose certificates are of an authority, a
// folder for each tenant.
const sealDir = "seal"

// ringOf is the ring of a tenant; that of the issuer itself has a name that no
// tenant can have.
func ringOf(keys, tenant string) keyring.Ring {
	return keyring.At(filepath.Join(keys, sealDir, cmp.Or(tenant, "_")))
}

func (t *localTrust) ring(tenant string) keyring.Ring { return ringOf(filepath.Dir(t.dir), tenant) }

// errAuthority: the key in use is not replaced by one of the test hierarchy.
var errAuthority = errors.New("the seal certificate is of an authority")

// sealerOf seals with the key of a tenant that is in the key directory; nil where
// there is none any more. A certificate that has ended is no error before
// something is sealed.
func (t *localTrust) sealerOf(tenant string, body *devca.Body) (*seal.Sealer, error) {
	active, own, err := t.ring(tenant).Active()
	switch {
	case err != nil:
		return nil, err
	case own:
		return t.ringSealer(tenant, body, active)
	case body.Seal.Key == nil:
		return nil, nil
	}
	return body.Sealer("", t.now)
}

func (t *localTrust) ringSealer(tenant string, body *devca.Body, k keyring.Key) (*seal.Sealer, error) {
	key, err := t.ring(tenant).Signer(k.ID)
	if err != nil {
		return nil, err
	}
	x5u := body.Issuer() + "/seal/" + seal.CertificateID(k.Chain[0]) + ".pem"
	return seal.NewSealer(key, k.Chain, seal.Options{X5U: x5u, RequireSeal: true, AllowEnded: true, Now: t.now})
}

// dropUnused finishes what a crash may have left: seal keys of the hierarchy that
// others have replaced, and private keys of certificates that are retired.
func (t *localTrust) dropUnused() error {
	for _, tenant := range t.tenants() {
		body, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return err
		}
		ring := t.ring(tenant)
		keys, err := ring.Keys()
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.State == keyring.Active {
				err = t.hierarchy.DropSeal(tenant)
			} else if k.State == keyring.Former && isRetired(body, k.Chain[0]) || k.State == keyring.Retired && ring.Has(k.ID) {
				err = ring.Retire(k.ID, t.now().UTC().Truncate(time.Second))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func isRetired(b *devca.Body, c *x509.Certificate) bool {
	_, ok := b.Retired(c)
	return ok
}

// fitsBody holds a seal certificate against the entry of its body in the list of
// providers: verifiers take the two together (ETSI TS 119 602, Annex H).
func fitsBody(b *devca.Body, leaf *x509.Certificate) error {
	o, err := qc.OrganizationOf(leaf)
	if err != nil {
		return err
	}
	if o.String() != b.Registration() {
		return fmt.Errorf("the certificate is of %s, and the list of providers has %s: verifiers would refuse its seals; make the keys of that issuer with --registration %s", o, b.Registration(), o)
	}
	s, _, err := qc.Of(leaf, nil)
	if err != nil {
		return err
	}
	if body := s.PublicBody; body != nil && !trust.SameLaw(b.Law(), *body) {
		return fmt.Errorf("QcPSB of the certificate names the law %q of %s, and the list of providers %q: verifiers would refuse its seals; make the keys of that issuer with --legislation", body.Legislation, body.Country, b.Law())
	}
	return nil
}

// sealingOf is what a seal certificate of a body must be good for.
func sealingOf(b *devca.Body, at time.Time) keyring.Sealing {
	return keyring.Sealing{Issuer: b.Issuer(), Fits: func(leaf *x509.Certificate) error { return fitsBody(b, leaf) }, At: at}
}

// UseRing seals for a tenant with a key of its ring. Its certificate stands in the
// list of providers before it seals; the key before it is left, one of the
// hierarchy removed.
func (t *localTrust) UseRing(ctx context.Context, tenant, id string) (*seal.Sealer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys, ok := t.keys[tenant]
	if !ok {
		return nil, fmt.Errorf("%w: there is no tenant %q", devca.ErrOptions, tenant)
	}
	if t.elsewhere[tenant] {
		return nil, errElsewhere
	}
	ring := t.ring(tenant)
	key, err := ring.Key(id)
	if err != nil {
		return nil, err
	}
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	switch {
	case key.State == keyring.Active:
		return nil, fmt.Errorf("%w: it is in use already", keyring.ErrState)
	case key.Elsewhere != "":
		return nil, fmt.Errorf("%w: it is in %s; name it under issuer.seal in the configuration", keyring.ErrState, key.Elsewhere)
	case key.State == keyring.Requested:
		return nil, fmt.Errorf("%w: it waits for its certificate; install that with `zegel keys install`", keyring.ErrState)
	case key.State == keyring.Retired:
		return nil, fmt.Errorf("%w: it was retired and its private key removed; make another", keyring.ErrState)
	}
	if _, err := sealingOf(body, t.now()).Check(key.Chain); err != nil {
		return nil, err
	}
	sealer, err := t.ringSealer(tenant, body, key)
	if err != nil {
		return nil, err
	}
	if err := t.notRetired(tenant, sealer.Certificate()); err != nil {
		return nil, err
	}
	if err := t.announce(ctx, history.UseSeal, tenant, sealer.Certificate(), history.Added); err != nil {
		return nil, err
	}
	if err := t.listSeal(tenant, sealer); err != nil {
		return nil, err
	}
	if err := ring.Use(id, t.now().UTC().Truncate(time.Second)); err != nil {
		return nil, err
	}
	if err := keys.Rotate(sealer); err != nil {
		return nil, err
	}
	_ = t.supersede(ctx, history.UseSeal, tenant, sealer.Certificate()) // else settle does it
	return sealer, t.keep(t.hierarchy.Snapshot(), func() error { return t.hierarchy.DropSeal(tenant) })
}

// notRetired refuses a certificate that was retired: it cannot be taken back.
func (t *localTrust) notRetired(tenant string, c *x509.Certificate) error {
	body, err := t.hierarchy.Tenant(tenant)
	if err != nil {
		return err
	}
	if since, gone := body.Retired(c); gone {
		return fmt.Errorf("%w: its certificate was retired on %s, and the list of providers says so; make another", keyring.ErrState, since.Format(time.DateOnly))
	}
	return nil
}

// listSeal puts the certificate of a key that is not of the hierarchy into the list
// of providers, and keeps its chain.
func (t *localTrust) listSeal(tenant string, s *seal.Sealer) error {
	if err := t.keepChain(s); err != nil {
		return err
	}
	err := t.keep(t.hierarchy.Snapshot(), func() error { return t.hierarchy.ListSeal(tenant, s.Certificate(), t.now()) })
	if err != nil {
		return err
	}
	return t.install()
}

// sealHealth is a degradation while the certificate of a seal key in the key
// directory has ended: nothing can be issued, everything else goes on.
func (t *localTrust) sealHealth(tenant string) rest.Check {
	return func(context.Context) error {
		s := t.keys[tenant].Current()
		if s == nil {
			return nil
		}
		if err := s.Usable(t.now()); err != nil {
			return fmt.Errorf("%w: %w with `zegel keys rotate`", rest.ErrDegraded, err)
		}
		return nil
	}
}
