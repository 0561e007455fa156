package tsl_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// A source follows the list of lists of the Union. Its first signers are
// configured as the Official Journal publishes them; the fetcher is the
// product's outbound client, the keeper a store.
func Example() {
	var (
		official []*x509.Certificate // from the publication below
		fetcher  tsl.Fetcher
		keeper   tsl.Keeper
		chain    []*x509.Certificate // of a seal: the certificate, then its issuers
		stamped  time.Time           // of its oldest valid time-stamp
	)
	ctx := context.Background()
	source, err := tsl.NewSource(ctx, tsl.Config{
		Location: "https://ec.europa.eu/tools/lotl/eu-lotl.xml",
		Journal:  "https://eur-lex.europa.eu/eli/C/2026/1944/oj",
		Signers:  official,
		Fetcher:  fetcher,
		Keeper:   keeper,
	})
	if err != nil {
		return
	}
	go func() { _ = source.Run(ctx) }()

	lists := source.Lists() // nil until there are some
	if lists == nil {
		return
	}
	d := lists.Seal(chain, tsl.Times{Signature: stamped, Now: time.Now()})
	fmt.Println("qualified:", d.Qualified, "in a qualified device:", d.Device)
	for _, s := range d.Steps {
		fmt.Println(s.Name, s.Outcome, s.Found, s.Spec)
	}
}
