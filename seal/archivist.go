package seal

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// ErrArchive is returned when evidence cannot be lifted to a level.
var ErrArchive = errors.New("the evidence cannot be lifted")

// Stamper gets time-stamp tokens for digests and verifies them; a tsp.Client is
// one. It learns nothing of what is stamped.
type Stamper interface {
	Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*tsp.Token, error)
}

// Lists is what is published about revocation, and what to keep of it: trust.CRLs,
// trust.Responders, or trust.Preferred of both.
type Lists interface{ trust.ValueSource }

// Archivist lifts the evidence of seals to the levels that outlive certificates.
// It needs no key of a seal: whoever holds the evidence may do it. It may be used
// by many at once and must not be changed meanwhile.
type Archivist struct {
	Stamper Stamper
	Lists   Lists
	// Trust holds the anchors of seals and of time-stamp authorities.
	Trust *trust.Store
	// Now is the clock that lists are asked at.
	Now func() time.Time
	// Hash is the digest that is stamped; zero is SHA-256.
	Hash crypto.Hash
}

// Lift adds what evidence lacks for a level (TS 119 182-1, clause 6.3): a
// time-stamp of the signature, then certificates and revocation lists for seal
// and authority, then an archive time-stamp over all. What was added before an
// error stays, and is evidence of a lower level.
func (a *Archivist) Lift(ctx context.Context, f *evidence.File, to Level) error {
	if err := a.check(); err != nil {
		return err
	}
	if !to.Includes(BaselineB) {
		return fmt.Errorf("%w: %s is no level of evidence", ErrArchive, to)
	}
	var got *tsp.Token
	if to.Includes(BaselineT) && !has(f, evidence.SignatureTimeStamp) {
		var err error
		if got, err = a.stamp(ctx, f, evidence.SignatureTimeStamp); err != nil {
			return err
		}
	}
	if to.Includes(BaselineLT) && !has(f, evidence.ArchiveTimeStamp) {
		if err := a.addValues(ctx, f, got); err != nil {
			return err
		}
	}
	if to.Includes(BaselineLTA) && !has(f, evidence.ArchiveTimeStamp) {
		_, err := a.stamp(ctx, f, evidence.ArchiveTimeStamp)
		return err
	}
	return nil
}

// Renew stamps evidence of B-LTA again, with what says of the authority that
// stamped last that it can be believed today. It must be done before
// Validation.StampBefore.
func (a *Archivist) Renew(ctx context.Context, f *evidence.File) error {
	if err := a.check(); err != nil {
		return err
	}
	if !has(f, evidence.ArchiveTimeStamp) {
		return fmt.Errorf("%w: there is no archive time-stamp to renew; Lift makes the first", ErrArchive)
	}
	if err := a.addValues(ctx, f, nil); err != nil {
		return err
	}
	_, err := a.stamp(ctx, f, evidence.ArchiveTimeStamp)
	return err
}

func (a *Archivist) check() error {
	if a.Stamper == nil || a.Lists == nil || a.Trust == nil || a.Now == nil {
		return errors.New("seal: an archivist needs Stamper, Lists, Trust and Now")
	}
	return nil
}

func has(f *evidence.File, kind evidence.Kind) bool {
	for _, e := range f.Elements() {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

func (a *Archivist) stamp(ctx context.Context, f *evidence.File, kind evidence.Kind) (*tsp.Token, error) {
	hash := a.Hash
	if hash == 0 {
		hash = crypto.SHA256
	}
	imprint, err := f.Imprint(kind, hash)
	if err != nil {
		return nil, err
	}
	token, err := a.Stamper.Stamp(ctx, hash, imprint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return token, f.AddTimeStamp(kind, token.Raw)
}

// addValues adds the issuers of every certificate that counts now, and the lists or
// answers that say it is good. Before the first archive time-stamp those are the
// seal's and the authorities', those of content time-stamps too; afterwards the last authority's, for the others were
// covered when their values were good.
func (a *Archivist) addValues(ctx context.Context, f *evidence.File, got *tsp.Token) error {
	paths, err := a.paths(f, got)
	if err != nil {
		return err
	}
	v := values{known: map[string]bool{}}
	for _, p := range paths {
		if err := a.path(ctx, &v, p); err != nil {
			return err
		}
	}
	for _, p := range a.contentPaths(f) {
		// One that is not believed is not relied on when the seal is judged.
		if err := a.path(ctx, &v, p); err != nil && !errors.Is(err, ErrArchive) {
			return err
		}
	}
	return f.AddValues(v.Values)
}

// values are collected, each once.
type values struct {
	evidence.Values
	known map[string]bool
}

// path adds what says of every certificate of a chain that it is good.
func (a *Archivist) path(ctx context.Context, v *values, p *trust.Path) error {
	for i, c := range p.Certificates[:len(p.Certificates)-1] {
		issuer := p.Certificates[i+1]
		status, value, err := a.Lists.RevocationValue(ctx, c, issuer, a.Now())
		if err != nil {
			return fmt.Errorf("asking about revocation: %w", err)
		}
		if status.State != trust.Good {
			return fmt.Errorf("%w: revocation of %s is %s: %s", ErrArchive, subject(c), status.State, status.Detail)
		}
		keep(&v.Certificates, issuer, v.known, issuer.Raw)
		if value.CRL != nil {
			keep(&v.CRLs, value.CRL, v.known, value.CRL)
		}
		if value.OCSP != nil {
			keep(&v.OCSPs, value.OCSP, v.known, value.OCSP)
		}
	}
	return nil
}

// keep adds what is not known yet.
func keep[T any](to *[]T, x T, known map[string]bool, der []byte) {
	if !known[string(der)] {
		known[string(der)] = true
		*to = append(*to, x)
	}
}

// contentPaths are the chains of content time-stamps that hold, before the first
// archive time-stamp: what it covers was kept.
func (a *Archivist) contentPaths(f *evidence.File) []*trust.Path {
	if has(f, evidence.ArchiveTimeStamp) {
		return nil
	}
	var out []*trust.Path
	for _, token := range f.Header().ContentTimeStamps {
		t, err := tsp.Parse(token)
		if err != nil || f.CheckContent(t) != nil {
			continue
		}
		p, err := t.Verify(tsp.Verification{Hash: t.Hash, Imprint: t.Imprint, Trust: a.Trust, Certificates: f.Values().Certificates})
		if err == nil {
			out = append(out, p)
		}
	}
	return out
}

// paths are the chains whose revocation must be kept now. The token that was got a
// moment ago, if there is one, is not verified again.
func (a *Archivist) paths(f *evidence.File, got *tsp.Token) ([]*trust.Path, error) {
	elements, more := f.Elements(), f.Values().Certificates
	var out []*trust.Path
	for i, e := range elements {
		if e.Token == nil {
			continue
		}
		t, err := got, error(nil)
		if got == nil || !bytes.Equal(got.Raw, e.Token) {
			t, err = tsp.Parse(e.Token)
		}
		if err == nil {
			err = f.CheckImprint(i, t)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		p, err := t.Verify(tsp.Verification{Hash: t.Hash, Imprint: t.Imprint, Trust: a.Trust, Certificates: more})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		if e.Kind == evidence.ArchiveTimeStamp {
			out = nil // what it covers was kept before
		}
		out = append(out, p)
	}
	if has(f, evidence.ArchiveTimeStamp) {
		return out, nil
	}
	chain, err := jose.Header{X5C: f.Header().X5C}.Certificates()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	p, err := a.Trust.Complete(chain, more, trust.UseSeal, a.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if len(p.Certificates) == 1 {
		return nil, fmt.Errorf("%w: %s is trusted by itself, as a list of providers names it; evidence needs the authority that issued it, which says whether it was revoked: trust that, or the trusted lists that name it (ETSI TS 119 182-1, clause 6.3)", ErrArchive, subject(p.Leaf()))
	}
	return append(out, p), nil
}
