package main

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// stamps are the time-stamp authorities of the vault platform; nil without.
func (a *app) stamps() (holder.Stamps, error) {
	c := a.c.Holder.TimeStamps
	if c == nil {
		return nil, nil
	}
	var anchors tsp.Chains = listedStamps{a}
	if c.Anchors != "" {
		roots, err := readCertificates(c.Anchors)
		if err != nil {
			return nil, fmt.Errorf("holder.timestamps.anchors: %w", err)
		}
		if anchors, err = trust.NewStore(trust.Anchors{trust.UseTimeStamp: roots}, 0); err != nil {
			return nil, fmt.Errorf("holder.timestamps.anchors: %w", err)
		}
	}
	client := fetch.Operator(fetch.Options{PlainLoopback: a.c.Profile == ProfileDevelopment, Timeout: 15 * time.Second, HeaderTimeout: 10 * time.Second, Now: a.now})
	a.closers = append(a.closers, client.Close)
	// Wallets stamp again within this time of an end: a token that ends sooner is none
	// that helps.
	out := &tsp.Client{HTTP: client, Trust: anchors, Random: rand.Reader, Now: a.now, Lasting: unit.DefaultMargin}
	for _, t := range c.Authorities {
		out.Authorities = append(out.Authorities, tsp.Authority{URL: t.URL, Policy: t.policy})
	}
	return out, nil
}

// listedStamps trusts the time-stamp services of the trusted lists that the verifier
// of this server follows.
type listedStamps struct{ a *app }

// Complete implements tsp.Chains.
func (l listedStamps) Complete(chain, more []*x509.Certificate, use trust.Use, at time.Time) (*trust.Path, error) {
	if l.a.lists == nil {
		return nil, errNoTrustedLists
	}
	return l.a.lists.store.Complete(chain, more, use, at)
}

// stampAnchors are the roots of time-stamp authorities for wallets, in PEM.
func (c *HolderConfig) stampAnchors() (string, error) {
	if c.TimeStamps == nil || c.TimeStamps.Anchors == "" {
		return "", nil
	}
	roots, err := readCertificates(c.TimeStamps.Anchors)
	if err != nil {
		return "", fmt.Errorf("holder.timestamps.anchors: %w", err)
	}
	return string(trust.EncodePEM(roots...)), nil
}

// dueVault is a vault whose citizen should be reminded to open it.
type dueVault struct {
	WebID      string            `json:"webid"`
	OpenBefore string            `json:"open_before"`
	Texts      map[string]string `json:"text"` // by language
}

// vaultsDue lists the vaults that should be opened before a time.
func (a *app) vaultsDue(r *rest.Request) (rest.Answer, error) {
	if a.vaults == nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "No vaults", Detail: "This server runs no vault platform.", Remedy: "Ask the one that does."}
	}
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	before, err := time.Parse(time.RFC3339, q.Value("before"))
	if err != nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a time", Field: "before", Expected: "a time such as 2031-11-01T00:00:00Z (RFC 3339)"}
	}
	found, err := a.vaults.Due(r.Context(), before)
	if err != nil {
		return rest.Answer{}, err
	}
	out := []dueVault{}
	for _, d := range found {
		texts, err := d.Texts()
		if err != nil {
			return rest.Answer{}, err
		}
		out = append(out, dueVault{d.WebID, d.OpenBefore, texts})
	}
	return rest.JSON(http.StatusOK, out), nil
}
