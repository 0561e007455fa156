// Package verifier lets admitted receivers ask citizens for claims over
// OpenID4VP and tells them, check by check, whether what came holds.
//
// A transaction goes from requested to fetched to answered to done, each step
// at most once, whoever races and whatever crashes (state.go). In the store
// nothing of it is readable: transaction, request and response are three
// secrets, and what waits is sealed under the one that fetches it
// (internal/capsule).
//
// It keeps no claim longer than the receiver needs to fetch it, hands over
// only what was asked, and knows no HTTP; verifier/api does. It does not decide
// who is admitted: that is the register's (verifier/receivers).
package verifier

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier/policy"
	"github.com/zegel-id/zegel/verifier/receivers"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// UseLog is told of every use; *audit.Log is one. What it does not take does
// not happen.
type UseLog interface {
	Append(ctx context.Context, e audit.Event) error
}

// Bitstrings answers for the status of a W3C credential; a
// *status.BitstringChecker is one.
type Bitstrings interface {
	Check(ctx context.Context, entries []status.Entry, trust status.TrustIssuer) (status.Standing, error)
}

// Controllers gives the controlled identifier document in which a verification
// method is to be found; a *controlled.Documents is one.
type Controllers interface {
	Of(ctx context.Context, method string) (*did.Document, error)
}

// Statuses answers whether a credential still stands; *status.Checker is one.
type Statuses interface {
	Check(ctx context.Context, ref status.Ref, trust status.Trust) (status.Value, error)
}

// Access is a receiver's access certificate: with its key the receiver's
// requests are signed.
type Access struct {
	Signer crypto.Signer
	// Chain is leaf first, without the anchor.
	Chain []*x509.Certificate
	// DNSName makes the client identifier x509_san_dns with this name, which
	// must be the host of Config.URL and stand in the leaf. Empty is x509_hash.
	DNSName string
	// KeyID makes it a decentralized_identifier: the DID URL of the verification
	// method with Signer's key, in a document that is published elsewhere.
	KeyID string
	// Attestation makes it a verifier_attestation: the JWT of somebody who vouches
	// for Signer's key (OpenID4VP 1.0, Section 12).
	Attestation string
}

// Registrar signs the receivers' registration certificates, the published register,
// and evidence.
type Registrar struct {
	// ID is its iss; empty is Config.URL.
	ID string
	// Key is asked before each signature, for it may be replaced while running.
	Key func() RegistrarKey
}

// RegistrarKey is a key of the registrar.
type RegistrarKey struct {
	Signer crypto.Signer
	Chain  []*x509.Certificate
}

// sign makes a compact JWS of a type.
func (k RegistrarKey) sign(typ string, payload []byte) (string, error) {
	return jose.SignCompact(k.Signer, jose.Header{Alg: jose.ES256, Typ: typ, X5C: jose.EncodeX5C(k.Chain)}, payload)
}

// Config of a verifier.
type Config struct {
	// URL is where it is reached: below it are request, response and register.
	URL   string
	Store store.Store
	// Register and Access are the receivers and their certificates, by id.
	// Install changes them while running.
	Register  *receivers.Register
	Access    map[string]Access
	Registrar Registrar
	// Seals validates seals. Its trust store and revocation source also judge
	// the signers of status lists.
	Seals    *seal.Validator
	Statuses Statuses
	// Bitstrings checks the status of W3C credentials; without it none that has a
	// status is relied on.
	Bitstrings Bitstrings
	// Controllers gives the documents of issuers whose signatures name their key
	// (ldp_vc); without it no such signature holds. It is asked for issuers that a
	// policy accepts, and for no others.
	Controllers Controllers
	// Lists are the addresses by which queries may name the list of providers
	// in the trust store of Seals (etsi_tl). None of them is ever fetched.
	Lists []string
	// Accept says which types are accepted from whom. What no entry names is
	// not accepted.
	Accept []Acceptance
	// Policies are those that transactions may name. They may be laxer than the
	// platform, which has all checks and Accept, only in the ways of Relax.
	Policies []*policy.Policy
	Relax    []policy.Relaxation
	Log      UseLog
	// Webhooks are the endpoints of receivers that want to be told of the steps
	// of their transactions.
	Webhooks webhooks.Config
	// RequestID names the call that a context belongs to, for the use log; nil
	// names none.
	RequestID func(context.Context) string

	// RequestLife is how long a transaction waits for its answer; default 5
	// minutes.
	RequestLife time.Duration
	// ResultLife is how long a result waits for the receiver; default 10
	// minutes.
	ResultLife time.Duration
	// ResultGrace is how long after the first fetch the same result is given
	// again, in case the answer got lost on its way; zero gives it once.
	ResultGrace time.Duration
	// Tries is how many response codes may be tried; default 5.
	Tries int
	// RegisterLife is how long others may rely on the published register;
	// default 1 hour. It bounds how late a wallet sees a suspension.
	RegisterLife time.Duration
	// Skew is how far clocks may differ; default 1 minute.
	Skew time.Duration
	Now  func() time.Time
	// InsecureAnswersInClear lets receivers ask for unencrypted answers, for
	// wallets that cannot encrypt: whoever ends TLS reads them (OpenID4VP 1.0,
	// Section 8.2; HAIP 1.0, Section 5 wants encryption).
	InsecureAnswersInClear bool
	// InsecureLoopback lets URLs be http on loopback, for the development
	// profile only.
	InsecureLoopback bool
}

// Verifier is the verifier role. Its methods may be called from many
// goroutines.
type Verifier struct {
	c        Config
	policies map[string]*policy.Policy
	hooks    *webhooks.Outbox
	now      atomic.Pointer[admission]
}

// admission is who may ask, with whose certificate: what changes together.
type admission struct {
	register *receivers.Register
	access   map[string]Access
}

// New checks a configuration and tells all its faults at once.
func New(c Config) (*Verifier, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.RequestLife, 5*time.Minute)
	def(&c.ResultLife, 10*time.Minute)
	def(&c.RegisterLife, time.Hour)
	def(&c.Skew, time.Minute)
	if c.Tries == 0 {
		c.Tries = 5
	}
	if c.Registrar.ID == "" {
		c.Registrar.ID = c.URL
	}
	v := &Verifier{c: c}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("verifier: "+format, args...))
	}
	if err := checkURL(c.URL, c.InsecureLoopback); err != nil || strings.HasSuffix(c.URL, "/") || strings.Contains(c.URL, "?") {
		fault("URL must be an https address without query or slash at the end")
	}
	if c.Store == nil || c.Seals == nil || c.Seals.Trust == nil || c.Statuses == nil || c.Log == nil || c.Now == nil {
		fault("Store, Seals with its trust store, Statuses, Log and Now are required")
	}
	for name, d := range map[string]time.Duration{"RequestLife": c.RequestLife, "ResultLife": c.ResultLife, "RegisterLife": c.RegisterLife} {
		if d < time.Second || d > 24*time.Hour {
			fault("%s is %s, expected a second to a day", name, d)
		}
	}
	if c.ResultGrace < 0 || c.ResultGrace > c.ResultLife || c.Tries < 1 || c.Tries > 100 || c.Skew < 0 || c.Skew > 5*time.Minute {
		fault("ResultGrace must not be longer than ResultLife, Tries be 1 to 100, Skew at most 5 minutes")
	}
	if c.Registrar.Key == nil {
		fault("Registrar needs a key")
	} else if k := c.Registrar.Key(); k.Signer == nil || len(k.Chain) == 0 {
		fault("Registrar needs a signer and its chain")
	} else if err := checkKey(k.Signer, k.Chain[0]); err != nil {
		fault("Registrar: %w", err)
	}
	var err error
	if v.policies, err = policies(c); err != nil {
		faults = append(faults, err)
	}
	if v.hooks, err = webhooks.New(c.Webhooks, c.Store, c.Now, v.happened); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	a := &admission{c.Register, maps.Clone(c.Access)}
	if err := v.check(a); err != nil {
		return nil, err
	}
	v.now.Store(a)
	return v, nil
}

// Install replaces register and access certificates while running, and logs
// who was admitted, suspended or removed. From then on a suspended receiver
// gets no request signed, no response taken and no result.
func (v *Verifier) Install(ctx context.Context, r *receivers.Register, access map[string]Access) error {
	next := &admission{r, maps.Clone(access)}
	if err := v.check(next); err != nil {
		return err
	}
	old := v.now.Swap(next)
	was := map[string]receivers.Status{}
	for _, x := range old.register.All() {
		was[x.ID] = x.Status
	}
	var errs []error
	change := func(id string, what string) {
		errs = append(errs, v.c.Log.Append(ctx, audit.Event{Kind: audit.RegisterChange, Actor: audit.Actor{Kind: audit.System}, Organisation: id, Outcome: audit.OK, Detail: what}))
	}
	for _, x := range r.All() {
		if was[x.ID] != x.Status {
			change(x.ID, string(x.Status))
		}
		delete(was, x.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		change(id, "removed")
	}
	return errors.Join(errs...)
}

func (v *Verifier) check(a *admission) error {
	if a.register == nil {
		return errors.New("verifier: a register of receivers is required")
	}
	var faults []error
	for _, r := range a.register.All() {
		x, ok := a.access[r.ID]
		if !ok {
			if r.Status == receivers.Admitted {
				faults = append(faults, fmt.Errorf("verifier: receiver %s is admitted and has no access certificate", r.ID))
			}
			continue
		}
		if err := v.checkAccess(r, x); err != nil {
			faults = append(faults, fmt.Errorf("verifier: access certificate of receiver %s: %w", r.ID, err))
		}
	}
	return errors.Join(faults...)
}

// checkAccess holds an access certificate against its receiver (OpenID4VP 1.0,
// Section 5.9.3; ETSI TS 119 411-8).
func (v *Verifier) checkAccess(r receivers.Receiver, a Access) error {
	if a.Signer == nil || len(a.Chain) == 0 {
		return errors.New("signer and chain are required")
	}
	leaf := a.Chain[0]
	if err := checkKey(a.Signer, leaf); err != nil {
		return err
	}
	if o, err := qc.OrganizationOf(leaf); err != nil || o.String() != r.Registration {
		return fmt.Errorf("its organizationIdentifier is not %s", r.Registration)
	}
	if err := a.checkIdentifier(v.c.Now()); err != nil {
		return err
	}
	if a.DNSName == "" {
		return nil
	}
	if u, err := url.Parse(v.c.URL); err != nil || u.Hostname() != a.DNSName || !slices.Contains(leaf.DNSNames, a.DNSName) {
		return errors.New("DNSName must be the host of URL and one of the certificate's DNS names (OpenID4VP 1.0, Section 5.9.3)")
	}
	return nil
}

func checkKey(s crypto.Signer, leaf *x509.Certificate) error {
	if alg, err := jose.AlgFor(s.Public()); err != nil || alg != jose.ES256 {
		return errors.New("the key must be on P-256 (HAIP 1.0, Section 7)")
	}
	if pub, ok := s.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(leaf.PublicKey) {
		return errors.New("key and certificate do not belong together")
	}
	return nil
}

// Published is the register as everybody may read it.
func (v *Verifier) Published() receivers.Published {
	a := v.now.Load()
	leaves := map[string]*x509.Certificate{}
	for _, r := range a.register.All() {
		if x, ok := a.access[r.ID]; ok { // checked when it was installed
			leaves[r.ID] = x.Chain[0]
		}
	}
	return a.register.Publish(v.c.Registrar.ID, leaves, v.c.Now(), v.c.RegisterLife)
}

// PublishedJWT is the register signed by the registrar.
func (v *Verifier) PublishedJWT() (string, error) {
	payload, err := jose.Marshal(v.Published())
	if err != nil {
		return "", err
	}
	return v.c.Registrar.Key().sign(receivers.Typ, payload)
}

// RegisterLife is how long the published register may be relied on.
func (v *Verifier) RegisterLife() time.Duration { return v.c.RegisterLife }

func (v *Verifier) requestID(ctx context.Context) string {
	if v.c.RequestID == nil {
		return ""
	}
	return v.c.RequestID(ctx)
}

// words are the options for the wire words.
func (v *Verifier) words() []oid4vp.Option {
	if v.c.InsecureLoopback {
		return []oid4vp.Option{oid4vp.InsecureLoopback}
	}
	return nil
}

// PagePath is the path of our pages, with the one that URL has.
func (v *Verifier) PagePath(secret string) string {
	u, err := url.Parse(v.at("/ask/" + secret))
	if err != nil {
		return "/ask/" + secret
	}
	return u.Path
}

func (v *Verifier) at(path string) string { return v.c.URL + path }

// checkURL refuses what is neither https nor, in a development profile, http
// on loopback.
func checkURL(text string, insecureLoopback bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(text) > 2048:
		return errors.New("must be an absolute address without user and fragment, of at most 2048 bytes")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && insecureLoopback && loopback(u.Hostname()):
		return nil
	default:
		return errors.New("must be an https address")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
