package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

// walletEntities is a list of trusted entities (ETSI TS 119 602) as a wallet follows
// it: where the list is, and whose certificate signs it. The list it fetches and
// verifies itself.
type walletEntities struct {
	Location     string `json:"location"`
	Certificates string `json:"certificates"` // PEM
}

// walletFetcher fetches what a wallet's environment names.
type walletFetcher struct{ w *wallet }

// FetchUnless implements lote.Fetcher. A command lives too short to keep an ETag.
func (f walletFetcher) FetchUnless(ctx context.Context, url, accept, _ string) ([]byte, string, time.Duration, error) {
	b, err := f.w.getAs(ctx, url, accept)
	return b, "", 0, err
}

// follow takes the list of trusted entities at an address into a store: the one that
// is there now, else the last good one, until its next update.
func (w *wallet) follow(ctx context.Context, store *trust.Store, p trust.Profile, location string) error {
	keeper, err := entityLists(filepath.Join(w.home, "entity-lists")).open()
	if err != nil {
		return err
	}
	source, err := lote.NewSource(ctx, lote.Config{Location: location, Profile: p, Store: store, Fetcher: walletFetcher{w}, Keeper: keeper, Now: w.now})
	if err != nil {
		return fmt.Errorf("list of %s: %w", p.Name, err)
	}
	fault := source.Refresh(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := source.Health(ctx); err != nil {
		if fault != nil {
			return fault // it says why there is none
		}
		return err
	}
	if fault != nil {
		warn := w.warn
		if warn == nil {
			warn = w.tell
		}
		warn(fmt.Sprintf("%s. The list of before is used until %s.", printable(fault.Error()), source.List().NextUpdate.Local().Format(time.DateTime)))
	}
	return nil
}

// accessTrust is whose access certificates the wallet accepts: those of receivers, and
// of issuers who sign their metadata.
type accessTrust struct {
	store *trust.Store
	crls  *trust.CRLs
}

// access are the authorities on the list that the environment names, else those that
// it names itself. The list has a store of its own, so that who signs it can name no
// provider of attestations, nor the other way round.
func (w *wallet) access(ctx context.Context) (accessTrust, error) {
	e := w.state.Environment
	if err := e.checkAccess(); err != nil {
		return accessTrust{}, err
	}
	use, text := trust.UseAccessCertificate, e.AccessAnchors
	if e.AccessList != nil {
		use, text = trust.UseListSigner, e.AccessList.Certificates
	}
	certs, err := trust.ParsePEM([]byte(text))
	if err != nil {
		return accessTrust{}, fmt.Errorf("authorities of access certificates: %w", err)
	}
	// Authorities on a list publish revocation where their certificates say.
	t := accessTrust{crls: trust.NewCRLs(fetch.Aged{Fetcher: revocationClient(w.profile(), w.now)}, w.now)}
	if t.store, err = trust.NewStore(trust.Anchors{use: certs}, 0); err != nil {
		return accessTrust{}, err
	}
	if e.AccessList != nil {
		if err := w.follow(ctx, t.store, trust.AccessProviders, e.AccessList.Location); err != nil {
			return accessTrust{}, err
		}
	}
	return t, w.addCRLs(ctx, t.crls)
}

// checkAccess is an error unless the environment says in one way who issues access
// certificates: an authority that is named here would stay when a list takes it out.
func (e environment) checkAccess() error {
	switch {
	case e.AccessList == nil && e.AccessAnchors == "":
		return errors.New("access_list: it must say where the list of those who issue access certificates is, and who signs it")
	case e.AccessList != nil && e.AccessAnchors != "":
		return errors.New("access_list and access_anchors: only one of them may be there; leave access_anchors out")
	}
	return nil
}

// VerifyChain implements oid4vp.ChainVerifier and unit.Chain. Nobody in the chain may
// be revoked.
func (t accessTrust) VerifyChain(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	path, err := t.store.Certificates(chain, trust.UseAccessCertificate, at)
	if err != nil {
		return err
	}
	if len(path.Certificates) < 2 {
		return errors.New("the certificate is an authority's own, expected one that it issued")
	}
	for i, c := range path.Certificates[:len(path.Certificates)-1] {
		st, err := t.crls.Revocation(ctx, c, path.Certificates[i+1], at)
		if err != nil {
			return err
		}
		if st.State != trust.Good {
			return fmt.Errorf("the access certificate's revocation status is %s: %s", st.State, st.Detail)
		}
	}
	return nil
}
