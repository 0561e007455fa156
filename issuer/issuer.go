// Package issuer makes sealed credentials: it collects a citizen's records
// from a supplier, keeps them sealed as an offer, and issues them over
// OpenID4VCI to the wallet unit that redeems the offer. It also revokes.
//
// It keeps no credential and no claim value: what waits is sealed under the
// capability that fetches it (internal/capsule), and what was issued is known
// only by its status indexes. It sees no HTTP; issuer/api does.
package issuer

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/store"
)

// Source asks supplying organisations for a citizen's records and gives them
// as the claims of credentials.
type Source interface {
	// Collect asks the supplier. ErrSupplier when it is not registered.
	Collect(ctx context.Context, supplier string, subject identifier.INSZ, correlationID string) (Collection, error)
}

// Collection is what a supplier answered.
type Collection struct {
	// DataType names what was collected, for the use log.
	DataType string
	// Organisation is the supplier's identifier, for the use log.
	Organisation string
	Datasets     []Dataset
	Refused      []Refusal
	Pending      []Pending
	// NoData: the supplier says that it holds nothing about the citizen.
	NoData bool
}

// Dataset is the claims of one credential.
type Dataset struct {
	// Record is the supplier's reference; it names no citizen.
	Record string
	// Claims is a JSON object.
	Claims []byte
}

// Pending is a record that the supplier will only have later.
type Pending struct {
	// Record is the supplier's reference, by which the record is known again.
	Record string
	// Again is how long to wait before the supplier is asked once more.
	Again time.Duration
}

// Refusal is a record that is not issued, with the reason's name.
type Refusal struct {
	Record string `json:"record"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// UseLog is told of every use.
type UseLog interface {
	Append(ctx context.Context, e audit.Event) error
}

// Pseudonyms hides whom the log speaks of.
type Pseudonyms interface {
	Of(domain, identifier string, salt []byte) audit.Pseudonym
}

// Statuses hands out and changes status indexes; *status.Register is one.
type Statuses interface {
	AllocateN(ctx context.Context, n int, tags ...string) ([]status.Ref, error)
	Set(ctx context.Context, ref status.Ref, v status.Value) error
	Find(ctx context.Context, tag string) ([]status.Ref, error)
	Value(ctx context.Context, ref status.Ref) (status.Value, error)
	// Entries are the same status for W3C credentials.
	Entries(ctx context.Context, ref status.Ref) ([]status.Entry, error)
}

// Errors that callers branch on.
var (
	ErrSupplier      = errors.New("issuer: the supplier is not in the register")
	ErrConfiguration = errors.New("issuer: no such credential configuration")
	ErrNotFound      = errors.New("issuer: no such offer or credential")
	ErrFinal         = errors.New("issuer: a revoked credential stays revoked")
	ErrHandle        = errors.New("issuer: the vault handle does not hold")
	ErrPlatform      = errors.New("issuer: the vault platform cannot be asked now")
	ErrNothing       = errors.New("issuer: there is nothing to offer")
)

// Config of an issuer.
type Config struct {
	// URL is the credential issuer identifier (OpenID4VCI 1.0, Section 12.2.1).
	URL    string
	Store  store.Store
	Source Source
	Types  []Type
	// Display is the issuer's name in several languages.
	Display []Display
	// Keys seal; a rotation is seen by the next credential.
	Keys *seal.Keys
	// SealWait is how long a request waits for its seals before the wallet is told
	// to come again; zero means 10 seconds.
	SealWait time.Duration
	// SealsAtOnce is how many copies of one request are sealed at once: 1 if zero,
	// which is best for a key in this process.
	SealsAtOnce int
	// MetadataKeys sign the metadata for wallets that ask for it signed
	// (OpenID4VCI 1.0, Section 12.2.3); nil signs none. They are not those that
	// seal.
	MetadataKeys *seal.Keys
	Statuses     Statuses
	Log          UseLog
	Names        Pseudonyms
	// Vaults are the vault platforms whose citizens may collect here.
	Vaults []VaultPlatform
	// Key, 32 bytes, from which the keys of nonces and pseudonyms are derived.
	Key []byte
	// Profile of the attestation payload.
	Profile sdjwt.Profile
	// Authority is the issuing public body, for the CIR profile; it must equal
	// the seal certificate. A certificate that takes over later may spell it
	// otherwise.
	Authority struct{ Name, Country string }
	// Encryption of requests and responses of the credential endpoint.
	Encryption Encryption
	// Attesters are the issuers of key attestations that are trusted: Key and
	// CheckStatus count, the rest comes from each type. Nil trusts none.
	Attesters *oid4vci.AttestationPolicy
	// Wallets are the clients of the authorization server. Nil knows none and lets
	// anonymous ones redeem pre-authorized codes.
	Wallets *authz.Clients
	// SignIn: citizens can sign in here, so that there is an authorization code
	// flow.
	SignIn bool
	// Collectable says what suppliers have. Where several have records of one
	// configuration, a citizen who signs in for it has the first one asked.
	Collectable []Supply
	// BoundTokens refuses tokens that are bound to no key of the wallet (HAIP 1.0,
	// Section 4.4).
	BoundTokens bool
	// RefreshLife is how long a wallet can renew a grant, to have its records again
	// when their copies are near their end: zero means 90 days, which is the most,
	// less than zero never.
	RefreshLife time.Duration
	// BatchSize is how many copies of a credential may be asked for at once.
	BatchSize int
	// Life of a credential; zero means one year.
	Life time.Duration
	// OfferLife is how long an offer waits; zero means one day.
	OfferLife time.Duration
	Now       func() time.Time
	// Random is crypto/rand.Reader if nil.
	Random io.Reader
	// InsecureLoopback lets the issuer's own URL be http on loopback, for the
	// development profile only.
	InsecureLoopback bool
	Logger           *slog.Logger
}

// Supply says as what configuration a supplier's records are issued; there may be
// several, one for each format.
type Supply struct{ Supplier, Configuration string }

// Supplied are the configurations of a supplier's records, one for each format.
func (i *Issuer) Supplied(supplier string) []string {
	var out []string
	for _, x := range i.c.Collectable {
		if x.Supplier == supplier {
			out = append(out, x.Configuration)
		}
	}
	return out
}

// supplier is who is asked for a configuration, empty if nobody can be.
func (i *Issuer) supplier(configuration string) string {
	for _, x := range i.c.Collectable {
		if x.Configuration == configuration {
			return x.Supplier
		}
	}
	return ""
}

// Issuer is the issuer role. Its methods may be called from many goroutines.
type Issuer struct {
	c      Config
	authz  *authz.Server
	nonce  nonces
	proofs *authz.Nonces // of DPoP and attestations

	requestKeys requestKeys
	documents   documents
	signer      signerRest
	first       *x509.Certificate // that seals at the start
	controller  controller
	types       map[string]*prepared
	tagKey      []byte
	records     capsule.Secret                   // seals what the issuance API may know of an offer
	metadata    oid4vci.CredentialIssuerMetadata // with the first request key
	words       []oid4vci.Option
}

// New checks a configuration and makes the issuer.
func New(c Config) (*Issuer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	derive := func(label string) []byte {
		key, err := hkdf.Key(sha256.New, c.Key, nil, "zegel issuer "+label, 32)
		if err != nil {
			panic(err) // only for absurd lengths (crypto/hkdf)
		}
		return key
	}
	c.Types = slices.Clone(c.Types)
	i := &Issuer{
		first:  c.Keys.Current().Certificate(),
		c:      c,
		authz:  &authz.Server{Store: c.Store, Now: c.Now, RefreshLife: c.RefreshLife, Renewable: renewable, Renewed: renewed},
		proofs: &authz.Nonces{Key: derive("DPoP nonces"), Now: c.Now},
		nonce:  nonces{store: c.Store, key: derive("c_nonce"), now: c.Now},
		types:  map[string]*prepared{},
		tagKey: derive("vault tags"),

		requestKeys: requestKeys{secret: derive("request encryption"), now: c.Now},
	}
	var err error
	if i.records, err = capsule.ParseSecret(jose.Encode(derive("offer records"))); err != nil {
		return nil, err
	}
	for n, t := range c.Types {
		for _, other := range i.types {
			if other.ID == t.ID || other.Name == t.Name {
				return nil, fmt.Errorf("issuer: two credential types have the ID %q or the name %q", t.ID, t.Name)
			}
			if other.Scope == cmp.Or(t.Scope, t.ID) {
				return nil, fmt.Errorf("issuer: two credential types, %q and %q, have the scope %q", other.ID, t.ID, other.Scope)
			}
		}
		p, err := i.compile(t)
		if err != nil {
			return nil, fmt.Errorf("issuer: credential type %q: %w", t.ID, err)
		}
		i.types[t.ID], i.c.Types[n] = p, p.Type
	}
	if c.InsecureLoopback {
		i.words = append(i.words, oid4vci.InsecureLoopback)
	}
	if i.metadata, err = i.describe(); err != nil {
		return nil, err
	}
	if err := i.metadata.Validate(i.words...); err != nil {
		return nil, fmt.Errorf("issuer: metadata: %w", err)
	}
	if c.MetadataKeys != nil {
		if _, err := i.MetadataDocument(true); err != nil {
			return nil, fmt.Errorf("issuer: signed metadata: %w", err)
		}
	}
	return i, nil
}

// check tells all faults of a configuration at once and fills in what may be
// left out.
func (c *Config) check() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("issuer: "+format, args...))
		}
	}
	need(c.Store != nil && c.Source != nil && c.Keys != nil && c.Statuses != nil && c.Log != nil && c.Names != nil && c.Now != nil,
		"Store, Source, Keys, Statuses, Log, Names and Now must be set")
	need(len(c.Key) == 32, "Key must have 32 bytes, found %d", len(c.Key))
	u, err := url.Parse(c.URL)
	need(err == nil && u.Host != "" && u.User == nil && u.Scheme+"://"+u.Host+u.EscapedPath() == c.URL && !strings.HasSuffix(c.URL, "/"),
		"URL %q must be a scheme, a host and perhaps a path, without a query and a slash at the end", c.URL)
	need(c.Encryption == EncryptionOffered || c.Encryption == EncryptionRequired || c.Encryption == EncryptionOff, "Encryption is %q, expected empty, required or off", c.Encryption)
	need(len(c.Types) > 0, "there must be at least one credential type")
	need(c.BatchSize >= 2, "BatchSize must be at least 2, found %d (OpenID4VCI 1.0, Section 12.2.4)", c.BatchSize)
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Life == 0 {
		c.Life = 365 * 24 * time.Hour
	}
	if c.OfferLife == 0 {
		c.OfferLife = 24 * time.Hour
	}
	c.SealWait, c.SealsAtOnce = cmp.Or(c.SealWait, defaultSealWait), cmp.Or(c.SealsAtOnce, 1)
	need(c.SealWait > 0 && c.SealsAtOnce > 0, "SealWait and SealsAtOnce must be positive")
	if c.RefreshLife == 0 {
		c.RefreshLife = maxRefreshLife
	}
	if c.Wallets == nil {
		c.Wallets, err = authz.NewClients(true)
		faults = append(faults, err)
	}
	need(c.RefreshLife <= maxRefreshLife, "RefreshLife must be at most %s, as long as offers are remembered", maxRefreshLife)
	for _, x := range c.Collectable {
		need(slices.ContainsFunc(c.Types, func(t Type) bool { return t.ID == x.Configuration }), "Collectable names %q, which is none of the types", x.Configuration)
	}
	need(c.Life >= time.Hour && c.OfferLife > 0, "Life must be at least an hour, and OfferLife positive")
	return errors.Join(faults...)
}

// Housekeep empties grants that are over; call it now and then.
func (i *Issuer) Housekeep(ctx context.Context) error {
	_, err := i.authz.Sweep(ctx)
	return err
}
