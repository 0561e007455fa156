package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

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
	var named *trust.Archive
	if len(o.crls) > 0 {
		lists, err := readCRLs(o.crls)
		if err != nil {
			return nil, err
		}
		named = trust.NewArchive(lists, nil)
		named.Known = func([]byte) time.Time { return now } // nothing proves that they are older
	}
	if o.config == "" {
		store, err := trust.NewStore(anchors, 0)
		v := &seal.Validator{Trust: store, SkipProviderList: true}
		if named != nil {
			v.Revocation = named
		}
		return v, err
	}
	c, err := LoadConfig(o.config)
	if err != nil {
		return nil, err
	}
	t, err := configuredTrust(ctx, c, anchors, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.config, err)
	}
	v := t.validator()
	if named != nil {
		named.Suite, v.Revocation = t.suite, trust.Sources{named, t.revocation}
	}
	if c.Verifier != nil && c.Verifier.Trust.Lists != nil {
		lists, err := keptTrustedLists(ctx, c, t.store, slog.New(slog.DiscardHandler), func() time.Time { return now })
		if err != nil {
			return nil, fmt.Errorf("%s: verifier.trust.lists: %w", o.config, err)
		}
		v.Lists = lists.source
	}
	return v, nil
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
