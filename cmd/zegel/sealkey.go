package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust"
)

// signerKey is a key in a hardware module or at a provider.
type signerKey struct {
	signers.Signer
	// chain is the certificate of the key and those above it, leaf first.
	chain []*x509.Certificate
	// field of the configuration names the certificate.
	field string
	// check asks whether the key can still be reached. It signs nothing.
	check func(context.Context) error
	// every is how often check may be called.
	every time.Duration
	// where is what people call the place, such as "token seal".
	where string
	// atOnce is how many signatures the place makes at once.
	atOnce int
	// close ends the use of the key.
	close func() error
}

// sealKeys are the seal keys that are not in the key directory.
type sealKeys struct {
	opening sync.Mutex // guards what is opened: one key at a time
	queues  map[string]*signers.Queue
	terms   map[string]signerTerms
	tokens  map[string]*pkcs11.Token // a token is opened once
	closers []func() error

	mu   sync.RWMutex // guards keys
	keys map[string]*sealKey
}

func newSealKeys() *sealKeys {
	return &sealKeys{queues: map[string]*signers.Queue{}, terms: map[string]signerTerms{}, tokens: map[string]*pkcs11.Token{}, keys: map[string]*sealKey{}}
}

// of is the key of a tenant; nil if it is in the key directory.
func (s *sealKeys) of(tenant string) *sealKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys[tenant]
}

// use makes k the key of its tenant. Counts go on from those of the one before.
func (s *sealKeys) use(k *sealKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.keys[k.tenant]; before != nil {
		before.mu.Lock()
		k.sealCounts = before.sealCounts.clone()
		before.mu.Unlock()
	}
	s.keys[k.tenant] = k
}

// Close closes keys, and then the tokens they are in.
func (s *sealKeys) Close() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	var faults []error
	for _, f := range s.closers {
		faults = append(faults, f())
	}
	s.closers = nil
	for _, token := range s.tokens {
		faults = append(faults, token.Close())
	}
	clear(s.tokens)
	return errors.Join(faults...)
}

// openSealKeys reaches the seal keys that are elsewhere, and makes a signature
// with each. At the start they must be there: a wrong certificate, key or PIN is
// told before anything is offered. Later a signer may go away and come back.
func (a *app) openSealKeys(ctx context.Context) error {
	a.seals = newSealKeys()
	a.closers = append(a.closers, a.seals.Close)
	for n, c := range a.c.Issuer.all() {
		if c.Seal == nil {
			continue
		}
		key, err := a.useSealKey(ctx, c, true)
		if err != nil {
			return fmt.Errorf("issuer%s.seal%w", tenantAt(n), err)
		}
		a.every(key.key.every, "seal key", func(ctx context.Context) error { return a.seals.of(c.Tenant).ask(ctx) })
	}
	return nil
}

// useSealKey opens the key of one issuer and seals with it from then on. One whose
// certificate has ended is taken at the start, where there is no other: it seals
// nothing until it is replaced.
func (a *app) useSealKey(ctx context.Context, c *IssuerConfig, start bool) (*sealKey, error) {
	a.seals.opening.Lock()
	defer a.seals.opening.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	name, terms := c.Seal.signer()
	if before, ok := a.seals.terms[name]; ok && before != terms {
		return nil, fmt.Errorf(": found another %s than when the signer was taken into use; start the server anew", before.differ(terms))
	}
	key, err := a.openSealKey(ctx, c.Seal)
	if err != nil {
		return nil, err
	}
	own, sealer, err := a.seals.prepare(ctx, c, key, start, a.now)
	if err == nil {
		own.log = a.log.With("tenant", c.Tenant, "signer", key.where)
		if ended := sealer.Usable(a.now()); ended != nil {
			own.mu.Lock()
			own.note(ended)
			own.mu.Unlock()
		}
		if err = a.local.UseSeal(ctx, c.Tenant, sealer); err != nil {
			err = fmt.Errorf("%s: %w", key.field, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, key.close())
	}
	a.seals.closers = append(a.seals.closers, key.close)
	a.seals.use(own)
	return own, nil
}

// openSealKey opens a key. It is held against nothing but its certificate.
func (a *app) openSealKey(ctx context.Context, c *SealConfig) (*signerKey, error) {
	if c.PKCS11 != nil {
		return a.openToken(ctx, c)
	}
	return a.openProvider(ctx, c.CSC)
}

// prepare holds a key against what it is to be used for, makes a signature with
// it, and puts it behind the queue of its signer.
func (s *sealKeys) prepare(ctx context.Context, c *IssuerConfig, key *signerKey, allowEnded bool, now func() time.Time) (*sealKey, *seal.Sealer, error) {
	if err := seal.CertifiesIssuer(key.chain[0], c.URL); err != nil {
		return nil, nil, fmt.Errorf("%s: %w; have the key certified for %s, or make that issuer's url what the certificate names", key.field, err, c.URL)
	}
	if err := keyring.CheckKey(key.chain[0].PublicKey); err != nil {
		return nil, nil, fmt.Errorf("%s: %w; have the signer make a longer key, and have it certified", key.field, err)
	}
	direct, err := seal.NewSealer(lasting{key.Signer}, key.chain, seal.Options{
		X5U: c.URL + "/seal/" + seal.CertificateID(key.chain[0]) + ".pem", RequireSeal: true, AllowEnded: allowEnded, Now: now,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w; name the certificate for electronic seals that was issued for this key", key.field, err)
	}
	if direct.Usable(now()) == nil { // with one that has ended nothing can be tried
		if err := probe(ctx, direct, c.Seal.wait, now()); err != nil {
			return nil, nil, fmt.Errorf(": the first signature, a probe: %w", err)
		}
	}
	own := newSealKey(c, key, now)
	if own.queue, err = s.queue(c.Seal, key, now); err != nil {
		return nil, nil, fmt.Errorf(".queue: %w", err)
	}
	through, err := direct.Through(func(k crypto.Signer) crypto.Signer { return own.queue.Key(c.Tenant, k, observed{s, own}) })
	return own, through, err
}

// queue is the one before a signer, made for the first key in it.
func (s *sealKeys) queue(c *SealConfig, key *signerKey, now func() time.Time) (*signers.Queue, error) {
	name, terms := c.signer()
	if q := s.queues[name]; q != nil {
		return q, nil
	}
	q, err := signers.NewQueue(key, signers.QueueOptions{Slots: cmp.Or(c.Queue.AtOnce, key.atOnce), Limit: c.Queue.Waiting, Now: now})
	if err == nil {
		s.queues[name], s.terms[name] = q, terms
	}
	return q, err
}

// probe seals something that nobody gets to see, and verifies it: what would fail
// at the first credential fails at the start. It may take no longer than a
// credential waits.
func probe(ctx context.Context, s *seal.Sealer, wait time.Duration, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	compact, err := s.WithContext(ctx).SignCompact("zegel-probe", now, []byte(`{"probe":"`+rand.Text()+`"}`))
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("it took longer than %s, which is how long a credential waits: have the signer answer sooner, or raise wait: %w", wait, err)
	}
	if err != nil {
		return err
	}
	token, err := jose.Parse(compact)
	if err != nil {
		return err
	}
	return token.Verify(s.Certificate().PublicKey)
}

// readChain reads a certificate and those above it, leaf first.
func readChain(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; put the certificate of the key there, in PEM", err)
	}
	chain, err := trust.ParsePEM(b)
	if err == nil && len(chain) == 0 {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return chain, nil
}

// errRefused is a signer that is there and does not sign until somebody has put
// something right, such as a PIN. It is signers.ErrUnavailable, so that what is
// issued meanwhile waits.
var errRefused = fmt.Errorf("the seal key refuses until somebody puts it right: %w", signers.ErrUnavailable)

// lasting is a key whose refusals are no end: wallets come again, and are served
// once it is put right. Only what the key can never sign is an error for good.
type lasting struct{ signers.Signer }

// Sign is SignContext without an end.
func (k lasting) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, o)
}

// SignContext signs, and names a refusal errRefused.
func (k lasting) SignContext(ctx context.Context, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	sig, err := k.Signer.SignContext(ctx, digest, o)
	switch {
	case err == nil, errors.Is(err, signers.ErrUnavailable), errors.Is(err, signers.ErrUncertain),
		errors.Is(err, pkcs11.ErrMechanism), errors.Is(err, csc.ErrMechanism):
		return sig, err
	}
	return nil, fmt.Errorf("%w: %w", errRefused, err)
}
