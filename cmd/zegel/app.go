package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/trust/lote"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/store/mongo"
)

// app is everything the roles of one process share.
type app struct {
	c   *Config
	log *slog.Logger
	now func() time.Time

	store   store.Store
	uses    *audit.Log
	names   *audit.Pseudonyms
	secrets secrets
	history *history.Log // of keys, public
	// historyKeys guards the files of the history's own keys.
	historyKeys sync.Mutex
	local       *localTrust
	lists       *trustedLists // nil where none are configured
	// providers is the list of PuB-EAA providers that others publish; nil where the
	// local one is trusted.
	providers *lote.Source
	vaults    *holder.Holder // nil where there is no vault platform
	seals     *sealKeys      // those that are not in the key directory
	// public reaches addresses that come from input, operator those of the
	// configuration.
	public, operator *fetch.Client
	// revocation reaches the lists that certificates name.
	revocation *fetch.Client

	// reloadReceivers reads the register of receivers anew; nil without the
	// verifier role.
	reloadReceivers func(context.Context) error

	noting  sync.Mutex // of changed keys, one at a time
	servers []server
	// background work ends with its context.
	background []func(context.Context) error
	closers    []func() error
}

// server is one listener and what it serves.
type server struct {
	name     string
	listen   ListenConfig
	clients  clientCertificates // beside those of listen.ClientCA
	listener net.Listener
	handler  http.Handler
}

// open opens what the configuration names. Close closes it again, also after
// an error.
func open(ctx context.Context, c *Config, log *slog.Logger, now func() time.Time) (a *app, err error) {
	a = &app{c: c, log: log, now: now}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
			a = nil
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return a, err
	}
	if a.secrets, err = loadSecrets(c.Keys); err != nil {
		return a, err
	}
	if err := a.openStore(ctx); err != nil {
		return a, err
	}
	if err := a.openHistory(ctx); err != nil {
		return a, err
	}
	if err := a.openTrust(ctx); err != nil {
		return a, err
	}
	if err := a.openUseLog(); err != nil {
		return a, err
	}
	loopback := c.Profile == ProfileDevelopment
	a.public = fetch.Public(fetch.Options{InsecureAllowLoopback: loopback, Now: now})
	a.operator = fetch.Operator(fetch.Options{PlainLoopback: loopback, Now: now})
	a.closers = append(a.closers, a.public.Close, a.operator.Close)
	if err := a.noteKeys(ctx); err != nil {
		return a, err
	}
	if err := a.openSealKeys(ctx); err != nil {
		return a, err
	}
	return a, a.local.settle(ctx)
}

func (a *app) openTrust(ctx context.Context) (err error) {
	if a.local, err = openLocalTrust(ctx, a.c.Keys, a.history, a.now); err != nil {
		return err
	}
	a.revocation = revocationClient(a.c.Profile, a.now)
	a.closers = append(a.closers, a.revocation.Close)
	if v := a.c.Verifier; v != nil {
		stamps, err := v.Trust.timestampAnchors()
		if err != nil {
			return fmt.Errorf("verifier.trust: %w", err)
		}
		suite, err := v.Trust.Revocation.suite()
		if err != nil {
			return err
		}
		if err := a.local.trustAlso(stamps, fetch.Aged{Fetcher: a.revocation}, suite); err != nil {
			return err
		}
	}
	a.every(12*time.Hour, "lists", a.local.Refresh)
	return nil
}

func (a *app) openStore(ctx context.Context) error {
	switch a.c.Store.Kind {
	case "mongodb":
		uri, err := readToken(a.c.Store.URIFile)
		if err != nil {
			return err
		}
		st, err := mongo.Open(ctx, uri, a.c.Store.Database, mongo.Options{Now: a.now, Report: func(err error) { a.log.Error("store", "error", err) }})
		if err != nil {
			return err
		}
		a.store = st
	default:
		st, err := embedded.Open(filepath.Join(a.c.Data, "store"), embedded.Options{
			Now: a.now, Report: func(err error) { a.log.Error("store", "error", err) },
		})
		if errors.Is(err, embedded.ErrInUse) {
			return fmt.Errorf("%w; commands that need the store of a running server use its admin socket", err)
		}
		if err != nil {
			return err
		}
		a.store = st
	}
	a.closers = append(a.closers, a.store.Close)
	return nil
}

func (a *app) openUseLog() (err error) {
	if a.names, err = audit.NewPseudonyms(a.secrets.random["pseudonyms"]); err != nil {
		return err
	}
	o := audit.Options{Signer: a.secrets.signing["use-log"], Retention: audit.Retention{Classes: a.c.UseLog.Classes}, Now: a.now}
	if o.EarlierKeys, err = readPublicKeys(a.c.UseLog.EarlierKeys); err != nil {
		return fmt.Errorf("use_log.earlier_keys: %w", err)
	}
	if a.uses, err = audit.Open(filepath.Join(a.c.Data, "use-log"), o); err != nil {
		return err
	}
	a.closers = append(a.closers, a.uses.Close)
	a.background = append(a.background, func(ctx context.Context) error {
		a.uses.Run(ctx, func(err error) { a.log.Error("use log", "error", err) })
		return nil
	})
	return nil
}

// Close closes everything in the reverse order of opening.
func (a *app) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// roles builds the configured roles.
func (a *app) roles(ctx context.Context) error {
	for _, build := range []func(context.Context) error{a.buildIssuer, a.buildHolder, a.buildVerifier, a.buildVCAPI, a.buildAdmin} {
		if err := build(ctx); err != nil {
			return err
		}
	}
	return nil
}

// every runs f now and then until ctx ends.
func (a *app) every(pause time.Duration, what string, f func(context.Context) error) {
	a.background = append(a.background, func(ctx context.Context) error {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				a.log.Error(what, "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	})
}

// listen opens the listeners, so that a taken port is told before anything
// is served.
func (a *app) listen() error {
	for i := range a.servers {
		s := &a.servers[i]
		if s.listener != nil {
			continue
		}
		l, err := net.Listen("tcp", loopbackAddress(s.listen.Listen))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		s.listener = l
		a.closers = append(a.closers, func() error {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

// loopbackAddress binds localhost to 127.0.0.1, so that no other address of a
// machine with odd name resolution is used.
func loopbackAddress(listen string) string {
	if host, port, err := net.SplitHostPort(listen); err == nil && host == "localhost" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

// serve serves until ctx ends, then shuts down in order: no new requests,
// those under way finish, background work ends.
func (a *app) serve(ctx context.Context) error {
	if err := a.listen(); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range a.servers {
		g.Go(func() error {
			config, err := s.listen.tls(s.clients)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return rest.Serve(ctx, s.listener, s.handler, rest.ServeOptions{TLS: config, Log: a.log})
		})
	}
	for _, f := range a.background {
		g.Go(func() error { return f(ctx) })
	}
	return g.Wait()
}

// insecureLoopback reports whether a role's own address is plain http, which
// only the development profile allows, on loopback.
func (a *app) insecureLoopback(role ListenConfig) bool {
	return a.c.Profile == ProfileDevelopment && strings.HasPrefix(role.URL, "http://")
}

func isHTTPS(role ListenConfig) bool { return strings.HasPrefix(role.URL, "https://") }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// checks are what /health/ready asks of every role.
func (a *app) checks() map[string]rest.Check {
	checks := map[string]rest.Check{
		"store": func(ctx context.Context) error {
			_, err := a.store.Get(ctx, "health", "none")
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		},
		"use-log": func(context.Context) error { return a.uses.Health() },
	}
	maps.Copy(checks, a.sealChecks())
	return checks
}

func clients(list []ClientConfig) (*rest.Clients, error) {
	out := make([]rest.Client, len(list))
	for i, c := range list {
		out[i] = rest.Client{ID: c.ID, Keys: c.KeySHA256, Certificates: c.CertificateSHA256, Permissions: c.Permissions}
	}
	return rest.NewClients(out...)
}
