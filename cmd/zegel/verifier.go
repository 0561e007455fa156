package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did/controlled"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
	"github.com/zegel-id/zegel/verifier/receivers"
)

func (a *app) buildVerifier(ctx context.Context) error {
	c := a.c.Verifier
	if c == nil {
		return nil
	}
	insecure := a.insecureLoopback(c.ListenConfig)
	register, access, err := a.readReceivers(ctx)
	if err != nil {
		return err
	}
	statuses, err := status.NewChecker(fetch.Aged{Fetcher: a.public}, status.CheckerOptions{Now: a.now, InsecureLoopback: a.c.Profile == ProfileDevelopment, DefaultTTL: time.Minute, MaxTTL: 5 * time.Minute})
	if err != nil {
		return err
	}
	trusts, err := a.verifierTrust(ctx)
	if err != nil {
		return fmt.Errorf("verifier.trust: %w", err)
	}
	health := a.checks()
	if a.providers != nil {
		health["provider-list"] = entityHealth(a.providers)
	}
	store, seals := trusts.store, trusts.validator()
	if c.Trust.Lists != nil {
		if a.lists, err = a.openTrustedLists(ctx, c.Trust.Lists, store); err != nil {
			return fmt.Errorf("verifier.trust.lists: %w", err)
		}
		seals.Lists, health["trusted-lists"] = a.lists.source, a.lists.Health
	}
	config := verifier.Config{
		URL: c.URL, Store: a.store, Register: register, Access: access,
		Registrar: verifier.Registrar{Key: a.local.Registrar},
		Seals:     seals, Statuses: statuses, Log: a.uses, RequestID: rest.RequestID,
		ResultGrace: c.resultGrace, Now: a.now, InsecureLoopback: insecure,
	}
	if config.Bitstrings, err = bitstrings(fetch.Aged{Fetcher: a.public}, listVerifier{store, config.Seals, a.now}, status.CheckerOptions{Now: a.now, InsecureLoopback: a.c.Profile == ProfileDevelopment, DefaultTTL: time.Minute, MaxTTL: 5 * time.Minute}); err != nil {
		return err
	}
	if config.Controllers, err = controlled.New(fetch.Aged{Fetcher: a.public}, controlled.Options{Now: a.now, InsecureLoopback: a.c.Profile == ProfileDevelopment}); err != nil {
		return err
	}
	if config.Accept, err = a.accepted(); err != nil {
		return err
	}
	config.Relax = c.Relax
	if config.Policies, err = c.policies(); err != nil {
		return err
	}
	if config.Webhooks, err = a.webhooks(c); err != nil {
		return err
	}
	if err := c.checkNamed(register, config.Policies); err != nil {
		return err
	}
	config.InsecureAnswersInClear = c.InsecureAnswersInClear
	if c.Trust.PubEAAList != "" {
		config.Lists = []string{c.Trust.PubEAAList}
	}
	v, err := verifier.New(config)
	if err != nil {
		return err
	}
	if err := a.attainable(v); err != nil {
		return err
	}
	a.reloadReceivers = func(ctx context.Context) error {
		register, access, err := a.readReceivers(ctx)
		if err != nil {
			return err
		}
		return v.Install(ctx, register, access)
	}
	known, err := clients(c.Clients)
	if err != nil {
		return fmt.Errorf("verifier.clients: %w", err)
	}
	handler, err := verifierapi.New(v, verifierapi.Options{
		Clients: known, Store: a.store, Secret: a.secrets.random["idempotency"], Log: a.log, Now: a.now, HTTPS: isHTTPS(c.ListenConfig), TrustedProxies: c.TrustedProxies, Health: health, KeyHistory: a.history,
	})
	if err != nil {
		return err
	}
	a.servers = append(a.servers, server{name: "verifier", listen: c.ListenConfig, handler: handler})
	a.background = append(a.background, func(ctx context.Context) error {
		v.Webhooks().Run(ctx)
		return nil
	})
	a.every(time.Minute, "verifier housekeeping", func(ctx context.Context) error {
		_, err := v.Sweep(ctx)
		return err
	})
	return nil
}

// readReceivers reads the register of receivers and gives each its access
// certificate.
func (a *app) readReceivers(ctx context.Context) (*receivers.Register, map[string]verifier.Access, error) {
	path := a.c.Verifier.Receivers
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	register, err := receivers.Parse(path, text, receivers.Options{InsecureLoopback: a.c.Profile == ProfileDevelopment})
	if err != nil {
		return nil, nil, err
	}
	access, err := a.access(register)
	if err != nil {
		return nil, nil, err
	}
	if err := a.c.Verifier.identify(register, access); err != nil {
		return nil, nil, err
	}
	for _, i := range a.c.Verifier.Identifiers {
		if oid4vp.Prefix(i.Prefix) != oid4vp.PrefixDecentralized {
			continue
		}
		if err := a.announceDID(ctx, didOf(i.KeyID), access[i.Receiver].Signer.Public()); err != nil {
			return nil, nil, fmt.Errorf("key of receiver %q: history of keys: %w", i.Receiver, err)
		}
	}
	return register, access, a.noteRegister(ctx, "receivers", text)
}

// access gives each receiver of the register its access certificate. Keys are
// kept beside the others; a missing one is made, by the local authority.
func (a *app) access(register *receivers.Register) (map[string]verifier.Access, error) {
	dir := filepath.Join(a.c.Keys, "receivers")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	out := map[string]verifier.Access{}
	for _, r := range register.All() {
		key, err := receiverKey(filepath.Join(dir, r.ID+".pem"))
		if err != nil {
			return nil, fmt.Errorf("key of receiver %q: %w", r.ID, err)
		}
		path := filepath.Join(dir, r.ID+".crt.pem")
		leaf, err := readCertificate(path)
		if errors.Is(err, os.ErrNotExist) || err == nil && a.now().After(leaf.NotAfter.Add(-30*24*time.Hour)) {
			leaf, err = a.local.IssueAccess(key.Public(), devca.AccessRequest{Organization: r.Name, Registration: r.Registration, Country: r.Country, DNSNames: []string{hostOf(a.c.Verifier.URL)}})
			if err == nil {
				err = writeOver(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("access certificate of receiver %q: %w", r.ID, err)
		}
		out[r.ID] = verifier.Access{Signer: key, Chain: []*x509.Certificate{leaf}}
	}
	return out, nil
}

func receiverKey(path string) (crypto.Signer, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, writeNew(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	return signingKey(path)
}

// signingKey reads a private key in PKCS #8.
func signingKey(path string) (crypto.Signer, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a PKCS #8 key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a signing key")
	}
	return signer, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	return x509.ParseCertificate(block.Bytes)
}
