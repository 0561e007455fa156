package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/signers"
)

// sealKey is a seal key of an issuer in use, and how it is.
type sealKey struct {
	tenant string
	url    string // of the issuer
	key    *signerKey
	queue  *signers.Queue
	log    *slog.Logger
	now    func() time.Time

	mu    sync.Mutex // guards what follows
	away  error      // why the last signature or check failed; nil when it went well
	since time.Time  // since when it is away
	sealCounts
}

// sealCounts are what happened since the start.
type sealCounts struct {
	// signed counts signatures by their outcome.
	signed map[string]uint64
	waited histogram // for a turn
	took   histogram // the signer
}

func (c sealCounts) clone() sealCounts {
	c.signed = maps.Clone(c.signed)
	return c
}

// The outcomes of a signature.
const (
	sealOK        = "ok"
	sealFull      = "full"      // its queue was full, or its turn did not come in time
	sealAway      = "away"      // nothing was signed
	sealUncertain = "uncertain" // something may have been signed
	sealRefused   = "refused"   // until somebody puts something right
	sealFailed    = "failed"
)

var sealOutcomes = []string{sealOK, sealFull, sealAway, sealUncertain, sealRefused, sealFailed}

func newSealKey(c *IssuerConfig, key *signerKey, now func() time.Time) *sealKey {
	return &sealKey{tenant: c.Tenant, url: c.URL, key: key, now: now, sealCounts: sealCounts{signed: map[string]uint64{}}}
}

// owner is the organisation and the country in a seal certificate.
func owner(c *x509.Certificate) (name, country string) {
	subject := c.Subject
	name = subject.CommonName
	if len(subject.Organization) > 0 {
		name = subject.Organization[0]
	}
	if len(subject.Country) > 0 {
		country = subject.Country[0]
	}
	return name, country
}

// name is that of the health check.
func (k *sealKey) name() string { return sealCheckName(k.tenant) }

func sealCheckName(tenant string) string { return strings.TrimSuffix("seal-key-"+tenant, "-") }

// observed is told how the signatures of a key went. They are counted for the tenant,
// whichever key it has by then; how the key is they say of that key alone, for one that
// was replaced may be late.
type observed struct {
	all *sealKeys
	key *sealKey
}

// Signed implements signers.Observer.
func (o observed) Signed(tenant string, waited, took time.Duration, err error) {
	outcome := outcomeOf(took, err)
	if now := o.all.of(tenant); now != nil {
		now.counted(outcome, waited, took)
	}
	if outcome != sealFull { // which says nothing of the key
		o.key.mu.Lock()
		defer o.key.mu.Unlock()
		o.key.note(err)
	}
}

func (k *sealKey) counted(outcome string, waited, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signed[outcome]++
	k.waited.add(waited)
	if outcome != sealFull {
		k.took.add(took)
	}
}

func outcomeOf(took time.Duration, err error) string {
	switch {
	case err == nil:
		return sealOK
	case errors.Is(err, signers.ErrQueueFull), took == 0 && errors.Is(err, context.DeadlineExceeded), took == 0 && errors.Is(err, context.Canceled):
		return sealFull
	case errors.Is(err, errRefused):
		return sealRefused
	case errors.Is(err, signers.ErrUncertain):
		return sealUncertain
	case errors.Is(err, signers.ErrUnavailable):
		return sealAway
	default:
		return sealFailed
	}
}

// note keeps how the key is, and logs when it changes; with mu.
func (k *sealKey) note(err error) {
	switch {
	case err != nil && k.away == nil:
		k.since = k.now()
		k.log.Warn("the seal key is away; what is issued waits", "error", err)
	case err == nil && k.away != nil:
		k.log.Info("the seal key is back", "away", k.now().Sub(k.since))
	}
	k.away = err
}

// ask asks whether the key can be reached. That it can mends only what was an
// absence: a signature that was refused is mended by one that is made.
func (k *sealKey) ask(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := k.key.check(bounded)
	if err != nil && ctx.Err() != nil || errors.Is(err, pkcs11.ErrBusy) {
		return nil // this server stops, or others use all that there is
	}
	for n, c := range k.key.chain { // one above the seal certificate ends it, too
		if err == nil && k.now().After(c.NotAfter) {
			err = fmt.Errorf("certificate %d of the chain ended on %s; replace the key", n, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || !errors.Is(k.away, errRefused) {
		k.note(err)
	}
	return nil
}

// health of the key that a tenant has now.
func (s *sealKeys) health(tenant string) rest.Check {
	return func(ctx context.Context) error { return s.of(tenant).health(ctx) }
}

// health is a degradation at most: what is issued meanwhile waits, everything
// else goes on.
func (k *sealKey) health(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away != nil {
		return fmt.Errorf("%w: %s, since %s: %w", rest.ErrDegraded, k.key.where, k.since.UTC().Format(time.RFC3339), k.away)
	}
	return nil
}

// histogram counts durations below bounds.
type histogram struct {
	below [len(histogramBounds)]uint64
	count uint64
	sum   time.Duration
}

var histogramBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

func (h *histogram) add(d time.Duration) {
	for n, bound := range histogramBounds {
		if d <= bound {
			h.below[n]++
		}
	}
	h.count++
	h.sum += d
}
