package csc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Signer.
type Options struct {
	// Chain is the certificate of the credential and those above it, leaf first:
	// what the header of a seal is built with.
	Chain []*x509.Certificate
	// Authorizer is an *Explicit or an *OAuth, as auth.mode of the credential says.
	Authorizer Authorizer
	// AuthorizeTimeout bounds one authorization, the step of a person included;
	// 0 is three times the client's timeout.
	AuthorizeTimeout time.Duration
	// Batch is the most hashes of one authorization; 0 is what the credential
	// allows (multisign), up to DefaultBatch.
	Batch int
	// Wait is how long a signature may wait for others to go with it. With 0 it
	// waits only while Parallel batches are under way, and those that wait go
	// together.
	Wait time.Duration
	// Parallel is how many batches are under way at once; 0 is 1.
	Parallel int
	// Queue is how many signatures may wait; 0 is DefaultQueue.
	Queue int
}

// Defaults and limits.
const (
	DefaultBatch = 100
	MaxBatch     = 1000
	DefaultQueue = 1000
)

// Signer signs with one credential. It is a crypto.Signer, and may be used by
// many at once. Close it when nobody signs any more.
type Signer struct {
	client *Client
	id     string
	chain  []*x509.Certificate
	scheme scheme
	opts   Options

	stop context.CancelFunc // ends the batches under way
	life context.Context
	work sync.WaitGroup

	mu       sync.Mutex // guards what follows
	auth     activation // what every one says
	batch    int
	closed   bool
	waiting  []*job
	underWay int
	timer    *time.Timer // for the first of those waiting
	last     error       // of the last batch

	signatures, failures, uncertain, batches atomic.Uint64
}

// Status says how a Signer is, for health checks and metrics.
type Status struct {
	// Waiting signatures, and batches UnderWay.
	Waiting, UnderWay int
	// Last is the error of the last batch, nil if it went well.
	Last error
	// Batches were asked for; Signatures were handed out, Failures were not,
	// Uncertain of them with ErrUncertain.
	Batches, Signatures, Failures, Uncertain uint64
}

// NewSigner asks the provider for the credential and holds it against the
// chain. It fails with ErrCredential where they differ, or the credential is
// not one to sign with now.
func NewSigner(ctx context.Context, c *Client, credentialID string, o Options) (*Signer, error) {
	if c == nil || credentialID == "" || len(o.Chain) == 0 || o.Authorizer == nil {
		return nil, fmt.Errorf("%w: a client, a credential, its chain and an authorizer are needed", ErrConfig)
	}
	s := &Signer{client: c, id: credentialID, chain: slices.Clone(o.Chain), opts: o}
	var err error
	if s.scheme, err = schemeOf(o.Chain[0]); err != nil {
		return nil, err
	}
	if err := s.opts.fill(c); err != nil {
		return nil, err
	}
	if err := s.Check(ctx); err != nil {
		return nil, err
	}
	s.life, s.stop = context.WithCancel(context.Background())
	return s, nil
}

func (o *Options) fill(c *Client) error {
	defaults(&o.AuthorizeTimeout, 3*c.cfg.Timeout)
	if o.Parallel == 0 {
		o.Parallel = 1
	}
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	if o.AuthorizeTimeout < 0 || o.Batch < 0 || o.Batch > MaxBatch || o.Wait < 0 || o.Parallel < 1 || o.Queue < 1 {
		return fmt.Errorf("%w: times and numbers must not be negative, and a batch has at most %d hashes", ErrConfig, MaxBatch)
	}
	return nil
}

// Check asks for the credential again and holds it against the chain: a
// provider that has changed the certificate, or disabled the key, is noticed
// before the next seal.
func (s *Signer) Check(ctx context.Context) error {
	if now := s.client.cfg.Now(); now.Before(s.chain[0].NotBefore) || now.After(s.chain[0].NotAfter) {
		return fmt.Errorf("%w: the certificate is valid from %s to %s, which is not now", ErrCredential,
			s.chain[0].NotBefore.UTC().Format(time.RFC3339), s.chain[0].NotAfter.UTC().Format(time.RFC3339))
	}
	cred, err := s.client.Credential(ctx, s.id)
	if err != nil {
		return err
	}
	if err := cred.check(s.chain, s.scheme); err != nil {
		return err
	}
	if mode := s.opts.Authorizer.mode(); cred.Auth.Mode != mode {
		return fmt.Errorf("%w: auth.mode is not %s, which is what was configured", ErrCredential, mode)
	}
	batch := s.opts.Batch
	if batch == 0 {
		batch = DefaultBatch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = activation{credentialID: s.id, hashOID: s.scheme.hashID, objects: cred.Auth.Objects, expression: cred.Auth.Expression}
	s.batch = min(batch, cred.Multisign)
	return nil
}

// Public is the public key of the certificate.
func (s *Signer) Public() crypto.PublicKey { return s.chain[0].PublicKey }

// Sign signs a digest; see SignContext. It waits as long as the provider may
// take.
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.SignContext(context.Background(), digest, opts)
}

// SignContext signs a digest: P-256 one of SHA-256, P-384 one of SHA-384, both
// in ASN.1; RSA one of SHA-256, with *rsa.PSSOptions. It goes in a batch with
// others.
//
// ErrAway, ErrBusy and ErrRefused mean that nothing was signed; ErrUncertain,
// that it may have been. A caller who gives up while the batch is under way
// gets the latter, unless nobody else waits for it and signHash was not asked.
func (s *Signer) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := s.scheme.check(digest, opts); err != nil {
		return nil, err
	}
	j := &job{digest: bytes.Clone(digest), done: make(chan outcome, 1)}
	if err := s.enqueue(j); err != nil {
		return nil, err
	}
	select {
	case out := <-j.done:
		return out.signature, out.err
	case <-ctx.Done():
	}
	return s.giveUp(j, ctx.Err())
}

// Status says how the signer is.
func (s *Signer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Waiting: len(s.waiting), UnderWay: s.underWay, Last: s.last, Batches: s.batches.Load(),
		Signatures: s.signatures.Load(), Failures: s.failures.Load(), Uncertain: s.uncertain.Load(),
	}
}

// Close turns those away who wait, ends the batches under way and waits for
// their end.
func (s *Signer) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, j := range s.waiting {
		j.done <- outcome{err: ErrClosed}
	}
	s.waiting = nil
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	return nil
}
