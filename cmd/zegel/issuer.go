package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store"
)

// publicationInterval is how long changes of a status list are gathered before
// it is signed anew: hardly anything beside the time that others may keep it.
func publicationInterval(ttl time.Duration) time.Duration { return min(ttl/20, 15*time.Second) }

// buildIssuer builds the issuer and its tenants, behind one listener.
func (a *app) buildIssuer(ctx context.Context) error {
	if a.c.Issuer == nil {
		return nil
	}
	handlers := map[string]http.Handler{}
	for n, c := range a.c.Issuer.all() {
		i, err := a.tenant(c)
		if err != nil {
			return fmt.Errorf("issuer%s: %w", tenantAt(n), err)
		}
		if handlers[c.URL], err = i.build(ctx); err != nil {
			return fmt.Errorf("issuer%s: %w", tenantAt(n), err)
		}
	}
	none := rest.New(rest.Options{Log: a.log, Now: a.now})
	none.Mount(rest.Health(a.checks())...)
	handler, err := rest.NewTenants(handlers, none)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	certificates, err := a.c.Issuer.clientCertificates()
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	a.servers = append(a.servers, server{name: "issuer", listen: a.c.Issuer.ListenConfig, clients: certificates, handler: handler})
	return nil
}

func tenantAt(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(".tenants[%d]", n-1)
}

// tenant is the issuer, or one of its tenants: what it keeps and uses is its
// own, only the use log and the listener are shared.
type tenant struct {
	*app
	c       *IssuerConfig
	body    *devca.Body
	keys    *seal.Keys
	signs   *seal.Keys // the metadata
	lists   *statusKeys
	store   store.Store
	random  map[string][]byte
	names   *audit.Pseudonyms
	log     *slog.Logger
	listing string // under which a change of its register is noted
}

func (a *app) tenant(c *IssuerConfig) (t tenant, err error) {
	t = tenant{app: a, c: c, store: a.store, random: a.secrets.random, names: a.names, log: a.log, listing: "suppliers"}
	if t.body, err = a.local.hierarchy.Tenant(c.Tenant); err != nil {
		return t, err
	}
	t.keys, t.signs, t.lists = a.local.keys[c.Tenant], a.local.metadata[c.Tenant], a.local.statuses[c.Tenant]
	if c.Tenant == "" {
		return t, nil
	}
	if t.store, err = store.ForTenant(a.store, c.Tenant); err != nil {
		return t, err
	}
	if t.random, err = loadTenantSecrets(a.c.Keys, c.Tenant); err != nil {
		return t, err
	}
	// A citizen has another pseudonym at each tenant, so that the use log does
	// not tell that they are the same.
	if t.names, err = audit.NewPseudonyms(t.random["pseudonyms"]); err != nil {
		return t, err
	}
	t.log, t.listing = a.log.With("tenant", c.Tenant), "suppliers-"+c.Tenant
	return t, nil
}

func (a tenant) build(ctx context.Context) (http.Handler, error) {
	c := a.c
	if got := a.body.Issuer(); got != c.URL {
		return nil, fmt.Errorf("url: found %s, but the seal certificate names %s; iss must stand in the certificate, so make keys with --issuer %s", c.URL, got, c.URL)
	}
	text, err := os.ReadFile(c.Register)
	if err != nil {
		return nil, err
	}
	test := a.app.c.Profile == ProfileDevelopment
	source, err := openSuppliers(c, text, test, a.belgian)
	if err != nil {
		return nil, err
	}
	if err := a.noteRegister(ctx, a.listing, text); err != nil {
		return nil, err
	}
	statuses, err := status.NewRegister(a.store, status.Options{
		Base: c.URL, Signer: a.lists, CWT: a.lists, TTL: c.statusTTL, Interval: publicationInterval(c.statusTTL), Now: a.now,
		Bitstring: &status.BitstringOptions{Issuer: c.URL, Securer: listSecurer{a.lists, a.now}, MediaType: listMediaType},
	})
	if err != nil {
		return nil, err
	}
	a.lists.onChange(statuses.Renew)
	types, err := c.types()
	if err != nil {
		return nil, err
	}
	if a.keys.Current() == nil {
		return nil, errors.New("no seal key of it is in the key directory any more; name one under seal")
	}
	name, country := owner(a.keys.Current().Certificate())
	config := issuer.Config{
		URL: c.URL, Store: a.store, Source: source, Types: types, Keys: a.keys, Statuses: statuses,
		Display: []issuer.Display{{Name: name, Locale: "nl"}},
		Log:     a.uses, Names: a.names, Key: a.random["issuer"], BatchSize: c.BatchSize, Now: a.now, Random: rand.Reader,
		Logger: a.log, InsecureLoopback: a.insecureLoopback(c.ListenConfig), Encryption: c.Encryption,
	}
	if k := a.seals.of(c.Tenant); k != nil {
		config.SealsAtOnce, config.SealWait = k.queue.Status().Slots, c.Seal.wait
	}
	if config.Wallets, err = c.wallets(a.now); err != nil {
		return nil, err
	}
	config.SignIn, config.BoundTokens, config.RefreshLife = c.SignIn != nil, c.BoundTokens, cmp.Or(c.refreshLife, -1)
	for _, x := range c.Connectors {
		for _, id := range append([]string{x.Configuration}, x.Configurations...) {
			config.Collectable = append(config.Collectable, issuer.Supply{Supplier: x.Supplier, Configuration: id})
		}
	}
	if !c.UnsignedMetadata {
		config.MetadataKeys = a.signs
	}
	if config.Attesters, err = c.Attesters.read(a.now); err != nil {
		return nil, fmt.Errorf("attesters.%w", err)
	}
	if c.Attestation == "cir" {
		config.Profile = sdjwt.ProfileCIR
		config.Authority.Name, config.Authority.Country = name, country
	}
	for _, platform := range c.VaultPlatforms {
		config.Vaults = append(config.Vaults, issuer.VaultPlatform{URL: platform, Keys: a.platformKeys(platform)})
	}
	i, err := issuer.New(config)
	if err != nil {
		return nil, err
	}
	known, err := clients(c.Clients)
	if err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	o := issuerapi.Options{
		Clients: known, Lists: statuses, ListCredentials: statuses, Certificates: a.keys, Suppliers: source.published, SupplierName: source.name,
		ProviderList: a.local.List, AccessList: a.local.AccessList, CRL: a.local.CRL, KeyHistory: a.history, TrustedProxies: c.TrustedProxies,
		Store: a.store, Secret: a.random["idempotency"], Log: a.log, Now: a.now, HTTPS: isHTTPS(c.ListenConfig), Health: a.checks(),
	}
	if c.SignIn != nil {
		if o.SignIn, err = a.relyingParty(*c.SignIn, c.URL+issuerapi.CallbackPath, a.random["sign-in"]); err != nil {
			return nil, fmt.Errorf("sign_in: %w", err)
		}
	}
	handler, err := issuerapi.New(i, o)
	if err != nil {
		return nil, err
	}
	a.every(time.Minute, "issuer housekeeping", i.Housekeep)
	return handler, nil
}

func (a *app) relyingParty(c SignInConfig, callback string, key []byte) (*signin.RelyingParty, error) {
	secret, err := readToken(c.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret, RedirectURL: callback, ACR: c.ACR, HTTP: a.operator, Now: a.now,
	}, key)
}

// platformKeys fetches the keys of a vault platform's handles; its address is
// the operator's. They are asked for when a handle comes, at most once a minute.
func (a *app) platformKeys(platform string) func(context.Context) ([]jose.JWK, error) {
	cached := cachedOperator(a.operator, a.now)
	return func(ctx context.Context) ([]jose.JWK, error) {
		doc, err := cached.Fetch(ctx, platform+"/.well-known/vault-platform", "application/json")
		if err != nil {
			return nil, err
		}
		var set struct {
			Keys []jose.JWK `json:"keys"`
		}
		if err := jose.Unmarshal(doc.Body, &set); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(set.Keys, func(k jose.JWK) bool { _, err := k.Key(); return err != nil }), nil
	}
}

// belgian is the clock in the zone of Belgium, in which suppliers expect times.
func (a *app) belgian() time.Time { return a.now().In(brussels) }

var brussels = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(err) // the zone files are compiled in
	}
	return zone
}()
