package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// walletLists are the trusted lists of the Union as a wallet follows them. They are
// trust anchors like the others of its environment: where the lists are and who
// signs the first one. The lists it fetches and verifies itself, so that no server
// tells it what a seal is worth.
type walletLists struct {
	Location     string   `json:"location"`
	Certificates string   `json:"certificates"` // PEM
	Journal      string   `json:"journal,omitempty"`
	Territories  []string `json:"territories,omitempty"`
}

// forWallets is what a wallet has to know of the lists that the platform follows.
func (c *TrustedListsConfig) forWallets() (*walletLists, error) {
	if c == nil {
		return nil, nil
	}
	certs, err := c.signers()
	if err != nil {
		return nil, fmt.Errorf("verifier.trust.lists: %w", err)
	}
	return &walletLists{Location: c.Location, Certificates: string(trust.EncodePEM(certs...)), Journal: c.Journal, Territories: c.Territories}, nil
}

// listsAge is how old the lists may be that a wallet judges by before it asks for
// newer ones.
const listsAge = 24 * time.Hour

// trustedLists are the lists that the wallet keeps, fetched anew when they are old.
// Nil where the environment names none. When they cannot be fetched those that it
// has are used until they run out, and fault says why.
func (w *wallet) trustedLists(ctx context.Context, store *trust.Store) (l *trustedLists, fault, err error) {
	e := w.state.Environment.TrustedLists
	if e == nil {
		return nil, nil, nil
	}
	signers, err := trust.ParsePEM([]byte(e.Certificates))
	if err != nil {
		return nil, nil, fmt.Errorf("trusted_lists.certificates: %w", err)
	}
	keeper, err := openKeptLists(filepath.Join(w.home, "trusted-lists"))
	if err != nil {
		return nil, nil, err
	}
	client := fetch.Public(fetch.Options{
		MaxBody: tsl.MaxSize, Timeout: listTimeout, HeaderTimeout: 30 * time.Second, Redirects: 3,
		InsecureAllowHTTP: true, InsecureAllowLoopback: w.state.Environment.Development, Now: w.now, // signed, as for openTrustedLists
	})
	defer client.Close() // idle connections only
	l = &trustedLists{store: store, log: slog.New(slog.DiscardHandler), now: w.now}
	l.source, err = tsl.NewSource(ctx, tsl.Config{
		Location: e.Location, Signers: signers, Journal: e.Journal, Territories: e.Territories,
		Fetcher: fetch.Aged{Fetcher: client}, Keeper: keeper, Now: w.now, Changed: l.changed,
	})
	if err != nil {
		return nil, nil, err
	}
	stamp := filepath.Join(w.home, "trusted-lists", "fetched")
	if at, err := os.Stat(stamp); err == nil && l.Health(ctx) == nil && w.now().Sub(at.ModTime()) < listsAge {
		return l, nil, nil
	}
	if fault = l.source.Refresh(ctx); fault == nil {
		fault = errors.Join(os.WriteFile(stamp, nil, 0o600), os.Chtimes(stamp, w.now(), w.now()))
	}
	return l, fault, nil
}
