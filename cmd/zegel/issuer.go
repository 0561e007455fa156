package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
)

func (a *app) buildIssuer(ctx context.Context) error {
	c := a.c.Issuer
	if c == nil {
		return nil
	}
	if got := a.local.hierarchy.Issuer(); got != c.URL {
		return fmt.Errorf("issuer.url: found %s, but the seal certificate names %s; iss must stand in the certificate, so make keys with --issuer %s", c.URL, got, c.URL)
	}
	text, err := os.ReadFile(c.Register)
	if err != nil {
		return err
	}
	test := a.c.Profile == ProfileDevelopment
	source, err := openSuppliers(c, text, test, a.belgian)
	if err != nil {
		return err
	}
	if err := a.noteRegister(ctx, "suppliers", text); err != nil {
		return err
	}
	statusSealer, err := a.local.hierarchy.StatusSealer(a.now)
	if err != nil {
		return err
	}
	statuses, err := status.NewRegister(a.store, status.Options{Base: c.URL, Signer: statusSealer, TTL: c.statusTTL, Now: a.now})
	if err != nil {
		return err
	}
	config := issuer.Config{
		URL: c.URL, Store: a.store, Source: source, Types: []issuer.Type{issuer.LEDDiploma()}, Keys: a.local.keys, Statuses: statuses,
		Display: []issuer.Display{{Name: a.local.hierarchy.Organization(), Locale: "nl"}},
		Log:     a.uses, Names: a.names, Key: a.secrets.random["issuer"], BatchSize: c.BatchSize, Now: a.now, Random: rand.Reader,
		Logger: a.log, InsecureLoopback: a.insecureLoopback(c.ListenConfig),
	}
	if c.Attestation == "cir" {
		config.Profile = sdjwt.ProfileCIR
		config.Authority.Name, config.Authority.Country = a.local.hierarchy.Organization(), "BE"
	}
	for _, platform := range c.VaultPlatforms {
		config.Vaults = append(config.Vaults, issuer.VaultPlatform{URL: platform, Keys: a.platformKeys(platform)})
	}
	i, err := issuer.New(config)
	if err != nil {
		return err
	}
	known, err := clients(c.Clients)
	if err != nil {
		return fmt.Errorf("issuer.clients: %w", err)
	}
	o := issuerapi.Options{
		Clients: known, Lists: statuses, Certificates: a.local.keys, Suppliers: source.published, Collectable: c.collectable(),
		ProviderList: a.local.List, CRL: a.local.CRL, TrustedProxies: c.TrustedProxies,
		Store: a.store, Secret: a.secrets.random["idempotency"], Log: a.log, Now: a.now, HTTPS: isHTTPS(c.ListenConfig), Health: a.checks(),
	}
	if c.SignIn != nil {
		if o.SignIn, err = a.relyingParty(*c.SignIn, c.URL+"/collected"); err != nil {
			return fmt.Errorf("issuer.sign_in: %w", err)
		}
	}
	handler, err := issuerapi.New(i, o)
	if err != nil {
		return err
	}
	a.servers = append(a.servers, server{name: "issuer", listen: c.ListenConfig, handler: handler})
	a.every(time.Minute, "issuer housekeeping", i.Housekeep)
	return nil
}

func (a *app) relyingParty(c SignInConfig, callback string) (*signin.RelyingParty, error) {
	secret, err := readToken(c.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret, RedirectURL: callback, ACR: c.ACR, HTTP: a.operator, Now: a.now,
	}, a.secrets.random["sign-in"])
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
