package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/store"
)

const (
	defaultSealWait = 10 * time.Second

	// sealRetry is how long a signer that is away is left alone, and a wallet
	// told to wait.
	sealRetry = 5 * time.Second
)

// signerRest is until when the signer is left alone, in nanoseconds. While it is
// away nobody waits for it in vain and no status index is taken.
type signerRest struct{ until atomic.Int64 }

func (r *signerRest) resting(now time.Time) bool { return now.UnixNano() < r.until.Load() }

// note says how a signature went. A full queue and a lost answer say nothing of
// the next.
func (r *signerRest) note(now time.Time, err error) {
	switch {
	case err == nil:
		r.until.Store(0)
	case errors.Is(err, signers.ErrUnavailable) && !errors.Is(err, signers.ErrQueueFull):
		r.until.Store(now.Add(sealRetry).UnixNano())
	}
}

// errResting: the signer was away a moment ago.
var errResting = fmt.Errorf("issuer: the signer was away a moment ago: %w", signers.ErrUnavailable)

// canWait reports whether sealing failed in a way that another try may mend.
func canWait(err error) bool {
	return errors.Is(err, signers.ErrUnavailable) || errors.Is(err, signers.ErrUncertain)
}

// seal makes one sealed copy for each key. The status indexes that are taken
// stay in the delivery, for the next try.
func (i *Issuer) seal(ctx context.Context, t *prepared, d *delivery, claims []byte) ([]jsontext.Value, error) {
	if i.signer.resting(i.c.Now()) {
		return nil, errResting
	}
	sealer := i.c.Keys.Current()
	if err := sealer.Usable(i.c.Now()); err != nil {
		return nil, err
	}
	if err := i.allocate(ctx, d); err != nil {
		return nil, err
	}
	template, err := t.template(sealer)
	if err != nil {
		return nil, err
	}
	if t.described.ByMethod {
		if err := i.publish(ctx, sealer); err != nil {
			return nil, err
		}
	}
	now := issueTime(i.c.Now(), sealer.Certificate())
	drafts := make([]format.Draft, len(d.Keys))
	for n, key := range d.Keys {
		c := i.draft(claims, now, key, d.refs[n], sealer.Certificate())
		if t.Format.W3C() {
			if c.Entries, err = i.c.Statuses.Entries(ctx, d.refs[n]); err != nil {
				return nil, err
			}
		}
		if drafts[n], err = template.Prepare(c, i.c.Random); err != nil {
			return nil, err
		}
	}
	return i.sealAll(ctx, sealer, drafts)
}

// allocate takes the status indexes of a delivery that has none yet.
func (i *Issuer) allocate(ctx context.Context, d *delivery) (err error) {
	if len(d.refs) == len(d.Keys) {
		return nil
	}
	tags := []string{"credential:" + d.ID}
	if d.Vault != "" {
		tags = append(tags, d.Vault)
	}
	d.refs, err = i.c.Statuses.AllocateN(ctx, len(d.Keys), tags...)
	return err
}

// sealAll seals drafts, as many at once as the signer likes. All or none: what
// was sealed beside one that failed is published nowhere.
func (i *Issuer) sealAll(ctx context.Context, sealer *seal.Sealer, drafts []format.Draft) ([]jsontext.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, i.c.SealWait)
	defer cancel()
	bound := sealer.WithContext(ctx)
	copies, failed := make([]jsontext.Value, len(drafts)), make([]error, len(drafts))
	if i.c.SealsAtOnce == 1 {
		for n, d := range drafts {
			if copies[n], failed[n] = d.Seal(bound); failed[n] != nil {
				break
			}
		}
	} else {
		var g errgroup.Group
		g.SetLimit(i.c.SealsAtOnce)
		for n, d := range drafts {
			g.Go(func() error {
				copies[n], failed[n] = d.Seal(bound)
				return nil // each is asked for, so that none is cut off in the middle
			})
		}
		_ = g.Wait()
	}
	err := worst(failed)
	i.signer.note(i.c.Now(), err)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return copies, nil
}

// worst is the error to go by: one that no other try mends, else a signature
// that may have been made, else one that was not.
func worst(all []error) (out error) {
	rank := func(err error) int {
		switch {
		case err == nil:
			return 0
		case errors.Is(err, signers.ErrUncertain):
			return 2
		case errors.Is(err, signers.ErrUnavailable):
			return 1
		default:
			return 3
		}
	}
	for _, err := range all {
		if rank(err) > rank(out) {
			out = err
		}
	}
	return out
}

// sealLater begins a deferred transaction for a dataset that could not be sealed
// now. It keeps the claims under the transaction_id, the proven keys and the
// status indexes: nothing is asked for or taken again.
func (i *Issuer) sealLater(ctx context.Context, d deferral, why error, requestID string) (oid4vci.CredentialResponse, error) {
	i.tellLate(ctx, why, requestID)
	t := transaction{deferral: d}
	if err := i.keepDeferred(ctx, &t, i.sealAgain()); err != nil {
		return oid4vci.CredentialResponse{}, errors.Join(why, err)
	}
	return i.later(t), nil
}

// stillLater leaves a transaction to wait once more.
func (i *Issuer) stillLater(ctx context.Context, t transaction, why error, requestID string) (oid4vci.CredentialResponse, error) {
	i.tellLate(ctx, why, requestID)
	t.data.Refs, t.data.Ask = t.Delivery.refs, i.sealAgain()
	if err := i.move(ctx, &t); err != nil && !errors.Is(err, store.ErrConflict) {
		if errors.Is(err, store.ErrNotFound) {
			return oid4vci.CredentialResponse{}, errTransaction()
		}
		return oid4vci.CredentialResponse{}, errors.Join(why, err)
	}
	return i.later(t), nil
}

func (i *Issuer) sealAgain() askedWhen {
	return askedWhen{Next: i.c.Now().Add(sealRetry), Interval: int64(sealRetry / time.Second)}
}

// tellLate logs why a wallet has to wait. A seal that may have been made is
// always told: another is made in its place.
func (i *Issuer) tellLate(ctx context.Context, why error, requestID string) {
	switch {
	case errors.Is(why, signers.ErrUncertain):
		i.c.Logger.ErrorContext(ctx, "a seal may have been made that nobody has; another takes its place", "request_id", requestID, "error", why)
	case errors.Is(why, errResting):
	default:
		i.c.Logger.WarnContext(ctx, "a credential could not be sealed now; the wallet is told to come again", "request_id", requestID, "error", why)
	}
}
