// Package holder is the vault platform's core: the life of a citizen's vault
// from the request to its deletion, the ciphertext in it, the WebID and DID
// that belong to it, and the log of its use.
//
// It holds no key that opens anything a citizen stored: envelopes and keystore
// pass through as they came, and no server part imports holder/unit. It knows a
// citizen by a keyed hash of the national number, which itself is not kept.
// Only the session of the citizen can change a vault: there is no operation for
// an operator here. It sees no HTTP; that is holder/api.
//
// A use that cannot be logged does not happen: the line is durable before the
// use begins. If the use then fails, a second line says so.
package holder

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/store"
)

// What callers branch on, besides the errors of package pod.
var (
	// ErrNoVault: the citizen has no vault.
	ErrNoVault = errors.New("holder: there is no vault; activate one first")
	// ErrVaultExists: the citizen has a vault already, and nobody has two.
	ErrVaultExists = errors.New("holder: the citizen has a vault already; open it, or delete it before activating another")
	// ErrNotPublished: the vault is reserved, but its link proof is missing.
	ErrNotPublished = errors.New("holder: the vault is not active yet; send its link proof")
	// ErrDeactivated: the vault is restricted; it can be read and nothing else.
	ErrDeactivated = errors.New("holder: the vault is deactivated; reactivate it first")
	// ErrNotDeactivated: only a deactivated vault can be reactivated.
	ErrNotDeactivated = errors.New("holder: the vault is not deactivated")
	// ErrDeleting: the vault is being deleted, which cannot be undone.
	ErrDeleting = errors.New("holder: the vault is being deleted")
	// ErrConflict: another request changed the vault at the same time.
	ErrConflict = errors.New("holder: the vault was changed by another request; read it again before another try")
	// ErrBrokeOff: an interrupted activation could not be taken up; its
	// identifier is given up.
	ErrBrokeOff = errors.New("holder: an earlier activation broke off; activate again")
	// ErrInput: what was sent breaks a rule, which the error names.
	ErrInput = errors.New("holder: refused")
	// ErrPrecondition: the keystore is not the version that was expected.
	ErrPrecondition = errors.New("holder: the keystore is not the version expected; read it again")
	// ErrNoKeystore: the vault has no keystore.
	ErrNoKeystore = errors.New("holder: the vault has no keystore")
	// ErrIssuer: the issuer is not one that would hear of the vault's deletion.
	ErrIssuer = errors.New("holder: the issuer is not known to this vault platform")
	// ErrLog: the use could not be logged, so it did not happen.
	ErrLog = errors.New("holder: the use log cannot be written, so nothing was done; try again later")
	// ErrPending: a deletion has begun and goes on by itself.
	ErrPending = errors.New("holder: the deletion is not complete yet; it goes on by itself")
)

// Log is the use log.
type Log interface {
	Append(ctx context.Context, e audit.Event) error
	List(f audit.Filter) iter.Seq2[audit.Entry, error]
}

// Issuer is a credential issuer that revokes when a vault is deleted.
type Issuer interface {
	// URL is the issuer's base URL.
	URL() string
	// VaultDeleted tells it that the vault it knows by the pseudonym is gone,
	// and returns how many status entries were revoked. It may be told twice.
	VaultDeleted(ctx context.Context, pseudonym string) (revoked int, err error)
}

// Config of a vault platform. All fields are needed but those with a default.
type Config struct {
	// URL is the base URL, such as https://vault.example.org. WebIDs and DIDs
	// are made of it, so it can never change.
	URL      string
	Store    store.Store
	Profiles *profiles.Profiles
	Pods     pod.Host
	Log      Log
	// Names makes the pseudonyms of the use log.
	Names *audit.Pseudonyms
	// Key, 32 bytes: from it come the keyed hash of the national number, the
	// keys that seal pod locations and keystores, and the vaults' pseudonyms
	// for issuers. Without it nothing of this finds its way back.
	Key []byte
	// HandleKey signs vault handles: P-256.
	HandleKey crypto.Signer
	// OIDCIssuer is what a WebID names as solid:oidcIssuer.
	OIDCIssuer string
	// PodsNeedIssuer says that the pods' server lets this platform in only
	// while the WebID names OIDCIssuer, as Solid servers do. The WebID document
	// of a deactivated vault then keeps that one statement, so that its citizen
	// can still read and delete. It has no active key all the same.
	PodsNeedIssuer bool
	// Issuers are those that vault handles are made for, and that are told of
	// deletions.
	Issuers []Issuer
	// Stamps carries requests for time-stamps; nil refuses them.
	Stamps Stamps
	// StampsPerDay is how many of them a vault may make in a day; zero is
	// DefaultStamps.
	StampsPerDay int
	// Now is time.Now if nil.
	Now func() time.Time
	// Random is the source of identifiers; crypto/rand if nil.
	Random io.Reader
	// Logger gets what background work cannot return; slog.Default if nil.
	Logger *slog.Logger
	// InsecureLoopback allows plain http on loopback, for development.
	InsecureLoopback bool
}

// Holder is a vault platform. Many goroutines may use it.
type Holder struct {
	c       Config
	store   store.Store
	options []did.Option
	key     capsule.Secret
	issuers map[string]Issuer

	mu sync.Mutex // guards turns
	// turns let one request at a time move a vault through steps outside of
	// the store. Exactness between processes comes from the store.
	turns map[string]*turn
}

// turn is a lock that a context can stop waiting for.
type turn struct {
	taken   chan struct{}
	waiting int
}

// New checks the configuration and tells all its faults at once.
func New(c Config) (*Holder, error) {
	h := &Holder{c: c, store: c.Store, issuers: map[string]Issuer{}, turns: map[string]*turn{}}
	if h.c.Now == nil {
		h.c.Now = time.Now
	}
	if h.c.Logger == nil {
		h.c.Logger = slog.Default()
	}
	if c.InsecureLoopback {
		h.options = []did.Option{did.InsecureLoopback()}
	}
	var faults []error
	fault := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New("holder: "+text))
		}
	}
	fault(c.Store != nil && c.Profiles != nil && c.Pods != nil && c.Log != nil && c.Names != nil, "Store, Profiles, Pods, Log and Names are needed")
	fault(len(c.Key) == 32, "Key must have 32 bytes")
	fault(c.StampsPerDay >= 0, "StampsPerDay must not be negative")
	fault(c.HandleKey != nil && algOf(c.HandleKey) == jose.ES256, "HandleKey must be a P-256 key")
	_, err := did.WebIDOf(c.URL, pod.NewName(), h.options...)
	fault(err == nil && !strings.HasSuffix(c.URL, "/"), "URL must be https with a host name and no path or slash at its end; in development also http on localhost")
	_, err = did.Profile{Status: did.Active}.Move(c.OIDCIssuer, "", "", h.c.Now())
	fault(err == nil, "OIDCIssuer must be an https URL; in development also http on localhost")
	for _, i := range c.Issuers {
		u, err := url.Parse(i.URL())
		fault(err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "", "an issuer's URL must be absolute and have no query")
		h.issuers[i.URL()] = i
	}
	if len(c.Key) == 32 {
		h.key, err = capsule.ParseSecret(jose.Encode(c.Key))
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return h, nil
}

// URL is the base URL of the platform.
func (h *Holder) URL() string { return h.c.URL }

func algOf(k crypto.Signer) jose.Alg {
	alg, err := jose.AlgFor(k.Public())
	if err != nil {
		return ""
	}
	return alg
}

// Citizen is the key of the citizen with that national number, which stays
// with the caller.
func (h *Holder) Citizen(n identifier.INSZ) (Citizen, error) {
	if n.IsZero() {
		return Citizen{}, fmt.Errorf("%w: no citizen", ErrInput)
	}
	return Citizen{h.keyed("citizen", n.Reveal())}, nil
}

// keyed is HMAC-SHA256 under a key for that use only.
func (h *Holder) keyed(use string, parts ...string) string {
	m := hmac.New(sha256.New, []byte(h.key.Derive("holder "+use).Reveal()))
	for _, p := range parts {
		fmt.Fprintf(m, "%d:%s", len(p), p)
	}
	return jose.Encode(m.Sum(nil))
}

// seal encrypts what the store keeps of a vault. It binds it to the vault.
func (h *Holder) seal(use, uuid string, plain []byte) ([]byte, error) {
	return capsule.Seal(h.key, "holder "+use, plain, []byte(uuid))
}

func (h *Holder) unseal(use, uuid string, sealed []byte) ([]byte, error) {
	return capsule.Open(h.key, "holder "+use, sealed, []byte(uuid))
}

func (h *Holder) now() time.Time { return h.c.Now() }

// turn waits until no other request of this process moves the citizen's vault.
func (h *Holder) turn(ctx context.Context, c Citizen) (done func(), err error) {
	h.mu.Lock()
	t := h.turns[c.key]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		h.turns[c.key] = t
	}
	t.waiting++
	h.mu.Unlock()
	leave := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(h.turns, c.key)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// steps is the context of work that should not stop half-way only because a
// client went away. It still ends.
func steps(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}
