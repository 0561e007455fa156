package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust"
)

// signerKey is a key in a hardware module or at a provider.
type signerKey struct {
	signers.Signer
	// chain is the certificate of the key and those above it, leaf first.
	chain []*x509.Certificate
	// check asks whether the key can still be reached. It signs nothing.
	check func(context.Context) error
	// where is what people call the place, such as "token seal".
	where string
	// atOnce is how many signatures the place makes at once.
	atOnce int
	// every is how often check may be called.
	every time.Duration
}

// sealKeys are the seal keys that are not in the key directory, by tenant. They
// do not change once they are open.
type sealKeys struct {
	keys   map[string]*sealKey
	queues map[string]*signers.Queue // by signer: one before each
	tokens map[string]*pkcs11.Token  // likewise; a token is opened once
}

// openSealKeys reaches the seal keys that are elsewhere, and makes a signature
// with each. At the start they must be there: a wrong certificate, key or PIN is
// told before anything is offered. Later a signer may go away and come back.
func (a *app) openSealKeys(ctx context.Context) error {
	a.seals = sealKeys{map[string]*sealKey{}, map[string]*signers.Queue{}, map[string]*pkcs11.Token{}}
	for n, c := range a.c.Issuer.all() {
		if c.Seal == nil {
			continue
		}
		if err := a.useSealKey(ctx, c); err != nil {
			return fmt.Errorf("issuer%s.seal%w", tenantAt(n), err)
		}
	}
	return nil
}

// useSealKey opens the key of one issuer and seals with it from then on.
func (a *app) useSealKey(ctx context.Context, c *IssuerConfig) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at, key, err := a.openSealKey(ctx, c.Seal)
	if err != nil {
		return err
	}
	if err := seal.CertifiesIssuer(key.chain[0], c.URL); err != nil {
		return fmt.Errorf("%s: %w; have the key certified for %s, or make that issuer's url what the certificate names", at, err, c.URL)
	}
	own := newSealKey(c.Tenant, key, a.log, a.now)
	a.seals.keys[c.Tenant] = own
	if own.queue, err = a.queue(c.Seal, key); err != nil {
		return fmt.Errorf(".queue: %w", err)
	}
	sealer, err := seal.NewSealer(own.queue.Key(c.Tenant, lasting{key}), key.chain, seal.Options{
		X5U: c.URL + "/seal/" + seal.CertificateID(key.chain[0]) + ".pem", RequireSeal: true, Now: a.now,
	})
	if err != nil {
		return fmt.Errorf("%s: %w; name the certificate for electronic seals that was issued for this key", at, err)
	}
	if err := probe(ctx, sealer, c.Seal.wait, a.now()); err != nil {
		return fmt.Errorf(": the first signature, a probe: %w", err)
	}
	a.every(key.every, "seal key", own.ask)
	return a.local.UseSeal(c.Tenant, sealer)
}

// openSealKey opens a key, and names the field with its certificate. It is
// closed with the app.
func (a *app) openSealKey(ctx context.Context, c *SealConfig) (field string, key *signerKey, err error) {
	if c.PKCS11 != nil {
		key, err = a.openToken(ctx, c)
		return ".pkcs11.certificate_file", key, err
	}
	key, err = a.openProvider(ctx, c.CSC)
	if c.CSC.CertificateFile == "" {
		return ".csc.certificate_sha256", key, err
	}
	return ".csc.certificate_file", key, err
}

// queue is the one before a signer, made for the first key in it.
func (a *app) queue(c *SealConfig, key *signerKey) (*signers.Queue, error) {
	name, _ := c.signer()
	if q := a.seals.queues[name]; q != nil {
		return q, nil
	}
	slots := key.atOnce
	if c.Queue.AtOnce > 0 {
		slots = c.Queue.AtOnce
	}
	q, err := signers.NewQueue(key, signers.QueueOptions{Slots: slots, Limit: c.Queue.Waiting, Observer: a.seals, Now: a.now})
	if err == nil {
		a.seals.queues[name] = q
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
