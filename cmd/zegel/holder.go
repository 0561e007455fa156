package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	holderapi "github.com/zegel-id/zegel/holder/api"
	"github.com/zegel-id/zegel/holder/pod/localdir"
	"github.com/zegel-id/zegel/holder/pod/solid"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/rest"
)

func cachedOperator(c *fetch.Client, now func() time.Time) *fetch.Cached {
	return fetch.NewCached(c, fetch.CacheOptions{Default: time.Minute, Most: 10 * time.Minute, Now: now})
}

func (a *app) buildHolder(ctx context.Context) error {
	c := a.c.Holder
	if c == nil {
		return nil
	}
	insecure := a.insecureLoopback(c.ListenConfig)
	var options []did.Option
	if insecure {
		options = append(options, did.InsecureLoopback())
	}
	config := holder.Config{
		URL: c.URL, Store: a.store, Profiles: &profiles.Profiles{Store: a.store, Options: options},
		Log: a.uses, Names: a.names, Key: a.secrets.random["holder"], HandleKey: a.secrets.signing["vault-handles"],
		OIDCIssuer: c.SignIn.Issuer, Now: a.now, Random: rand.Reader, Logger: a.log, InsecureLoopback: insecure,
	}
	// Of a vault that is deleted an issuer revokes everything before it answers.
	issuers := fetch.Operator(fetch.Options{PlainLoopback: a.c.Profile == ProfileDevelopment, Timeout: 30 * time.Second, HeaderTimeout: 30 * time.Second, Now: a.now})
	a.closers = append(a.closers, issuers.Close)
	for _, i := range c.Issuers {
		key, err := readToken(i.KeyFile)
		if err != nil {
			return fmt.Errorf("holder.issuers: %w", err)
		}
		config.Issuers = append(config.Issuers, remoteIssuer{url: i.URL, key: key, http: issuers})
	}
	// The Solid server asks for a token in the WebID document while it links
	// the WebID; the holder puts it there.
	var h *holder.Holder
	var err error
	switch c.Pods.Kind {
	case "solid":
		config.PodsNeedIssuer, config.OIDCIssuer = true, c.Pods.URL
		config.Pods, err = solid.New(solid.Config{
			Server: c.Pods.URL, HTTP: a.operator, Now: a.now,
			Publish: func(ctx context.Context, webID, issuer, token string) error {
				return h.PublishRegistration(ctx, webID, issuer, token)
			},
		})
	default:
		config.Pods, err = localdir.New(filepath.Join(a.c.Data, "pods"), c.URL+"/pods/")
	}
	if err != nil {
		return fmt.Errorf("holder.pods: %w", err)
	}
	a.closers = append(a.closers, config.Pods.Close)
	if config.Stamps, err = a.stamps(); err != nil {
		return err
	}
	if c.TimeStamps != nil && c.TimeStamps.PerDay != nil {
		config.StampsPerDay = *c.TimeStamps.PerDay
	}
	if h, err = holder.New(config); err != nil {
		return err
	}
	a.vaults = h
	rp, err := a.relyingParty(*c.SignIn, c.URL+holderapi.CallbackPath, a.secrets.random["sign-in"])
	if err != nil {
		return fmt.Errorf("holder.sign_in: %w", err)
	}
	a.servers = append(a.servers, server{name: "holder", listen: c.ListenConfig, handler: holderapi.New(h, rp, holderapi.Options{
		Log: a.log, Now: a.now, Checks: a.checks(), TrustedProxies: c.TrustedProxies, Limiter: rest.NewLimiter(100, 200, 10_000, a.now),
	})})
	a.every(time.Minute, "vaults", h.Resume)
	return nil
}

// remoteIssuer tells an issuer of deleted vaults over its issuance API.
type remoteIssuer struct {
	url, key string
	http     *fetch.Client
}

// URL implements holder.Issuer.
func (r remoteIssuer) URL() string { return r.url }

// VaultDeleted implements holder.Issuer.
func (r remoteIssuer) VaultDeleted(ctx context.Context, pseudonym string) (int, error) {
	body, err := json.Marshal(map[string]string{"vault": pseudonym})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/issuance/v1/vault-deletions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.key)
	res, err := r.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %s to a vault's deletion", r.url, res.Status)
	}
	var out struct {
		Revoked int `json:"revoked"`
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	return out.Revoked, json.Unmarshal(b, &out)
}
