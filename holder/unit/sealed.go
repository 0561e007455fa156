package unit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

// Sealed judges what the vault holds by the trust of the wallet unit itself, as of
// now: the seal on every copy, that it is of the issuer that the copy names, and
// that the copy is what was sealed. It answers what was found of the copy that is
// worth least, so that no other is said to be worth more. An error means that a copy
// could not be judged, or is not what was sealed.
//
// It says nothing of the credential's own validity and status.
func (s Issuance) Sealed(ctx context.Context, it Item) (seal.Validation, error) {
	f := format.By(it.Format)
	if f == nil || len(it.Copies) == 0 || s.Seals == nil {
		return seal.Validation{}, errors.New("it is of a format that this wallet does not know, has no copies, or there is nobody to trust")
	}
	var all []seal.Validation
	for n := range it.Copies {
		v, err := s.sealed(ctx, f, it, n, func(u format.Signature) (seal.Validation, error) { return u.Validate(ctx, s.Seals, s.Now()) })
		if err != nil {
			return seal.Validation{}, fmt.Errorf("copy %d: %w", n+1, err)
		}
		if v.Err() != nil {
			return v, nil
		}
		all = append(all, v)
	}
	worths := []seal.Qualification{seal.NotApplicable, seal.AdESeal, seal.AdESealQC, seal.QESeal}
	return slices.MinFunc(all, func(a, b seal.Validation) int {
		return slices.Index(worths, a.Qualification) - slices.Index(worths, b.Qualification)
	}), nil
}

// Proven judges like Sealed, by the evidence of the seal: what time-stamps prove
// decides at which time the certificate counts. Only one copy has evidence, and the
// evidence must be of it; the others must be what the same certificate sealed, if
// their own seals do not hold now.
func (s Issuance) Proven(ctx context.Context, it Item, text []byte) (seal.Validation, error) {
	f := format.By(it.Format)
	if f == nil || len(it.Copies) == 0 || s.Seals == nil || !Archivable(it.Format) {
		return seal.Validation{}, fmt.Errorf("%w: no evidence is made of this credential", ErrEvidence)
	}
	file, err := evidence.Parse(text)
	if err != nil {
		return seal.Validation{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	last := len(it.Copies) - 1
	proven, err := s.sealed(ctx, f, it, last, func(u format.Signature) (seal.Validation, error) {
		token, err := file.Compact()
		if err != nil || u.Token == nil || token != u.Token.SigningInput()+"."+jose.Encode(u.Token.Signature) {
			return seal.Validation{}, fmt.Errorf("%w: it is of another copy or credential", ErrEvidence)
		}
		return s.Seals.ValidateEvidence(ctx, file, s.Now())
	})
	if err != nil || proven.Err() != nil {
		return proven, err
	}
	for n := range last {
		v, err := s.sealed(ctx, f, it, n, func(u format.Signature) (seal.Validation, error) {
			v, err := u.Validate(ctx, s.Seals, s.Now())
			if err == nil && v.Err() != nil && v.Indication == seal.Indeterminate && proven.Certificate.Equal(v.Certificate) {
				return proven, nil // its signature and disclosures are looked at all the same
			}
			return v, err
		})
		if err != nil {
			return seal.Validation{}, fmt.Errorf("copy %d: %w", n+1, err)
		}
		if v.Err() != nil {
			return v, nil
		}
	}
	return proven, nil
}

// errSeal ends the verification of a copy whose seal does not hold.
var errSeal = errors.New("the seal does not hold")

func (s Issuance) sealed(ctx context.Context, f format.Format, it Item, n int, judge func(format.Signature) (seal.Validation, error)) (seal.Validation, error) {
	held, err := it.Open(n)
	if err != nil {
		return seal.Validation{}, err
	}
	issuer := it.Issuer
	if it.Source != nil {
		issuer = it.Source.Issuer
	}
	p := format.Policy{Now: within(held, s.Now()), Skew: time.Minute, Controller: s.controller(ctx, issuer)}
	if f.ID() == credential.FormatMdoc {
		p.Types = []string{it.Type}
	}
	var found *seal.Validation
	p.Trust = func(u format.Signature) (crypto.PublicKey, error) {
		v, err := judge(u)
		if err != nil {
			return nil, err
		}
		if v.Err() != nil {
			found = &v
			return nil, errSeal
		}
		if err := seal.CertifiesIssuer(v.Certificate, u.IssuerIn(v.Certificate)); err != nil {
			return nil, err
		}
		found = &v
		return v.Certificate.PublicKey, nil
	}
	_, err = f.Issued(it.Copies[n].Credential, p)
	switch {
	case found == nil && err == nil:
		return seal.Validation{}, errors.New("its seal was not judged")
	case err != nil && !errors.Is(err, errSeal):
		return seal.Validation{}, err
	}
	return *found, nil
}

// within is a time at which a credential is valid, the nearest one to now: whether
// it still is, is another question than whether it was sealed.
func within(held format.Held, now time.Time) time.Time {
	from, until, ok := held.Validity()
	switch {
	case ok && !until.IsZero() && !now.Before(until):
		return until.Add(-time.Second)
	case ok && now.Before(from):
		return from
	}
	return now
}
