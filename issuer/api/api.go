// Package api is the issuer's HTTP edge: the endpoints of OpenID4VCI, the
// issuance API for institutions, what others fetch to check a credential, and
// the pages by which a citizen asks for data.
//
// A handler decodes, calls the issuer and returns.
package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/rest/keyhistory"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/store"
)

// Permissions of clients of the issuance API.
const (
	// PermissionOffer lets a client make offers and change what it offered.
	PermissionOffer = "offer"
	// PermissionCollect lets it also have records collected from suppliers.
	PermissionCollect = "offer:collect"
	// PermissionClaims, followed by a colon and a credential configuration, lets
	// it also give the claims of that configuration itself. What is sealed then
	// rests on its word, so the permission names each one.
	PermissionClaims = "offer:claims"
	// PermissionAll lets it change every credential, as a supplier must be able to.
	PermissionAll = "credentials:all"
	// PermissionVaults is for vault platforms that tell of deleted vaults.
	PermissionVaults = "vault-platform"
)

// Lists serves signed status lists; *status.Register is one. CWT answers with
// status.ErrNotFound when there are none in that format.
type Lists interface {
	Token(ctx context.Context, listID string) (status.Published, error)
	CWT(ctx context.Context, listID string) (status.Published, error)
}

// ListCredentials serves the same lists as status list credentials;
// *status.Register is one when it has a Securer.
type ListCredentials interface {
	ListCredential(ctx context.Context, listID string, purpose status.Purpose) (status.Published, error)
}

// Certificates serves the PEM of seal certificates; *seal.Keys is one.
type Certificates interface {
	PEM(id string) ([]byte, bool)
}

// Options of the edge.
type Options struct {
	SignIn  *signin.RelyingParty
	Clients rest.Authenticator
	Lists   Lists
	// ListCredentials are served below the lists; nil serves none.
	ListCredentials ListCredentials
	Certificates    Certificates
	// Suppliers is the published register of supplying organisations, as JSON.
	Suppliers func() ([]byte, error)
	// ProviderList is the list of PuB-EAA providers this issuer serves itself,
	// nil if it serves none.
	ProviderList func() ([]byte, error)
	// AccessList is the list of providers of access certificates, likewise.
	AccessList func() ([]byte, error)
	// CRL is a certificate revocation list this issuer serves itself, by its
	// name below /crl/; nil if it serves none.
	CRL func(name string) ([]byte, bool)
	// KeyHistory is the public history of keys; nil serves none.
	KeyHistory keyhistory.History
	// TrustedProxies are addresses whose X-Forwarded-For is believed.
	TrustedProxies []string
	Store          store.Store
	// Secret, at least 32 bytes, keys idempotency records.
	Secret []byte
	Log    *slog.Logger
	Now    func() time.Time
	// SupplierName is what citizens read of a supplier; nil shows none.
	SupplierName func(supplier, language string) string
	// HTTPS: callers come over https, so cookies are Secure.
	HTTPS bool
	// Health checks for /health/ready.
	Health map[string]rest.Check
}

type server struct {
	i       *issuer.Issuer
	o       Options
	base    string         // path of the issuer, empty at the root of its host
	consent capsule.Secret // seals what a citizen is about to agree to
}

// New makes the handler.
func New(i *issuer.Issuer, o Options) (http.Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	at, err := url.Parse(i.URL())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("consent"), o.Secret...))
	s := server{i: i, o: o, base: at.EscapedPath()}
	if s.consent, err = capsule.ParseSecret(jose.Encode(sum[:])); err != nil {
		return nil, err
	}
	idempotent, err := rest.NewIdempotency(rest.IdempotencyOptions{Store: o.Store, Secret: o.Secret, Now: o.Now})
	if err != nil {
		return nil, err
	}
	e := rest.New(rest.Options{
		Log: o.Log, Now: o.Now, Clients: o.Clients, HTTPS: o.HTTPS, TrustedProxies: o.TrustedProxies, Errors: s.problem, CSP: csp, ErrorPage: s.errorPage,
		Limiter: rest.NewLimiter(200, 400, 10_000, o.Now),
	})
	e.Mount(s.routes(idempotent)...)
	e.Mount(rest.Health(o.Health)...)
	return e, nil
}

func (o *Options) check() error {
	if o.Clients == nil || o.Lists == nil || o.Certificates == nil || o.Suppliers == nil || o.Store == nil || o.Log == nil || o.Now == nil {
		return errors.New("issuer/api: Clients, Lists, Certificates, Suppliers, Store, Log and Now must be set")
	}
	return nil
}

const (
	vci = "OpenID4VCI 1.0, Section "
	kib = 1 << 10
)

func (s server) routes(idempotent *rest.Idempotency) []rest.Route {
	// Guessing codes is slow for each caller, also where the tries of one code
	// are counted anyway.
	guesses := rest.NewLimiter(20, 60, 10_000, s.o.Now)
	routes := []rest.Route{
		{Method: "GET", Path: "/.well-known/openid-credential-issuer", Handler: s.metadata, Spec: vci + "12.2.2", CORS: true},
		{Method: "GET", Path: "/.well-known/oauth-authorization-server", Handler: s.serverMetadata, Spec: "RFC 8414, Section 3", CORS: true},
		{Method: "GET", Path: "/offers/:secret", Handler: s.offer, Spec: vci + "4.1.3", CORS: true, OAuth: true, Limit: guesses},
		{Method: "POST", Path: "/token", Handler: s.token, Spec: vci + "6", CORS: true, OAuth: true, MaxBody: 16 * kib, Limit: guesses},
		{Method: "POST", Path: "/par", Handler: s.push, Spec: "RFC 9126, Section 2", CORS: true, OAuth: true, MaxBody: 32 * kib, Limit: guesses},
		{Method: "GET", Path: "/authorize", Handler: s.authorize, Once: true, Spec: "RFC 6749, Section 4.1.1; RFC 9126, Section 4", Page: true, Limit: guesses},
		{Method: "POST", Path: "/consent", Handler: s.answered, Spec: "RFC 6749, Section 4.1.2; RFC 9207, Section 2", Page: true, MaxBody: 4 * kib, Limit: guesses, Timeout: time.Minute},
		{Method: "POST", Path: "/challenge", Handler: s.challenge, Spec: "attestation-based client authentication -10, Section 6.1", CORS: true, OAuth: true, MaxBody: kib},
		{Method: "POST", Path: "/nonce", Handler: s.nonce, Spec: vci + "7", CORS: true, OAuth: true, MaxBody: kib},
		{Method: "POST", Path: "/credential", Handler: s.credential, Spec: vci + "8", CORS: true, OAuth: true, MaxBody: 256 * kib, Timeout: time.Minute},
		{Method: "POST", Path: "/deferred_credential", Handler: s.deferred, Spec: vci + "9", CORS: true, OAuth: true, MaxBody: 16 * kib, Timeout: time.Minute},
		{Method: "POST", Path: "/notification", Handler: s.notification, Spec: vci + "11", CORS: true, OAuth: true, MaxBody: 16 * kib},

		{Method: "GET", Path: "/", Handler: s.controller, Spec: "Controlled Identifiers 1.0, Section 3.3", CORS: true},
		{Method: "GET", Path: "/types/:name", Handler: s.typeMetadata, Spec: "SD-JWT VC, Section 5", CORS: true},
		{Method: "GET", Path: "/seal/:id", Handler: s.certificate, Spec: "RFC 7515, Section 4.1.5", CORS: true},
		{Method: "GET", Path: "/status/:list", Handler: s.statusList, Spec: "Token Status List, Section 8.1", CORS: true},
		{Method: "GET", Path: "/trust/pub-eaa.jwt", Handler: s.providerList, Spec: "ETSI TS 119 602, Annex H", CORS: true},
		{Method: "GET", Path: "/trust/access-providers.jwt", Handler: s.accessList, Spec: "ETSI TS 119 602, Annex F", CORS: true},
		{Method: "GET", Path: "/crl/:name", Handler: s.revocationList, Spec: "RFC 5280, Section 5", CORS: true},
		{Method: "GET", Path: "/suppliers", Handler: s.suppliers, Spec: "decree on electronic government data exchange, art. 8", CORS: true},

		{Method: "GET", Path: "/issuance/v1/openapi.json", Handler: s.openAPI, Spec: "OpenAPI 3.1", CORS: true},
		{Method: "POST", Path: "/issuance/v1/offers", Handler: s.createOffer, Permission: PermissionOffer, Idempotent: idempotent, MaxBody: 256 * kib, Spec: "issuance API"},
		{Method: "GET", Path: "/issuance/v1/offers/:offer", Handler: s.offerState, Permission: PermissionOffer, Spec: "issuance API"},
		{Method: "DELETE", Path: "/issuance/v1/offers/:offer", Handler: s.cancelOffer, Permission: PermissionOffer, Spec: "issuance API"},
		{Method: "POST", Path: "/issuance/v1/credentials/:credential/:change", Handler: s.changeStatus, Permission: PermissionOffer, Spec: "issuance API", MaxBody: 4 * kib},
		{Method: "POST", Path: "/issuance/v1/europass", Handler: s.europass, Permission: PermissionOffer, MaxBody: 64 * kib, Timeout: time.Minute, Spec: "issuance API"},
		{Method: "POST", Path: "/issuance/v1/vault-deletions", Handler: s.vaultDeleted, Permission: PermissionVaults, Spec: "issuance API", MaxBody: 4 * kib},

		{Method: "GET", Path: CallbackPath, Handler: s.signedIn, Once: true, Spec: "OpenID Connect Core 1.0, Section 3.1.2.5", Page: true, Limit: guesses, Timeout: time.Minute},
		{Method: "GET", Path: "/style.css", Handler: style, Spec: "pages"},
	}
	if s.o.ListCredentials != nil {
		routes = append(routes, rest.Route{Method: "GET", Path: "/status/:list/:purpose", Handler: s.listCredential, Spec: "Bitstring Status List 1.0, Section 2.2", CORS: true})
	}
	return append(routes, keyhistory.Routes(s.o.KeyHistory)...)
}
