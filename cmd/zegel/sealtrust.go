package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// validator trusts what the flags name. With a configuration it is the verifier's,
// so that both say the same of a document.
func (o sealVerify) validator(ctx context.Context, now time.Time) (*seal.Validator, error) {
	anchors, err := sealAnchors(o.trust)
	if err != nil {
		return nil, err
	}
	var revocation trust.Sources
	if len(o.crls) > 0 {
		lists, err := readCRLs(o.crls)
		if err != nil {
			return nil, err
		}
		revocation = append(revocation, trust.NewArchive(lists, nil))
	}
	if o.config == "" {
		store, err := trust.NewStore(anchors, 0)
		return &seal.Validator{Trust: store, Revocation: revocation, SkipProviderList: true}, err
	}
	c, err := LoadConfig(o.config)
	if err != nil {
		return nil, err
	}
	store, crls, err := configuredTrust(ctx, c, anchors, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.config, err)
	}
	v := &seal.Validator{Trust: store, Revocation: append(revocation, crls)}
	if c.Verifier != nil && c.Verifier.Trust.Lists != nil {
		lists, err := keptTrustedLists(ctx, c, store, slog.New(slog.DiscardHandler), func() time.Time { return now })
		if err != nil {
			return nil, fmt.Errorf("%s: verifier.trust.lists: %w", o.config, err)
		}
		v.Lists = lists.source
	}
	return v, nil
}

// configuredTrust is whom the verifier of a configuration trusts, and more. Nothing
// of the installation is changed.
func configuredTrust(ctx context.Context, c *Config, more trust.Anchors, now time.Time) (*trust.Store, *trust.CRLs, error) {
	clock := func() time.Time { return now }
	if c.Verifier == nil || c.Verifier.Trust.PubEAAList == "" {
		h, err := loadHierarchy(c.Keys)
		if err != nil {
			return nil, nil, err
		}
		store, err := listedStore(h.Anchors(), more, h.List, now)
		if err != nil {
			return nil, nil, err
		}
		crls, err := h.CRLs(nil, clock)
		return store, crls, err
	}
	t := c.Verifier.Trust
	signers, err := readCertificates(t.ListSigner)
	if err != nil {
		return nil, nil, fmt.Errorf("verifier.trust.list_signer: %w", err)
	}
	client := fetch.Operator(fetch.Options{PlainLoopback: c.Profile == ProfileDevelopment, Now: clock})
	defer client.Close() // idle connections only
	list, err := client.Fetch(ctx, t.PubEAAList, "")
	if err != nil {
		return nil, nil, fmt.Errorf("fetching the list of providers: %w", err)
	}
	store, err := listedStore(trust.Anchors{trust.UseListSigner: signers}, more, string(list.Body), now)
	return store, trust.NewCRLs(fetch.Aged{Fetcher: client}, clock), err
}

// listedStore is a store with anchors and a list of providers.
func listedStore(anchors, more trust.Anchors, list string, now time.Time) (*trust.Store, error) {
	all := maps.Clone(anchors)
	for use, certs := range more {
		all[use] = append(all[use][:len(all[use]):len(all[use])], certs...)
	}
	store, err := trust.NewStore(all, 0)
	if err != nil {
		return nil, err
	}
	l, err := store.VerifyList(list, now)
	if err != nil {
		return nil, err
	}
	return store, store.Install(l)
}

// sealAnchors reads the certificates of --trust. An authority of seals can make no
// time-stamp and the other way round, whatever it is trusted for: their
// certificates say what they are for.
func sealAnchors(files []string) (trust.Anchors, error) {
	anchors := trust.Anchors{}
	for _, text := range files {
		uses, path := []trust.Use{trust.UseSeal, trust.UseTimeStamp}, text
		if name, rest, ok := strings.Cut(text, "="); ok {
			switch name {
			case "seal":
				uses, path = uses[:1], rest
			case "time-stamp":
				uses, path = uses[1:], rest
			default:
				return nil, fmt.Errorf("--trust: found %q, expected FILE, seal=FILE or time-stamp=FILE", text)
			}
		}
		certs, err := readCertificates(path)
		if err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		for _, use := range uses {
			anchors[use] = append(anchors[use], certs...)
		}
	}
	return anchors, nil
}

// readCRLs reads revocation lists into DER. Whether their signatures hold is seen
// when they are asked.
func readCRLs(files []string) ([][]byte, error) {
	var out [][]byte
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--crl: %w", err)
		}
		if block, _ := pem.Decode(b); block != nil {
			b = block.Bytes
		}
		if _, err := x509.ParseRevocationList(b); err != nil {
			return nil, fmt.Errorf("--crl: %s is no certificate revocation list in PEM or DER (RFC 5280, Section 5.1)", path)
		}
		out = append(out, b)
	}
	return out, nil
}
