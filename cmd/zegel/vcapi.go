package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/vcapi"
	vcapihttp "github.com/zegel-id/zegel/vcapi/api"
)

func (a *app) buildVCAPI(ctx context.Context) error {
	c := a.c.VCAPI
	if c == nil {
		return nil
	}
	known, err := c.contexts()
	if err != nil {
		return err
	}
	o := vcapihttp.Options{
		Contexts: known, UnverifiedStatus: c.UnverifiedStatus, Random: rand.Reader, Log: a.log, Now: a.now, HTTPS: isHTTPS(c.ListenConfig), TrustedProxies: c.TrustedProxies, Health: a.checks(), KeyHistory: a.history,
	}
	if o.Issuers, err = a.vcIssuers(ctx, known); err != nil {
		return err
	}
	if o.Holders, err = a.vcHolders(known); err != nil {
		return err
	}
	development := a.c.Profile == ProfileDevelopment
	v := vcapi.VerifierConfig{Contexts: known, Resolver: vcapi.NewResolver(nil, false), Issuers: o.Issuers, InsecureLoopback: development, InsecureAnyController: c.InsecureAnyController, Now: a.now}
	if c.Network {
		v.Resolver, v.Lists = vcapi.NewResolver(fetch.Typed{Fetcher: a.public}, development), fetch.Aged{Fetcher: a.public}
	}
	if o.Verifier, err = vcapi.NewVerifier(v); err != nil {
		return err
	}
	if o.InsecureAnybody = len(c.Clients) == 0; !o.InsecureAnybody { // then it is on loopback, see checkVCAPI
		if o.Clients, err = clients(c.Clients); err != nil {
			return fmt.Errorf("vc_api.clients: %w", err)
		}
	}
	handler, err := vcapihttp.New(o)
	if err != nil {
		return err
	}
	a.servers = append(a.servers, server{name: "vc_api", listen: c.ListenConfig, handler: handler})
	return nil
}

// contexts reads the contexts of the configuration.
func (v *VCAPIConfig) contexts() (*vcapi.Contexts, error) {
	more := map[string][]byte{}
	for i, one := range v.Contexts {
		b, err := os.ReadFile(one.File)
		if err != nil {
			return nil, fmt.Errorf("vc_api.contexts[%d]: %w", i, err)
		}
		if more[one.URL] != nil {
			return nil, fmt.Errorf("vc_api.contexts[%d]: %s stands there twice", i, one.URL)
		}
		more[one.URL] = b
	}
	return vcapi.NewContexts(more, v.InsecureInlineContexts)
}

func (a *app) vcIssuers(ctx context.Context, known *vcapi.Contexts) ([]*vcapi.Issuer, error) {
	var out []*vcapi.Issuer
	var faults []error
	for n := range a.c.VCAPI.Issuers {
		one := &a.c.VCAPI.Issuers[n]
		key, id, err := one.open()
		if err != nil {
			faults = append(faults, fmt.Errorf("vc_api.issuers[%d].key: %w", n, err))
			continue
		}
		c := vcapi.IssuerConfig{Name: one.Name, ID: id, VerificationMethod: one.VerificationMethod, Suite: one.Cryptosuite, Key: key, Contexts: known, Now: a.now}
		if one.Status {
			c.Base, c.Store = a.c.VCAPI.URL+"/issuers/"+one.Name, a.store
		}
		i, err := vcapi.NewIssuer(c)
		if err != nil {
			faults = append(faults, fmt.Errorf("vc_api.issuers[%d]: %w", n, err))
			continue
		}
		if err := a.announceDID(ctx, id, key.Public()); err != nil {
			faults = append(faults, fmt.Errorf("vc_api.issuers[%d]: history of keys: %w", n, err))
			continue
		}
		out = append(out, i)
	}
	return out, errors.Join(faults...)
}

func (a *app) vcHolders(known *vcapi.Contexts) ([]*vcapi.Holder, error) {
	var out []*vcapi.Holder
	var faults []error
	for n := range a.c.VCAPI.Holders {
		one := &a.c.VCAPI.Holders[n]
		key, id, err := one.open()
		if err != nil {
			faults = append(faults, fmt.Errorf("vc_api.holders[%d].key: %w", n, err))
			continue
		}
		h, err := vcapi.NewHolder(vcapi.HolderConfig{Name: one.Name, ID: id, VerificationMethod: one.VerificationMethod, Suite: one.Cryptosuite, Key: key, Contexts: known, Now: a.now})
		if err != nil {
			faults = append(faults, fmt.Errorf("vc_api.holders[%d]: %w", n, err))
			continue
		}
		out = append(out, h)
	}
	return out, errors.Join(faults...)
}

// open reads the key, and gives the identifier of its owner.
func (i *VCInstanceConfig) open() (vcapi.Key, string, error) {
	key, err := readInstanceKey(i.Key)
	if err != nil || i.ID != "" {
		return key, i.ID, err
	}
	id, err := did.DIDKey(key.Public())
	return key, id, err
}
